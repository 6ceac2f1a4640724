/**
 * A batch that only the lost store knew, built again from what the peer gives back. Nothing of the peer's word is believed
 * that does not recompute: the terms' commitment, this operator's own commitment from its sealed record, the root and the
 * batchId, which is on the chain or is signed anew.
 */
import type { ServicePlan } from '../analysis/analysis.ts';
import type { SealedPair } from '../channel/messages.ts';
import { toHex } from '../commitment/bytes.ts';
import { encodeLeaf } from '../commitment/leaf.ts';
import { merkleTree } from '../commitment/merkle.ts';
import { operationCommitment, termsCommitment } from '../commitment/record.ts';
import { operationSecret } from '../commitment/secrets.ts';
import { batchIdOf } from '../commitment/typed-data.ts';
import type { Work } from '../engine/engine.ts';
import { batchRefused } from '../flow/batches.ts';
import { advanceBatch } from '../flow/batch-machine.ts';
import {
  createBatch,
  laneBatchKey,
  laneBatchTable,
  laneKey,
  laneTable,
  loadBatch,
  peerCommitmentTable,
  readLane,
  type BatchRecord,
  type KnownBatch,
} from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { advance } from '../flow/flow.ts';
import { openSide, operationOf, takesMoney, type Agreed } from '../flow/open-side.ts';
import { isFinal, loadSide, type PairSide, type Side } from '../flow/pair.ts';
import { takeRefund } from '../flow/refund.ts';
import { unseal } from '../flow/seal.ts';
import type { SideEvent } from '../flow/side-events.ts';
import { holdAgain } from '../flow/steps-acceptor.ts';
import {
  legOf,
  type Amount,
  type Hash,
  type Leg,
  type OperatorId,
  type PairId,
  type Role,
  type UserId,
} from '../model/ids.ts';
import { decisionOf, type BatchOutcome } from '../model/outcome.ts';
import { moneyOfLeg, type OperationRecord } from '../model/records.ts';
import type { View } from '../store/store.ts';
import { hasKeys, userKeyOf } from '../users/keys.ts';
import { userByNumber, userTable, type User } from '../users/user.ts';
import { lostPairTable, noteLost, type GivenBatch } from '../flow/past.ts';

/** What this operator has put into a sealed copy (`flow/propose.ts`). */
interface SealedContent {
  readonly record: OperationRecord;
  readonly fee: Amount;
  readonly ref: string;
  readonly user: UserId;
}

/** Why the batch is not what it says, or undefined. */
export function batchFault(
  flow: FlowContext,
  role: Role,
  peer: OperatorId,
  sequence: number,
  { batch, batchId, pairs }: GivenBatch,
): string | undefined {
  const [initiator, acceptor] = role === 'initiator' ? [flow.self, peer] : [peer, flow.self];
  if (batch.initiator !== initiator || batch.acceptor !== acceptor || batch.sequence !== sequence) {
    return 'it is of another lane or number';
  }
  const foreign = pairs.find(
    ({ terms }) =>
      terms.initiator !== String(initiator) ||
      terms.acceptor !== String(acceptor) ||
      terms.deadline !== String(batch.deadline),
  );
  if (foreign !== undefined) return `the terms of ${foreign.terms.pair} are not those of its batch`;
  const ids = new Set(pairs.map(({ terms }) => terms.pair));
  if (ids.size < pairs.length) return 'a pair stands in it twice';
  if (batch.count !== pairs.length) return `it has ${pairs.length} pairs, not ${batch.count}`;
  if (batchIdOf(flow.settlement, batch) !== batchId) return 'its id is not that of its content';
  const root = `0x${merkleTree(pairs.map(leafOf)).root.toString('hex')}`;
  return root === batch.root ? undefined : 'its root is not that of its pairs';
}

const leafOf = ({ terms, termsSecret, firstCommitment: first, secondCommitment: second }: SealedPair): Buffer =>
  encodeLeaf({ pair: terms.pair, terms: termsCommitment(termsSecret, terms), first, second });

/** This operator's own part of a pair, out of its sealed copy. */
interface OwnPart {
  readonly user: User;
  readonly content: SealedContent;
  readonly plan: ServicePlan['first'];
  readonly record: OperationRecord;
  readonly ownCommitment: Hash;
}

/** Why a pair of this operator's own cannot be built again. */
const ownFaults = {
  'user-unknown': 'its user is not in the restored store',
  'sealed-copy-missing': 'what this operator had sealed does not come with it',
  'in-another-batch': 'this store has it in another batch',
} as const;
type OwnFault = keyof typeof ownFaults;

