/** A batch of pairs, signed and anchored on a model chain that answers in the contracts' own encoding. */
import { Wallet, keccak256 } from 'ethers';
import type { AuditBlock, AuditChain, AuditLog } from '../../operator-node/audit/audit-chain.ts';
import { buildBundle, type BundleInput } from '../../operator-node/audit/bundle.ts';
import { registry, settlement } from '../../operator-node/audit/contracts.ts';
import type { BundleBlock, Decision } from '../../operator-node/audit/format.ts';
import type { AuditNetwork } from '../../operator-node/model/network-file.ts';
import { toHash, toHex } from '../../operator-node/commitment/bytes.ts';
import { encodeLeaf, type LeafParts } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import { operationCommitment, subjectDigest, termsCommitment } from '../../operator-node/commitment/record.ts';
import { operationSecret, termsSecret } from '../../operator-node/commitment/secrets.ts';
import { batchIdOf, signDigest } from '../../operator-node/commitment/typed-data.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Hash, Hex, Leg, OperatorId, PairId, UnixSeconds } from '../../operator-node/model/ids.ts';
import type {
  Batch,
  OperationRecord,
  SettlementDomain,
  SignedBatch,
  Terms,
} from '../../operator-node/model/records.ts';

const deadline = 1_790_000_010;
const operatorKey = Buffer.alloc(32, 1);
const userKeys = { first: Buffer.alloc(32, 2), second: Buffer.alloc(32, 3) } as const;
export const signers = {
  initiator: new Wallet(toHex(Buffer.alloc(32, 4))),
  acceptor: new Wallet(toHex(Buffer.alloc(32, 5))),
};

export interface StoredPair {
  readonly terms: Terms;
  readonly termsSecret: Hash;
  readonly operations: Record<Leg, { readonly record: OperationRecord; readonly secret: Hash }>;
  readonly leaf: LeafParts;
}

/** Changes to what is agreed, applied before anything is committed to: a pair that contradicts itself. */
export interface Contradiction {
  readonly terms?: Partial<Record<keyof Terms, string>>;
  readonly first?: Partial<Record<keyof OperationRecord, string>>;
  readonly second?: Partial<Record<keyof OperationRecord, string>>;
}

export function makePair(
  number: number,
  operators: { initiator: number; acceptor: number },
  but: Contradiction = {},
): StoredPair {
  const pair = `0190a1b2-c3d4-7e5f-8a9b-${number.toString(16).padStart(12, '0')}` as PairId;
  const secrets = {
    terms: termsSecret(operatorKey, pair),
    first: operationSecret(userKeys.first, pair, 'first'),
    second: operationSecret(userKeys.second, pair, 'second'),
  };
  const terms = {
    pair,
    service: 'pay',
    firstAsset: 'SEK',
    firstAmount: '12000',
    secondAsset: 'SEK',
    secondAmount: '12000',
    initiator: `${operators.initiator}`,
    acceptor: `${operators.acceptor}`,
    created: '2026-09-21T13:00:00Z',
    deadline: `${deadline}`,
    reverses: '',
    ...but.terms,
  } as Terms;
  const subjects = { first: '+46701000001', second: '+46702000002' } as const;
  const operation = (leg: Leg, other: Leg, operator: number): OperationRecord =>
    ({
      pair,
      leg,
      operator: `${operator}`,
      domain: 'payments',
      action: leg === 'first' ? 'debit' : 'credit',
      account: `acc_${leg}`,
      subject: subjects[leg],
      asset: 'SEK',
      amount: '12000',
      counterparty: subjectDigest(secrets[other], subjects[other]),
      detail: 'lunch ☕',
      heldAt: '2026-09-21T13:00:01Z',
      ...but[leg],
    }) as OperationRecord;
  const first = operation('first', 'second', operators.initiator);
  const second = operation('second', 'first', operators.acceptor);
  return {
    terms,
    termsSecret: secrets.terms,
    operations: { first: { record: first, secret: secrets.first }, second: { record: second, secret: secrets.second } },
    leaf: {
      pair,
      terms: termsCommitment(secrets.terms, terms),
      first: operationCommitment(secrets.first, first),
      second: operationCommitment(secrets.second, second),
    },
  };
}

