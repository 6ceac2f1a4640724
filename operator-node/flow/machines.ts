/** The tables of everything that has states. */
import { batchMachine, type BatchMachine } from './batch-machine.ts';
import { sideMachine, type SideMachine } from './flow.ts';
import { windowMachine, type WindowMachine } from './windows/window-machine.ts';

export interface Machines {
  readonly side: SideMachine;
  readonly batch: BatchMachine;
  readonly window: WindowMachine;
}

export const machines: Machines = { side: sideMachine, batch: batchMachine, window: windowMachine };
