/**
 * A small consortium with its books: batches of pairs on a model chain that answers in the contracts' own encoding, and
 * the disclosure files that honest operators would write of them. A test changes one thing, and scans.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keccak256, ZeroAddress, ZeroHash } from 'ethers';
import { afterEach } from 'vitest';
import type { AuditLog, RangeChain } from '../../operator-node/audit/audit-chain.ts';
import { registry, settlement } from '../../operator-node/audit/contracts.ts';
import {
  disclosureFormat,
  encodeLine,
  type BatchLine,
  type EndLine,
  type HeaderLine,
  type PairLine,
} from '../../operator-node/audit/disclosures/lines.ts';
import { builtInPolicies } from '../../operator-node/audit/disclosures/policies.ts';
import type { AuditNetwork } from '../../operator-node/model/network-file.ts';
import { scan, type ScanRequest, type ScanResult } from '../../operator-node/audit/scan/scan.ts';
import { toHash } from '../../operator-node/commitment/bytes.ts';
import { disclosureDigest } from '../../operator-node/commitment/disclosure.ts';
import {
  executedBitmap,
  executedDigest,
  maskWords,
  totalsText,
  type Executed,
} from '../../operator-node/commitment/executed.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import {
  discloseOperation,
  discloseTerms,
  operationCommitment,
  subjectDigest,
  termsCommitment,
} from '../../operator-node/commitment/record.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import { batchSecret, operationSecret, termsSecret } from '../../operator-node/commitment/secrets.ts';
import { batchIdOf } from '../../operator-node/commitment/typed-data.ts';
import {
  toTimestamp,
  type BatchId,
  type Hash,
  type Hex,
  type Leg,
  type OperatorId,
  type PairId,
  type UnixSeconds,
} from '../../operator-node/model/ids.ts';
import type { OperationRecord, Terms } from '../../operator-node/model/records.ts';

export const addresses = { OperatorRegistry: `0x${'0e'.repeat(20)}`, PairSettlement: `0x${'5e'.repeat(20)}` };
const chainId = 20261123n;
const domain = { chainId, contract: addresses.PairSettlement };
const start = 1_790_000_000;
/** Ten seconds a block. */
export const timeOf = (block: number): number => start + 10 * block;
const hashOf = (text: string): Hash => keccak256(Buffer.from(text)) as Hash;
export const blockHash = (number: number): Hash => hashOf(`block ${number}`);

export const network: AuditNetwork = {
  chainId: `${chainId}`,
  genesisHash: blockHash(0),
  contracts: addresses,
  codeHashes: { OperatorRegistry: keccak256('0x600e') as Hash, PairSettlement: keccak256('0x605e') as Hash },
  firstBlock: 1,
  finality: { mode: 'depth', depth: 0 },
};

export type Ending = 'commit' | 'abort' | 'expire' | 'open';

export interface PairSpec {
  readonly service?: string;
  readonly amount?: string;
  readonly ending?: Ending;
  readonly reverses?: PairId;
  /** Number of the pairId; by default a new one. */
  readonly number?: number;
  readonly terms?: Partial<Record<keyof Terms, string>>;
  readonly first?: Partial<Record<keyof OperationRecord, string>>;
  readonly second?: Partial<Record<keyof OperationRecord, string>>;
  /** Instead of the second operation's commitment of this pair. */
  readonly secondCommitment?: Hash;
}

export interface BookedPair {
  readonly pair: PairId;
  readonly terms: Terms;
  readonly termsSecret: Hash;
  readonly records: Readonly<Record<Leg, { readonly record: OperationRecord; readonly secret: Hash }>>;
  readonly leaf: PairLine['leaf'];
  readonly ending: Ending;
}

export interface BookedBatch {
  readonly batchId: BatchId;
  readonly initiator: OperatorId;
  readonly acceptor: OperatorId;
  readonly sequence: number;
  readonly deadline: number;
  readonly root: Hash;
  readonly pairs: readonly BookedPair[];
  readonly preparedBlock: number;
  readonly decidedBlock: number;
  readonly secret: Hash;
}

