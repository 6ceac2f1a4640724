/**
 * Sealed copies, given back (protocol §3, rule 10): what this operator knows of a batch that it shares with a peer who asks,
 * with the copies that the peer has sealed for itself. It tells the peer nothing that the two have not told each other. Of a user
 * who was erased here the texts are gone; the pair is given back all the same.
 */
import type { Answer, Request, SealedPair } from '../channel/messages.ts';
import { maxProposals } from '../channel/messages.ts';
import { operationFields } from '../commitment/schema.ts';
import { digestOfEntry, writtenOutTable } from '../erasure/records.ts';
import { TandemError } from '../errors.ts';
import { laneBatchKey, laneBatchTable, loadBatch, peerCommitmentTable, type BatchRecord } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { ownSubjectDigest } from '../flow/order.ts';
import { loadSide, sealedTable, sideKey, type Side } from '../flow/pair.ts';
import { legOf, otherLeg, otherRole, type OperatorId, type PairId } from '../model/ids.ts';
import type { View } from '../store/store.ts';
import { hasKeys } from '../users/keys.ts';
import { userTable } from '../users/user.ts';

/** `role` is that of the operator that asks; the lane is the one in which it has it. */
export async function answerSealed(
  flow: FlowContext,
  from: OperatorId,
  { role, sequence, first }: Request<'sealed'>,
): Promise<Answer<'sealed'>> {
  return flow.engine.run((view): Answer<'sealed'> => {
    const own = otherRole(role);
    const batchId = view.get(laneBatchTable, laneBatchKey(own, from, sequence));
    const known = batchId === undefined ? undefined : loadBatch(view, batchId, own);
    if (known === undefined || known.state.state === 'refused') return { answer: 'none', sequence };
    const { record, state } = known;
    const pairs = record.pairs.slice(first, first + maxProposals).map((pair) => sealedPair(view, record, pair));
    return {
      answer: 'batch',
      sequence,
      batchId: record.batchId,
      batch: record.batch,
      initiatorSignature: state.initiatorSignature ?? '0x',
      acceptorSignature: state.acceptorSignature ?? '0x',
      pairs,
      left: Math.max(0, record.pairs.length - first - pairs.length),
    } as Answer<'sealed'>;
  });
}

const subjectAt = operationFields.indexOf('subject');

/** Also of an erased user, of whom the digest is kept. */
function subjectOf(view: View, side: Side): string {
  const user = view.get(userTable, side.user);
  if (user !== undefined && hasKeys(view, user.id)) return ownSubjectDigest(view, user, side.pair, side.leg);
  const kept = view.get(writtenOutTable, sideKey(side.pair, side.leg))?.[subjectAt];
  return kept === undefined ? '' : Buffer.from(digestOfEntry(kept).slice(2), 'hex').toString('base64url');
}

function sealedPair(view: View, { role, batchId }: BatchRecord, pair: PairId): SealedPair {
  const leg = legOf(role);
  const side = loadSide(view, pair, leg)?.side;
  const theirs = view.get(peerCommitmentTable, `${pair}!${role}`);
  const { ownCommitment: ours, record } = side ?? {};
  if (side === undefined || record === undefined || ours === undefined || theirs === undefined) {
    throw new TandemError('internal', `Pair ${pair} of batch ${batchId} is incomplete in this store.`);
  }
  const subject = subjectOf(view, side);
  const initiates = role === 'initiator';
  return {
    terms: side.terms,
    termsSecret: side.termsSecret,
    from: initiates ? side.userNumber : side.otherNumber,
    fromName: initiates ? side.userName : side.otherName,
    to: initiates ? side.otherNumber : side.userNumber,
    toName: initiates ? side.otherName : side.userName,
    note: side.note,
    item: side.item,
    delivers: side.delivers,
    firstSubject: initiates ? subject : record.counterparty,
    secondSubject: initiates ? record.counterparty : subject,
    firstCommitment: initiates ? ours : theirs,
    secondCommitment: initiates ? theirs : ours,
    sealed: view.get(sealedTable, sideKey(pair, otherLeg(leg)))?.sealed ?? '',
  };
}
