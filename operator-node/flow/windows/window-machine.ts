/** The life of a window (`window.ts` says what its states mean), and the only way to open and to move one. */
import { assertListed, each, fault, ignore, watched } from '../../engine/state-table.ts';
import type { Work } from '../../engine/engine.ts';
import type { FlowContext } from '../context.ts';
import { noteImpossible } from '../note-fault.ts';
import {
  isBound,
  openWindowTable,
  statementTable,
  windowHeadTable,
  windowKey,
  windowTable,
  type WindowRecord,
  type WindowStateName,
} from './window.ts';
import type { NextWindow, WindowCell, WindowEventName, WindowEventOf } from './window-events.ts';
import { agree, differ, followChain, order, propose, takeOver, takeSignatures, wait } from './window-steps.ts';

type Row = { readonly [T in WindowEventName]: WindowCell<T> };
export type WindowMachine = Readonly<Record<WindowRecord['role'], Readonly<Record<WindowStateName, Row>>>>;

const bound = ['signed', 'anchored', 'discharged'] as const;

const oneContent = fault('one content is signed for a number, for good');
const notSignedHere = fault('on chain, though this operator has not signed it');
const notAnchored = fault('nothing is paid before its statement is anchored');
const signedMeanwhile = ignore('signed meanwhile');
const repeated = ignore('repeated');
const proposersEvents = each(
  ['proposed', 'peer-signed', 'not-signed', 'signature-unknown'],
  fault('an event of the proposer’s window'),
);

/** Of a content that nobody has signed. */
const unsigned = {
  'taken-over': ignore('this operator asks for it already'),
  anchored: notSignedHere,
  discharged: notSignedHere,
  'payment-ordered': notAnchored,
} as const;

const followed = {
  signed: {
    anchored: { to: bound, does: followChain, emits: ['discharge'] },
    discharged: { to: ['signed'], does: followChain, emits: [] },
    'payment-ordered': { to: ['signed'], does: order, emits: ['discharge'] },
  },
  anchored: {
    anchored: repeated,
    discharged: { to: ['anchored', 'discharged'], does: followChain, emits: [] },
    'payment-ordered': { to: ['anchored'], does: order, emits: ['discharge'] },
  },
  discharged: {
    anchored: repeated,
    discharged: repeated,
    'payment-ordered': fault('paid already, as the chain says'),
  },
} as const;

const neverHere: Row = {
  ...each(['proposed', 'peer-signed', 'not-signed', 'signature-unknown'], fault('an answerer begins by signing')),
  ...each(['agreed', 'taken-over', 'anchored'], fault('an answerer begins by signing')),
  ...each(['discharged', 'payment-ordered'], fault('an answerer begins by signing')),
};

export const windowMachine: WindowMachine = {
  proposer: {
    proposed: {
      ...unsigned,
      proposed: ignore('asked for already'),
      'peer-signed': { to: bound, does: takeSignatures, emits: ['statement'] },
      'not-signed': { to: ['differs'], does: differ, emits: ['locate'] },
      'signature-unknown': { to: ['proposed'], does: wait, emits: [] },
      agreed: { to: bound, does: agree, emits: [] },
    },
    differs: {
      ...unsigned,
      proposed: { to: ['proposed'], does: propose, emits: ['window'] },
      'peer-signed': ignore('found other, and to be proposed anew'),
      'not-signed': repeated,
      'signature-unknown': ignore('found other, and to be proposed anew'),
      agreed: { to: bound, does: agree, emits: [] },
    },
    signed: {
      ...followed.signed,
      proposed: oneContent,
      'peer-signed': { to: bound, does: takeSignatures, emits: ['statement'] },
      'not-signed': signedMeanwhile,
      'signature-unknown': signedMeanwhile,
      agreed: oneContent,
      'taken-over': repeated,
    },
    anchored: {
      ...followed.anchored,
      proposed: oneContent,
      'peer-signed': repeated,
      'not-signed': signedMeanwhile,
      'signature-unknown': signedMeanwhile,
      agreed: oneContent,
      'taken-over': repeated,
    },
    discharged: {
      ...followed.discharged,
      proposed: oneContent,
      'peer-signed': repeated,
      'not-signed': signedMeanwhile,
      'signature-unknown': signedMeanwhile,
      agreed: oneContent,
      'taken-over': repeated,
    },
  },
  answerer: {
    proposed: neverHere,
    differs: neverHere,
    signed: {
      ...proposersEvents,
      ...followed.signed,
      agreed: oneContent,
      'taken-over': { to: ['signed'], does: takeOver, emits: ['window', 'statement'] },
    },
    anchored: {
      ...proposersEvents,
      ...followed.anchored,
      agreed: oneContent,
      'taken-over': ignore('anchored already'),
    },
    discharged: {
      ...proposersEvents,
      ...followed.discharged,
      agreed: oneContent,
      'taken-over': ignore('anchored already'),
    },
  },
};

/** One event of one window: as it is after that. */
export function advanceWindow<T extends WindowEventName>(
  flow: FlowContext,
  work: Work,
  window: WindowRecord,
  event: WindowEventOf<T>,
): WindowRecord {
  const { role, state, peer, content } = window;
  const name: T = event.type;
  const cell: WindowCell<T> = flow.machines.window[role][state][name];
  if ('ignore' in cell) return window;
  if ('fault' in cell) {
    noteImpossible(work, cell, { peer, role, window: content.number, state, event: name });
    return window;
  }
  const { sent, ...eye } = watched(work);
  const next = cell.does(flow, eye.work, window, event);
  assertListed(`window ${role} ${state} ${name}`, cell, next.state, sent);
  return move(work, window, next);
}

/** What is not named stays as it was; a refusal is of the moment. */
function move(work: Work, { refusal: _, ...window }: WindowRecord, change: NextWindow): WindowRecord {
  return write(work, { ...window, ...change, since: work.now });
}

/** A number of which nothing is stored yet; from now on it can be overdue. */
export const openWindow = (work: Work, fresh: Omit<WindowRecord, 'opened' | 'since' | 'refusal'>): WindowRecord =>
  write(work, { ...fresh, opened: work.now, since: work.now });

function write(work: Work, window: WindowRecord): WindowRecord {
  const { peer, content, state, lines } = window;
  const { number } = content;
  const key = windowKey(peer, number);
  work.put(windowTable, key, window);
  work.put(windowHeadTable, String(peer), Math.max(number, work.get(windowHeadTable, String(peer)) ?? 0));
  if (state === 'discharged') work.del(openWindowTable, key);
  else work.put(openWindowTable, key, true);
  if (isBound(window)) {
    for (const { asset, statement } of lines) work.put(statementTable, statement, { peer, number, asset });
  }
  return window;
}
