/** The tables of everything that has states. */
import { sideMachine, type SideMachine } from './flow.ts';

export interface Machines {
  readonly side: SideMachine;
}

export const machines: Machines = { side: sideMachine };
