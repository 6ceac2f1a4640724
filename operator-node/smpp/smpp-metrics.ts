/** What the gateway counts, by route: given to prom-client as it happens, since it is little beside an SMS. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Outcome } from './receipt.ts';

/** What went wrong with something that came; each is logged once a minute at most, and counted. */
export type Fault =
  | 'malformed-pdu'
  | 'unknown-command'
  | 'unasked-response'
  | 'unknown-encoding'
  | 'unknown-address'
  | 'receipt-for-nobody'
  | 'repeated'
  | 'parts-missing'
  | 'refused-by-node'
  | 'too-much';

export interface SmppMetrics {
  readonly registry: Registry;
  bindUp(route: string, mode: string, up: boolean): void;
  bindFailed(route: string, mode: string): void;
  submitted(route: string, result: string): void;
  /** A part went again whose answer was lost: its phone may get it twice. */
  sentAgain(route: string): void;
  ended(route: string, outcome: Outcome): void;
  received(route: string, what: 'message' | 'receipt'): void;
  handedOver(route: string): void;
  fault(route: string, kind: Fault): void;
  waiting(direction: 'out' | 'awaiting-receipt' | 'in' | 'partial', route: string, count: number): void;
}

export function createSmppMetrics(): SmppMetrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `tandem_smpp_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `tandem_smpp_${name}`, help, labelNames, registers });
  const up = gauge('bind_up', '1 while the bind is up.', ['route', 'mode']);
  const failures = counter('bind_failures_total', 'Binds that ended or could not be made.', ['route', 'mode']);
  const submits = counter('submits_total', 'Parts given to the SMS centre, by its answer.', ['route', 'status']);
  const again = counter('sent_again_total', 'Parts that went again since their answer was lost.', ['route']);
  const outcomes = counter('outcomes_total', 'Messages to users, by what became of them.', ['route', 'outcome']);
  const received = counter('received_total', 'What the SMS centre has delivered.', ['route', 'what']);
  const handed = counter('handed_over_total', 'Messages from users that the node has taken.', ['route']);
  const faults = counter('faults_total', 'What came and was not as it should be.', ['route', 'kind']);
  const waiting = gauge('waiting', 'Messages that are not done with.', ['direction', 'route']);
  return {
    registry,
    bindUp: (route, mode, isUp) => up.set({ route, mode }, isUp ? 1 : 0),
    bindFailed: (route, mode) => failures.inc({ route, mode }),
    submitted: (route, status) => submits.inc({ route, status }),
    sentAgain: (route) => again.inc({ route }),
    ended: (route, outcome) => outcomes.inc({ route, outcome }),
    received: (route, what) => received.inc({ route, what }),
    handedOver: (route) => handed.inc({ route }),
    fault: (route, kind) => faults.inc({ route, kind }),
    waiting: (direction, route, count) => waiting.set({ direction, route }, count),
  };
}