interface ModelEvent {
  readonly block: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

const isOf = ({ name, args }: ModelEvent, event: string, at: number, values: readonly unknown[]): boolean =>
  name === event && args.slice(at, at + values.length).join('/') === values.join('/');
export const pairIdOf = (number: number): PairId =>
  `0190a1b2-c3d4-7e5f-8a9b-${number.toString(16).padStart(12, '0')}` as PairId;
const key = (number: number): Buffer => Buffer.alloc(32, number);
const subjects: Readonly<Record<Leg, string>> = { first: '+46701000001', second: '+46702000002' };

const logsOf = (events: readonly ModelEvent[]): AuditLog[] =>
  events.map(({ block, name, args }) => {
    const { topics, data } = settlement.encodeEventLog(name, args) as { topics: Hash[]; data: Hex };
    return { address: addresses.PairSettlement, topics, data, transactionHash: hashOf(name), blockNumber: block };
  });

export class Consortium {
  readonly batches: BookedBatch[] = [];
  readonly events: ModelEvent[] = [];
  lastBlock = 1;
  #pairs = 0;
  readonly #sequences = new Map<string, number>();

  /** Prepared in the next block, decided in the one after it, attested by both in the one after that. */
  add(
    specs: readonly PairSpec[],
    {
      initiator = 1,
      acceptor = 2,
      sequence,
      deadlineBlocks = 20,
    }: { initiator?: number; acceptor?: number; sequence?: number; deadlineBlocks?: number } = {},
  ): BookedBatch {
    const preparedBlock = this.lastBlock + 1;
    const deadline = timeOf(preparedBlock + deadlineBlocks);
    const pairs = specs.map((spec) => this.#pair(spec, initiator, acceptor, deadline));
    const lane = `${initiator}/${acceptor}`;
    const number = sequence ?? (this.#sequences.get(lane) ?? 0) + 1;
    this.#sequences.set(lane, number);
    const fields = {
      initiator: initiator as OperatorId,
      acceptor: acceptor as OperatorId,
      sequence: number,
      deadline: deadline as UnixSeconds,
      count: pairs.length,
      root: toHash(merkleTree(pairs.map(({ leaf }) => encodeLeaf(leaf))).root),
    };
    const batchId = batchIdOf(domain, fields);
    const secret = batchSecret(pairs.map((pair) => pair.termsSecret));
    const batch: BookedBatch = { ...fields, batchId, pairs, preparedBlock, decidedBlock: preparedBlock + 1, secret };
    this.batches.push(batch);
    this.events.push({
      block: preparedBlock,
      name: 'BatchPrepared',
      args: [batchId, initiator, acceptor, number, deadline, pairs.length, fields.root],
    });
    const commits = maskWords(pairs.length, (at) => pairs[at]?.ending === 'commit');
    const aborts = maskWords(pairs.length, (at) => pairs[at]?.ending === 'abort');
    for (const [word, mask] of commits.entries()) {
      if (mask === 0n && aborts[word] === 0n) continue;
      this.events.push({ block: preparedBlock + 1, name: 'PairsDecided', args: [batchId, word, mask, aborts[word]] });
    }
    this.lastBlock = preparedBlock + 2;
    const open = pairs.some(({ ending }) => ending === 'expire' || ending === 'open');
    if (pairs.some(({ ending }) => ending === 'expire')) this.lastBlock = preparedBlock + deadlineBlocks + 1;
    if (!open || this.lastBlock > preparedBlock + 2) this.attest(batch);
    return batch;
  }

  #pair(spec: PairSpec, initiator: number, acceptor: number, deadline: number): BookedPair {
    const { service = 'pay', amount = '12000', ending = 'commit', reverses = '', number = (this.#pairs += 1) } = spec;
    const pair = pairIdOf(number);
    const secrets = {
      terms: termsSecret(key(1), pair),
      first: operationSecret(key(2), pair, 'first'),
      second: operationSecret(key(3), pair, 'second'),
    };
    const terms = {
      pair,
      service,
      firstAsset: 'SEK',
      firstAmount: amount,
      secondAsset: 'SEK',
      secondAmount: amount,
      initiator: `${initiator}`,
      acceptor: `${acceptor}`,
      created: toTimestamp(timeOf(this.lastBlock) * 1000),
      deadline: `${deadline}`,
      reverses,
      ...spec.terms,
    } as Terms;
    const paysFirst = service !== 'request';
    const record = (leg: Leg, other: Leg): OperationRecord =>
      ({
        pair,
        leg,
        operator: `${leg === 'first' ? initiator : acceptor}`,
        domain: 'payments',
        action: paysFirst === (leg === 'first') ? 'debit' : 'credit',
        account: `usr_${leg}/SEK`,
        subject: subjects[leg],
        asset: 'SEK',
        amount,
        counterparty: subjectDigest(secrets[other], subjects[other]),
        detail: 'lunch ☕',
        heldAt: toTimestamp(timeOf(this.lastBlock) * 1000),
        ...spec[leg],
      }) as OperationRecord;
    const [first, second] = [record('first', 'second'), record('second', 'first')];
    return {
      pair,
      terms,
      termsSecret: secrets.terms,
      records: { first: { record: first, secret: secrets.first }, second: { record: second, secret: secrets.second } },
      leaf: {
        pair,
        terms: termsCommitment(secrets.terms, terms),
        first: operationCommitment(secrets.first, first),
        second: spec.secondCommitment ?? operationCommitment(secrets.second, second),
      },
      ending,
    };
  }

  /** What both would attest of what the chain decided; `digest` in its place for one operator. */
  attest(batch: BookedBatch, digests: Readonly<Record<number, Hash>> = {}): void {
    const executed: Executed[] = [];
    for (const { ending, terms } of batch.pairs) {
      if (ending !== 'commit') continue;
      executed.push({ leg: 'first', asset: terms.firstAsset, amount: BigInt(terms.firstAmount) });
      executed.push({ leg: 'second', asset: terms.secondAsset, amount: BigInt(terms.secondAmount) });
    }
    const bitmap = executedBitmap(batch.pairs.length, (at) => batch.pairs[at]?.ending === 'commit');
    const digest = executedDigest(batch.secret, batch.batchId, bitmap, totalsText(executed));
    const operators = [...new Set([batch.initiator, batch.acceptor])];
    for (const operator of operators) {
      this.events.push({
        block: this.lastBlock,
        name: 'BatchAttested',
        args: [batch.batchId, operator, digests[operator] ?? digest],
      });
    }
    const [one = digest, other = one] = operators.map((operator) => digests[operator] ?? digest);
    this.events.push(
      one === other
        ? { block: this.lastBlock, name: 'BatchReconciled', args: [batch.batchId] }
        : { block: this.lastBlock, name: 'BatchDiscrepancy', args: [batch.batchId, one, other] },
    );
  }

  /** `but` gives other answers of one method, or leaves events out. */
  chain(
    but: {
      readonly drop?: (event: ModelEvent) => boolean;
      readonly methods?: Partial<RangeChain>;
      readonly nextSequence?: number;
    } = {},
  ): RangeChain {
    const events = [...this.events].sort((a, b) => a.block - b.block).filter((event) => but.drop?.(event) !== true);
    const blockOf = (hash: Hash): number => {
      for (let at = 0; at <= this.lastBlock; at += 1) if (blockHash(at) === hash) return at;
      throw new Error(`the model has no block ${hash}`);
    };
    const answer = (name: string, args: readonly unknown[], at: number): readonly unknown[] => {
      const before = this.events.filter(({ block }) => block <= at);
      if (name === 'REGISTRY') return [addresses.OperatorRegistry];
      if (name === 'nextSequence') {
        const prepared = before.filter((event) => isOf(event, 'BatchPrepared', 1, args));
        return [but.nextSequence ?? prepared.length + 1];
      }
      if (name === 'executedDigestOf') {
        const attested = before.find((event) => isOf(event, 'BatchAttested', 0, args));
        return [attested?.args[2] ?? ZeroHash];
      }
      if (name === 'batchOutcome') {
        const batch = this.batches.find(({ batchId }) => batchId === args[0]);
        if (batch === undefined) return [false, 0, 0, [], []];
        const none = (): bigint[] => maskWords(batch.pairs.length, () => false);
        const masks = { commit: none(), abort: none() };
        for (const event of before) {
          if (event.name !== 'PairsDecided' || event.args[0] !== batch.batchId) continue;
          const word = Number(event.args[1]);
          masks.commit[word] = (masks.commit[word] ?? 0n) | (event.args[2] as bigint);
          masks.abort[word] = (masks.abort[word] ?? 0n) | (event.args[3] as bigint);
        }
        return [true, batch.deadline, batch.pairs.length, masks.commit, masks.abort];
      }
      if (name === 'operator') {
        const [zero, none, handle] = [ZeroAddress, ZeroHash, `operator-${String(args[0])}`];
        return [[1, handle, zero, zero, zero, zero, 0, '0x', '0x', 0, none, none, none, 0, '', 0]];
      }
      throw new Error(`the model has no ${name}`);
    };
    const logs = (from: number, to: number) => logsOf(events.filter(({ block }) => block >= from && block <= to));
    return {
      chainId: async () => chainId,
      block: async (at) => {
        const number = typeof at === 'number' ? at : this.lastBlock;
        return number > this.lastBlock
          ? undefined
          : { number, hash: blockHash(number), parentHash: blockHash(number - 1), timestamp: timeOf(number) };
      },
      code: async (address) => (address === addresses.PairSettlement ? '0x605e' : '0x600e') as Hex,
      call: async (to, data, hash) => {
        const abi = to === addresses.PairSettlement ? settlement : registry;
        const call = abi.parseTransaction({ data });
        if (call === null) return '0x' as Hex;
        return abi.encodeFunctionResult(call.name, answer(call.name, call.args.toArray(), blockOf(hash))) as Hex;
      },
      logs: async (address, hash) => (address === addresses.PairSettlement ? logs(blockOf(hash), blockOf(hash)) : []),
      history: async () => [],
      range: async (_, from, to) => logs(from, to),
      ...but.methods,
    };
  }

  /** What an honest operator's node gives, line by line. */
  file(
    operator: number,
    {
      from = 1,
      asOf = this.lastBlock,
      to = asOf,
      policy = 'regulator-minimum',
    }: { from?: number; to?: number; policy?: keyof typeof builtInPolicies; asOf?: number } = {},
  ): DisclosureLines {
    const own = this.batches.filter(
      ({ initiator, acceptor, preparedBlock }) =>
        (initiator === operator || acceptor === operator) && preparedBlock >= from && preparedBlock <= to,
    );
    return {
      header: {
        type: 'header',
        format: disclosureFormat,
        chainId: `${chainId}`,
        contract: addresses.PairSettlement,
        operator: operator as OperatorId,
        from,
        to,
        policy,
      },
      sections: own.map((batch) => ({
        head: headOf(batch, asOf),
        pairs: batch.pairs.map((pair, index) => pairLineOf(batch, pair, index, operator, policy)),
      })),
    };
  }
}

export interface DisclosureLines {
  header: HeaderLine;
  sections: { head: Omit<BatchLine, 'bytes' | 'pairs'>; pairs: PairLine[] }[];
  end?: EndLine;
}

const headOf = (batch: BookedBatch, asOf: number): Omit<BatchLine, 'bytes' | 'pairs'> => ({
  type: 'batch',
  batchId: batch.batchId,
  batch: {
    initiator: batch.initiator,
    acceptor: batch.acceptor,
    sequence: `${batch.sequence}`,
    deadline: batch.deadline,
    count: batch.pairs.length,
    root: batch.root,
  },
  prepared: batch.preparedBlock,
  secret: batch.secret,
  asOf: { number: asOf, hash: blockHash(asOf) },
});

function pairLineOf(
  batch: BookedBatch,
  pair: BookedPair,
  index: number,
  operator: number,
  policyName: keyof typeof builtInPolicies,
): PairLine {
  const policy = builtInPolicies[policyName];
  const legs: readonly Leg[] =
    batch.initiator === batch.acceptor ? ['first', 'second'] : [operator === batch.initiator ? 'first' : 'second'];
  const show = (fields: readonly string[], disclosures: readonly string[], shown: readonly string[]): string[] =>
    fields.map((field, at) =>
      shown.includes(field) ? (disclosures[at] ?? '') : disclosureDigest(disclosures[at] ?? ''),
    );
  return {
    type: 'pair',
    index,
    leaf: pair.leaf,
    terms: show(termsFields, discloseTerms(pair.termsSecret, pair.terms), policy.terms),
    ...Object.fromEntries(
      legs.map((leg) => {
        const { record, secret } = pair.records[leg];
        return [leg, show(operationFields, discloseOperation(secret, record), policy.operation)];
      }),
    ),
    postings:
      pair.ending !== 'commit'
        ? []
        : legs.map((leg) => {
            const { record } = pair.records[leg];
            return {
              leg,
              id: `${pair.pair}/${leg}/2`,
              booked: toTimestamp((timeOf(batch.decidedBlock) + 1) * 1000),
              asset: record.asset,
              amount: record.action === 'debit' ? `-${record.amount}` : record.amount,
            };
          }),
  };
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-audit-'));
  folders.push(folder);
  return folder;
}

/** Positions as the operator would state them: from its postings. */
function endOf({ header, sections }: DisclosureLines): EndLine {
  const positions = new Map<string, bigint>();
  let pairs = 0;
  for (const { head, pairs: lines } of sections) {
    pairs += lines.length;
    const { initiator, acceptor } = head.batch;
    if (initiator === acceptor) continue;
    const other = initiator === header.operator ? acceptor : initiator;
    for (const { asset, amount } of lines.flatMap(({ postings }) => postings)) {
      const at = `${other}/${asset}`;
      positions.set(at, (positions.get(at) ?? 0n) - BigInt(amount));
    }
  }
  return {
    type: 'end',
    batches: sections.length,
    pairs,
    positions: [...positions].sort().map(([at, amount]) => {
      const [operator = '', asset = ''] = at.split('/');
      return { operator: Number(operator) as OperatorId, asset, amount: `${amount}` };
    }) as EndLine['positions'],
  };
}

export function textOf(lines: DisclosureLines): string {
  const parts = [encodeLine(lines.header)];
  for (const { head, pairs } of lines.sections) {
    const body = pairs.map(encodeLine).join('');
    parts.push(encodeLine({ ...head, bytes: Buffer.byteLength(body), pairs: pairs.length }), body);
  }
  parts.push(encodeLine(lines.end ?? endOf(lines)));
  return parts.join('');
}

export interface Planted {
  /** Changes what one operator hands over. */
  readonly file?: Readonly<Record<number, (lines: DisclosureLines) => void>>;
  readonly text?: Readonly<Record<number, (text: string) => string>>;
  readonly chain?: RangeChain;
  readonly chains?: readonly RangeChain[];
  readonly operators?: readonly number[];
  readonly asOf?: number;
  readonly request?: Partial<ScanRequest>;
}

/** Writes the files with what is planted in them, and scans. */
export async function scanOf(consortium: Consortium, planted: Planted = {}): Promise<ScanResult> {
  const folder = temporaryFolder();
  const files = (planted.operators ?? [1, 2]).map((operator) => {
    const lines = consortium.file(operator, planted.asOf === undefined ? {} : { asOf: planted.asOf });
    planted.file?.[operator]?.(lines);
    const text = textOf(lines);
    const file = join(folder, `operator-${operator}.ndjson`);
    writeFileSync(file, planted.text?.[operator]?.(text) ?? text);
    return file;
  });
  const chains = planted.chains ?? [planted.chain ?? consortium.chain()];
  return scan({
    network,
    endpoints: chains.map((chain, at) => ({ name: `endpoint-${at}`, chain })),
    files,
    threads: 0,
    ...planted.request,
  });
}

export const codesOf = ({ findings }: Pick<ScanResult, 'findings'>): string[] => Object.keys(findings.counts);