/** Operator 1 initiates; on us it accepts too. */
const signerOf = (operator: number): Wallet => (operator === 1 ? signers.initiator : signers.acceptor);

export function signBatch(
  domain: SettlementDomain,
  pairs: readonly StoredPair[],
  fields: Omit<Batch, 'count' | 'root'>,
): SignedBatch {
  const batch = {
    ...fields,
    count: pairs.length,
    root: toHash(merkleTree(pairs.map(({ leaf }) => encodeLeaf(leaf))).root),
  };
  const batchId = batchIdOf(domain, batch);
  return {
    batchId,
    batch,
    initiatorSignature: signDigest(signers.initiator.privateKey, batchId),
    acceptorSignature: signDigest(signerOf(batch.acceptor).privateKey, batchId),
  };
}

const hashOf = (text: string): Hash => keccak256(Buffer.from(text)) as Hash;

/** Blocks 0 … 12, ten seconds each; block 10 is the last until the deadline, 11 the first past it. */
const lastBlock = 12;
export const preparedAt = 3;
export const decidedAt = 5;
export const modelBlock = (number: number): AuditBlock => ({
  number,
  hash: hashOf(`block ${number}`),
  parentHash: hashOf(`block ${number - 1}`),
  timestamp: deadline - 100 + number * 10,
});
const blockFacts = (number: number): BundleBlock => {
  const { hash, timestamp } = modelBlock(number);
  return { hash, number, timestamp };
};

export const addresses = {
  OperatorRegistry: `0x${'0e'.repeat(20)}`,
  PairSettlement: `0x${'5e'.repeat(20)}`,
};
const codes: Record<string, Hex> = {
  [addresses.OperatorRegistry]: '0x600e' as Hex,
  [addresses.PairSettlement]: '0x605e' as Hex,
};
export const network: AuditNetwork = {
  chainId: '20261123',
  genesisHash: modelBlock(0).hash,
  contracts: addresses,
  codeHashes: {
    OperatorRegistry: keccak256('0x600e') as Hash,
    PairSettlement: keccak256('0x605e') as Hash,
  },
  firstBlock: 1,
  finality: { mode: 'depth', depth: 1 },
};
const domain: SettlementDomain = { chainId: 20261123n, contract: addresses.PairSettlement };

/** By operator id, at a block: what `operator(id)` says there. */
export type RegistryModel = (
  operator: number,
  block: number,
) => { signer: Hex; previousSigner: Hex; previousSignerUntil: number };

