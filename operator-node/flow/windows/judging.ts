/** Windows that a peer has asked for and that are being added up: what takes longer than a call may, it asks for again. */
import type { OperatorId } from '../../model/ids.ts';
import type { WindowContent } from '../../model/records.ts';
import type { FlowContext } from '../context.ts';
import { judge, type Judgement } from './close.ts';

/** How long the peer waits for a window that takes longer to add up; it asks again. */
const patienceMillis = 4_000;

/** Under way, or done and not asked for since; by the peer and the secret of the window. */
export class Judging {
  readonly #running = new Map<string, Promise<Judgement>>();

  /** Undefined: not yet. */
  async of(flow: FlowContext, peer: OperatorId, content: WindowContent): Promise<Judgement | undefined> {
    const key = `${peer}!${content.number}!${content.secret}`;
    let judging = this.#running.get(key);
    if (judging === undefined) {
      // One at a time from each peer: a new one takes the place of what it asked before.
      for (const other of this.#running.keys()) if (other.startsWith(`${peer}!`)) this.#running.delete(other);
      judging = judge(flow, peer, content);
      judging.catch(() => undefined);
      this.#running.set(key, judging);
    }
    let cancel = (): void => undefined;
    const patience = new Promise<undefined>((resolve) => {
      cancel = flow.engine.clock.after(patienceMillis, () => {
        resolve(undefined);
      });
    });
    try {
      const found = await Promise.race([judging, patience]);
      if (found !== undefined) this.#running.delete(key);
      return found;
    } catch (error) {
      this.#running.delete(key);
      throw error;
    } finally {
      cancel();
    }
  }
}
