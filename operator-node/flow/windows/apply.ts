/** What final blocks say of statements, back to the windows: anchored, and paid. The payment is booked in the same write. */
import type { Block, ChainLog } from '../../chain/chain.ts';
import type { Work } from '../../engine/engine.ts';
import type { Hash } from '../../model/ids.ts';
import type { FlowContext } from '../context.ts';
import {
  loadWindow,
  owedBy,
  payeeOf,
  putWindow,
  statementSeenTable,
  statementTable,
  type StatementSeen,
  type WindowLine,
  type WindowRecord,
} from './window.ts';

type StatementLog = Extract<ChainLog, { type: 'StatementAnchored' | 'StatementDischarged' }>;

export function applyStatement(flow: FlowContext, work: Work, block: Block, log: StatementLog): void {
  const { self } = flow;
  const ours =
    log.type === 'StatementAnchored'
      ? log.operatorA === self || log.operatorB === self
      : log.payee === self || log.payer === self;
  if (!ours) return;
  const { statement } = log;
  const place = work.get(statementTable, statement);
  const window = place === undefined ? undefined : loadWindow(work, place.peer, place.number);
  if (window === undefined) {
    // A lost store, or a stolen key. Kept, for when the peer tells what this operator has signed.
    const seen = work.get(statementSeenTable, statement) ?? {};
    work.put(statementSeenTable, statement, { ...seen, ...seenIn(block, log) });
    work.journal('fault', { what: 'a statement on chain that this node does not know', statement, event: log.type });
    work.emit({ type: 'alarm', what: 'unknown-statement-on-chain', statement });
    return;
  }
  const lines = window.lines.map((line) =>
    line.statement === statement ? changed(flow, work, window, line, seenIn(block, log)) : line,
  );
  const next = putWindow(work, work.now, { ...window, lines });
  if (next.state !== window.state) {
    const { peer, content } = next;
    work.emit({ type: `window-${next.state}`, peer, number: content.number });
  }
  work.afterwards(() => {
    flow.windows.moved(next);
  });
}

const seenIn = (block: Block, log: StatementLog): StatementSeen =>
  log.type === 'StatementAnchored'
    ? { anchored: { number: block.number, hash: block.hash } }
    : { discharged: { reference: log.reference, block: block.number } };

function changed(
  flow: FlowContext,
  work: Work,
  window: WindowRecord,
  line: WindowLine,
  { anchored, discharged }: StatementSeen,
): WindowLine {
  if (anchored !== undefined) return line.anchored === undefined ? { ...line, anchored } : line;
  if (discharged === undefined || line.discharged !== undefined) return line;
  book(flow, work, window, line, discharged.reference);
  return { ...line, discharged: { ...discharged, at: work.now } };
}

/** With what the chain said of its statements before this store knew of them. */
export function withSeen(flow: FlowContext, work: Work, window: WindowRecord): WindowRecord {
  const lines = window.lines.map((line) => {
    const { anchored, discharged } = work.get(statementSeenTable, line.statement) ?? {};
    const there = anchored === undefined ? line : changed(flow, work, window, line, { anchored });
    return discharged === undefined ? there : changed(flow, work, window, there, { discharged });
  });
  return { ...window, lines };
}

function book(flow: FlowContext, work: Work, window: WindowRecord, line: WindowLine, reference: Hash): void {
  const { peer, content } = window;
  const { asset, statement, order } = line;
  const amount = owedBy(flow.self, content, line);
  const booked = flow.accounts.discharge(
    work,
    { statement, operator: peer, asset, amount, window: content.number },
    work.now,
  );
  const facts = { peer, number: content.number, asset, statement, reference, booked };
  work.journal('staff', { what: 'window discharged', ...facts });
  // Signed with this operator's key, and not by what its staff has said.
  if (payeeOf(content, line) === flow.self && order?.digest !== reference) {
    work.journal('fault', { what: 'a discharge on chain that this node did not order', ...facts });
    work.emit({ type: 'alarm', what: 'unknown-discharge-on-chain', peer, window: content.number, asset });
  }
}
