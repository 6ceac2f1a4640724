/**
 * The main path: orders, proposals, batches, what users are told. Its queues say what is done outside the node, in which
 * groups, and how long until it is tried again.
 */
import type { SettlementCalls } from '../chain/calls.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { peerMethod, queue, type Part, type PartClock, type PartMethod, type PartQueue } from '../parts/part.ts';
import { recentTable, refTable } from './account.ts';
import { answerCountersign, answerOffer, formBatches, handOver, offerBatches, refusedBatchTable } from './batches.ts';
import {
  batchStateTable,
  batchTable,
  haltTable,
  laneBatchTable,
  laneTable,
  openBatchTable,
  peerCommitmentTable,
} from './batch.ts';
import { countersignQueue, offerQueue, type BatchItem } from './batch-events.ts';
import { batchLogs } from './blocks.ts';
import { ownCapTable, peerCapTable } from './caps.ts';
import { watchConditions } from './conditions.ts';
import type { FlowContext } from './context.ts';
import { Deliveries, laneOf, setAsideTable } from './deliver.ts';
import { greetAgain, greetQueue, type GreetItem } from './greet.ts';
import { flowGauges } from './flow-gauges.ts';
import { advance } from './flow.ts';
import { answerOutcome, learnOutcomes } from './outcome.ts';
import {
  openSideTable,
  sealedTable,
  refSideTable,
  sideStateTable,
  sideTable,
  userSideTable,
  withdrawnTable,
} from './pair.ts';
import { cancelQueue, outcomeQueue, proposeQueue, withdrawQueue, type PairItem } from './side-events.ts';
import { lapseProposals } from './sweep.ts';
import { counterTable, messageQueue, type MessageItem } from './tell.ts';
import {
  answerCancel,
  answerProposals,
  answerQuote,
  answerWithdraw,
  cancel,
  propose,
  refusedTable,
  withdraw,
} from './propose.ts';
import { questionTable } from './question.ts';
import { deliverForwarded, inboundTable } from './receive.ts';
import { refundedTable } from './refund.ts';
import { attestDuty, carryDuty, decideDuty } from './submit.ts';

/** Waits between attempts, in milliseconds; the last repeats. Everything retried here is idempotent. */
const retryMillis = [50, 100, 250, 500, 1000, 2000, 5000] as const;

const sweepMillis = 500;
const pokeMillis = 1_000;
const roomMillis = 1_000;
const proposalsAtOnce = 128;
const outcomesAtOnce = 512;
/** More than one only when batches are signed again. */
const offersAtOnce = 16;

/** Peers side by side, one peer's items in order. */
export const peerQueue = {
  lane: ({ peer }: { readonly peer: number }): string => String(peer),
  gatherMillis: 0,
  retryMillis,
};

function queuesOf(flow: FlowContext): readonly PartQueue[] {
  const { config } = flow;
  const deliveries = new Deliveries(flow, config.gateway.tries, (work, found) => {
    advance(flow, work, found, { type: 'told' });
  });
  const gatherMillis = config.timing.proposeMillis;
  return [
    queue<PairItem>(proposeQueue, { ...peerQueue, gatherMillis, maxGroup: proposalsAtOnce }, (group) =>
      propose(flow, group),
    ),
    queue<PairItem>(withdrawQueue, { ...peerQueue, maxGroup: proposalsAtOnce }, (group) => withdraw(flow, group)),
    queue<PairItem>(cancelQueue, { ...peerQueue, maxGroup: 1 }, (group) => cancel(flow, group)),
    queue<PairItem>(outcomeQueue, { ...peerQueue, maxGroup: outcomesAtOnce }, (group) => learnOutcomes(flow, group)),
    queue<BatchItem>(offerQueue, { ...peerQueue, maxGroup: offersAtOnce }, (group) => offerBatches(flow, group)),
    queue<BatchItem>(countersignQueue, { ...peerQueue, maxGroup: 1 }, (group) => handOver(flow, group)),
    queue<GreetItem>(greetQueue, { ...peerQueue, maxGroup: 1 }, (group) => greetAgain(flow, group)),
    queue<MessageItem>(messageQueue, { lane: laneOf, gatherMillis, maxGroup: 500, retryMillis }, (group) =>
      deliveries.run(group),
    ),
  ];
}

const clocksOf = (flow: FlowContext): readonly PartClock[] => [
  { name: 'batches', millis: flow.config.timing.batchMillis, action: () => formBatches(flow) },
  { name: 'duties', millis: flow.config.timing.decideMillis, action: () => flow.duties.round() },
  {
    name: 'proposals',
    millis: sweepMillis,
    action() {
      flow.overload.look();
      flow.troubles.round();
      return lapseProposals(flow);
    },
  },
  {
    name: 'conditions',
    millis: roomMillis,
    async action() {
      await flow.room.look();
      watchConditions(flow);
    },
  },
  { name: 'poke', millis: pokeMillis, action: () => poke(flow) },
];

/** Rule 3: a chain that makes no blocks without transactions is moved by an empty one, before it counts as standing still. */
async function poke({ chainView, engine, sender }: FlowContext): Promise<void> {
  const age = chainView.ageMillis;
  if (age === undefined || age <= chainView.maxGapMillis / 2) return;
  await engine.run((work) => {
    sender.poke(work, 'carrier');
  });
}

const methodsOf = (flow: FlowContext): readonly PartMethod[] => [
  peerMethod('hello', (from, request) => flow.greetings.answer(from, request), { inRecovery: true }),
  peerMethod('quote', (from, request) => answerQuote(flow, from, request)),
  peerMethod('propose', (from, request) => answerProposals(flow, from, request)),
  peerMethod('offer', (from, request) => answerOffer(flow, from, request)),
  peerMethod('countersign', (from, request) => answerCountersign(flow, from, request)),
  peerMethod('withdraw', (from, request) => answerWithdraw(flow, from, request)),
  peerMethod('cancel', (from, request) => answerCancel(flow, from, request)),
  peerMethod('outcome', (from, request) => answerOutcome(flow, from, request)),
  peerMethod('forward', (from, request) => deliverForwarded(flow, from, request)),
];

const tables = [
  ...[sideTable, sideStateTable, openSideTable, sealedTable, withdrawnTable, userSideTable, refSideTable, refusedTable],
  ...[batchTable, batchStateTable, openBatchTable, laneTable, laneBatchTable, peerCommitmentTable, refusedBatchTable],
  ...[haltTable, peerCapTable, ownCapTable, inboundTable, questionTable, counterTable, setAsideTable],
  ...[recentTable, refTable, refundedTable],
];

export const flowPart = (flow: FlowContext, calls: SettlementCalls, payments: PaymentsDomain): Part => ({
  name: 'flow',
  tables,
  queues: queuesOf(flow),
  clocks: clocksOf(flow),
  peerMethods: methodsOf(flow),
  logs: batchLogs(flow),
  duties: [carryDuty(flow, calls), decideDuty(flow, calls, flow.decisions), attestDuty(flow, calls)],
  gauges: flowGauges(flow, payments),
  follow() {
    const { engine, open, decisions } = flow;
    open.follow(engine);
    engine.follow(sideStateTable, (key, state) => {
      const side = engine.newest.get(sideTable, key);
      if (side !== undefined && state !== undefined) decisions.sideFound(side, state);
    });
  },
  async load() {
    await flow.open.load(flow.engine.store, (side, state) => {
      flow.decisions.sideFound(side, state);
    });
    await flow.caps.load(flow.engine.store);
  },
});
