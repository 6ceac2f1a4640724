/** Auditors' requests to this operator without a final answer, in memory, and the answers that have to reach the chain. */
import type { AuditLogCalls } from '../../chain/calls.ts';
import { duty, type Duties, type Duty, type Gate } from '../../chain/duties.ts';
import type { Engine } from '../../engine/engine.ts';
import type { View } from '../../store/store.ts';
import type { FlowContext } from '../context.ts';
import { loadRequest, openRequestTable, type RequestRecord } from './request.ts';

/** By the time of blocks, which the chain judges it by. */
export const isLate = ({ due, answered }: RequestRecord, { chainView }: Pick<FlowContext, 'chainView'>): boolean =>
  answered === undefined ? (chainView.headTime ?? 0) > due : answered.at > due;

type Needs = Pick<FlowContext, 'chainView' | 'alarms'>;

export class AuditRequests {
  readonly #engine: Pick<Engine, 'store' | 'newest'>;
  readonly #duties: Pick<Duties, 'wake'>;
  readonly #open = new Set<number>();

  constructor(engine: Pick<Engine, 'store' | 'newest'>, duties: Pick<Duties, 'wake'>) {
    this.#engine = engine;
    this.#duties = duties;
  }

  async load(): Promise<void> {
    for await (const [key] of this.#engine.store.scan(openRequestTable)) this.#open.add(Number(key));
  }

  /** The record's newest form is durable. */
  moved({ alarms }: Pick<Needs, 'alarms'>, { request, answered }: RequestRecord): void {
    if (answered === undefined) this.#open.add(request);
    else {
      this.#open.delete(request);
      alarms.set('request-overdue', false, {}, String(request));
    }
    this.#duties.wake();
  }

  *open(view: View = this.#engine.newest): Iterable<RequestRecord> {
    for (const request of this.#open) {
      const found = loadRequest(view, request);
      if (found !== undefined) yield found;
    }
  }

  counts(flow: Pick<Needs, 'chainView'>): { readonly open: number; readonly overdue: number } {
    const overdue = [...this.open()].filter((record) => isLate(record, flow));
    return { open: this.#open.size, overdue: overdue.length };
  }

  /** Called by the clock. */
  look(flow: Needs): void {
    for (const record of this.open()) {
      const { request, auditor, due } = record;
      flow.alarms.set('request-overdue', isLate(record, flow), { request, auditor, due }, String(request));
    }
  }
}

interface AnswerItem {
  readonly request: number;
}

/** What staff has answered goes to the chain. */
export function answerDuty(
  { self, requests }: Pick<FlowContext, 'self' | 'requests'>,
  calls: Pick<AuditLogCalls, 'answer'>,
): Duty {
  const due = (view: View, gate: Gate): readonly RequestRecord[] =>
    [...requests.open(view)].filter(
      ({ request, order, answered }) => order !== undefined && answered === undefined && gate.free(String(request)),
    );
  return duty<AnswerItem>({
    name: 'answer',
    key: 'account',
    due: (view, gate) => due(view, gate).length > 0,
    *orders(work, gate) {
      for (const { request, order } of due(work, gate)) {
        if (order !== undefined) yield { item: { request }, call: calls.answer(self, request, order.digest) };
      }
    },
    subjects: ({ request }) => [String(request)],
    over: (log) => (log.type === 'DisclosureAnswered' && log.operator === self ? [String(log.request)] : []),
  });
}