export interface RegistryEvent {
  readonly block: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

export interface ModelOptions {
  readonly signed: SignedBatch;
  readonly committed: ReadonlySet<number>;
  readonly aborted: ReadonlySet<number>;
  readonly registry?: RegistryModel;
  /** The first block whose state the endpoint still has. */
  readonly stateFrom?: number;
  /** What the registry's log has of an operator. */
  readonly registryEvents?: (operator: number) => readonly RegistryEvent[];
  /** Answers of one method in another way. */
  readonly but?: Partial<AuditChain>;
}

const addressOf = (wallet: Wallet): Hex => wallet.address.toLowerCase() as Hex;
export const currentKeys: RegistryModel = (operator) => ({
  signer: addressOf(signerOf(operator)),
  previousSigner: '0x' as Hex,
  previousSignerUntil: 0,
});

const someone = `0x${'00'.repeat(20)}`;
const noPin = `0x${'00'.repeat(32)}`;
export const admission = (operator: number, signer: Hex): RegistryEvent => ({
  block: 1,
  name: 'OperatorAdmitted',
  args: [operator, 'name', someone, someone, signer, noPin, 'https://operator.example'],
});

export const transactionOf = (what: 'prepare' | 'decide'): Hash => hashOf(what);

function words(count: number, set: ReadonlySet<number>): bigint[] {
  const masks = Array.from({ length: Math.ceil(count / 256) }, () => 0n);
  for (const index of set) masks[index >>> 8] = (masks[index >>> 8] ?? 0n) | (1n << BigInt(index & 255));
  return masks;
}

/** The two contracts and their chain, as an endpoint tells of them. */
export function modelChain({
  signed,
  committed,
  aborted,
  registry: keys = currentKeys,
  stateFrom = 0,
  registryEvents = (operator) => [admission(operator, currentKeys(operator, 1).signer)],
  but = {},
}: ModelOptions): AuditChain {
  const { batch, batchId } = signed;
  const numbers = new Map(Array.from({ length: lastBlock + 1 }, (_, number) => [modelBlock(number).hash, number]));
  const answer = (name: string, args: readonly unknown[], block: number): readonly unknown[] => {
    const prepared = block >= preparedAt && args[0] === batchId;
    const decided = block >= decidedAt && prepared;
    switch (name) {
      case 'REGISTRY':
        return [addresses.OperatorRegistry];
      case 'batchOutcome':
        return prepared
          ? [
              true,
              batch.deadline,
              batch.count,
              words(batch.count, decided ? committed : new Set()),
              words(batch.count, decided ? aborted : new Set()),
            ]
          : [false, 0, 0, [], []];
      case 'pairStatus': {
        const index = Number(args[1]);
        if (!prepared || index >= batch.count) return [0];
        if (decided && committed.has(index)) return [2];
        return [(decided && aborted.has(index)) || modelBlock(block).timestamp > batch.deadline ? 3 : 1];
      }
      case 'verifyPair':
        return [block >= preparedAt];
      default:
        throw new Error(`the model has no ${name}`);
    }
  };
  const log = (event: string, args: readonly unknown[], transaction: Hash, blockNumber: number): AuditLog => {
    const { topics, data } = settlement.encodeEventLog(event, args);
    return {
      address: addresses.PairSettlement,
      blockNumber,
      topics: topics as Hash[],
      data: data as Hex,
      transactionHash: transaction,
    };
  };
  return {
    chainId: async () => 20261123n,
    block: async (at) =>
      at === 'latest' ? modelBlock(lastBlock) : typeof at === 'number' && at <= lastBlock ? modelBlock(at) : undefined,
    code: async (address) => codes[address] ?? ('0x' as Hex),
    async call(to, data, blockHash) {
      const block = numbers.get(blockHash);
      if (block === undefined) throw new Error(`the model has no block ${blockHash}`);
      if (block < stateFrom) throw new TandemError('chain-unavailable', `the state of block ${block} is gone`);
      const abi =
        to === addresses.PairSettlement ? settlement : to === addresses.OperatorRegistry ? registry : undefined;
      const call = abi?.parseTransaction({ data });
      if (abi === undefined || call === undefined || call === null) return '0x' as Hex;
      if (call.name === 'operator') {
        const entry = keys(Number(call.args[0]), block);
        const zero = `0x${'00'.repeat(20)}`;
        const none = `0x${'00'.repeat(32)}`;
        const { signer, previousSigner, previousSignerUntil } = entry;
        const values = [
          1,
          'name',
          zero,
          zero,
          zero,
          zero,
          0,
          signer,
          previousSigner,
          previousSignerUntil,
          none,
          none,
          none,
          0,
          '',
          0,
        ];
        return abi.encodeFunctionResult('operator', [values]) as Hex;
      }
      if (call.name === 'finality') return abi.encodeFunctionResult('finality', [[0, 1]]) as Hex;
      return abi.encodeFunctionResult(call.name, answer(call.name, call.args.toArray(), block)) as Hex;
    },
    async logs(address, blockHash) {
      if (address !== addresses.PairSettlement) return [];
      const block = numbers.get(blockHash);
      if (block === preparedAt) {
        const { initiator, acceptor, sequence, deadline: until, count, root } = batch;
        return [
          log(
            'BatchPrepared',
            [batchId, initiator, acceptor, sequence, until, count, root],
            transactionOf('prepare'),
            preparedAt,
          ),
        ];
      }
      if (block !== decidedAt) return [];
      const commits = words(batch.count, committed);
      const aborts = words(batch.count, aborted);
      return commits.flatMap((commit, word) => {
        const abort = aborts[word] ?? 0n;
        return commit === 0n && abort === 0n
          ? []
          : [log('PairsDecided', [batchId, word, commit, abort], transactionOf('decide'), decidedAt)];
      });
    },
    async history(address, secondTopic, from, to) {
      if (address !== addresses.OperatorRegistry) return [];
      return registryEvents(Number(secondTopic))
        .filter(({ block }) => block >= from && block <= to)
        .map(({ block, name, args }) => {
          const { topics, data } = registry.encodeEventLog(name, args);
          const transactionHash = hashOf(name);
          return { address, topics: topics as Hash[], data: data as Hex, transactionHash, blockNumber: block };
        });
    },
    ...but,
  };
}

/** The same chain, asked each thing once: what is at a block's hash does not change. */
export function remembering(chain: AuditChain): AuditChain {
  const answers = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = answers.get(key) ?? ask();
    answers.set(key, known);
    return known as Promise<T>;
  };
  return {
    chainId: () => once('chainId', () => chain.chainId()),
    block: (at) => once(`block ${at}`, () => chain.block(at)),
    code: (address, at) => once(`code ${address} ${at}`, () => chain.code(address, at)),
    call: (to, data, at) => once(`call ${to} ${data} ${at}`, () => chain.call(to, data, at)),
    logs: (address, at) => once(`logs ${address} ${at}`, () => chain.logs(address, at)),
    history: (address, topic, from, to) =>
      once(`history ${address} ${topic} ${from} ${to}`, () => chain.history(address, topic, from, to)),
  };
}

