/**
 * Where this operator's books are not what was decided: batches of which the chain says that the two attestations differ,
 * with the pairs at fault. The decision is read from the chain, what it means from the terms, what was booked from the
 * ledger's own entries.
 */
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { ChainReader } from '../chain/chain.ts';
import { executedBitmap, executedDigest, totalsText, type Executed } from '../commitment/executed.ts';
import { batchSecret } from '../commitment/secrets.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { TandemError } from '../errors.ts';
import { batchStateTable, loadBatch, type KnownBatch } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { loadSide, type Side } from '../flow/pair.ts';
import { legOf, toTimestamp, type BatchId, type Hash, type Leg, type PairId, type Role } from '../model/ids.ts';
import { moneyOfLeg } from '../model/records.ts';
import { decisionOf, type BatchOutcome } from '../model/outcome.ts';
import type { View } from '../store/store.ts';
import type { ApiNode } from './api-node.ts';
import { asset, batchId, leafIndex, operatorId, pairId, signed, timestamp } from './common-fields.ts';
import { json, route, type Shown } from './route.ts';

/** What a customer's account got (above zero) or gave (below zero), in minor units. */
const agreedLine = z.strictObject({ asset, amount: signed('above zero: into the customer’s account') });
const bookedLine = z.strictObject({ booked: timestamp, ...agreedLine.shape });
/** A pair whose bookings here are not what was decided and agreed. */
const pairFault = z.strictObject({
  pair: pairId,
  leg: z.enum(['first', 'second']),
  index: leafIndex,
  fault: z.enum(['missing', 'doubled', 'amount', 'against-decision']),
  /** By the chain; `none`: neither bit, which is an abort once the deadline is past. */
  decided: z.enum(['commit', 'abort', 'none']),
  agreed: agreedLine,
  booked: z.array(bookedLine),
});
const discrepancy = z.strictObject({
  batchId,
  role: z.enum(['initiator', 'acceptor']),
  peer: operatorId,
  sequence: z.string(),
  count: z.number().int().min(1).max(4096),
  /** What the chain says; `open`: not both have attested. */
  reconciled: z.enum(['reconciled', 'discrepancy', 'open']),
  expected: z.string().meta({ description: 'The executed digest of books that are as decided.' }),
  attested: z.string().optional(),
  attestation: z
    .enum(['as-decided', 'otherwise', 'none'])
    .meta({ description: 'What this operator attested, compared with `expected`.' }),
  pairs: z.array(pairFault),
});
export const discrepancyList = z.strictObject({ batches: z.array(discrepancy) });
type AgreedLine = Shown<typeof agreedLine>;
type BookedLine = Shown<typeof bookedLine>;
type PairFault = Shown<typeof pairFault>;
export type Discrepancy = Shown<typeof discrepancy>;

export interface DiscrepancyContext extends Pick<FlowContext, 'engine' | 'domains'> {
  readonly chain: Pick<ChainReader, 'finalHead' | 'batchOutcome'>;
}

/** Pairs between two looks at other work. */
const pairsAtOnce = 64;

/** Each booking of one leg: from the ledger's entries, so that one too many shows. */
function bookedOf(
  { domains }: DiscrepancyContext,
  payments: Pick<PaymentsDomain, 'payment'>,
  view: View,
  { pair, leg, domain, operation }: Side,
): BookedLine[] {
  const ledger = payments.payment(view, pair, leg);
  if (ledger !== undefined) {
    return ledger.entries.flatMap(({ kind, at, lines }) => {
      const position = lines.find(([account]) => account.startsWith('position:'));
      if (kind !== 'commit' || position === undefined) return [];
      return [{ booked: toTimestamp(at), asset: ledger.content.asset, amount: `${-BigInt(position[1])}` }];
    });
  }
  const posting = domains.get(domain).posting(view, pair, leg);
  if (posting === undefined) return [];
  const { asset, amount, bookedAt } = posting;
  return [{ booked: toTimestamp(bookedAt), asset, amount: operation.action === 'debit' ? `-${amount}` : amount }];
}

const decidedWords = { committed: 'commit', aborted: 'abort', undecided: 'none' } as const;
const decided = (outcome: BatchOutcome, index: number): PairFault['decided'] =>
  decidedWords[decisionOf(outcome, index)];

/** What the customer's account must have got (above zero) or given (below), by the terms. */
function agreedOf({ leg, terms, operation }: Side): AgreedLine {
  const { asset, amount } = moneyOfLeg(terms, leg);
  return { asset, amount: operation.action === 'debit' && amount !== '0' ? `-${amount}` : amount };
}

function faultOf(
  outcome: PairFault['decided'],
  agreed: AgreedLine,
  booked: readonly BookedLine[],
): PairFault['fault'] | undefined {
  if (outcome !== 'commit') return booked.length === 0 ? undefined : 'against-decision';
  if (booked.length === 0) return 'missing';
  if (booked.length > 1) return 'doubled';
  return booked[0]?.asset === agreed.asset && booked[0].amount === agreed.amount ? undefined : 'amount';
}

