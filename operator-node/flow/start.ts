/** The flow's queues and clocks: what is done outside the node, in which groups, and how long until it is tried again. */
import { erasedQueue, tellErased, type ErasedItem } from '../erasure/notice.ts';
import { watchConditions } from './conditions.ts';
import type { FlowContext } from './context.ts';
import { Deliveries, laneOf } from './deliver.ts';
import { advance } from './flow.ts';
import { countersignQueue, formBatches, handOver, offerBatches, offerQueue, type BatchItem } from './anchor.ts';
import { greetAgain, greetQueue, type GreetItem } from './greet.ts';
import { learnOutcomes } from './outcome.ts';
import { cancel, propose, withdraw } from './propose.ts';
import { cancelQueue, outcomeQueue, proposeQueue, withdrawQueue, type PairItem } from './side-events.ts';
import { lapseProposals } from './sweep.ts';
import { messageQueue, type MessageItem } from './tell.ts';
import { closeByClock } from './windows/schedule.ts';
import { askForSignatures, windowQueue, type WindowItem } from './windows/close.ts';
import { locateForStaff, locateQueue, type LocateItem } from './windows/locate.ts';

/** Waits between attempts, in milliseconds; the last repeats. Everything retried here is idempotent. */
const retryMillis = [50, 100, 250, 500, 1000, 2000, 5000] as const;

/** A notice of an erasure is in no hurry, and a peer may be away for days. */
const noticeMillis = [1_000, 5_000, 60_000, 600_000] as const;

const sweepMillis = 500;
const pokeMillis = 1_000;
const roomMillis = 1_000;

/** How often it is asked whether the journal's head is anchored late. */
const anchorMillis = 1_000;
/** How often it is asked whether an auditor's request is overdue. */
const requestsMillis = 1_000;
/** How often it is asked whether a window is to be closed by the clock. */
const scheduleMillis = 1_000;
const proposalsAtOnce = 128;
const outcomesAtOnce = 512;
/** More than one only when batches are signed again. */
const offersAtOnce = 16;

const perPeer = ({ peer }: { readonly peer: number }): string => String(peer);

/** Declares the queues; before `recover`, which fills them. */
export function declareQueues(flow: FlowContext): void {
  const { engine, config } = flow;
  const deliveries = new Deliveries(flow, config.gateway.tries, (work, found) => {
    advance(flow, work, found, { type: 'told' });
  });
  const peerQueue = { lane: perPeer, gatherMillis: 0, retryMillis };
  engine.queue<PairItem>(
    proposeQueue,
    { ...peerQueue, gatherMillis: config.timing.proposeMillis, maxGroup: proposalsAtOnce },
    (group) => propose(flow, group),
  );
  engine.queue<PairItem>(withdrawQueue, { ...peerQueue, maxGroup: proposalsAtOnce }, (group) => withdraw(flow, group));
  engine.queue<PairItem>(cancelQueue, { ...peerQueue, maxGroup: 1 }, (group) => cancel(flow, group));
  engine.queue<PairItem>(outcomeQueue, { ...peerQueue, maxGroup: outcomesAtOnce }, (group) =>
    learnOutcomes(flow, group),
  );
  engine.queue<BatchItem>(offerQueue, { ...peerQueue, maxGroup: offersAtOnce }, (group) => offerBatches(flow, group));
  engine.queue<BatchItem>(countersignQueue, { ...peerQueue, maxGroup: 1 }, (group) => handOver(flow, group));
  engine.queue<WindowItem>(windowQueue, { ...peerQueue, maxGroup: 1 }, (group) => askForSignatures(flow, group));
  engine.queue<LocateItem>(locateQueue, { ...peerQueue, maxGroup: 1 }, (group) => locateForStaff(flow, group));
  engine.queue<GreetItem>(greetQueue, { ...peerQueue, maxGroup: 1 }, (group) => greetAgain(flow, group));
  engine.queue<ErasedItem>(erasedQueue, { ...peerQueue, maxGroup: 1, retryMillis: noticeMillis }, (group) =>
    tellErased(flow, group),
  );
  engine.queue<MessageItem>(
    messageQueue,
    { lane: laneOf, gatherMillis: config.timing.proposeMillis, maxGroup: 500, retryMillis },
    (group) => deliveries.run(group),
  );
}

/** Sets everything going that the clock drives. */
export function startClocks(flow: FlowContext): void {
  const { engine, config } = flow;
  engine.every(config.timing.batchMillis, 'batches', () => formBatches(flow));
  engine.every(config.timing.decideMillis, 'duties', () => flow.duties.round());
  if (Object.keys(config.settlement.everySeconds).length > 0) {
    engine.every(scheduleMillis, 'window schedule', () => closeByClock(flow));
  }
  engine.every(requestsMillis, 'requests', () => {
    flow.requests.look(flow);
  });
  engine.every(sweepMillis, 'proposals', () => {
    flow.overload.look();
    flow.troubles.round();
    return lapseProposals(flow);
  });
  engine.every(anchorMillis, 'journal anchor', () => {
    flow.anchor.look(flow);
  });
  engine.every(roomMillis, 'conditions', async () => {
    await flow.room.look();
    watchConditions(flow);
  });
  // Rule 3: a chain that makes no blocks without transactions is moved by an empty one, before it counts as standing still.
  engine.every(pokeMillis, 'poke', async () => {
    const age = flow.chainView.ageMillis;
    if (age === undefined || age <= flow.chainView.maxGapMillis / 2) return;
    await engine.run((work) => {
      flow.sender.poke(work, 'carrier');
    });
  });
}
