/**
 * Both operators prepare. The initiator proposes what it holds, in groups; the acceptor holds the second operation (or
 * checks it, where it takes its user's money: rule 1), or refuses in one of four words. The same proposal again has the
 * same answer.
 */
import type { QuietFault } from '../alarms/faults.ts';
import type { Answer, Proposal, ProposalAnswer, ProposalRefusal, Request } from '../channel/messages.ts';
import { operationCommitment, termsCommitment } from '../commitment/record.ts';
import { operationSecret } from '../commitment/secrets.ts';
import type { Operation } from '../domains/domain.ts';
import type { Work } from '../engine/engine.ts';
import { TandemError, type ErrorCode } from '../errors.ts';
import { toUnixSeconds, type Hash, type OperatorId, type PairId } from '../model/ids.ts';
import { moneyOfLeg } from '../model/records.ts';
import { table, type View } from '../store/store.ts';
import { hasKeys, userKeyOf } from '../users/keys.ts';
import { userByNumber, userTable, type User } from '../users/user.ts';
import { assertCaughtUp, type FlowContext } from './context.ts';
import { advance } from './flow.ts';
import { noFee, openSide, operationOf, recordOf, type Agreed } from './open-side.ts';
import { ownSubjectDigest } from './order.ts';
import { loadSide, sealedTable, sideKey, withdrawnTable, type Side } from './pair.ts';
import { refundFits, takeRefund } from './refund.ts';
import { refusalNotice } from './refusal.ts';
import { seal } from './seal.ts';
import { speaksFor } from './speaks.ts';
import { cancelQueue, proposeQueue, withdrawQueue, type PairItem } from './side-events.ts';
import { notify } from './tell.ts';

const originalLooks = 20;
const originalLookMillis = 100;

/** A refusal is an answer, and an answer is kept: asked again, the same. Key: pairId. */
export const refusedTable = table<{ readonly from: OperatorId; readonly reason: ProposalRefusal }>('refused');

type Group = readonly (readonly [key: string, item: PairItem])[];

// ---- initiator ----

/** What the other side needs to prepare; the sealed copy is enough to rebuild this side from (rule 10). */
function proposalOf(flow: FlowContext, view: View, side: Side, user: User): Proposal {
  return {
    terms: side.terms,
    termsSecret: side.termsSecret,
    from: side.userNumber,
    fromName: side.userName,
    to: side.otherNumber,
    note: side.note,
    item: side.item,
    firstSubject: ownSubjectDigest(view, user, side.pair, side.leg),
    sealed: sealSide(flow, view, side),
  };
}

const sealSide = (flow: FlowContext, view: View, side: Side): string =>
  seal(
    userKeyOf(view, side.user),
    { peer: side.peer, pair: side.pair, leg: side.leg },
    { record: side.record, fee: side.operation.fee, ref: side.ref, user: side.user },
    flow.engine.random,
  );

/** Worker of the propose queue: one request for a whole group of one peer. */
export async function propose(flow: FlowContext, group: Group): Promise<void> {
  const proposals: Proposal[] = [];
  const gone: string[] = [];
  for (const [key, { pair }] of group) {
    const found = loadSide(flow.engine.newest, pair, 'first');
    const user = found === undefined ? undefined : flow.engine.newest.get(userTable, found.side.user);
    if (found?.state.state === 'held' && user !== undefined)
      proposals.push(proposalOf(flow, flow.engine.newest, found.side, user));
    else gone.push(key);
  }
  const peer = group[0]?.[1].peer;
  if (peer === undefined) return;
  if (gone.length > 0) {
    await flow.engine.run((work) => {
      for (const key of gone) work.done(proposeQueue, key);
    });
  }
  await flow.greetings.ensure(peer);
  await proposeAll(flow, peer, proposals);
}

/** What is wrong with the request itself; everything else may pass, and is asked again until the proposal lapses. */
const refusesContent: ReadonlySet<ErrorCode> = new Set(['bad-request', 'too-large', 'unprocessable']);

