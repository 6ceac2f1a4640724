/** The port to number knowledge: which operator a number belongs to. What it says is a hint until the peer says "not mine". */
import type { Msisdn, OperatorId } from '../model/ids.ts';

export interface Directory {
  /** Longest matching range, exceptions (ported numbers) first. */
  find(number: Msisdn): OperatorId | undefined;
  /** True for numbers of a series that is given to machines only: to one of those an order may name its item in words. */
  isMachine?(number: Msisdn): boolean;
}
