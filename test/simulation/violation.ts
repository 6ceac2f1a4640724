/** The invariants of docs/simulation.md, by name. */
export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I4'
  | 'I5'
  | 'I6'
  | 'I7'
  | 'hold'
  | 'alarm'
  | 'answer'
  | 'halt'
  | 'process'
  | 'restore'
  | 'words'
  | 'ready';

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}
