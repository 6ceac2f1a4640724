/**
 * The in-doubt list: every pair that is not final, what each side has signed, what the chain says, how long it has been
 * so, and the one step that may come next. No number, name or amount is in it, so it can be handed to the counterparty or
 * the regulator as it is. Nothing here is done by hand: the steps are the node's own, and staff sees which one is due.
 */
import canonicalize from 'canonicalize';
import {
  doubtDigest,
  type Doubt,
  type DoubtfulBatch,
  type DoubtfulPair,
  type NextStep,
  type SignedDoubt,
} from '../audit/doubt-list.ts';
import type { Block, ChainReader } from '../chain/chain.ts';
import { recoverSigner } from '../commitment/typed-data.ts';
import { TandemError } from '../errors.ts';
import { loadBatch, type KnownBatch } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { isFinal, loadSide, openSideTable, type PairSide } from '../flow/pair.ts';
import { parseJson } from '../json.ts';
import { toTimestamp, toUnixSeconds, type BatchId, type Hash, type Hex, type Leg, type PairId } from '../model/ids.ts';
import { decisionOf, type BatchOutcome } from '../model/outcome.ts';
import { recoveryOf } from '../flow/past.ts';

interface Seen {
  readonly block: Block | undefined;
  readonly outcomes: ReadonlyMap<BatchId, BatchOutcome>;
}

export async function listDoubt(flow: FlowContext): Promise<Doubt> {
  const { engine } = flow;
  const sides: PairSide[] = [];
  for await (const [key] of engine.store.scan(openSideTable)) {
    const cut = key.indexOf('!');
    const found = loadSide(engine.newest, key.slice(0, cut) as PairId, key.slice(cut + 1) as Leg);
    if (found !== undefined && !isFinal(found.state)) sides.push(found);
  }
  sides.sort((a, b) => a.side.heldAt - b.side.heldAt);
  const { block, batches, pairs, recovering } = await lookInto(flow, sides);
  // What is listed is on disk: it may be handed to others.
  await engine.run(() => undefined);
  return {
    format: 'tandem/doubt/1',
    operator: flow.self,
    chainId: flow.settlement.chainId.toString(),
    settlement: flow.settlement.contract.toLowerCase(),
    at: toTimestamp(engine.clock.now()),
    ...(block === undefined ? {} : { block: { number: block.number, hash: block.hash, timestamp: block.timestamp } }),
    halted: flow.open.halted,
    recovering,
    batches,
    pairs,
  };
}

/** Each of these sides, which are not final, with its batch and what the chain has of it at one final block. */
export async function lookInto(
  { engine, chain }: Pick<FlowContext, 'engine' | 'chain'>,
  sides: readonly PairSide[],
): Promise<Pick<Doubt, 'batches' | 'pairs' | 'recovering'> & { readonly block: Block | undefined }> {
  const batches = new Map<string, KnownBatch>();
  for (const { side, state } of sides) {
    const known = state.batch === undefined ? undefined : loadBatch(engine.newest, state.batch, side.role);
    if (known !== undefined) batches.set(`${known.record.batchId}!${side.role}`, known);
  }
  const seen = await readChain(chain, [...new Set([...batches.values()].map(({ record }) => record.batchId))]);
  const now = engine.clock.now();
  const recovering = recoveryOf(engine.newest) !== undefined;
  return {
    block: seen.block,
    recovering,
    batches: [...batches.values()].map((known) => batchView(known, seen)),
    pairs: sides.map((found) => {
      const known =
        found.state.batch === undefined ? undefined : batches.get(`${found.state.batch}!${found.side.role}`);
      return pairView(found, known, seen, now, recovering);
    }),
  };
}

/** At one final block for all of them. */
async function readChain(reader: ChainReader, ids: readonly BatchId[]): Promise<Seen> {
  try {
    const block = await reader.finalHead();
    const outcomes = await Promise.all(ids.map((id) => reader.batchOutcome(id, block.hash)));
    return { block, outcomes: new Map(ids.map((id, index) => [id, outcomes[index]] as const).filter(isKnown)) };
  } catch (error) {
    if (error instanceof TandemError && error.retryable) return { block: undefined, outcomes: new Map() };
    throw error;
  }
}

