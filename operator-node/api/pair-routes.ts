/** A pair as this operator has it: its legs, its evidence bundle, and what the journal has of it. */
import { buildBundle } from '../audit/bundle.ts';
import { policyOf } from '../audit/disclosures/policies.ts';
import { readFacts } from '../audit/facts.ts';
import { z } from 'zod';
import { entriesOf } from '../erasure/records.ts';
import { TandemError } from '../errors.ts';
import { loadBatch, peerCommitmentTable } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { isFinal, loadSide, sidesOf, type PairSide } from '../flow/pair.ts';
import { leafHashes } from '../flow/propose.ts';
import { toTimestamp, type PairId } from '../model/ids.ts';
import { hasKeys } from '../users/keys.ts';
import { missing, type ApiNode } from './api-node.ts';
import {
  amount,
  asset,
  byPair,
  disclosing,
  leafIndex,
  msisdn,
  operatorId,
  pairId,
  timestamp,
  type Disclosing,
} from './common-fields.ts';
import { journalExcerpt } from './journal-excerpt.ts';
import { bytes, json, route, type Shown } from './route.ts';

const pairView = z.strictObject({
  id: pairId,
  legs: z.array(
    z.strictObject({
      leg: z.enum(['first', 'second']),
      role: z.enum(['initiator', 'acceptor']),
      state: z.string(),
      reason: z.string().optional(),
      peer: operatorId,
      service: z.string(),
      asset,
      amount,
      user: msisdn,
      created: timestamp,
      deadline: timestamp.meta({ description: 'Until when the second user can accept, in block time.' }),
      batchId: z.string().optional(),
      index: leafIndex.optional(),
      told: z.boolean(),
    }),
  ),
});
export type PairView = Shown<typeof pairView>;

const viewOf = (pair: PairId, sides: readonly PairSide[]): PairView => ({
  id: pair,
  legs: sides.map(({ side, state }) => ({
    leg: side.leg,
    role: side.role,
    state: state.state,
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    peer: side.peer,
    service: side.service,
    asset: side.operation.asset,
    amount: side.operation.amount,
    user: side.userNumber,
    created: side.terms.created,
    deadline: toTimestamp(side.deadline * 1000),
    ...(state.batch === undefined ? {} : { batchId: state.batch }),
    ...(state.index === undefined ? {} : { index: state.index }),
    told: state.told,
  })),
});

/** The evidence of a pair with a final outcome, as this operator can give it: its own leg opened, or both on us. */
async function evidenceOf(
  flow: FlowContext,
  sides: readonly PairSide[],
  { policy: name, recipient, reason }: Disclosing,
): Promise<string> {
  const policy = policyOf(flow.config.disclosure.policies, name);
  if (policy === undefined) throw new TandemError('not-found', `This node has no disclosure policy ${name}.`);
  const [own] = sides;
  const { batch: batchId, index, finalBlock } = own?.state ?? {};
  if (own === undefined || !isFinal(own.state)) {
    throw new TandemError('not-ready', 'The pair has no final outcome yet: ask again later.');
  }
  if (batchId === undefined || index === undefined || finalBlock === undefined) {
    throw new TandemError('unprocessable', 'The pair ended before it was in a batch, so the chain has no trace of it.');
  }
  const view = flow.engine.newest;
  const known = loadBatch(view, batchId, own.side.role);
  const { initiatorSignature, acceptorSignature, prepared } = known?.state ?? {};
  if (
    known === undefined ||
    initiatorSignature === undefined ||
    acceptorSignature === undefined ||
    prepared === undefined
  ) {
    throw new TandemError('not-ready', 'The pair’s batch is not on the chain yet: ask again later.');
  }
  const { record } = known;
  const signed = { batchId, batch: record.batch, initiatorSignature, acceptorSignature };
  const facts = await readFacts(flow.chain, {
    signed,
    index,
    preparedBlock: prepared.number,
    // A batch that was born dead has its outcome only from the block that it was prepared in.
    decisionBlock: Math.max(finalBlock, prepared.number),
  });
  const leaves = record.pairs.map((pair) => {
    const side = loadSide(view, pair, own.side.leg)?.side;
    const other = view.get(peerCommitmentTable, `${pair}!${record.role}`);
    if (side === undefined || other === undefined) throw new TandemError('internal', `Pair ${pair} has lost its leaf.`);
    return { pair, ...leafHashes(side, other) };
  });
  const operations = Object.fromEntries(sides.map(({ side }) => [side.leg, { entries: entriesOf(view, side) }]));
  const text = buildBundle({
    domain: flow.settlement,
    signed,
    position: { leaves, index },
    terms: own.side.terms,
    termsSecret: own.side.termsSecret,
    operations,
    facts,
    policy,
  });
  await flow.engine.run((work) => {
    // The reason of a dispute may name the person whom it is about.
    const about = hasKeys(work, own.side.user) ? own.side.user : undefined;
    const payload = { pair: own.side.pair, what: 'evidence bundle', policy: name, recipient, reason };
    work.journal('disclosure', payload, about);
  });
  return text;
}

/** @throws {TandemError} `not-found`; what is told is on disk */
async function knownSides({ engine }: Pick<FlowContext, 'engine'>, pair: PairId): Promise<readonly PairSide[]> {
  const sides = await engine.run((view) => sidesOf(view, pair));
  if (sides.length === 0) throw missing(`This node has no pair ${pair}.`);
  return sides;
}

export const pairRoutes = {
  pair: route({
    method: 'get',
    path: '/v1/pairs/{id}',
    token: 'admin',
    summary: 'A pair as this node sees it: one leg, or both legs if the pair is on us.',
    params: byPair,
    answers: { 200: json('The pair.', pairView) },
    refusals: ['not-found'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { params: { id } }) => viewOf(id, await knownSides(flow, id)),
  }),

  pairEvidence: route({
    method: 'get',
    path: '/v1/pairs/{id}/evidence',
    token: 'admin',
    summary: 'The evidence bundle of a final pair, in canonical JSON (RFC 8785): a verifier refuses any other bytes.',
    params: byPair,
    query: z.strictObject({
      policy: disclosing.policy.default('shared'),
      recipient: disclosing.recipient.default('staff'),
      reason: disclosing.reason.default('not given'),
    }),
    answers: { 200: bytes('The bundle, byte for byte.') },
    refusals: ['not-found', 'not-ready', 'chain-unavailable', 'chain-unreadable'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { params, query }) =>
      evidenceOf(flow, await knownSides(flow, params.id), query),
  }),

  pairJournal: route({
    method: 'get',
    path: '/v1/pairs/{id}/journal',
    token: 'admin',
    summary:
      'What the journal has of a pair, with the path of digests to a head that is on the chain, in canonical JSON; journaled.',
    params: byPair,
    query: z.strictObject({
      policy: disclosing.policy.default('dispute'),
      recipient: disclosing.recipient,
      reason: disclosing.reason,
    }),
    answers: { 200: bytes('The excerpt, byte for byte.') },
    refusals: ['not-found', 'not-ready', 'unprocessable', 'store-failed'],
    run: async ({ flow, auditLog }: Pick<ApiNode, 'flow' | 'auditLog'>, { params, query }) =>
      journalExcerpt(flow, await knownSides(flow, params.id), auditLog, query),
  }),
};
