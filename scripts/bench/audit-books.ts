/**
 * A thread that writes disclosure files of made-up batches, with real commitments and signatures: what a scan of many
 * pairs is measured on. Gives back what has to be put on chain.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { disclosureFormat, encodeLine, type PairLine } from '../../operator-node/audit/disclosures/lines.ts';
import { builtInPolicies } from '../../operator-node/audit/disclosures/policies.ts';
import { toHash } from '../../operator-node/commitment/bytes.ts';
import { disclosureDigest } from '../../operator-node/commitment/disclosure.ts';
import { executedBitmap, executedDigest, totalsText } from '../../operator-node/commitment/executed.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import {
  discloseOperation,
  discloseTerms,
  operationCommitmentOf,
  termsCommitment,
} from '../../operator-node/commitment/record.ts';
import { operationFields } from '../../operator-node/commitment/schema.ts';
import { batchSecret, operationSecret, termsSecret } from '../../operator-node/commitment/secrets.ts';
import { batchIdOf, signDigest } from '../../operator-node/commitment/typed-data.ts';
import {
  toTimestamp,
  type Asset,
  type Hash,
  type Leg,
  type OperatorId,
  type PairId,
  type UnixSeconds,
} from '../../operator-node/model/ids.ts';
import type { OperationRecord, Terms } from '../../operator-node/model/records.ts';

export interface BooksRequest {
  readonly chainId: string;
  readonly contract: string;
  /** Batches first … last, both included, of `all`. */
  readonly first: number;
  readonly last: number;
  readonly all: number;
  readonly pairs: number;
  /** Block of batch 0; one batch a block. */
  readonly firstBlock: number;
  /** Block of the last attestation. */
  readonly lastBlock: number;
  /** Unix seconds. */
  readonly bookedAt: number;
  readonly deadline: number;
  readonly signers: Readonly<Record<number, string>>;
  /** By operator. */
  readonly files: Readonly<Record<number, string>>;
}

export interface MadeBatch {
  readonly initiator: number;
  readonly acceptor: number;
  readonly sequence: number;
  readonly deadline: number;
  readonly count: number;
  readonly root: Hash;
  readonly batchId: string;
  readonly initiatorSignature: string;
  readonly acceptorSignature: string;
  readonly digest: Hash;
}

/** One in fifty is not committed. */
export const isCommitted = (index: number): boolean => index % 50 !== 7;
const minimum = new Set<string>(builtInPolicies['regulator-minimum'].operation);
const keys = { operator: Buffer.alloc(32, 1), first: Buffer.alloc(32, 2), second: Buffer.alloc(32, 3) };
const subject = Buffer.alloc(32, 9).toString('base64url');

function write(request: BooksRequest, made: (batch: MadeBatch) => void): void {
  const files = { 1: openSync(request.files[1] ?? '', 'w'), 2: openSync(request.files[2] ?? '', 'w') } as const;
  const totals = { 1: 0n, 2: 0n };
  for (const operator of both) writeSync(files[operator], headerOf(request, operator));
  for (let number = request.first; number <= request.last; number += 1) {
    const batch = makeBatch(request, number);
    for (const operator of both) {
      totals[operator] += operator === batch.made.initiator ? batch.total : -batch.total;
      writeSync(files[operator], batch.texts[operator]);
    }
    made(batch.made);
  }
  const batches = request.last - request.first + 1;
  for (const operator of both) {
    const positions = [
      { operator: (3 - operator) as OperatorId, asset: 'SEK' as Asset, amount: `${totals[operator]}` },
    ];
    writeSync(files[operator], encodeLine({ type: 'end', batches, pairs: batches * request.pairs, positions }));
    closeSync(files[operator]);
  }
}

const both = [1, 2] as const;

const headerOf = ({ chainId, contract, firstBlock, lastBlock }: BooksRequest, operator: 1 | 2): string =>
  encodeLine({
    type: 'header',
    format: disclosureFormat,
    chainId,
    contract,
    operator: operator as OperatorId,
    from: firstBlock,
    to: lastBlock,
    policy: 'regulator-minimum',
  });

/** Who is in a batch, in which the operators take turns, and when everything in it was booked. */
interface Place {
  readonly initiator: OperatorId;
  readonly acceptor: OperatorId;
  readonly deadline: number;
  readonly booked: string;
}

interface MadePair {
  readonly leaf: Buffer;
  readonly secret: Hash;
  /** 0 where it is not committed. */
  readonly amount: bigint;
  /** What the operator of each leg says of it. */
  readonly lines: Readonly<Record<Leg, string>>;
}

const pairIdOf = (serial: number): PairId =>
  `019ab2f4-${(serial >>> 16).toString(16).padStart(4, '0')}-7000-8${(serial & 0xfff).toString(16).padStart(3, '0')}-${(serial * 2654435761).toString(16).padStart(12, '0').slice(-12)}` as PairId;

