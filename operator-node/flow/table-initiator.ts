/** The life of the initiator's side of a pair (`pair.ts` says what its states mean). */
import { each, fault, ignore } from '../engine/state-table.ts';
import type { SideStateName } from './pair.ts';
import type { SideCell, SideEventName } from './side-events.ts';
import { end, enterBatch, execute, executeAfterAll, release } from './steps.ts';
import {
  agree,
  agreeAgain,
  askToCancel,
  cancelHeld,
  countersign,
  hear,
  lapse,
  loseBatch,
  refuse,
  standInBatch,
} from './steps-initiator.ts';

export type SideRow = { readonly [T in SideEventName]: SideCell<T> };
export type RoleTable = Readonly<Record<SideStateName, SideRow>>;

export const repeated = ignore('repeated');
export const over = ignore('the pair is over on this side');
export const unsigned = fault('decided on chain though this operator has not signed it');
export const notOver = ignore('the last word was from before the pair was taken up again');
const neverHere = fault('no side of this role is ever in this state');

const acceptorsEvents = each(
  ['withdrawn', 'yes', 'no', 'recovered-committed', 'recovered-aborted'],
  fault('an event of the acceptor’s side'),
);
const inNoBatch = fault('it is in no batch');
const lateAnswer = ignore('the peer held it before; an old answer came late');

export const initiatorTable: RoleTable = {
  held: {
    ...acceptorsEvents,
    agreed: { to: ['held'], does: agree, emits: ['message'] },
    refused: { to: ['aborted'], does: refuse, emits: ['message', 'withdraw'] },
    lapsed: { to: ['aborted'], does: lapse, emits: ['message', 'withdraw'] },
    cancel: { to: ['aborted'], does: cancelHeld, emits: ['message', 'withdraw'] },
    batched: { to: ['signed'], does: enterBatch, emits: [] },
    'batch-refused': inNoBatch,
    countersigned: inNoBatch,
    committed: unsigned,
    aborted: unsigned,
    heard: ignore('its time is not over'),
    told: notOver,
    'recovered-agreed': { to: ['held'], does: agreeAgain, emits: [] },
    'recovered-batched': { to: ['signed'], does: enterBatch, emits: [] },
  },
  signed: {
    ...acceptorsEvents,
    agreed: repeated,
    refused: lateAnswer,
    lapsed: ignore('its batch may have left'),
    cancel: { to: ['signed'], does: askToCancel, emits: ['cancel'] },
    batched: repeated,
    'batch-refused': { to: ['aborted'], does: loseBatch, emits: ['message', 'withdraw'] },
    countersigned: { to: ['countersigned'], does: countersign, emits: [] },
    committed: { to: ['committed'], does: execute, emits: ['message'] },
    aborted: { to: ['aborted'], does: release, emits: ['message', 'outcome'] },
    heard: ignore('its time is not over'),
    told: notOver,
    'recovered-agreed': repeated,
    'recovered-batched': repeated,
  },
  countersigned: {
    ...acceptorsEvents,
    agreed: repeated,
    refused: lateAnswer,
    lapsed: ignore('only the chain ends it now'),
    cancel: { to: ['countersigned'], does: askToCancel, emits: ['cancel'] },
    batched: repeated,
    'batch-refused': fault('the acceptor has signed this batch'),
    countersigned: repeated,
    committed: { to: ['committed'], does: execute, emits: ['message'] },
    aborted: { to: ['aborted'], does: release, emits: ['message', 'outcome'] },
    heard: ignore('its time is not over'),
    told: notOver,
    'recovered-agreed': repeated,
    'recovered-batched': repeated,
  },
  accepted: everyEvent(),
  declined: everyEvent(),
  committed: {
    ...acceptorsEvents,
    agreed: over,
    refused: over,
    lapsed: over,
    cancel: ignore('too late'),
    batched: over,
    'batch-refused': over,
    countersigned: over,
    committed: repeated,
    aborted: fault('aborted on chain after it was committed in a final block'),
    heard: ignore('committed after all, and told so'),
    told: { to: ['committed'], does: end, emits: [] },
    'recovered-agreed': over,
    'recovered-batched': { to: ['committed'], does: standInBatch, emits: [] },
  },
  aborted: {
    ...acceptorsEvents,
    agreed: ignore('given up meanwhile; the withdrawal is on its way'),
    refused: over,
    lapsed: over,
    cancel: over,
    batched: over,
    'batch-refused': over,
    countersigned: ignore('its batch is dead and is anchored only to use its number up'),
    committed: { to: ['committed'], does: executeAfterAll, emits: ['message'] },
    aborted: repeated,
    heard: { to: ['aborted'], does: hear, emits: ['message'] },
    told: { to: ['aborted'], does: end, emits: [] },
    'recovered-agreed': { to: ['aborted'], does: agreeAgain, emits: [] },
    'recovered-batched': { to: ['aborted'], does: standInBatch, emits: [] },
  },
};

function everyEvent(): SideRow {
  return {
    ...each(['agreed', 'refused', 'lapsed', 'withdrawn', 'cancel', 'batched'], neverHere),
    ...each(['batch-refused', 'countersigned', 'yes', 'no', 'committed', 'aborted', 'heard', 'told'], neverHere),
    ...each(['recovered-agreed', 'recovered-batched', 'recovered-committed', 'recovered-aborted'], neverHere),
  };
}
