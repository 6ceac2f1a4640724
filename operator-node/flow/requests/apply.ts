/** What final blocks say of auditors' requests to this operator. */
import type { Block, ChainLog } from '../../chain/chain.ts';
import type { Work } from '../../engine/engine.ts';
import type { FlowContext } from '../context.ts';
import { loadRequest, putRequest, putTally, tallyOf, type RequestTally } from './request.ts';

type RequestLog = Extract<ChainLog, { type: 'DisclosureRequested' | 'DisclosureAnswered' }>;

/**
 * An auditor can file as many as it likes. Beyond the bound they stay on the chain, where staff can answer each by its
 * number: a list and a journal that one auditor fills would hide what the others ask. Staff is told at the first, the
 * tenth, the hundredth …
 */
function passOver(work: Work, auditor: number, request: number, tally: RequestTally): void {
  const passedOver = tally.passedOver + 1;
  putTally(work, auditor, { ...tally, passedOver });
  if (!/^10*$/.test(String(passedOver))) return;
  const facts = { auditor, request, open: tally.open, passedOver };
  work.journal('disclosure', { what: 'requests passed over', ...facts });
  work.emit({ type: 'alarm', what: 'too-many-requests', subject: String(auditor), ...facts });
}

export function applyRequest(flow: FlowContext, work: Work, block: Block, log: RequestLog): void {
  if (log.operator !== flow.self) return;
  const known = loadRequest(work, log.request);
  if (log.type === 'DisclosureRequested') {
    const { request, operator, auditor, digest, madeAt, due, confidential } = log;
    if (known !== undefined) return;
    const tally = tallyOf(work, auditor);
    if (tally.open >= flow.config.maxOpenRequestsPerAuditor) {
      passOver(work, auditor, request, tally);
      return;
    }
    const terms = { request, operator, auditor, digest, madeAt, due, confidential };
    const record = putRequest(work, { ...terms, filedAt: block.timestamp, texts: 0 });
    work.journal('disclosure', { what: 'request filed', request, auditor, digest, due, block: block.number });
    work.emit({ type: 'disclosure-requested', request, auditor, due });
    work.afterwards(() => {
      flow.requests.moved(flow, record);
    });
    return;
  }
  const { request, answer, late } = log;
  work.journal('disclosure', { what: 'request answered', request, answer, late, block: block.number });
  work.emit({ type: 'disclosure-answered', request, late });
  if (known?.order?.digest !== answer) {
    // Signed with this operator's key, and not by what its staff has said.
    work.fault('unknown-answer-on-chain', { request, answer });
    work.emit({ type: 'alarm', what: 'unknown-answer-on-chain', request });
  }
  if (known === undefined) return;
  const record = putRequest(work, { ...known, answered: { at: block.timestamp, answer } });
  work.afterwards(() => {
    flow.requests.moved(flow, record);
  });
}
