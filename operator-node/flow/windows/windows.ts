/**
 * Windows that are not discharged, in memory: an index of the store. What of them goes to the chain is in
 * `on-chain.ts`.
 */
import type { Duties } from '../../chain/duties.ts';
import type { Engine } from '../../engine/engine.ts';
import type { OperatorId, UnixMillis } from '../../model/ids.ts';
import type { FlowContext } from '../context.ts';
import { Judging } from './judging.ts';
import { loadWindow, openWindowTable, windowKey, type WindowRecord } from './window.ts';

interface Place {
  readonly peer: OperatorId;
  readonly number: number;
}

export class Windows {
  readonly #engine: Pick<Engine, 'store' | 'newest'>;
  readonly #duties: Pick<Duties, 'wake'>;
  readonly #open = new Map<string, Place>();
  readonly judging = new Judging();

  constructor(engine: Pick<Engine, 'store' | 'newest'>, duties: Pick<Duties, 'wake'>) {
    this.#engine = engine;
    this.#duties = duties;
  }

  async load(): Promise<void> {
    for await (const [key] of this.#engine.store.scan(openWindowTable)) {
      const [peer, number] = key.split('!').map(Number);
      this.#open.set(key, { peer: peer as OperatorId, number: number ?? 0 });
    }
  }

  /** The window's newest form is durable. */
  moved({ peer, content, state }: WindowRecord): void {
    const key = windowKey(peer, content.number);
    if (state === 'discharged') this.#open.delete(key);
    else this.#open.set(key, { peer, number: content.number });
    this.#duties.wake();
  }

  /** Not discharged yet, the oldest of each peer first. */
  *open(): Iterable<WindowRecord> {
    for (const { peer, number } of this.#open.values()) {
      const found = loadWindow(this.#engine.newest, peer, number);
      if (found !== undefined) yield found;
    }
  }

  /** For how long the oldest of these has been open, in seconds; 0 for none. */
  oldestSeconds(now: UnixMillis): number {
    let oldest = now;
    for (const { opened } of this.open()) if (opened < oldest) oldest = opened;
    return Math.max(0, now - oldest) / 1000;
  }

  /** The number of windows that have been open for longer than the configuration allows. */
  overdue(flow: Pick<FlowContext, 'config'>, now: UnixMillis): number {
    return [...this.open()].filter((window) => isOverdue(flow, window, now)).length;
  }
}

export const isOverdue = ({ config }: Pick<FlowContext, 'config'>, window: WindowRecord, now: UnixMillis): boolean =>
  window.state !== 'discharged' && now - window.opened > config.settlement.overdueSeconds * 1000;
