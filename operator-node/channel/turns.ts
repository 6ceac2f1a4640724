/**
 * Who is next with a large body: one at a time, the peers in turn, and after each the rest of the process has its turn. So
 * what is small waits for one body at most, and a peer with many for its own.
 */
import type { OperatorId } from '../model/ids.ts';

export class Turns {
  /** In the order of whose turn it is. */
  readonly #waiting = new Map<OperatorId, (() => void)[]>();
  #running = false;

  /** Resolves when it is this one's turn; the work is to be done before anything else is awaited. */
  next(peer: OperatorId): Promise<void> {
    return new Promise((resolve) => {
      const own = this.#waiting.get(peer);
      if (own === undefined) this.#waiting.set(peer, [resolve]);
      else own.push(resolve);
      if (!this.#running) {
        this.#running = true;
        setImmediate(() => this.#step());
      }
    });
  }

  #step(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#running = false;
      return;
    }
    const [peer, own] = first;
    const start = own.shift();
    this.#waiting.delete(peer);
    if (own.length > 0) this.#waiting.set(peer, own);
    start?.();
    setImmediate(() => this.#step());
  }
}