function makePair(serial: number, index: number, place: Place): MadePair {
  const { booked, deadline, initiator, acceptor } = place;
  const pair = pairIdOf(serial);
  const amount = `${100 + (serial % 90_000)}`;
  const secret = termsSecret(keys.operator, pair);
  const terms = {
    pair,
    service: 'pay',
    firstAsset: 'SEK',
    firstAmount: amount,
    secondAsset: 'SEK',
    secondAmount: amount,
    initiator: `${initiator}`,
    acceptor: `${acceptor}`,
    created: booked,
    deadline: `${deadline}`,
    reverses: '',
  } as Terms;
  const disclosedTerms = discloseTerms(secret, terms);
  const [first, second] = (['first', 'second'] as const).map((leg) => makeRecord(leg, serial, amount, place));
  if (first === undefined || second === undefined) throw new Error('a leg is missing');
  const leaf = { pair, terms: termsCommitment(secret, terms), first: first.commitment, second: second.commitment };
  const committed = isCommitted(index);
  const line = (leg: Leg, entries: readonly string[]): string =>
    encodeLine({
      type: 'pair',
      index,
      leaf,
      terms: disclosedTerms,
      [leg]: entries,
      postings: committed
        ? [{ leg, id: `${pair}/${leg}/1`, booked, asset: 'SEK', amount: leg === 'first' ? `-${amount}` : amount }]
        : [],
    } satisfies Omit<PairLine, 'first' | 'second'>);
  return {
    leaf: encodeLeaf(leaf),
    secret,
    amount: committed ? BigInt(amount) : 0n,
    lines: { first: line('first', first.entries), second: line('second', second.entries) },
  };
}

function makeRecord(
  leg: Leg,
  serial: number,
  amount: string,
  { initiator, acceptor, booked }: Place,
): { readonly entries: readonly string[]; readonly commitment: Hash } {
  const pair = pairIdOf(serial);
  const operation = {
    pair,
    leg,
    operator: `${leg === 'first' ? initiator : acceptor}`,
    domain: 'payments',
    action: leg === 'first' ? 'debit' : 'credit',
    account: `usr_${serial}/SEK`,
    subject: `+4670${serial}`,
    asset: 'SEK',
    amount,
    counterparty: subject,
    detail: 'lunch',
    heldAt: booked,
  } as OperationRecord;
  const all = discloseOperation(operationSecret(keys[leg], pair, leg), operation);
  const digests = all.map(disclosureDigest);
  const entries = all.map((disclosure, at) =>
    minimum.has(operationFields[at] ?? '') ? disclosure : (digests[at] ?? ''),
  );
  return { entries, commitment: operationCommitmentOf(digests) };
}

/** One batch as it goes on the chain, what each operator's file says of it, and what its pairs come to. */
function makeBatch(
  request: BooksRequest,
  number: number,
): { readonly made: MadeBatch; readonly texts: Readonly<Record<1 | 2, string>>; readonly total: bigint } {
  const { pairs: count, deadline, lastBlock } = request;
  const domain = { chainId: BigInt(request.chainId), contract: request.contract };
  const initiator = (number % 2 === 0 ? 1 : 2) as OperatorId;
  const place: Place = {
    initiator,
    acceptor: (3 - initiator) as OperatorId,
    deadline,
    booked: toTimestamp(request.bookedAt * 1000),
  };
  const pairs = Array.from({ length: count }, (_, index) => makePair(number * count + index, index, place));
  const total = pairs.reduce((sum, { amount }) => sum + amount, 0n);
  const batch = {
    initiator,
    acceptor: place.acceptor,
    sequence: Math.floor(number / 2) + 1,
    deadline: deadline as UnixSeconds,
    count,
    root: toHash(merkleTree(pairs.map(({ leaf }) => leaf)).root),
  };
  const batchId = batchIdOf(domain, batch);
  const secret = batchSecret(pairs.map((pair) => pair.secret));
  const textOf = (operator: 1 | 2): string => {
    const body = pairs.map(({ lines }) => lines[operator === initiator ? 'first' : 'second']).join('');
    const head = encodeLine({
      type: 'batch',
      batchId,
      batch: { ...batch, sequence: `${batch.sequence}` },
      prepared: request.firstBlock + number,
      secret,
      asOf: { number: lastBlock, hash: secret },
      bytes: Buffer.byteLength(body),
      pairs: count,
    });
    return head + body;
  };
  const executed = [
    { leg: 'first', asset: 'SEK', amount: total },
    { leg: 'second', asset: 'SEK', amount: total },
  ] as const;
  const made = {
    ...batch,
    batchId,
    initiatorSignature: signDigest(request.signers[initiator] ?? '', batchId),
    acceptorSignature: signDigest(request.signers[place.acceptor] ?? '', batchId),
    digest: executedDigest(secret, batchId, executedBitmap(count, isCommitted), totalsText(executed)),
  };
  return { made, texts: { 1: textOf(1), 2: textOf(2) }, total };
}

if (parentPort !== null) {
  const port = parentPort;
  write(workerData as BooksRequest, (batch) => port.postMessage(batch));
}
