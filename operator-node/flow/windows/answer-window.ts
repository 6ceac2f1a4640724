/**
 * The peer asks for signatures of a window. This operator computes it from its own postings, and signs what is the same.
 * One content a number, for good: asked again, or with another content, it answers what it has signed.
 */
import type { Answer, Request } from '../../channel/messages.ts';
import { statementToSign } from '../../commitment/audit-log-data.ts';
import type { Work } from '../../engine/engine.ts';
import type { Hash, OperatorId } from '../../model/ids.ts';
import type { SettlementDomain, WindowContent } from '../../model/records.ts';
import { assertCaughtUp, type FlowContext } from '../context.ts';
import { asMessage, closeWindow, nextWindow } from './close.ts';
import { isBound, lastWindow, linesOf, loadWindow, stateOf, type WindowLine, type WindowRecord } from './window.ts';
import { advanceWindow, openWindow } from './window-machine.ts';
import { withSeen } from './window-steps.ts';

type WindowAnswer = Answer<'window'>;

export async function answerWindow(
  flow: FlowContext,
  from: OperatorId,
  { window: content }: Request<'window'>,
): Promise<WindowAnswer> {
  assertCaughtUp(flow);
  const { number } = content;
  const { auditLog, engine, self } = flow;
  if (auditLog === undefined) return { answer: 'refused', number, reason: 'audit-log' };
  if (from === self) return { answer: 'refused', number, reason: 'form' };
  const known = loadWindow(engine.newest, from, number);
  if (known !== undefined && isBound(known)) {
    return engine.run((work) => signed(flow, auditLog, loadWindow(work, from, number) ?? known));
  }
  const last = lastWindow(engine.newest, from);
  const next = nextWindow(self, last);
  if (number !== next.number) return { answer: 'later', number, reason: 'number' };
  if (last?.state === 'signed') return { answer: 'later', number, reason: 'previous' };
  if (known !== undefined && self < from) {
    // Two proposals of one number: that of the lower id counts. What the peer found other than its own is added up anew.
    if (known.state === 'differs') closeWindow(flow, from).catch(() => undefined);
    return { answer: 'later', number, reason: 'own' };
  }
  if (flow.open.halted) return { answer: 'later', number, reason: 'busy' };
  const judgement = await flow.windows.judging.of(flow, from, content);
  if (judgement === undefined) return { answer: 'later', number, reason: 'busy' };
  if (judgement === 'not-final') return { answer: 'later', number, reason: 'not-final' };
  if (judgement !== 'agrees' && !flow.allowance.take(from)) return { answer: 'later', number, reason: 'busy' };
  return engine.run((work): WindowAnswer => {
    if (judgement === 'form' || judgement === 'lanes') {
      told(work, from, content, judgement);
      return { answer: 'refused', number, reason: judgement };
    }
    if (judgement === 'differs') {
      told(work, from, content, 'differs');
      return { answer: 'differs', number };
    }
    const now = loadWindow(work, from, number);
    // Something of it has changed while it was added up.
    if (lastWindow(work, from)?.since !== last?.since) return { answer: 'later', number, reason: 'busy' };
    const lines = linesOf(auditLog, content);
    const seen = (): readonly WindowLine[] => withSeen(flow, work, { peer: from, content }, lines);
    const window =
      now === undefined
        ? openSigned(work, from, content, seen())
        : advanceWindow(flow, work, now, { type: 'agreed', content, lines });
    work.journal('staff', { what: 'window signed', peer: from, window: content });
    work.emit({ type: 'window-signed', peer: from, number, role: 'answerer' });
    return signed(flow, auditLog, window);
  });
}

const openSigned = (work: Work, peer: OperatorId, content: WindowContent, lines: readonly WindowLine[]): WindowRecord =>
  openWindow(work, { peer, role: 'answerer', content, lines, state: stateOf(lines) });

function told(work: Work, peer: OperatorId, content: WindowContent, why: string): void {
  work.fault('window-differs', { peer, number: content.number, why });
  work.emit({ type: 'alarm', what: 'window-differs', peer, window: content.number, why });
}

/** By the key that signs now: after a rotation the one before counts no more. */
function signed(flow: FlowContext, auditLog: SettlementDomain, { content, lines }: WindowRecord): WindowAnswer {
  const sign = (statement: Hash) =>
    flow.signer.sign(statementToSign(auditLog, content.operatorA, content.operatorB, statement));
  return {
    answer: 'signed',
    number: content.number,
    window: asMessage(content),
    signatures: lines.map(({ statement }) => sign(statement)),
  };
}