/** A peer refuses a request as a whole. What it will never take is found by halving, so that the rest gets through. */
async function proposeAll(flow: FlowContext, peer: OperatorId, proposals: readonly Proposal[]): Promise<void> {
  const [first] = proposals;
  if (first === undefined) return;
  let answers: readonly ProposalAnswer[];
  try {
    ({ answers } = await flow.channel.call(peer, 'propose', { proposals: [...proposals] }));
  } catch (error) {
    if (!(error instanceof TandemError) || !refusesContent.has(error.code)) throw error;
    if (proposals.length === 1) {
      await refuseProposal(flow, peer, first.terms.pair, error);
      return;
    }
    const half = Math.ceil(proposals.length / 2);
    await proposeAll(flow, peer, proposals.slice(0, half));
    await proposeAll(flow, peer, proposals.slice(half));
    return;
  }
  await flow.engine.run((work) => {
    answers.forEach((answer, index) => {
      takeAnswer(flow, work, proposals[index]?.terms.pair, answer);
    });
  });
}

/** The request, or its answer, was no good: the peer may have prepared the pair or not, so it is withdrawn. */
async function refuseProposal(flow: FlowContext, peer: OperatorId, pair: PairId, error: TandemError): Promise<void> {
  await flow.engine.run((work) => {
    work.fault('proposal-not-taken', { pair, peer, code: error.code, message: error.message });
    work.emit({ type: 'alarm', what: 'proposal-not-taken', pair, peer, code: error.code });
    const found = loadSide(work, pair, 'first');
    if (found !== undefined) advance(flow, work, found, { type: 'refused', notice: 'order-failed', withdraw: true });
  });
}

function takeAnswer(flow: FlowContext, work: Work, pair: PairId | undefined, answer: ProposalAnswer): void {
  if (pair !== answer.pair) {
    throw new TandemError('unprocessable', `The peer answered ${answer.pair} where ${pair} was asked.`);
  }
  const found = loadSide(work, answer.pair, 'first');
  if (found === undefined) return;
  if (answer.answer === 'held') {
    advance(flow, work, found, { type: 'agreed', answer });
    return;
  }
  const reason = answer.answer === 'refused' ? answer.reason : 'not-available';
  if (reason === 'foreign-number') {
    work.emit({ type: 'alarm', what: 'number-disputed', pair: answer.pair, peer: found.side.peer });
  }
  advance(flow, work, found, { type: 'refused', notice: refusalNotice(found.side.service, reason) });
}

/** Worker of the withdraw queue: the peer is told until it has answered. */
export async function withdraw(flow: FlowContext, group: Group): Promise<void> {
  const peer = group[0]?.[1].peer;
  if (peer === undefined) return;
  const { answers } = await flow.channel.call(peer, 'withdraw', { pairs: group.map(([, { pair }]) => pair) });
  await flow.engine.run((work) => {
    for (const { pair, answer } of answers) {
      work.done(withdrawQueue, pair);
      if (answer === 'in-batch') work.fault('pair-in-batch-and-withdrawn', { pair, peer });
    }
  });
}

/** Worker of the cancel queue: the acceptor sets the abort bit, or it is too late. */
export async function cancel(flow: FlowContext, group: Group): Promise<void> {
  for (const [key, { peer, pair }] of group) {
    const { answer } = await flow.channel.call(peer, 'cancel', { pair });
    await flow.engine.run((work) => {
      work.done(cancelQueue, key);
      const found = loadSide(work, pair, 'first');
      const user = found === undefined ? undefined : work.get(userTable, found.side.user);
      if (answer === 'too-late' && found !== undefined && user !== undefined) {
        notify(flow, work, user, 'cancel-too-late', { ref: found.side.ref });
      }
    });
  }
}

// ---- acceptor ----

export async function answerProposals(
  flow: FlowContext,
  from: OperatorId,
  request: Request<'propose'>,
): Promise<Answer<'propose'>> {
  assertCaughtUp(flow);
  await flow.greetings.ensure(from);
  await untilOriginalsAreFinal(flow, request.proposals);
  return flow.engine.run((work) => ({
    answers: request.proposals.map((proposal) => answerProposal(flow, work, from, proposal)),
  }));
}

/** Refusals that are true of now alone. */
const passing: ReadonlySet<ProposalRefusal> = new Set<ProposalRefusal>(['busy', 'cannot-settle']);

