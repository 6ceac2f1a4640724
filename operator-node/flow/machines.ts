/** The tables of everything that has states. */
import { batchMachine, type BatchMachine } from './batch-machine.ts';
import { sideMachine, type SideMachine } from './flow.ts';

export interface Machines {
  readonly side: SideMachine;
  readonly batch: BatchMachine;
}

export const machines: Machines = { side: sideMachine, batch: batchMachine };
