/** The directory of a node that can read it again while it runs. */
import type { Msisdn, OperatorId } from '../model/ids.ts';
import type { Directory } from './directory.ts';

export class ReplaceableDirectory implements Directory {
  #current: Directory;

  constructor(first: Directory) {
    this.#current = first;
  }

  replace(next: Directory): void {
    this.#current = next;
  }

  find(number: Msisdn): OperatorId | undefined {
    return this.#current.find(number);
  }

  isMachine(number: Msisdn): boolean {
    return this.#current.isMachine?.(number) === true;
  }
}
