/**
 * Which state of a side each fault can meet. A side that is over meets none; every other state can be met by every fault,
 * since none of them asks what state a pair is in. What makes a pair unreachable is to be written down here, with why.
 */
import { attackNames, type AttackName } from './attacks.ts';
import { faultNames, type FaultName } from './faults.ts';

/** States that a side can be in while something is still to be done about it. */
export const openStates = [
  'initiator|held',
  'initiator|signed',
  'initiator|countersigned',
  'initiator|committed',
  'initiator|aborted',
  'acceptor|held',
  'acceptor|signed',
  'acceptor|countersigned',
  'acceptor|accepted',
  'acceptor|declined',
  'acceptor|committed',
  'acceptor|aborted',
] as const;
export type OpenState = (typeof openStates)[number];

/** Pairs that cannot come about, with the reason. */
export const unreachable: ReadonlyMap<string, string> = new Map<string, string>();

export type AnyFault = FaultName | AttackName;
export const everyFault: readonly AnyFault[] = [...faultNames, ...attackNames];

export const reachable: readonly (readonly [AnyFault, OpenState])[] = everyFault.flatMap((fault) =>
  openStates.filter((state) => !unreachable.has(`${fault}|${state}`)).map((state) => [fault, state] as const),
);
