/** What final blocks say of statements, back to the windows: anchored, and paid. The payment is booked in the same write. */
import type { Block, ChainLog } from '../../chain/chain.ts';
import type { Work } from '../../engine/engine.ts';
import type { FlowContext } from '../context.ts';
import { loadWindow, statementSeenTable, statementTable, type StatementSeen } from './window.ts';
import { advanceWindow } from './window-machine.ts';

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
    work.fault('unknown-statement-on-chain', { statement, event: log.type });
    work.emit({ type: 'alarm', what: 'unknown-statement-on-chain', statement });
    return;
  }
  const { anchored, discharged } = seenIn(block, log);
  if (anchored !== undefined) advanceWindow(flow, work, window, { type: 'anchored', statement, seen: { anchored } });
  if (discharged !== undefined)
    advanceWindow(flow, work, window, { type: 'discharged', statement, seen: { discharged } });
}

const seenIn = (block: Block, log: StatementLog): StatementSeen =>
  log.type === 'StatementAnchored'
    ? { anchored: { number: block.number, hash: block.hash } }
    : { discharged: { reference: log.reference, block: block.number } };
