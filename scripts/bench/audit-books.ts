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
  const domain = { chainId: BigInt(request.chainId), contract: request.contract };
  const files = { 1: openSync(request.files[1] ?? '', 'w'), 2: openSync(request.files[2] ?? '', 'w') } as const;
  const totals = { 1: 0n, 2: 0n };
  for (const operator of [1, 2] as const) {
    const { chainId, contract, firstBlock, lastBlock } = request;
    const header = {
      type: 'header',
      format: disclosureFormat,
      chainId,
      contract,
      operator: operator as OperatorId,
      from: firstBlock,
      to: lastBlock,
      policy: 'regulator-minimum',
    } as const;
    writeSync(files[operator], encodeLine(header));
  }
  const booked = toTimestamp(request.bookedAt * 1000);
  for (let number = request.first; number <= request.last; number += 1) {
    const initiator = (number % 2 === 0 ? 1 : 2) as OperatorId;
    const acceptor = (3 - initiator) as OperatorId;
    const lines: Record<1 | 2, string[]> = { 1: [], 2: [] };
    const leaves: Buffer[] = [];
    const secrets: Hash[] = [];
    let total = 0n;
    for (let index = 0; index < request.pairs; index += 1) {
      const serial = number * request.pairs + index;
      const pair =
        `019ab2f4-${(serial >>> 16).toString(16).padStart(4, '0')}-7000-8${(serial & 0xfff).toString(16).padStart(3, '0')}-${(serial * 2654435761).toString(16).padStart(12, '0').slice(-12)}` as PairId;
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
        deadline: `${request.deadline}`,
        reverses: '',
      } as Terms;
      const disclosedTerms = discloseTerms(secret, terms);
      const record = (leg: Leg): { entries: string[]; commitment: Hash } => {
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
        return {
          entries: all.map((disclosure, at) =>
            minimum.has(operationFields[at] ?? '') ? disclosure : (digests[at] ?? ''),
          ),
          commitment: operationCommitmentOf(digests),
        };
      };
      const [first, second] = [record('first'), record('second')];
      const leaf = { pair, terms: termsCommitment(secret, terms), first: first.commitment, second: second.commitment };
      leaves.push(encodeLeaf(leaf));
      secrets.push(secret);
      const committed = isCommitted(index);
      if (committed) total += BigInt(amount);
      const line = (leg: Leg, entries: string[]): string =>
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
      lines[initiator === 1 ? 1 : 2].push(line('first', first.entries));
      lines[acceptor === 1 ? 1 : 2].push(line('second', second.entries));
    }
    const batch = {
      initiator,
      acceptor,
      sequence: Math.floor(number / 2) + 1,
      deadline: request.deadline as UnixSeconds,
      count: request.pairs,
      root: toHash(merkleTree(leaves).root),
    };
    const batchId = batchIdOf(domain, batch);
    const secret = batchSecret(secrets);
    for (const operator of [1, 2] as const) {
      totals[operator] += operator === initiator ? total : -total;
      const body = lines[operator].join('');
      const head = encodeLine({
        type: 'batch',
        batchId,
        batch: { ...batch, sequence: `${batch.sequence}` },
        prepared: request.firstBlock + number,
        secret,
        asOf: { number: request.lastBlock, hash: secret },
        bytes: Buffer.byteLength(body),
        pairs: request.pairs,
      });
      writeSync(files[operator], head + body);
    }
    const executed = [
      { leg: 'first', asset: 'SEK', amount: total },
      { leg: 'second', asset: 'SEK', amount: total },
    ] as const;
    made({
      ...batch,
      batchId,
      initiatorSignature: signDigest(request.signers[initiator] ?? '', batchId),
      acceptorSignature: signDigest(request.signers[acceptor] ?? '', batchId),
      digest: executedDigest(secret, batchId, executedBitmap(request.pairs, isCommitted), totalsText(executed)),
    });
  }
  const batches = request.last - request.first + 1;
  for (const operator of [1, 2] as const) {
    const positions = [
      { operator: (3 - operator) as OperatorId, asset: 'SEK' as Asset, amount: `${totals[operator]}` },
    ];
    writeSync(files[operator], encodeLine({ type: 'end', batches, pairs: batches * request.pairs, positions }));
    closeSync(files[operator]);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  write(workerData as BooksRequest, (batch) => port.postMessage(batch));
}
