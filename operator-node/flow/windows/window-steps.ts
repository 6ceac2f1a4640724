/** What is done when something happens to a window; a step returns what it is then (`window-machine.ts` writes it). */
import type { Work } from '../../engine/engine.ts';
import type { Hash } from '../../model/ids.ts';
import type { FlowContext } from '../context.ts';
import {
  owedBy,
  payeeOf,
  stateOf,
  statementSeenTable,
  windowKey,
  type StatementSeen,
  type WindowLine,
  type WindowRecord,
} from './window.ts';
import {
  locateQueue,
  windowQueue,
  type LocateItem,
  type NextWindow,
  type WindowEventOf,
  type WindowItem,
} from './window-events.ts';

type Place = Pick<WindowRecord, 'peer' | 'content'>;

/** From now on the peer is asked for its signatures. */
export function askFor(work: Work, { peer, content: { number } }: Place): void {
  const item: WindowItem = { peer, number };
  work.enqueue(windowQueue, windowKey(peer, number), item);
}

export function propose(
  _flow: FlowContext,
  work: Work,
  { peer }: WindowRecord,
  { content, lines }: WindowEventOf<'proposed'>,
): NextWindow {
  askFor(work, { peer, content });
  work.emit({ type: 'window-proposed', peer, number: content.number });
  return { state: 'proposed', content, lines };
}

export function takeSignatures(
  flow: FlowContext,
  work: Work,
  { peer }: WindowRecord,
  { content, lines }: WindowEventOf<'peer-signed'>,
): NextWindow {
  work.done(windowQueue, windowKey(peer, content.number));
  const seen = withSeen(flow, work, { peer, content }, lines);
  work.emit({ type: 'window-signed', peer, number: content.number, role: 'proposer' });
  return { state: stateOf(seen), content, lines: seen };
}

export function differ(
  _flow: FlowContext,
  work: Work,
  { peer, content: { number } }: WindowRecord,
  { refusal }: WindowEventOf<'not-signed'>,
): NextWindow {
  work.fault('window-differs', { peer, number, refusal });
  work.emit({ type: 'alarm', what: 'window-differs', peer, window: number, refusal });
  if (refusal === 'differs') {
    const item: LocateItem = { peer };
    work.enqueue(locateQueue, String(peer), item);
  }
  return { state: 'differs', refusal };
}

/** Perhaps by a key that this node's view of the registry does not have yet. */
export function wait(
  _flow: FlowContext,
  work: Work,
  { peer, content: { number } }: WindowRecord,
  { refusal }: WindowEventOf<'signature-unknown'>,
): NextWindow {
  work.fault('window-not-signed', { peer, number, refusal });
  work.emit({ type: 'alarm', what: 'window-not-signed', peer, window: number, refusal });
  return { state: 'proposed', refusal };
}

/** In place of the own proposal of this number: that of the lower id counts. */
export function agree(
  flow: FlowContext,
  work: Work,
  { peer }: WindowRecord,
  { content, lines }: WindowEventOf<'agreed'>,
): NextWindow {
  work.done(windowQueue, windowKey(peer, content.number));
  const seen = withSeen(flow, work, { peer, content }, lines);
  return { state: stateOf(seen), role: 'answerer', content, lines: seen };
}

/** The content stays. If the other anchors it after all, the chain takes the first of the two and refuses the second. */
export function takeOver(_flow: FlowContext, work: Work, window: WindowRecord): NextWindow {
  askFor(work, window);
  return { state: window.state, role: 'proposer' };
}

/** One line of it is anchored, or paid, in a final block. */
export function followChain(
  flow: FlowContext,
  work: Work,
  window: WindowRecord,
  { statement, seen }: WindowEventOf<'anchored'> | WindowEventOf<'discharged'>,
): NextWindow {
  const lines = window.lines.map((line) =>
    line.statement === statement ? changed(flow, work, window, line, seen) : line,
  );
  const state = stateOf(lines);
  const { peer, content } = window;
  if (state !== window.state && state !== 'signed') {
    work.emit({ type: `window-${state}`, peer, number: content.number });
  }
  return { state, lines };
}

export function order(
  _flow: FlowContext,
  work: Work,
  { peer, content: { number }, state, lines }: WindowRecord,
  { asset, order: given }: WindowEventOf<'payment-ordered'>,
): NextWindow {
  work.journal('staff', { what: 'window paid', peer, number, asset, reference: given.reference });
  work.emit({ type: 'discharge-ordered', peer, number, asset });
  return { state, lines: lines.map((line) => (line.asset === asset ? { ...line, order: given } : line)) };
}

/** With what the chain said of its statements before this store knew of them. */
export const withSeen = (
  flow: FlowContext,
  work: Work,
  place: Place,
  lines: readonly WindowLine[],
): readonly WindowLine[] =>
  lines.map((line) => {
    const { anchored, discharged } = work.get(statementSeenTable, line.statement) ?? {};
    const there = anchored === undefined ? line : changed(flow, work, place, line, { anchored });
    return discharged === undefined ? there : changed(flow, work, place, there, { discharged });
  });

function changed(
  flow: FlowContext,
  work: Work,
  place: Place,
  line: WindowLine,
  { anchored, discharged }: StatementSeen,
): WindowLine {
  if (anchored !== undefined) return line.anchored === undefined ? { ...line, anchored } : line;
  if (discharged === undefined || line.discharged !== undefined) return line;
  book(flow, work, place, line, discharged.reference);
  return { ...line, discharged: { ...discharged, at: work.now } };
}

function book(flow: FlowContext, work: Work, { peer, content }: Place, line: WindowLine, reference: Hash): void {
  const { asset, statement, order: ordered } = line;
  const amount = owedBy(flow.self, content, line);
  const booked = flow.accounts.discharge(
    work,
    { statement, operator: peer, asset, amount, window: content.number },
    work.now,
  );
  const facts = { peer, number: content.number, asset, statement, reference, booked };
  work.journal('staff', { what: 'window discharged', ...facts });
  // Signed with this operator's key, and not by what its staff has said.
  if (payeeOf(content, line) === flow.self && ordered?.digest !== reference) {
    work.fault('unknown-discharge-on-chain', facts);
    work.emit({ type: 'alarm', what: 'unknown-discharge-on-chain', peer, window: content.number, asset });
  }
}