const isKnown = (entry: readonly [BatchId, BatchOutcome | undefined]): entry is readonly [BatchId, BatchOutcome] =>
  entry[1] !== undefined;

const wordsOf = (words: readonly bigint[]): Hex[] =>
  words.map((word) => `0x${word.toString(16).padStart(64, '0')}` as Hex);

function batchView({ record, state }: KnownBatch, { outcomes }: Seen): DoubtfulBatch {
  const outcome = outcomes.get(record.batchId);
  const { initiatorSignature, acceptorSignature } = state;
  return {
    batchId: record.batchId,
    role: record.role,
    peer: record.peer,
    batch: record.batch,
    state: state.state,
    ...(initiatorSignature === undefined ? {} : { initiatorSignature }),
    ...(acceptorSignature === undefined ? {} : { acceptorSignature }),
    ...(outcome === undefined
      ? {}
      : {
          onChain: {
            prepared: outcome.prepared,
            commitWords: wordsOf(outcome.commitWords),
            abortWords: wordsOf(outcome.abortWords),
          },
        }),
  };
}

function pairView(
  { side, state }: PairSide,
  known: KnownBatch | undefined,
  seen: Seen,
  now: number,
  recovering: boolean,
): DoubtfulPair {
  const { initiatorSignature, acceptorSignature } = known?.state ?? {};
  const [own, peer] =
    side.role === 'initiator' ? [initiatorSignature, acceptorSignature] : [acceptorSignature, initiatorSignature];
  const chain = onChain(state.batch, state.index, seen);
  const decision = state.state === 'accepted' ? 'commit' : state.state === 'declined' ? 'abort' : undefined;
  return {
    pair: side.pair,
    leg: side.leg,
    role: side.role,
    peer: side.peer,
    state: state.state,
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    since: toTimestamp(state.since),
    heldAt: toTimestamp(side.heldAt),
    openSeconds: Math.max(0, toUnixSeconds(now) - toUnixSeconds(side.heldAt)),
    deadline: toTimestamp(side.deadline * 1000),
    ...(state.batch === undefined ? {} : { batchId: state.batch }),
    ...(state.index === undefined ? {} : { index: state.index }),
    signed: { own: own !== undefined, peer: peer !== undefined },
    ...(decision === undefined ? {} : { decision }),
    chain,
    next: recovering ? 'recover' : nextStep({ side, state }, known, chain, seen.block, now),
  };
}

function onChain(batchId: BatchId | undefined, index: number | undefined, seen: Seen): DoubtfulPair['chain'] {
  if (batchId === undefined || index === undefined) return 'not-anchored';
  const outcome = seen.outcomes.get(batchId);
  if (outcome === undefined) return 'unknown';
  return outcome.prepared ? decisionOf(outcome, index) : 'not-anchored';
}

function nextStep(
  { side, state }: PairSide,
  known: KnownBatch | undefined,
  chain: DoubtfulPair['chain'],
  block: Block | undefined,
  now: number,
): NextStep {
  if (known === undefined) {
    if (side.role === 'acceptor') return 'batch-comes';
    return state.agreed ? 'batch-forms' : 'peer-answers';
  }
  if (block === undefined) return 'chain-comes-back';
  if (chain === 'committed' || chain === 'aborted' || block.timestamp > side.deadline) return 'apply';
  if (known.state.state === 'offered') return 'peer-signs';
  if (known.state.state === 'signed') return 'initiator-signs';
  if (state.state === 'accepted' || state.state === 'declined') return 'decide';
  if (chain === 'not-anchored') return 'carry';
  if (toUnixSeconds(now) > side.deadline) return 'deadline-passes';
  return side.role === 'acceptor' ? 'user-answers' : 'peer-decides';
}

/** One line of canonical JSON. */
export function exportDoubt(doubt: Doubt, sign: (digest: Hash) => Hex): string {
  const signed: SignedDoubt = { doubt, signature: sign(doubtDigest(doubt)) };
  return `${canonicalize(signed) ?? ''}\n`;
}

/** The address whose key signed the file: to be compared with the signers of that operator in the registry. */
export function doubtSigner(text: string): { readonly doubt: Doubt; readonly signer: string | undefined } {
  const { doubt, signature } = parseJson(text) as SignedDoubt;
  return { doubt, signer: recoverSigner(doubtDigest(doubt), signature) };
}
