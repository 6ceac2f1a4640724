/**
 * What the chain says, back to the pairs. Only final blocks come here, one after another; what they do and the cursor
 * behind them are one write. Decisions come as events; that something did *not* happen is read from the contract's state
 * at the hash of one final block past the deadline, never from missing events (rule 3).
 */
import type { Block, ChainLog, FinalBlock } from '../chain/chain.ts';
import { cursorTable } from '../chain/cursor.ts';
import type { Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import { legOf, type BatchId, type Hash, type Role } from '../model/ids.ts';
import { decisionIn, decisionOf, wordOf, type BatchOutcome } from '../model/outcome.ts';
import { logs, type PartLog, type ReadableLog } from '../parts/part.ts';
import { lostTable } from './past.ts';
import {
  halt,
  laneBatchKey,
  laneBatchTable,
  laneKey,
  laneTable,
  loadBatch,
  readLane,
  type KnownBatch,
} from './batch.ts';
import { advanceBatch } from './batch-machine.ts';
import type { FlowContext } from './context.ts';
import { noteFault } from './note-fault.ts';
import { advance } from './flow.ts';
import { isFinal, loadSide } from './pair.ts';
import { Evidence } from './evidence.ts';
import type { SideEvent } from './side-events.ts';

const roles: readonly Role[] = ['initiator', 'acceptor'];

/**
 * All of these blocks in one write, or none of them.
 * @throws {TandemError} `chain-unreadable`, with the number of the block in its facts, where a log cannot be applied
 */
export async function applyBlocks(
  flow: FlowContext,
  handlers: ReadonlyMap<string, PartLog>,
  blocks: readonly FinalBlock[],
): Promise<void> {
  const last = blocks.at(-1)?.block;
  if (last === undefined) return;
  await flow.engine.run((work) => {
    for (const { block, logs } of blocks) {
      const evidence = new Evidence(flow, work, block);
      for (const log of logs) {
        if (log.type === 'Unreadable') evidence.take(log);
        else {
          attributed(block, log, () => {
            handlers.get(log.type)?.apply(work, block, log);
            flow.duties.ended(work, log);
          });
        }
      }
    }
    work.put(cursorTable, 'chain', { number: last.number, hash: last.hash, timestamp: last.timestamp });
    flow.duties.applied(work, last.number);
    work.emit({ type: 'block', number: last.number });
  });
  // While catching up: the state at an old block may be gone, and the newest final one says more.
  if (last.number >= (flow.chainView.finalNumber ?? 0)) await expireBatches(flow, last);
}

/** Faults of this node itself, not of what it reads. */
const ownFaults: ReadonlySet<string> = new Set(['store-failed', 'store-damaged', 'not-ready']);

/** Faults of the store are its own. Whatever else is thrown was brought about by this log, and is said of it. */
function attributed(block: Block, log: ReadableLog, apply: () => void): void {
  try {
    apply();
  } catch (cause) {
    if (cause instanceof TandemError && ownFaults.has(cause.code)) throw cause;
    const { type, logIndex, transactionHash } = log;
    throw new TandemError(
      'chain-unreadable',
      `Log ${logIndex} of transaction ${transactionHash} in block ${block.number} (${type}) cannot be applied: ${(cause as Error).message}`,
      { cause, facts: { number: block.number, transaction: transactionHash, logIndex, event: type } },
    );
  }
}

/** What the logs of batches do. */
export const batchLogs = (flow: FlowContext): readonly PartLog[] => [
  ...logs(['BatchPrepared'], (work, block, log) => {
    if (log.initiator === flow.self || log.acceptor === flow.self) applyPrepared(flow, work, block, log);
  }),
  ...logs(['PairsDecided'], (work, block, log) => {
    for (const role of roles) {
      const known = loadBatch(work, log.batchId, role);
      if (known !== undefined) applyDecision(flow, work, block, known, log);
    }
  }),
  ...logs(['BatchAttested'], (work, _block, log) => {
    if (log.operator === flow.self) applyOwnAttestation(flow, work, log.batchId, log.executedDigest);
  }),
  ...logs(['BatchReconciled', 'BatchDiscrepancy'], (work, _block, log) => {
    applyReconciliation(flow, work, log);
  }),
  ...logs(['DecisionTooLate'], (work, _block, log) => {
    if (loadBatch(work, log.batchId, 'acceptor') !== undefined)
      work.emit({ type: 'decision-too-late', batchId: log.batchId, word: log.word });
  }),
];

function applyPrepared(
  flow: FlowContext,
  work: Work,
  block: Block,
  log: Extract<ChainLog, { type: 'BatchPrepared' }>,
): void {
  const mine: Role[] = [];
  if (log.initiator === flow.self) mine.push('initiator');
  if (log.acceptor === flow.self) mine.push('acceptor');
  for (const role of mine) {
    const known = loadBatch(work, log.batchId, role);
    if (known === undefined) {
      haltOnUnknownBatch(flow, work, role, log);
      continue;
    }
    if (known.state.prepared !== undefined) continue;
    const { sequence, count } = log;
    const prepared = { number: block.number, hash: block.hash };
    advanceBatch(flow, work, known, { type: 'prepared', block: prepared, sequence, count });
  }
}

/**
 * Somebody has this operator's signature for a batch that this store does not know: a stolen key, or a lost store. Its
 * number is used up, and nothing new is begun until staff has looked.
 */
function haltOnUnknownBatch(
  flow: FlowContext,
  work: Work,
  role: Role,
  { batchId, initiator, acceptor, sequence }: Extract<ChainLog, { type: 'BatchPrepared' }>,
): void {
  const peer = role === 'initiator' ? acceptor : initiator;
  const lane = readLane(work, role, peer);
  work.put(laneTable, laneKey(role, peer), { ...lane, next: Math.max(lane.next, sequence + 1) });
  // Staff knows it already: a recovery has named it.
  if (work.get(lostTable, `batch!${batchId}`) !== undefined) return;
  halt(work, flow.open, 'unknown-batch-on-chain', batchId);
  noteFault(work, 'unknown-batch-on-chain', { role, batchId, peer });
}

function applyDecision(
  flow: FlowContext,
  work: Work,
  block: Block,
  known: KnownBatch,
  { word, commitMask, abortMask }: Extract<ChainLog, { type: 'PairsDecided' }>,
): void {
  settle(flow, work, known, (index) => {
    if (wordOf(index) !== word) return undefined;
    const decision = decisionIn(commitMask, abortMask, index);
    if (decision === 'committed') return { type: 'committed', block: block.number };
    return decision === 'aborted' ? { type: 'aborted', reason: 'declined', block: block.number } : undefined;
  });
}

/** Final outcomes of a batch's pairs; `eventOf` is undefined for pairs that have none yet. */
function settle(
  flow: FlowContext,
  work: Work,
  known: KnownBatch,
  eventOf: (index: number) => SideEvent | undefined,
): void {
  const { record } = known;
  let ended = 0;
  record.pairs.forEach((pair, index) => {
    const event = eventOf(index);
    if (event === undefined) return;
    const found = loadSide(work, pair, legOf(record.role));
    if (found === undefined) return;
    const was = isFinal(found.state);
    advance(flow, work, found, event);
    if (!was) ended += 1;
  });
  if (ended > 0) advanceBatch(flow, work, known, { type: 'pairs-ended', count: ended });
}

function applyOwnAttestation(flow: FlowContext, work: Work, batchId: BatchId, attested: Hash): void {
  for (const role of roles) {
    const known = loadBatch(work, batchId, role);
    if (known === undefined || known.state.attested !== undefined) continue;
    advanceBatch(flow, work, known, { type: 'attested', digest: attested });
  }
}

function applyReconciliation(
  flow: FlowContext,
  work: Work,
  log: Extract<ChainLog, { type: 'BatchReconciled' | 'BatchDiscrepancy' }>,
): void {
  const as = log.type === 'BatchReconciled' ? 'reconciled' : 'discrepancy';
  for (const role of roles) {
    const known = loadBatch(work, log.batchId, role);
    if (known === undefined) continue;
    advanceBatch(flow, work, known, { type: 'reconciled', as });
    if (log.type === 'BatchDiscrepancy') {
      const { batchId, initiatorDigest: initiator, acceptorDigest: acceptor } = log;
      work.fault('discrepancy', { batchId, initiator, acceptor });
      work.emit({ type: 'alarm', what: 'discrepancy', batchId: log.batchId });
    }
  }
}

/** Batches whose deadline is past in this final block: what has no commit bit there is aborted (rule 3). */
async function expireBatches(flow: FlowContext, block: Block): Promise<void> {
  const due = new Set<BatchId>();
  for (const { batchId, role, deadline } of flow.open.allBatches()) {
    if (deadline >= block.timestamp) continue;
    const known = loadBatch(flow.engine.newest, batchId, role);
    if (known !== undefined && (known.state.remaining > 0 || waitsForItsEnd(known))) due.add(batchId);
  }
  await Promise.all([...due].map((batchId) => expireBatch(flow, batchId, block)));
}

/** What cannot be read now is read at the next final block: time past a deadline only makes the answer surer. */
async function expireBatch(flow: FlowContext, batchId: BatchId, block: Block): Promise<void> {
  let outcome: BatchOutcome;
  try {
    outcome = await flow.chain.batchOutcome(batchId, block.hash);
  } catch (error) {
    if (error instanceof TandemError && error.retryable) return;
    throw error;
  }
  await flow.engine.run((work) => {
    for (const role of roles) {
      const known = loadBatch(work, batchId, role);
      if (known !== undefined && known.record.batch.deadline < block.timestamp) {
        applyOutcome(flow, work, block, known, outcome);
        offerDead(flow, work, batchId, outcome);
      }
    }
  });
}

function applyOutcome(flow: FlowContext, work: Work, block: Block, known: KnownBatch, outcome: BatchOutcome): void {
  settle(flow, work, known, (index) => {
    const decision = decisionOf(outcome, index);
    return decision === 'committed'
      ? { type: 'committed', block: block.number }
      : { type: 'aborted', reason: decision === 'aborted' ? 'declined' : 'expired', block: block.number };
  });
}

const waitsForItsEnd = ({ state }: KnownBatch): boolean => state.state === 'offered' && state.onlyDead === true;

/** What was taken up after a loss is dead: it is signed now, in its turn, so that its number is used up (rules 8, 11). */
function offerDead(flow: FlowContext, work: Work, batchId: BatchId, outcome: BatchOutcome): void {
  const known = loadBatch(work, batchId, 'initiator');
  if (known === undefined || outcome.prepared || !waitsForItsEnd(known)) return;
  const { peer, batch } = known.record;
  const before = work.get(laneBatchTable, laneBatchKey('initiator', peer, batch.sequence - 1));
  if (before !== undefined && loadBatch(work, before, 'initiator')?.state.state === 'offered') return;
  advanceBatch(flow, work, known, { type: 'dead' });
}
