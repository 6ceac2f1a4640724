/**
 * Closing a window: what this operator's postings make of the final batches since the last one, stored, then asked of the
 * peer until it has signed or has found something else. It goes unsigned; this operator's own signature goes to the
 * chain only, beside the peer's.
 */
import type { Answer, Request } from '../../channel/messages.ts';
import { statementToSign } from '../../commitment/audit-log-data.ts';
import { toHash } from '../../commitment/bytes.ts';
import type { Work } from '../../engine/engine.ts';
import { TandemError } from '../../errors.ts';
import type { Hex, OperatorId, Role, UnixMillis } from '../../model/ids.ts';
import type { LaneRange, SettlementDomain, WindowContent } from '../../model/records.ts';
import type { View } from '../../store/store.ts';
import { assertCaughtUp, type FlowContext } from '../context.ts';
import { finalPrefix, netsOf, sumsOf } from './totals.ts';
import { isBound, lastWindow, linesOf, loadWindow, sameContent, windowKey, type WindowRecord } from './window.ts';
import { windowQueue, type WindowItem } from './window-events.ts';
import { advanceWindow, openWindow } from './window-machine.ts';
import { askFor } from './window-steps.ts';

/** The window after the last one that is bound: its number, and where its lanes begin, by this operator's role. */
export interface Next {
  readonly number: number;
  readonly from: Readonly<Record<Role, number>>;
}

export function nextWindow(self: OperatorId, last: WindowRecord | undefined): Next {
  if (last === undefined) return { number: 1, from: { initiator: 1, acceptor: 1 } };
  const { number, operatorA, aToB, bToA } = last.content;
  const [own, others] = self === operatorA ? [aToB, bToA] : [bToA, aToB];
  return isBound(last)
    ? { number: number + 1, from: { initiator: own.to + 1, acceptor: others.to + 1 } }
    : { number, from: { initiator: own.from, acceptor: others.from } };
}

export const auditLogOf = ({ auditLog }: FlowContext): SettlementDomain => {
  if (auditLog === undefined) {
    throw new TandemError('unprocessable', 'The network file names no AuditLog, so windows cannot be anchored.');
  }
  return auditLog;
};

/**
 * Closes a window with `peer`, or takes over the one before where its proposer has left it unanchored.
 * @throws {TandemError} `not-found` if the operator does not exist; `unprocessable` where nothing is to be settled, or the
 *   window before is not anchored yet; `not-ready`
 */
export async function closeWindow(
  flow: FlowContext,
  peer: OperatorId,
  by: 'staff' | 'clock' = 'staff',
): Promise<WindowRecord> {
  assertCaughtUp(flow);
  const { engine, self, open } = flow;
  const auditLog = auditLogOf(flow);
  if (open.halted)
    throw new TandemError('not-ready', 'This node is halted or in recovery and starts nothing new: see tandem doubt.');
  const last = lastWindow(engine.newest, peer);
  // Asked before and not answered yet: the same one.
  if (last?.state === 'proposed') return last;
  if (last?.state === 'signed') {
    if (isLeft(last, engine.clock.now())) return takeOver(flow, last);
    throw new TandemError(
      'unprocessable',
      `Window ${last.content.number} with operator ${peer} is signed but not anchored yet; the next window can be closed after that.`,
    );
  }
  const { number, from } = nextWindow(self, last);
  const ranges = rangesFrom(engine.newest, peer, from);
  const nets = netsOf(self < peer, await sumsOf(flow, peer, ranges));
  if (nets.length === 0) {
    throw new TandemError(
      'unprocessable',
      `Nothing has been booked with operator ${peer} in final batches since window ${number - 1}.`,
    );
  }
  const content = contentOf(flow, peer, number, ranges, nets);
  return engine.run((work) => {
    const now = lastWindow(work, peer);
    if (now !== undefined && (now.content.number !== last?.content.number || now.state !== last.state)) {
      throw new TandemError(
        'conflict',
        `Another window with operator ${peer} was started in the meantime: list the windows again.`,
      );
    }
    work.journal('staff', { what: 'window proposed', ...(by === 'clock' ? { by } : {}), peer, window: content });
    const lines = linesOf(auditLog, content);
    if (now?.content.number === number) return advanceWindow(flow, work, now, { type: 'proposed', content, lines });
    const window = openWindow(work, { peer, role: 'proposer', content, lines, state: 'proposed' });
    askFor(work, window);
    work.emit({ type: 'window-proposed', peer, number });
    return window;
  });
}