export interface Case {
  readonly input: BundleInput;
  readonly pairs: readonly StoredPair[];
  readonly signed: SignedBatch;
  readonly text: string;
  readonly chain: AuditChain;
  readonly model: ModelOptions;
}

export interface CaseOptions {
  readonly count?: number;
  readonly index?: number;
  readonly outcome?: 'committed' | 'aborted' | 'deadline';
  readonly legs?: readonly Leg[];
  readonly acceptor?: number;
  readonly but?: Contradiction;
  readonly input?: Partial<BundleInput>;
}

/** One pair of a batch, with its bundle and a chain on which it is true. */
export function makeCase({
  count = 5,
  index = 2,
  outcome = 'committed',
  legs = ['first'],
  acceptor = 2,
  but,
  input,
}: CaseOptions = {}): Case {
  const operators = { initiator: 1, acceptor };
  const pairs = Array.from({ length: count }, (_, number) => makePair(number, operators, number === index ? but : {}));
  const signed = signBatch(domain, pairs, {
    initiator: 1 as OperatorId,
    acceptor: acceptor as OperatorId,
    sequence: 7,
    deadline: deadline as UnixSeconds,
  });
  const { terms, termsSecret: secret, operations } = pairs[index] ?? makePair(index, operators);
  const decision: Decision =
    outcome === 'deadline'
      ? { by: 'deadline', status: 'aborted', block: blockFacts(11) }
      : { by: 'bit', status: outcome, block: blockFacts(decidedAt), transaction: transactionOf('decide') };
  const bundleInput: BundleInput = {
    domain,
    signed,
    position: { leaves: pairs.map(({ leaf }) => leaf), index },
    terms,
    termsSecret: secret,
    operations: Object.fromEntries(legs.map((leg) => [leg, operations[leg]])),
    facts: {
      prepared: { block: blockFacts(preparedAt), transaction: transactionOf('prepare') },
      decision,
      signers: {
        initiator: addressOf(signers.initiator),
        acceptor: addressOf(signerOf(acceptor)),
      },
    },
    ...input,
  };
  const model: ModelOptions = {
    signed,
    committed: new Set(outcome === 'committed' ? [index] : []),
    aborted: new Set(outcome === 'aborted' ? [index] : []),
  };
  return { input: bundleInput, pairs, signed, text: buildBundle(bundleInput), chain: modelChain(model), model };
}
