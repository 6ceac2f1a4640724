/** A call that the contract takes back whole. */
export class Revert extends Error {
  readonly args: readonly unknown[];

  constructor(name: string, ...args: readonly unknown[]) {
    super(name);
    this.name = 'Revert';
    this.args = args;
  }
}