function answerProposal(flow: FlowContext, work: Work, from: OperatorId, proposal: Proposal): ProposalAnswer {
  const { pair } = proposal.terms;
  const refused = (reason: ProposalRefusal): ProposalAnswer => ({ pair, answer: 'refused', reason });
  if (work.get(withdrawnTable, `${from}!${pair}`) !== undefined) return { pair, answer: 'given-up' };
  if (from !== flow.self && loadSide(work, pair, 'first') !== undefined) {
    keepFault(flow, work, from, 'own-pair-proposed-back', pair);
    return refused('terms');
  }
  const kept = work.get(refusedTable, pair);
  if (kept !== undefined) return refused(kept.from === from ? kept.reason : 'terms');
  const known = loadSide(work, pair, 'second');
  if (known !== undefined) {
    // One of its users is erased: what would be compared and answered is gone.
    if ((known.side.otherNumber as string) === '' || !hasKeys(work, known.side.user)) return refused('not-available');
    const same =
      known.side.peer === from &&
      known.side.termsCommitment === termsCommitment(proposal.termsSecret, proposal.terms) &&
      known.side.otherNumber === proposal.from &&
      known.side.userNumber === proposal.to &&
      known.side.note === proposal.note &&
      known.side.item === proposal.item &&
      known.side.record?.counterparty === proposal.firstSubject;
    if (!same) keepFault(flow, work, from, 'pair-with-two-contents', pair);
    if (!same) return refused('terms');
    // It lapsed here before any batch came: what the initiator still holds it may give up.
    if (known.state.state === 'aborted' && known.state.batch === undefined) return { pair, answer: 'given-up' };
    return heldAnswer(flow, work, known.side);
  }
  const outcome = prepareSecond(flow, work, from, proposal);
  if (typeof outcome === 'string') {
    // Some pass; the others are for good, and where that much is not remembered any more it is `busy` too.
    const reason = passing.has(outcome) || mayRemember(flow, from) ? outcome : 'busy';
    if (reason === 'unknown-addressee' || reason === 'not-available') lookedUpInVain(flow, from);
    if (!passing.has(reason)) work.put(refusedTable, pair, { from, reason });
    work.emit({ type: 'refused', pair, peer: from, reason });
    return refused(reason);
  }
  return heldAnswer(flow, work, outcome);
}

/**
 * A peer has learned who is a customer here, or what a customer is called, and no pair came of it: that counts against
 * its allowance.
 */
function lookedUpInVain(flow: FlowContext, from: OperatorId): void {
  if (from !== flow.self) flow.lookups.charge(from);
}

/** What this operator asks itself is bounded where its users ask. */
const mayRemember = (flow: FlowContext, from: OperatorId, count = 1): boolean =>
  from === flow.self || flow.allowance.take(from, count);

function keepFault(flow: FlowContext, work: Work, peer: OperatorId, what: QuietFault, pair: PairId): void {
  if (mayRemember(flow, peer)) work.fault(what, { pair, peer });
}

function heldAnswer(flow: FlowContext, work: Work, side: Side): ProposalAnswer {
  const user = work.get(userTable, side.user);
  if (user === undefined || side.ownCommitment === undefined) {
    throw new TandemError('internal', `Pair ${side.pair} has no user or commitment.`);
  }
  return {
    pair: side.pair,
    answer: 'held',
    secondCommitment: side.ownCommitment,
    secondSubject: ownSubjectDigest(work, user, side.pair, 'second'),
    toName: side.userName,
    delivers: side.delivers,
    sealed: sealSide(flow, work, side),
  };
}

/** Terms that this operator would not sign, whoever asks. */
function termsFit(flow: FlowContext, work: Work, from: OperatorId, { terms }: Proposal): boolean {
  const plan = flow.analysis.plan(terms.service);
  const now = toUnixSeconds(work.now);
  const deadline = Number(terms.deadline);
  return (
    plan !== undefined &&
    terms.initiator === String(from) &&
    terms.acceptor === String(flow.self) &&
    terms.firstAsset === terms.secondAsset &&
    terms.firstAmount === terms.secondAmount &&
    terms.secondAmount !== '0' &&
    flow.greetings.agree(from, terms.secondAsset) &&
    (terms.service === 'refund') === (terms.reverses !== '') &&
    Math.abs(Date.parse(terms.created) / 1000 - now) <= flow.config.timing.acceptWindowSeconds &&
    deadline % 15 === 0 &&
    deadline <= now + flow.config.timing.acceptWindowSeconds &&
    deadline > now + flow.config.timing.commitMarginSeconds
  );
}