/** The proposer needs a few blocks to anchor what this operator has signed. */
const leftMillis = 30_000;

/** Signed here when asked, and not anchored since: a proposer that has lost its store knows nothing of it any more. */
const isLeft = ({ role, state, since }: WindowRecord, now: UnixMillis): boolean =>
  role === 'answerer' && state === 'signed' && now - since > leftMillis;

/**
 * From here on this operator is the one that asks for the other's signature and anchors: the content stays. If the other
 * anchors it after all, the chain takes the first of the two and refuses the second.
 */
async function takeOver(flow: FlowContext, { peer, content }: WindowRecord): Promise<WindowRecord> {
  return flow.engine.run((work) => {
    const now = loadWindow(work, peer, content.number);
    if (now === undefined || !isLeft(now, work.now)) {
      throw new TandemError(
        'conflict',
        `Window ${content.number} with operator ${peer} has changed in the meantime: list the windows again.`,
      );
    }
    work.journal('staff', { what: 'window taken over', peer, number: content.number });
    return advanceWindow(flow, work, now, { type: 'taken-over' });
  });
}

function rangesFrom(view: View, peer: OperatorId, from: Next['from']): Readonly<Record<Role, LaneRange>> {
  const rangeOf = (role: Role): LaneRange => ({ from: from[role], to: finalPrefix(view, role, peer, from[role]) });
  return { initiator: rangeOf('initiator'), acceptor: rangeOf('acceptor') };
}

function contentOf(
  { self, engine }: FlowContext,
  peer: OperatorId,
  number: number,
  { initiator, acceptor }: Readonly<Record<Role, LaneRange>>,
  nets: WindowContent['nets'],
): WindowContent {
  const selfIsA = self < peer;
  return {
    number,
    operatorA: selfIsA ? self : peer,
    operatorB: selfIsA ? peer : self,
    aToB: selfIsA ? initiator : acceptor,
    bToA: selfIsA ? acceptor : initiator,
    nets,
    secret: toHash(engine.random.bytes(32)),
  };
}

/** The same window is asked for again: for a signature that counts now. */
export function repropose(work: Work, peer: OperatorId, number: number): void {
  const window = loadWindow(work, peer, number);
  if (window?.role !== 'proposer' || window.state !== 'signed') return;
  askFor(work, window);
}

export const asMessage = (content: WindowContent): Request<'window'>['window'] => ({
  ...content,
  nets: [...content.nets],
});

/** Worker of the queue: asks until the peer has signed it, or has said that it will not. */
export async function askForSignatures(
  flow: FlowContext,
  group: readonly (readonly [key: string, item: WindowItem])[],
): Promise<void> {
  for (const [key, { peer, number }] of group) {
    const window = loadWindow(flow.engine.newest, peer, number);
    if (window?.role !== 'proposer' || (window.state !== 'proposed' && window.state !== 'signed')) {
      await flow.engine.run((work) => {
        work.done(windowQueue, key);
      });
      continue;
    }
    const answer = await flow.channel.call(peer, 'window', { window: asMessage(window.content) });
    if (answer.answer === 'later') {
      if (answer.reason === 'number') await remind(flow, peer, number);
      return;
    }
    if (answer.answer === 'signed') await takeSignatures(flow, window, answer);
    else await notSigned(flow, window, answer.answer === 'refused' ? answer.reason : 'differs');
  }
}

/** More than these, forgotten at once, wait until the peer closes a window of its own. */
const mostForgotten = 100;

/**
 * The peer is not at this number: it has lost windows that it had signed. Those are asked of it again, from the last that
 * it takes; it adds up each anew, and what the chain had of its statements it books then. This one is asked for again later.
 */
async function remind(flow: FlowContext, peer: OperatorId, number: number): Promise<void> {
  const ask = async (earlier: number): Promise<Answer<'window'> | undefined> => {
    const window = loadWindow(flow.engine.newest, peer, earlier);
    if (window === undefined || !isBound(window)) return undefined;
    return flow.channel.call(peer, 'window', { window: asMessage(window.content) });
  };
  let at = number - 1;
  for (; at > number - mostForgotten; at -= 1) {
    const answer = await ask(at);
    if (answer === undefined) return;
    if (answer.answer !== 'later' || answer.reason !== 'number') break;
  }
  for (at += 1; at < number; at += 1) if ((await ask(at))?.answer !== 'signed') return;
}

