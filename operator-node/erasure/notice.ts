/**
 * What the counterparty is told of an erasure, and what it does: pair ids and a signature, nothing of the person. It
 * forgets what it was told about that person for its own customer's sake, the number and the name beside the pair and the
 * sealed copy; its own customer's record, question and answer stay, as they are that customer's.
 */
import { hash } from 'node:crypto';
import { TypedDataEncoder, concat, keccak256 } from 'ethers';
import type { Answer, Request } from '../channel/messages.ts';
import { domainSeparator } from '../commitment/typed-data.ts';
import type { Work } from '../engine/engine.ts';
import { assertCaughtUp, type FlowContext } from '../flow/context.ts';
import { isOpen, loadSide, sealedTable, sideKey, sideTable } from '../flow/pair.ts';
import { otherLeg, toUnixSeconds, type BatchId, type Leg, type OperatorId, type PairId } from '../model/ids.ts';
import type { SettlementDomain } from '../model/records.ts';
import { hasKeys } from '../users/keys.ts';

export const erasedQueue = 'erased';

/** A pair, and the leg whose user is erased. */
export interface ErasedPair {
  readonly pair: PairId;
  readonly leg: Leg;
}

export interface ErasedItem {
  readonly peer: OperatorId;
  /** At most 512. */
  readonly pairs: readonly ErasedPair[];
}

const encoder = TypedDataEncoder.from({
  Erased: [
    { name: 'from', type: 'uint32' },
    { name: 'to', type: 'uint32' },
    { name: 'at', type: 'uint40' },
    { name: 'pairs', type: 'bytes32' },
  ],
});

/** The EIP-712 digest that the notice's signature is of; `pairs` is the SHA-256 of `<pair>!<leg>` lines, each with its end. */
export function noticeDigest(
  domain: SettlementDomain,
  from: OperatorId,
  to: OperatorId,
  { at, pairs }: Pick<Request<'erased'>, 'at' | 'pairs'>,
): BatchId {
  const list = `0x${hash('sha256', pairs.map(({ pair, leg }) => `${pair}!${leg}\n`).join(''), 'hex')}`;
  return keccak256(concat(['0x1901', domainSeparator(domain), encoder.hash({ from, to, at, pairs: list })])) as BatchId;
}

/** Worker of the queue: told until it has answered. */
export async function tellErased(
  flow: FlowContext,
  group: readonly (readonly [key: string, item: ErasedItem])[],
): Promise<void> {
  for (const [key, { peer, pairs }] of group) {
    const notice = { at: toUnixSeconds(flow.engine.clock.now()), pairs: [...pairs] };
    const signature = flow.signer.sign(noticeDigest(flow.settlement, flow.self, peer, notice));
    const { answer } = await flow.channel.call(peer, 'erased', { ...notice, signature });
    if (answer === 'later') continue;
    await flow.engine.run((work) => {
      // A signature that the peer does not know may be of a key that it does not see yet; it stays in the outbox.
      if (answer === 'wrong-signature') work.emit({ type: 'alarm', what: 'erasure-not-taken', peer });
      else {
        work.done(erasedQueue, key);
        work.journal('receipt', { what: 'notice of erasure', peer, pairs });
      }
    });
  }
}

export async function answerErased(
  flow: FlowContext,
  from: OperatorId,
  request: Request<'erased'>,
): Promise<Answer<'erased'>> {
  assertCaughtUp(flow);
  const { signature, pairs } = request;
  const digest = noticeDigest(flow.settlement, from, flow.self, request);
  if (!(await flow.signer.verify(digest, signature, flow.peers.get(from)?.signers ?? []))) {
    return { answer: 'wrong-signature' };
  }
  return flow.engine.run((work) => {
    const open = pairs.some(({ pair, leg }) => {
      const found = ownSide(work, from, pair, leg);
      return found !== undefined && isOpen(found.state);
    });
    // Its user has not been told yet how it ended: the name is still wanted for that.
    if (open) return { answer: 'later' as const };
    let forgotten = 0;
    for (const { pair, leg } of pairs) if (forget(work, from, pair, leg)) forgotten += 1;
    if (forgotten > 0) {
      work.journal('erasure', { by: from, pairs, signature, at: request.at });
      work.emit({ type: 'forgotten', peer: from, pairs: forgotten });
    }
    return { answer: 'erased' as const };
  });
}

/** This operator's side of the pair, if the leg that is named is the peer's. */
function ownSide(work: Work, from: OperatorId, pair: PairId, leg: Leg): ReturnType<typeof loadSide> {
  const found = loadSide(work, pair, otherLeg(leg));
  return found?.side.peer === from ? found : undefined;
}

/** True if there was something; the same again changes nothing. */
function forget(work: Work, from: OperatorId, pair: PairId, leg: Leg): boolean {
  const found = ownSide(work, from, pair, leg);
  if (found === undefined) return false;
  const { side } = found;
  const known: string = side.otherNumber;
  if (known === '') return false;
  work.del(sealedTable, sideKey(pair, leg));
  // Where its own user is erased too, the whole is sealed already.
  if (hasKeys(work, side.user)) {
    work.put(sideTable, sideKey(pair, side.leg), {
      ...side,
      otherNumber: '' as typeof side.otherNumber,
      otherName: '',
    });
  }
  return true;
}