/**
 * Two nodes see a final block a moment apart: a refund may be proposed before its original is final here. Waits for that,
 * not for long; what is not final then is judged as it is.
 */
async function untilOriginalsAreFinal(flow: FlowContext, proposals: readonly Proposal[]): Promise<void> {
  const originals = proposals.flatMap(({ terms }) => (terms.reverses === '' ? [] : [terms.reverses]));
  const underWay = (): boolean =>
    originals.some((pair) =>
      (['first', 'second'] as const).some((leg) => {
        const state = loadSide(flow.engine.newest, pair, leg)?.state.state;
        return state === 'accepted' || state === 'countersigned';
      }),
    );
  for (let look = 0; look < originalLooks && underWay(); look += 1) {
    await new Promise<void>((resolve) => flow.engine.clock.after(originalLookMillis, resolve));
  }
}

function prepareSecond(flow: FlowContext, work: Work, from: OperatorId, proposal: Proposal): Side | ProposalRefusal {
  const { terms } = proposal;
  if (from !== flow.self && flow.peers.get(from)?.status !== 'active') return 'not-available';
  const tooMany = flow.open.openOfPeer('acceptor', from) >= flow.config.maxOpenPairsPerPeer;
  const blocking = flow.readiness.blocking();
  if (blocking !== undefined) return blocking.notice === 'busy' ? 'busy' : 'cannot-settle';
  if (tooMany || (from !== flow.self && !flow.lookups.has(from))) return 'busy';
  if (!termsFit(flow, work, from, proposal)) return 'terms';
  // Before anything of the addressee: who speaks for others' numbers learns nothing.
  if (!speaksFor(flow, from, proposal.from)) {
    flow.troubles.note('peer-foreign-number', from, { why: 'propose' });
    return 'foreign-number';
  }
  const plan = flow.analysis.plan(terms.service);
  const user = userByNumber(work, proposal.to);
  if (plan === undefined || user === undefined) return 'unknown-addressee';
  if (!user.joined || proposal.from === proposal.to) return 'not-available';
  if (!user.autoAccept && flow.open.wantedOf(user.id, from) >= flow.config.maxOpenPairsPerUser) return 'busy';
  const original = terms.reverses === '' ? undefined : refundFits(work, terms, user.id, from);
  if (terms.reverses !== '' && original === undefined) return 'terms';

  const domain = flow.domains.get(plan.second.domain);
  if (plan.second.action === 'sell') {
    const price = domain.quote?.(work, user.id, proposal.item);
    if (price?.asset !== terms.secondAsset || price.amount !== terms.secondAmount) return 'terms';
  }
  const { second } = plan;
  const debits = second.action === 'debit';
  const agreed: Agreed = {
    role: 'acceptor',
    peer: from,
    terms,
    termsSecret: proposal.termsSecret,
    user,
    otherNumber: proposal.from,
    otherName: proposal.fromName === '' ? proposal.from : proposal.fromName,
    note: proposal.note,
    item: proposal.item,
    plan: second,
    fee: debits ? flow.analysis.fee(terms.service, moneyOfLeg(terms, 'second')) : noFee,
  };
  const operation = operationOf(agreed);
  const held = debits ? domain.check(work, operation, work.now) : domain.hold(work, operation, work.now);
  if (!held.ok) return 'not-available';
  if (original !== undefined) takeRefund(work, original, terms.secondAmount);
  const record = recordOf(flow, work, agreed, { account: held.account, counterparty: proposal.firstSubject });
  const ownCommitment = operationCommitment(operationSecret(userKeyOf(work, user.id), terms.pair, 'second'), record);
  const { side } = openSide(flow, work, {
    ...agreed,
    operation,
    record,
    ownCommitment,
    delivers: held.delivers ?? '',
  });
  work.put(sealedTable, sideKey(terms.pair, 'first'), { from, sealed: proposal.sealed });
  work.emit({ type: 'held', pair: terms.pair, peer: from, service: terms.service });
  return side;
}

