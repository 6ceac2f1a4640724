/**
 * Logs that concern this operator and cannot be read: kept as evidence against whoever sent them, told to staff, and
 * passed over. Nothing else of their block waits for them.
 */
import type { Block, ChainLog } from '../chain/chain.ts';
import type { Work } from '../engine/engine.ts';
import { foreignHead, type AnchorContext } from './checkpoint.ts';

type UnreadableLog = Extract<ChainLog, { type: 'Unreadable' }>;

/**
 * Logs of one sender in one block that are kept in full. Further ones are only counted, so that nobody can fill others'
 * journals.
 */
const keptPerSender = 8;
/** Hex digits kept of a log's data; the transaction is named, and the chain has the rest. */
const keptDataDigits = 4_096;

/** What one block has of them. */
export class Evidence {
  readonly #flow: AnchorContext;
  readonly #work: Work;
  readonly #block: Block;
  readonly #seen = new Map<string, number>();

  constructor(flow: AnchorContext, work: Work, block: Block) {
    this.#flow = flow;
    this.#work = work;
    this.#block = block;
  }

  take({ event, by, named, problem, raw, transactionHash: transaction, logIndex }: UnreadableLog): void {
    const { number } = this.#block;
    const seen = (this.#seen.get(by) ?? 0) + 1;
    this.#seen.set(by, seen);
    // Its sender is this operator's own account, so its key is used elsewhere: as with any head that is not this journal's.
    const own = event === 'JournalCheckpoint' && named.includes(this.#flow.self);
    if (seen <= keptPerSender) {
      const { address, topics, data } = raw;
      const log = { address, topics, data: data.slice(0, keptDataDigits), bytes: data.length / 2 - 1 };
      this.#work.fault('unreadable-log', { event, by, problem, block: number, transaction, logIndex, log });
    }
    if (seen === 1) {
      this.#work.emit({
        type: 'alarm',
        what: 'unreadable-log',
        subject: by,
        by,
        event,
        detail: problem,
        block: number,
      });
    }
    if (own && seen === 1) foreignHead(this.#flow, this.#work, problem, raw.data, number);
  }
}
