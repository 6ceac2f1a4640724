/**
 * Auditors' requests to this operator without a final answer, in memory, and the answers that have to reach the chain. As
 * with windows it all follows from what is stored: a transaction only takes an answer out of the next round, a final event
 * ends it, a revert puts it back.
 */
import type { AuditLogCalls } from '../../chain/calls.ts';
import type { TransactionOutcome, TransactionSender } from '../../chain/chain.ts';
import type { Work } from '../../engine/engine.ts';
import { table, type Tx } from '../../store/store.ts';
import type { UnixMillis } from '../../model/ids.ts';
import type { FlowContext } from '../context.ts';
import { Reverts } from '../reverts.ts';
import { loadRequest, openRequestTable, type RequestRecord } from './request.ts';

/** The request that a transaction under way answers. Key: its tag. */
export const answerSubmissionTable = table<number>('answer-submission');

/** By the time of blocks, which the chain judges it by. */
export const isLate = ({ due, answered }: RequestRecord, { chainView }: Pick<FlowContext, 'chainView'>): boolean =>
  answered === undefined ? (chainView.headTime ?? 0) > due : answered.at > due;

export class AuditRequests {
  readonly #calls: Pick<AuditLogCalls, 'answer'> | undefined;
  readonly #sender: Pick<TransactionSender, 'send'>;
  readonly #open = new Set<number>();
  /** Under way: by request, the tag of the transaction. */
  readonly #underWay = new Map<number, string>();
  readonly #reverted = new Reverts<number>();
  #flow: FlowContext | undefined;
  #counter = 0;
  #running = false;

  /** Without `calls` the network has no AuditLog. */
  constructor(calls: Pick<AuditLogCalls, 'answer'> | undefined, sender: Pick<TransactionSender, 'send'>) {
    this.#calls = calls;
    this.#sender = sender;
  }

  attach(flow: FlowContext): void {
    this.#flow = flow;
  }

  /** Its transaction is none any more: the answer is sent again. */
  unmark(tag: string): void {
    for (const [request, owner] of this.#underWay) if (owner === tag) this.#underWay.delete(request);
  }

  async load({ engine: { store } }: FlowContext): Promise<void> {
    for await (const [key] of store.scan(openRequestTable)) this.#open.add(Number(key));
    for await (const [tag, request] of store.scan(answerSubmissionTable)) this.#underWay.set(request, tag);
  }

  /** The record's newest form is durable. */
  moved({ request, answered }: RequestRecord): void {
    if (answered === undefined) this.#open.add(request);
    else {
      this.#open.delete(request);
      this.#underWay.delete(request);
      this.#reverted.forget(request);
      this.#flow?.alarms.set('request-overdue', false, {}, String(request));
    }
    // What fails is looked at again by the clock.
    this.round().catch(() => undefined);
  }

  *#records(): Iterable<RequestRecord> {
    for (const request of this.#open) {
      const found = this.#flow === undefined ? undefined : loadRequest(this.#flow.engine.newest, request);
      if (found !== undefined) yield found;
    }
  }

  counts(): { readonly open: number; readonly overdue: number } {
    const flow = this.#flow;
    const overdue = flow === undefined ? [] : [...this.#records()].filter((record) => isLate(record, flow));
    return { open: this.#open.size, overdue: overdue.length };
  }

  async round(): Promise<void> {
    const flow = this.#flow;
    const calls = this.#calls;
    if (flow === undefined || calls === undefined || this.#running) return;
    this.#running = true;
    try {
      for (const record of [...this.#records()]) {
        const { request, auditor, due } = record;
        flow.alarms.set('request-overdue', isLate(record, flow), { request, auditor, due }, String(request));
        if (!flow.chainView.caughtUp || !this.#isDue(record)) continue;
        await flow.engine.run((work) => {
          const found = loadRequest(work, request);
          if (found?.order !== undefined && this.#isDue(found)) {
            this.#submit(work, request, calls.answer(flow.self, request, found.order.digest));
          }
        });
      }
    } finally {
      this.#running = false;
    }
  }

  #submit(work: Work, request: number, call: Parameters<TransactionSender['send']>[2]): void {
    this.#counter += 1;
    const tag = `answer!${request}!${work.now}!${this.#counter}`;
    this.#sender.send(work, 'account', call, tag);
    work.put(answerSubmissionTable, tag, request);
    work.afterwards(() => {
      this.#underWay.set(request, tag);
    });
  }

  get #now(): UnixMillis {
    return this.#flow?.engine.clock.now() ?? (0 as UnixMillis);
  }

  #isDue({ request, order, answered }: RequestRecord): boolean {
    if (order === undefined || answered !== undefined || this.#underWay.has(request)) return false;
    return !this.#reverted.waits(request, this.#now);
  }

  /** What the sender tells of a transaction, in the sender's own write: one that is in waits for its event. */
  onOutcome(tx: Tx, { tag, status, final }: TransactionOutcome): void {
    const request = tx.get(answerSubmissionTable, tag);
    if (!final || request === undefined) return;
    tx.del(answerSubmissionTable, tag);
    if (status === 'included') return;
    this.#reverted.again(request, this.#now);
    this.#underWay.delete(request);
  }
}