export async function answerWithdraw(
  flow: FlowContext,
  from: OperatorId,
  request: Request<'withdraw'>,
): Promise<Answer<'withdraw'>> {
  const unknown = request.pairs.filter(
    (pair) =>
      loadSide(flow.engine.newest, pair, 'second')?.side.peer !== from &&
      flow.engine.newest.get(withdrawnTable, `${from}!${pair}`) === undefined,
  );
  // A pair that is answered given-up is never held later: so it has to be remembered, or asked again.
  if (!mayRemember(flow, from, unknown.length)) {
    throw new TandemError('too-busy', `Operator ${from} has withdrawn too many unknown pairs.`);
  }
  return flow.engine.run((work) => ({
    answers: request.pairs.map((pair) => {
      const found = loadSide(work, pair, 'second');
      if (found !== undefined && found.side.peer === from && found.state.batch !== undefined) {
        return { pair, answer: 'in-batch' as const };
      }
      work.put(withdrawnTable, `${from}!${pair}`, true);
      if (found !== undefined && found.side.peer === from) advance(flow, work, found, { type: 'withdrawn' });
      return { pair, answer: 'given-up' as const };
    }),
  }));
}

export async function answerCancel(
  flow: FlowContext,
  from: OperatorId,
  { pair }: Request<'cancel'>,
): Promise<Answer<'cancel'>> {
  return flow.engine.run((work) => {
    const found = loadSide(work, pair, 'second');
    if (found === undefined || found.side.peer !== from) return { pair, answer: 'unknown-pair' as const };
    const { state } = found.state;
    if (state === 'accepted' || state === 'committed') return { pair, answer: 'too-late' as const };
    advance(flow, work, found, { type: 'cancel' });
    return { pair, answer: 'declined' as const };
  });
}

export async function answerQuote(
  flow: FlowContext,
  from: OperatorId,
  { to, item }: Request<'quote'>,
): Promise<Answer<'quote'>> {
  const blocking = flow.readiness.blocking();
  if (blocking !== undefined) {
    return { answer: 'refused', reason: blocking.notice === 'busy' ? 'busy' : 'cannot-settle' };
  }
  const view = flow.engine.newest;
  const user = userByNumber(view, to);
  if (from !== flow.self && !flow.lookups.has(from)) return { answer: 'refused', reason: 'busy' };
  if (user === undefined) {
    lookedUpInVain(flow, from);
    return { answer: 'refused', reason: 'unknown-addressee' };
  }
  const plan = flow.analysis.plan('buy');
  const domain = plan === undefined || !user.joined ? undefined : flow.domains.get(plan.second.domain);
  const price = domain?.quote?.(view, user.id, item);
  // `terms` says that there is no such thing to buy, `not-available` that there is none left.
  if (plan === undefined || domain === undefined || price === undefined) {
    lookedUpInVain(flow, from);
    return { answer: 'refused', reason: 'terms' };
  }
  const probe: Operation = {
    pair: '00000000-0000-7000-8000-000000000000' as PairId,
    leg: 'second',
    service: plan.service,
    action: plan.second.action,
    user: user.id,
    asset: price.asset,
    amount: price.amount,
    fee: noFee,
    counterparty: from,
    item,
  };
  if (!domain.check(view, probe, flow.engine.clock.now()).ok) return { answer: 'refused', reason: 'not-available' };
  return { answer: 'quoted', asset: price.asset, amount: price.amount, label: price.label, toName: user.name };
}

/** Both commitments of a pair in the order of the leaf. */
export const leafHashes = (
  side: Side,
  peerCommitment: Hash,
): { readonly terms: Hash; readonly first: Hash; readonly second: Hash } => {
  if (side.ownCommitment === undefined) throw new TandemError('internal', `Pair ${side.pair} has no commitment yet.`);
  return side.leg === 'first'
    ? { terms: side.termsCommitment, first: side.ownCommitment, second: peerCommitment }
    : { terms: side.termsCommitment, first: peerCommitment, second: side.ownCommitment };
};