function ownPart(flow: FlowContext, view: View, role: Role, peer: OperatorId, given: SealedPair): OwnPart | OwnFault {
  const leg = legOf(role);
  const { pair, service } = given.terms;
  const user = userByNumber(view, role === 'initiator' ? given.from : given.to);
  if (user === undefined || !hasKeys(view, user.id)) return 'user-unknown';
  const userKey = userKeyOf(view, user.id);
  const content = open(userKey, { peer, pair, leg }, given.sealed);
  const plan = flow.analysis.plan(service)?.[leg];
  if (content === undefined || plan === undefined) return 'sealed-copy-missing';
  const record: OperationRecord = {
    ...content.record,
    counterparty: role === 'initiator' ? given.secondSubject : content.record.counterparty,
  };
  const ownCommitment = operationCommitment(operationSecret(userKey, pair, leg), record);
  const { asset, amount } = moneyOfLeg(given.terms, leg);
  const fits = record.pair === pair && record.asset === asset && record.amount === amount;
  return fits && ownCommitment === (role === 'initiator' ? given.firstCommitment : given.secondCommitment)
    ? { user, content, plan, record, ownCommitment }
    : 'sealed-copy-missing';
}

/** Pairs of this operator's own users whose part does not come with the batch: withheld, changed, or never its own. */
export function withheld(
  flow: FlowContext,
  view: View,
  role: Role,
  peer: OperatorId,
  { pairs }: GivenBatch,
): readonly PairId[] {
  return pairs
    .filter((given) => {
      if (loadSide(view, given.terms.pair, legOf(role)) !== undefined) return false;
      return ownPart(flow, view, role, peer, given) === 'sealed-copy-missing';
    })
    .map(({ terms }) => terms.pair);
}

/**
 * In one transaction. `outcome` is the contract's state at a final block for a batch that is on the chain. One that is not
 * was signed, if at all, with a key that counts no more: as initiator it is signed again only when it is dead (its users
 * may have been told that it came to nothing); as acceptor its pairs are held again until the initiator offers it.
 */
export function rebuildBatch(
  flow: FlowContext,
  work: Work,
  role: Role,
  peer: OperatorId,
  given: GivenBatch,
  outcome?: BatchOutcome,
): void {
  const { batchId, batch, pairs } = given;
  if (loadBatch(work, batchId, role) !== undefined) return;
  if (role === 'initiator') giveWay(flow, work, peer, batch.sequence);
  const sides = pairs.map((pair) => rebuildSide(flow, work, role, peer, pair));
  let lost = 0;
  sides.forEach((side, index) => {
    const pair = pairs[index];
    if (typeof side !== 'string' || pair === undefined) return;
    lost += 1;
    const says = `${ownFaults[side]}: ${moneyIn(pair, role)}, ${outcomeOf(outcome, index)}`;
    noteLost(work, { what: 'pair', id: pair.terms.pair, peer, batchId, says });
    const leaf = toHex(leafOf(pair));
    work.put(lostPairTable, `${pair.terms.pair}!${role}`, { leaf, termsSecret: pair.termsSecret });
  });
  work.fault('rebuilt-from-peer', { batchId, role, peer, pairs: pairs.length, lost });
  if (role === 'acceptor' && outcome === undefined) return;
  const record: BatchRecord = { batchId, role, peer, batch, pairs: pairs.map(({ terms }) => terms.pair) };
  const entered = sides.map((side, index) =>
    typeof side === 'string' ? undefined : enterRebuilt(flow, work, side, batchId, index, outcome),
  );
  const remaining = entered.filter((side) => side !== undefined && !isFinal(side.state)).length;
  createBatch(work, work.now, record, stateOf(given, outcome), remaining);
  const lane = readLane(work, role, peer);
  const next = Math.max(lane.next, batch.sequence + (outcome === undefined ? 0 : 1));
  work.put(laneTable, laneKey(role, peer), outcome === undefined ? { next, waitsFor: batchId } : { next });
}

function moneyIn({ terms }: SealedPair, role: Role): string {
  const { asset, amount } = moneyOfLeg(terms, legOf(role));
  return `${terms.service}, ${amount} minor units of ${asset} of its ${legOf(role)} user`;
}

function outcomeOf(outcome: BatchOutcome | undefined, index: number): string {
  if (outcome !== undefined && decisionOf(outcome, index) === 'committed') {
    return 'committed by the chain and booked nowhere here';
  }
  return 'not committed when the chain was read';
}

/** The signatures that the chain has taken belong to the evidence; any others count no more. */
function stateOf(
  { initiatorSignature, acceptorSignature }: GivenBatch,
  outcome: BatchOutcome | undefined,
): Parameters<typeof createBatch>[3] {
  if (outcome === undefined) return { state: 'offered', onlyDead: true };
  return {
    state: 'countersigned',
    ...(initiatorSignature === '0x' ? {} : { initiatorSignature }),
    ...(acceptorSignature === '0x' ? {} : { acceptorSignature }),
  };
}

/** A batch of that number that this store had only offered: the acceptor has another, so it has refused this one. */
function giveWay(flow: FlowContext, work: Work, peer: OperatorId, sequence: number): void {
  const known = work.get(laneBatchTable, laneBatchKey('initiator', peer, sequence));
  if (known === undefined || loadBatch(work, known, 'initiator')?.state.state !== 'offered') return;
  batchRefused(flow, work, known, 'sequence-taken');
}