/** What both operators attest of a batch whose books are as decided (protocol §4). */
function expectedDigest(known: KnownBatch, sides: readonly Side[], outcome: BatchOutcome): Hash {
  const { batchId, batch } = known.record;
  const isExecuted = (index: number): boolean => decided(outcome, index) === 'commit';
  const executed = sides.flatMap(({ terms }, index): Executed[] =>
    isExecuted(index)
      ? [
          { leg: 'first', asset: terms.firstAsset, amount: BigInt(terms.firstAmount) },
          { leg: 'second', asset: terms.secondAsset, amount: BigInt(terms.secondAmount) },
        ]
      : [],
  );
  const secret = batchSecret(sides.map(({ termsSecret }) => termsSecret));
  return executedDigest(secret, batchId, executedBitmap(batch.count, isExecuted), totalsText(executed));
}

function sideOf(view: View, pair: PairId, leg: Leg): Side {
  const found = loadSide(view, pair, leg);
  if (found === undefined) throw new TandemError('internal', `Pair ${pair} of a stored batch is not in the store.`);
  return found.side;
}

async function checkedBatch(
  flow: DiscrepancyContext,
  payments: Pick<PaymentsDomain, 'payment'>,
  known: KnownBatch,
  atBlock: Hash,
): Promise<Discrepancy> {
  const { record, state } = known;
  const { batch, batchId, role, peer } = record;
  const outcome = await flow.chain.batchOutcome(batchId, atBlock);
  const ownLeg = legOf(role);
  const legs: readonly Leg[] = batch.initiator === batch.acceptor ? ['first', 'second'] : [ownLeg];
  const view = flow.engine.newest;
  const own: Side[] = [];
  const pairs: PairFault[] = [];
  for (const [index, pair] of record.pairs.entries()) {
    if (index % pairsAtOnce === pairsAtOnce - 1) await setImmediate();
    for (const leg of legs) {
      const side = sideOf(view, pair, leg);
      if (leg === ownLeg) own.push(side);
      const agreed = agreedOf(side);
      const booked = bookedOf(flow, payments, view, side);
      const fault = faultOf(decided(outcome, index), agreed, booked);
      if (fault === undefined) continue;
      pairs.push({ pair, leg, index, fault, decided: decided(outcome, index), agreed, booked });
    }
  }
  const expected = expectedDigest(known, own, outcome);
  return {
    batchId,
    role,
    peer,
    sequence: `${batch.sequence}`,
    count: batch.count,
    reconciled: state.reconciled ?? 'open',
    expected,
    ...(state.attested === undefined ? {} : { attested: state.attested }),
    attestation: state.attested === undefined ? 'none' : state.attested === expected ? 'as-decided' : 'otherwise',
    pairs,
  };
}

/** @throws {TandemError} `not-found` for a batch that this node does not have, `chain-unavailable` */
export async function discrepanciesOf(
  flow: DiscrepancyContext,
  payments: Pick<PaymentsDomain, 'payment'>,
  batch: BatchId | undefined,
): Promise<readonly Discrepancy[]> {
  const found = await disputed(flow, batch);
  if (batch !== undefined && found.length === 0) {
    throw new TandemError('not-found', `This node has no batch ${batch}.`);
  }
  if (found.length === 0) return [];
  const { hash } = await flow.chain.finalHead();
  const checked: Discrepancy[] = [];
  for (const known of found) checked.push(await checkedBatch(flow, payments, known, hash));
  return checked;
}

/** The batch that was asked for, or all with a discrepancy; one on us once, though it is in the store twice. */
async function disputed({ engine }: DiscrepancyContext, batch: BatchId | undefined): Promise<KnownBatch[]> {
  const found: KnownBatch[] = [];
  for await (const [key, { reconciled }] of engine.store.scan(
    batchStateTable,
    batch === undefined ? {} : { prefix: `${batch}!` },
  )) {
    if (batch === undefined && reconciled !== 'discrepancy') continue;
    const [batchId, role] = key.split('!') as [BatchId, Role];
    const known = loadBatch(engine.newest, batchId, role);
    if (known === undefined) continue;
    const { initiator, acceptor } = known.record.batch;
    if (initiator !== acceptor || role === 'initiator') found.push(known);
  }
  return found;
}

export const discrepancyRoutes = {
  discrepancies: route({
    method: 'get',
    path: '/v1/discrepancies',
    token: 'admin',
    summary:
      'Batches that the two operators attested differently, with the pairs that are wrong in this operator’s books.',
    query: z.strictObject({
      batch: batchId.optional().meta({ description: 'Without it, all batches with a discrepancy on the chain.' }),
    }),
    answers: { 200: json('The batches with a discrepancy.', discrepancyList) },
    refusals: ['not-found', 'chain-unavailable', 'chain-unreadable'],
    run: async ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>, { query }) => ({
      batches: await discrepanciesOf(flow, payments, query.batch),
    }),
  }),
};
