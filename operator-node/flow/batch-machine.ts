/** The life of a batch (`batch.ts` says what its states mean), and the only way to move one. */
import { each, assertListed, fault, ignore, watched } from '../engine/state-table.ts';
import type { Work } from '../engine/engine.ts';
import type { Role } from '../model/ids.ts';
import {
  batchKey,
  batchStateTable,
  isOver,
  openBatchTable,
  type BatchState,
  type BatchStateName,
  type KnownBatch,
} from './batch.ts';
import type { BatchCell, BatchEventName, BatchEventOf, NextBatch } from './batch-events.ts';
import {
  attest,
  countDown,
  follow,
  offerDead,
  prepare,
  reconcile,
  refuse,
  renew,
  sign,
  signAgain,
  takeSignature,
  waitUntilDead,
} from './batch-steps.ts';
import type { FlowContext } from './context.ts';
import { noteImpossible } from './note-fault.ts';

type Row = { readonly [T in BatchEventName]: BatchCell<T> };
export type BatchMachine = Readonly<Record<Role, Readonly<Record<BatchStateName, Row>>>>;

const acceptorsEvents = each(['asked-again', 'handed-over'], fault('an event of the acceptor’s batch'));
const initiatorsEvents = each(
  ['accepted', 'refused', 'dead', 'recovered-offered'],
  fault('an event of the initiator’s batch'),
);
const signedAlready = ignore('both have signed it');
const unsigned = ignore('not signed by both: no signature of it can be void');

/** Before anything is attested its batch is prepared, in an earlier event of the chain. */
const notPrepared = each(['attested', 'reconciled'], fault('attested on chain and never prepared there'));

const onChain = {
  'pairs-ended': { to: ['countersigned'], does: countDown, emits: [] },
  attested: { to: ['countersigned'], does: attest, emits: [] },
  reconciled: { to: ['countersigned'], does: reconcile, emits: [] },
  'recovered-prepared': { to: ['countersigned'], does: follow, emits: [] },
} as const;

const followed = { to: ['countersigned'], does: follow, emits: [] } as const;

const neverHere: Row = {
  ...each(['accepted', 'refused', 'asked-again', 'handed-over', 'prepared'], fault('no batch of this role is here')),
  ...each(['pairs-ended', 'attested', 'reconciled', 'dead', 'keys-changed'], fault('no batch of this role is here')),
  ...each(['recovered-offered', 'recovered-prepared'], fault('no batch of this role is here')),
};

export const batchMachine: BatchMachine = {
  initiator: {
    offered: {
      ...acceptorsEvents,
      ...notPrepared,
      'pairs-ended': { to: ['offered'], does: countDown, emits: [] },
      'recovered-prepared': followed,
      accepted: { to: ['countersigned'], does: sign, emits: ['countersign'] },
      refused: { to: ['refused'], does: refuse, emits: ['message', 'withdraw'] },
      prepared: { to: ['countersigned'], does: prepare, emits: [] },
      dead: { to: ['offered'], does: offerDead, emits: ['offer'] },
      'keys-changed': unsigned,
      'recovered-offered': { to: ['offered'], does: waitUntilDead, emits: [] },
    },
    signed: neverHere,
    countersigned: {
      ...acceptorsEvents,
      ...onChain,
      accepted: { to: ['countersigned'], does: sign, emits: ['countersign'] },
      refused: fault('refused though the acceptor has signed it', 'batch-refused-after-signing'),
      prepared: { to: ['countersigned'], does: prepare, emits: [] },
      dead: signedAlready,
      'keys-changed': { to: ['countersigned'], does: renew, emits: ['offer', 'countersign'] },
      'recovered-offered': signedAlready,
    },
    refused: {
      ...acceptorsEvents,
      ...notPrepared,
      'pairs-ended': fault('its pairs were given up when it was refused'),
      'recovered-prepared': followed,
      accepted: ignore('refused for good before'),
      refused: ignore('repeated'),
      prepared: { to: ['countersigned'], does: prepare, emits: [] },
      dead: ignore('refused for good'),
      'keys-changed': unsigned,
      'recovered-offered': ignore('refused for good'),
    },
  },
  acceptor: {
    offered: neverHere,
    signed: {
      ...initiatorsEvents,
      ...notPrepared,
      'pairs-ended': { to: ['signed'], does: countDown, emits: [] },
      'recovered-prepared': followed,
      'asked-again': { to: ['signed'], does: signAgain, emits: [] },
      'handed-over': { to: ['countersigned'], does: takeSignature, emits: ['message'] },
      prepared: { to: ['countersigned'], does: prepare, emits: ['message'] },
      'keys-changed': unsigned,
    },
    countersigned: {
      ...initiatorsEvents,
      ...onChain,
      'asked-again': { to: ['countersigned'], does: signAgain, emits: [] },
      'handed-over': { to: ['countersigned'], does: takeSignature, emits: [] },
      prepared: { to: ['countersigned'], does: prepare, emits: [] },
      'keys-changed': { to: ['countersigned'], does: renew, emits: [] },
    },
    refused: neverHere,
  },
};

/** One event of one batch: as it is after that. */
export function advanceBatch<T extends BatchEventName>(
  flow: FlowContext,
  work: Work,
  known: KnownBatch,
  event: BatchEventOf<T>,
): KnownBatch {
  const { record, state } = known;
  const name: T = event.type;
  const cell: BatchCell<T> = flow.machines.batch[record.role][state.state][name];
  if ('ignore' in cell) return known;
  if ('fault' in cell) {
    const { role, peer, batchId } = record;
    const refusal = 'refusal' in event ? { refusal: event.refusal } : {};
    noteImpossible(work, cell, { peer, role, batchId, state: state.state, event: name, ...refusal });
    return known;
  }
  const { sent, ...eye } = watched(work);
  const next = cell.does(flow, eye.work, known, event);
  assertListed(`batch ${record.role} ${state.state} ${name}`, cell, next.state, sent);
  return move(work, known, next);
}

/** What is not named stays as it was. */
function move(work: Work, { record, state }: KnownBatch, change: NextBatch): KnownBatch {
  const next: BatchState = { ...state, ...change, since: work.now };
  const key = batchKey(record.batchId, record.role);
  work.put(batchStateTable, key, next);
  if (isOver(next)) work.del(openBatchTable, key);
  return { record, state: next };
}