function enterRebuilt(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  batch: BatchRecord['batchId'],
  index: number,
  outcome: BatchOutcome | undefined,
): PairSide {
  const entered = advanced(flow, work, found, { type: 'recovered-batched', batch, index });
  return outcome === undefined ? entered : followChain(flow, work, entered, index, outcome);
}

/** As far as the pair had come when the chain was read; what follows comes with the blocks. */
function followChain(flow: FlowContext, work: Work, found: PairSide, index: number, outcome: BatchOutcome): PairSide {
  if (isFinal(found.state)) return found;
  const decision = decisionOf(outcome, index);
  if (found.side.role === 'initiator' || decision === 'undecided') {
    return advanced(flow, work, found, { type: 'countersigned' });
  }
  return advanced(flow, work, found, { type: `recovered-${decision}` });
}

/** The side as it is after the event. */
function advanced(flow: FlowContext, work: Work, found: PairSide, event: SideEvent): PairSide {
  advance(flow, work, found, event);
  return loadSide(work, found.side.pair, found.side.leg) ?? found;
}

/** A batch that the store has and the chain too: what the chain knows more of it. */
export function followBatch(flow: FlowContext, work: Work, known: KnownBatch, outcome: BatchOutcome): void {
  const { record } = advanceBatch(flow, work, known, { type: 'recovered-prepared' });
  record.pairs.forEach((pair, index) => {
    const found = loadSide(work, pair, legOf(record.role));
    if (found !== undefined) followChain(flow, work, found, index, outcome);
  });
}

/** The side that the store has already, or a new one; or why there is none. */
function rebuildSide(
  flow: FlowContext,
  work: Work,
  role: Role,
  peer: OperatorId,
  given: SealedPair,
): PairSide | OwnFault {
  const leg = legOf(role);
  const { terms } = given;
  const known = loadSide(work, terms.pair, leg);
  work.put(peerCommitmentTable, `${terms.pair}!${role}`, theirCommitment(role, given));
  if (known !== undefined) {
    if (known.state.batch !== undefined) return 'in-another-batch';
    return role === 'initiator' ? agreedAgain(flow, work, known, given) : known;
  }
  const own = ownPart(flow, work, role, peer, given);
  if (typeof own === 'string') return own;
  const { user, content, plan, record, ownCommitment } = own;
  const agreed: Agreed = {
    role,
    peer,
    terms,
    termsSecret: given.termsSecret,
    user,
    otherNumber: role === 'initiator' ? given.to : given.from,
    otherName: role === 'initiator' ? given.toName : given.fromName,
    note: given.note,
    item: given.item,
    plan,
    fee: content.fee,
  };
  const { delivers } = given;
  const made = openSide(flow, work, {
    ...agreed,
    operation: operationOf(agreed),
    record,
    ownCommitment,
    delivers,
    ref: content.ref,
  });
  // What takes the second user's money is held at the yes (rule 1).
  if (role === 'initiator' || !takesMoney(agreed)) holdAgain(flow, work, made.side);
  if (terms.reverses !== '') takeAgain(work, made.side, terms.reverses);
  return role === 'initiator' ? advanced(flow, work, made, { type: 'recovered-agreed' }) : made;
}

const theirCommitment = (role: Role, { firstCommitment, secondCommitment }: SealedPair): Hash =>
  role === 'initiator' ? secondCommitment : firstCommitment;

/** This operator had proposed it when the backup was made; that the peer held it was forgotten. */
function agreedAgain(flow: FlowContext, work: Work, known: PairSide, given: SealedPair): PairSide | OwnFault {
  const { side } = known;
  const user = work.get(userTable, side.user);
  if (side.record === undefined) return 'sealed-copy-missing';
  const record = { ...side.record, counterparty: given.secondSubject };
  // Erased since: its commitment cannot be made again. It stands in a leaf that this operator has signed, or signs dead.
  const ownCommitment =
    user === undefined || !hasKeys(work, user.id)
      ? given.firstCommitment
      : operationCommitment(operationSecret(userKeyOf(work, user.id), side.pair, 'first'), record);
  if (ownCommitment !== given.firstCommitment) return 'sealed-copy-missing';
  const { toName: otherName, delivers } = given;
  const remembered: Side = { ...side, otherName, delivers, record, ownCommitment };
  return advanced(flow, work, known, { type: 'recovered-agreed', side: remembered });
}

function open(
  key: Hash,
  binding: { readonly peer: OperatorId; readonly pair: PairId; readonly leg: Leg },
  sealed: string,
): SealedContent | undefined {
  try {
    return unseal(key, binding, sealed) as SealedContent;
  } catch {
    return undefined;
  }
}

function takeAgain(work: Work, side: Side, reverses: PairId): void {
  for (const leg of ['first', 'second'] as const) {
    const original = loadSide(work, reverses, leg)?.side;
    if (original?.user === side.user) {
      takeRefund(work, original, side.operation.amount);
      return;
    }
  }
}
