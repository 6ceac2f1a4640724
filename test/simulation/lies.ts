/**
 * What a peer that lies can say: its own node is honest and does not know; what it sends is changed on the way. A lie
 * is told to one operator, in requests and in answers, for as long as it lasts.
 */
import type { Answer, Method, Request } from '../../operator-node/channel/messages.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import { peerCommitmentTable } from '../../operator-node/flow/batch.ts';
import { loadSide } from '../../operator-node/flow/pair.ts';
import { leafHashes } from '../../operator-node/flow/propose.ts';
import type { Amount, Hash, Hex, PairId } from '../../operator-node/model/ids.ts';
import type { Store } from '../../operator-node/store/store.ts';
import { withExtreme } from './extremes.ts';
import type { Chance } from './random.ts';

export interface Liar {
  readonly chance: Chance;
  /** The liar's own: what it would have to say. */
  readonly store: Store;
}

type Offer = Request<'offer'>;
type OfferedPair = Offer['pairs'][number];

/** What is sent in place of a request: none, another, or more of them; only the first one's answer is looked at. */
export interface Lie {
  /** Any one field of whatever it says is at its end, or beyond it. */
  readonly extreme?: boolean;
  readonly requests?: { readonly [M in Method]?: (liar: Liar, request: Request<M>) => readonly Request<M>[] };
  readonly answers?: { readonly [M in Method]?: (liar: Liar, request: Request<M>, answer: Answer<M>) => Answer<M> };
}

/** What the second user had said, as a liar may have it. */
const anyOutcome = ['unanswered', 'late', 'no', 'cancelled', 'not-asked', 'unknown-pair', 'later'] as const;

const anyHash = (chance: Chance): Hash => `0x${Buffer.from(chance.bytes(32)).toString('hex')}` as Hash;
const anySignature = (chance: Chance): Hex => `0x${Buffer.from(chance.bytes(64)).toString('hex')}1b` as Hex;

/** The root that these pairs have, in this order: a lie that is well made. Undefined for a pair that the liar does not have. */
function rootOf({ store }: Liar, pairs: readonly OfferedPair[]): Hash | undefined {
  const leaves: Uint8Array[] = [];
  for (const { pair, firstCommitment } of pairs) {
    const side = loadSide(store.newest, pair, 'first')?.side;
    const second = store.newest.get(peerCommitmentTable, `${pair}!initiator`);
    if (side === undefined || second === undefined) return undefined;
    leaves.push(encodeLeaf({ pair, ...leafHashes(side, second), first: firstCommitment }));
  }
  return `0x${merkleTree(leaves).root.toString('hex')}` as Hash;
}

/** The offer with other pairs, count and root to fit. */
function withPairs(liar: Liar, { batch }: Offer, pairs: readonly OfferedPair[]): Offer {
  const root = rootOf(liar, pairs) ?? batch.root;
  return { batch: { ...batch, count: pairs.length, root }, pairs: [...pairs] };
}

const changedCommitment = ({ chance }: Liar, pairs: readonly OfferedPair[]): readonly OfferedPair[] =>
  pairs.map((each, index) => (index === 0 ? { ...each, firstCommitment: anyHash(chance) } : each));

/** Pairs of an earlier offer of this liar, to be put into another batch. */
const offered = new WeakMap<Store, OfferedPair[]>();