async function notSigned(flow: FlowContext, { peer, content }: WindowRecord, refusal: string): Promise<void> {
  await flow.engine.run((work) => {
    work.done(windowQueue, windowKey(peer, content.number));
    const now = loadWindow(work, peer, content.number);
    if (now?.state !== 'proposed' || !sameContent(now.content, content)) return;
    advanceWindow(flow, work, now, { type: 'not-signed', refusal });
  });
}

/** Perhaps by a key that this node's view of the registry does not have yet: told once, and asked for until it holds. */
async function signatureUnknown(flow: FlowContext, { peer, content }: WindowRecord): Promise<void> {
  const { number } = content;
  const refusal = 'wrong signature';
  await flow.engine.run((work) => {
    const now = loadWindow(work, peer, number);
    if (now?.state !== 'proposed' || now.refusal === refusal) return;
    advanceWindow(flow, work, now, { type: 'signature-unknown', refusal });
  });
}

/** Every signature is the peer's, of that content. */
async function signaturesHold(
  flow: FlowContext,
  peer: OperatorId,
  content: WindowContent,
  signatures: readonly Hex[],
): Promise<boolean> {
  const auditLog = auditLogOf(flow);
  const signers = flow.peers.get(peer)?.signers ?? [];
  for (const [index, { statement }] of linesOf(auditLog, content).entries()) {
    const digest = statementToSign(auditLog, content.operatorA, content.operatorB, statement);
    const signature = signatures[index];
    if (signature === undefined || !(await flow.signer.verify(digest, signature, signers))) return false;
  }
  return true;
}

async function takeSignatures(
  flow: FlowContext,
  asked: WindowRecord,
  answer: Extract<Answer<'window'>, { answer: 'signed' }>,
): Promise<void> {
  const { peer } = asked;
  const { window: content, signatures } = answer;
  if (!(await signaturesHold(flow, peer, content, signatures))) {
    await signatureUnknown(flow, asked);
    return;
  }
  // What it has signed under this number before counts, if this operator's books say the same.
  if (!sameContent(content, asked.content)) {
    const judgement = await judge(flow, peer, content);
    if (judgement !== 'agrees') {
      await notSigned(flow, asked, judgement === 'differs' ? judgement : `signed otherwise: ${judgement}`);
      return;
    }
  }
  await flow.engine.run((work) => {
    const now = loadWindow(work, peer, content.number);
    if (now?.role !== 'proposer' || (now.state !== 'proposed' && now.state !== 'signed')) return;
    if (now.state === 'signed' && !sameContent(now.content, content)) return;
    const before = now.state === 'signed' ? now.lines : linesOf(auditLogOf(flow), content);
    const lines = before.map((line, index) => {
      const peerSignature = signatures[index];
      return peerSignature === undefined ? line : { ...line, peerSignature };
    });
    advanceWindow(flow, work, now, { type: 'peer-signed', content, lines });
  });
}

export type Judgement = 'agrees' | 'differs' | 'form' | 'lanes' | 'not-final';

/** What this operator's lanes and postings say of a window that the peer has made. */
export async function judge(flow: FlowContext, peer: OperatorId, content: WindowContent): Promise<Judgement> {
  const { self, engine } = flow;
  const { operatorA, operatorB, aToB, bToA, nets } = content;
  const selfIsA = self < peer;
  if (operatorA !== (selfIsA ? self : peer) || operatorB !== (selfIsA ? peer : self)) return 'form';
  if (aToB.to < aToB.from - 1 || bToA.to < bToA.from - 1) return 'form';
  if (nets.some(({ asset }, index) => index > 0 && (nets[index - 1]?.asset ?? '') >= asset)) return 'form';
  const ranges = selfIsA ? { initiator: aToB, acceptor: bToA } : { initiator: bToA, acceptor: aToB };
  const { from } = nextWindow(self, lastWindow(engine.newest, peer));
  for (const role of ['initiator', 'acceptor'] as const) {
    if (ranges[role].from !== from[role]) return 'lanes';
    if (finalPrefix(engine.newest, role, peer, from[role]) < ranges[role].to) return 'not-final';
  }
  const own = netsOf(selfIsA, await sumsOf(flow, peer, ranges));
  return JSON.stringify(own) === JSON.stringify(nets.map(({ asset, net }) => ({ asset, net }))) ? 'agrees' : 'differs';
}