export const lies = {
  /** Two contents for one pairId. */
  'lie-two-contents': {
    requests: {
      propose: ({ chance }, request) => {
        const dearer = request.proposals.map((proposal) => {
          const amount = String(BigInt(proposal.terms.firstAmount) + 1n) as Amount;
          return { ...proposal, terms: { ...proposal.terms, firstAmount: amount, secondAmount: amount } };
        });
        const both = [request, { proposals: dearer }];
        return chance.happens(0.5) ? both : both.toReversed();
      },
    },
  },
  /** Two contents for one sequence, both well made. */
  'lie-two-batches': {
    requests: {
      offer: (liar, request) => {
        const other = request.pairs.length > 1 ? request.pairs.toReversed() : changedCommitment(liar, request.pairs);
        const both = [request, withPairs(liar, request, other)];
        return liar.chance.happens(0.5) ? both : both.toReversed();
      },
    },
  },
  /** Another commitment than was agreed: in the batch, in the answer to the proposal, with a root that fits or not. */
  'lie-commitment': {
    requests: {
      offer: (liar, request) => {
        const pairs = changedCommitment(liar, request.pairs);
        return [liar.chance.happens(0.5) ? withPairs(liar, request, pairs) : { ...request, pairs: [...pairs] }];
      },
    },
    answers: {
      propose: ({ chance }, _, { answers }) => ({
        answers: answers.map((each) =>
          each.answer === 'held' ? { ...each, secondCommitment: anyHash(chance) } : each,
        ),
      }),
    },
  },
  /** A batch of nothing that was agreed; signatures of nobody. */
  'lie-forged': {
    requests: {
      offer: ({ chance }, { batch, pairs }) => {
        const [first, ...rest] = pairs;
        const pair = `${first?.pair.slice(0, -6) ?? ''}${Buffer.from(chance.bytes(3)).toString('hex')}` as PairId;
        return [
          { batch: { ...batch, root: anyHash(chance) }, pairs: [{ pair, firstCommitment: anyHash(chance) }, ...rest] },
        ];
      },
      countersign: ({ chance }, { batchId }) => [{ batchId, signature: anySignature(chance) }],
    },
    answers: {
      offer: ({ chance }, _, answer) =>
        answer.answer === 'signed' ? { ...answer, signature: anySignature(chance) } : answer,
    },
  },
  'lie-count': {
    requests: {
      offer: ({ chance }, { batch, pairs }) => [
        { batch: { ...batch, count: batch.count + chance.between(1, 3) }, pairs },
      ],
    },
  },
  /** One pair twice in a batch, with a root that fits. */
  'lie-pair-twice': {
    requests: {
      offer: (liar, request) => [withPairs(liar, request, [...request.pairs, ...request.pairs.slice(0, 1)])],
    },
  },
  /** A pair of an earlier batch in another one, with a root that fits. */
  'lie-pair-again': {
    requests: {
      offer: (liar, request) => {
        const known = offered.get(liar.store) ?? [];
        offered.set(liar.store, [...known, ...request.pairs]);
        const earlier = known.find(({ pair }) => !request.pairs.some((each) => each.pair === pair));
        return [earlier === undefined ? request : withPairs(liar, request, [...request.pairs, earlier])];
      },
    },
  },
  /** Signs, and hands nothing over; `attacks.ts` lets its transactions out at the last second. */
  'lie-late-anchor': { requests: { countersign: () => [] } },
  /** The acceptor's decisions never leave (`attacks.ts`). */
  'lie-no-decision': {},
  'lie-extreme': { extreme: true },
  /** Denies what it holds, has signed, has been told and has done. */
  'lie-denial': {
    answers: {
      propose: ({ chance }, _, { answers }) => ({
        answers: answers.map(({ pair }) =>
          chance.happens(0.5) ? { pair, answer: 'given-up' } : { pair, answer: 'refused', reason: 'terms' },
        ),
      }),
      offer: ({ chance }, _, { batchId }) =>
        chance.happens(0.5)
          ? { answer: 'refused', batchId, reason: 'root' }
          : { answer: 'later', batchId, reason: 'sequence' },
      countersign: (_, __, { batchId }) => ({ batchId, answer: 'unknown-batch' }),
      withdraw: (_, __, { answers }) => ({ answers: answers.map(({ pair }) => ({ pair, answer: 'in-batch' })) }),
      outcome: ({ chance }, _, { answers }) => ({
        answers: answers.map(({ pair }) => ({ pair, answer: chance.pick(anyOutcome) })),
      }),
      cancel: ({ chance }, _, { pair }) => ({ pair, answer: chance.pick(['declined', 'too-late', 'unknown-pair']) }),
    },
  },
} satisfies Record<string, Lie>;

export type LieName = keyof typeof lies;

/** The lie as it is told: what the liar's honest node would send, and what it sends. */
export function toldRequests<M extends Method>(
  name: LieName,
  liar: Liar,
  method: M,
  request: Request<M>,
): readonly Request<M>[] {
  const lie: Lie = lies[name];
  if (lie.extreme === true) return [withExtreme(liar.chance, request)];
  return lie.requests?.[method]?.(liar, request) ?? [request];
}

export function toldAnswer<M extends Method>(
  name: LieName,
  liar: Liar,
  method: M,
  request: Request<M>,
  answer: Answer<M>,
): Answer<M> {
  const lie: Lie = lies[name];
  if (lie.extreme === true) return withExtreme(liar.chance, answer);
  return lie.answers?.[method]?.(liar, request, answer) ?? answer;
}
