/** The model of the contracts is held against the compiled ones: random calls, the same results, events and views. */
import { id, type Interface } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLog, registryInterface, settlementInterface } from '../../operator-node/chain/decode.ts';
import { describeRevert } from '../../operator-node/chain/calls.ts';
import { batchIdOf, recoverSigner } from '../../operator-node/commitment/typed-data.ts';
import type { BatchId, Hash, Hex, OperatorId, UnixSeconds } from '../../operator-node/model/ids.ts';
import type { Batch, Network } from '../../operator-node/model/records.ts';
import { openChain, oneDay, startTime, type Chain } from '../contracts/chain.ts';
import { openConsortium, type Consortium, type Operator } from '../contracts/consortium.ts';
import { Contract, Revert, type Call, type RegistryEntry } from './chain/contract.ts';
import { Chance } from './random.ts';

const sequences = 1_000;
const lengths = [2, 3, 4, 12];
const begins = startTime + 10_000;

interface Signed {
  readonly batch: Batch;
  readonly batchId: BatchId;
  readonly first: Hex;
  readonly second: Hex;
}

interface Outside {
  readonly status: 'done' | 'reverted';
  readonly events: readonly unknown[];
  readonly error?: string;
}

const asText = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)));

describe('the model of the contracts', () => {
  let chain: Chain;
  let consortium: Consortium;
  let pool: readonly Signed[];
  let senders: readonly string[];
  let contracts: Network['contracts'];
  let fresh: () => Contract;

  beforeAll(async () => {
    chain = await openChain();
    consortium = await openConsortium(chain);
    const { aurora, borealis, corona, stranger, registry, settlement } = consortium;
    contracts = {
      OperatorRegistry: await registry.getAddress(),
      PairSettlement: await settlement.getAddress(),
    };
    const operators = [aurora, borealis, corona];
    senders = [
      aurora.account.address,
      borealis.account.address,
      borealis.account.address,
      corona.account.address,
      stranger.address,
      chain.authority.address,
      aurora.controller.address,
    ].map((address) => address.toLowerCase());
    for (const sender of senders) await chain.send('hardhat_impersonateAccount', sender);
    pool = await signedPool(consortium);
    const domain = { chainId: BigInt(chain.chainId), contract: contracts.PairSettlement };
    fresh = () =>
      new Contract(
        {
          batchIdOf: (batch) => batchIdOf(domain, batch),
          signed: (signer, batchId, signature) => recoverSigner(batchId, signature) === signer,
          authority: chain.authority.address.toLowerCase(),
          maxWindow: oneDay,
        },
        new Map(operators.map((operator) => [operator.id as OperatorId, entryOf(operator)])),
      );
  });

  afterAll(() => chain.close());

  async function outside(from: string, timestamp: number, call: Call): Promise<Outside> {
    const { to, data } = encode(call, contracts);
    await chain.send('evm_setNextBlockTimestamp', timestamp);
    try {
      const hash = await chain.send('eth_sendTransaction', { from, to, data, gas: '0x7a1200' });
      const receipt = (await chain.send('eth_getTransactionReceipt', hash)) as {
        status: string;
        logs: { address: string; topics: string[]; data: string; logIndex: string; transactionHash: string }[];
      };
      const events = receipt.logs.flatMap(({ address, topics, data: logData, transactionHash }, logIndex) => {
        const lower = address.toLowerCase();
        const log = { address: lower, topics, data: logData, transactionHash, logIndex } as unknown;
        const decoded = decodeLog(log as Parameters<typeof decodeLog>[0], contracts);
        if (decoded === undefined) return [];
        const { transactionHash: _, logIndex: __, ...event } = decoded;
        return [asText(event)];
      });
      return { status: receipt.status === '0x1' ? 'done' : 'reverted', events };
    } catch (error) {
      return { status: 'reverted', events: [], error: describeRevert(revertData(error)) ?? 'without a reason' };
    }
  }

  it(
    `does what the compiled contracts do, in ${sequences} random sequences of calls`,
    { timeout: 170_000 },
    async () => {
      const seen = new Set<string>();
      for (let sequence = 0; sequence < sequences; sequence += 1) {
        const chance = new Chance(`contract ${sequence}`);
        const undo = await chain.snapshot();
        let model = fresh();
        let timestamp = begins + chance.below(100);
        const length = chance.pick(lengths);
        for (let step = 0; step < length; step += 1) {
          timestamp += chance.pick([0, 1, 5, 60, 400]);
          const call = randomCall(chance, pool, model);
          const sender = senderOf(chance, senders, consortium, call);
          const found = await outside(sender, timestamp, call);
          const draft = model.copy();
          let expected: Outside;
          try {
            const events = draft.call({ sender, timestamp }, call).map(asText);
            expected = { status: 'done', events };
            model = draft;
          } catch (error) {
            if (!(error instanceof Revert)) throw error;
            expected = { status: 'reverted', events: [], error: wordsOf(error) };
          }
          expect(found, `sequence ${sequence}, step ${step}: ${JSON.stringify(asText(call))}`).toEqual(expected);
          seen.add(expected.error === undefined ? call.name : expected.error.replace(/\(.*/, ''));
          for (const event of expected.events) seen.add((event as { type: string }).type);
        }
        await compareViews(model);
        await undo();
      }
      // The generator reaches every call, event and refusal that the model has.
      expect([...seen].sort()).toEqual(expect.arrayContaining(everything));
    },
  );

  async function compareViews(model: Contract): Promise<void> {
    const { settlement } = consortium;
    for (const [batchId, { initiator, acceptor }] of model.headers) {
      const [prepared, deadline, count, commitWords, abortWords] = (
        await settlement.getFunction('batchOutcome')(batchId)
      ).toArray(true) as [boolean, bigint, bigint, bigint[], bigint[]];
      expect({
        prepared,
        deadline: Number(deadline),
        count: Number(count),
        commitWords,
        abortWords,
      }).toEqual(model.outcome(batchId));
      const reconciliations = ['none', 'by-initiator', 'by-acceptor', 'reconciled', 'discrepancy'];
      const reconciliation = (await settlement.getFunction('reconciliationOf')(batchId)) as bigint;
      expect(reconciliations[Number(reconciliation)]).toBe(model.reconciliation(batchId));
      for (const operator of [initiator, acceptor]) {
        expect(await settlement.getFunction('executedDigestOf')(batchId, operator)).toBe(
          model.executedDigest(batchId, operator),
        );
      }
      expect(await settlement.getFunction('nextSequence')(initiator, acceptor)).toBe(
        BigInt(model.nextSequence(initiator, acceptor)),
      );
    }
  }
});

const everything = [
  'prepare',
  'decide',
  'settle',
  'attest',
  'multicall',
  'suspend',
  'reinstate',
  'rotateAccount',
  'rotateSigner',
  'BatchPrepared',
  'PairsDecided',
  'DecisionTooLate',
  'BatchAttested',
  'BatchReconciled',
  'BatchDiscrepancy',
  'OperatorChanged',
  'PairSettlementOperatorNotActive',
  'PairSettlementInvalidSignature',
  'PairSettlementWrongSequence',
  'PairSettlementDeadlineTooFar',
  'PairSettlementInvalidCount',
  'PairSettlementForeignDecision',
  'PairSettlementUnknownBatch',
  'PairSettlementNotAcceptorAccount',
  'PairSettlementNotOperatorAccount',
  'PairSettlementContradiction',
  'PairSettlementBeyondCount',
  'PairSettlementAlreadyDecided',
  'PairSettlementNotParty',
  'PairSettlementStillOpen',
  'PairSettlementAlreadyAttested',
  'OwnableUnauthorizedAccount',
  'OperatorRegistryUnknownOperator',
  'OperatorRegistryUnexpectedStatus',
  'OperatorRegistryNotController',
  'OperatorRegistrySameKey',
  'OperatorRegistryOverlapOutOfRange',
];

const entryOf = ({ controller, account, signer }: Operator): RegistryEntry => ({
  status: 'active',
  controller: controller.address.toLowerCase(),
  account: account.address.toLowerCase(),
  previousAccount: '',
  previousAccountUntil: 0,
  signer: signer.address.toLowerCase() as Hex,
  previousSigner: '0x' as Hex,
  previousSignerUntil: 0,
});

/** Batches of several lanes, lengths and deadlines, on us too; some with a signature of somebody else. */
async function signedPool({ sign, aurora, borealis }: Consortium): Promise<readonly Signed[]> {
  const lanes = [
    [aurora.id, borealis.id],
    [borealis.id, aurora.id],
    [aurora.id, aurora.id],
  ] as const;
  const made: Signed[] = [];
  for (const [initiator, acceptor] of lanes) {
    for (const [sequence, deadline, count] of [
      [1, begins + 300, 1],
      [1, begins + 900, 3],
      [2, begins + 200, 256],
      [2, begins + 5_000, 300],
      [3, begins - 100, 2],
      [1, begins + 3 * oneDay, 1],
      [1, begins + 600, 0],
      [1, begins + 600, 4097],
    ] as const) {
      const { batch, batchId, args } = await sign({ initiator, acceptor, sequence, deadline, count, root: id('root') });
      made.push({
        batch: { ...batch, deadline: deadline as UnixSeconds, root: batch.root as Hash } as Batch,
        batchId: batchId as BatchId,
        first: args[1] as Hex,
        second: args[2] as Hex,
      });
    }
  }
  const [one, two] = made;
  if (one !== undefined && two !== undefined) made.push({ ...one, second: two.first }, { ...two, first: one.second });
  const { batch, batchId, args } = await sign({ initiator: 9, acceptor: borealis.id });
  made.push({
    batch: batch as unknown as Batch,
    batchId: batchId as BatchId,
    first: args[1] as Hex,
    second: args[2] as Hex,
  });
  return made;
}

const masks = [0n, 1n, 2n, 3n, 7n, (1n << 44n) - 1n, (1n << 256n) - 1n];

function randomCall(chance: Chance, pool: readonly Signed[], model: Contract, inner = false): Call {
  const prepared = [...model.headers.keys()];
  const known = prepared.length > 0 && chance.happens(0.9);
  const batchId = known ? chance.pick(prepared) : chance.pick(pool).batchId;
  // The first of a lane more often than what can only be refused.
  const signed = chance.happens(0.6)
    ? (pool[8 * chance.below(3) + chance.below(3)] ?? chance.pick(pool))
    : chance.pick(pool);
  const decisions = (of: BatchId) =>
    Array.from({ length: chance.between(1, 3) }, () => {
      const commitMask = chance.pick(masks);
      return {
        batchId: chance.happens(0.9) ? of : batchId,
        word: chance.pick([0, 0, 0, 1, 2]),
        commitMask,
        abortMask: chance.happens(0.8) ? chance.pick(masks) & ~commitMask : chance.pick(masks),
      };
    });
  const operator = chance.pick([1, 1, 2, 2, 3, 9]) as OperatorId;
  const what = chance.below(100);
  if (what < 25) return { name: 'prepare', batch: signed.batch, first: signed.first, second: signed.second };
  if (what < 45) return { name: 'decide', decisions: decisions(batchId) };
  if (what < 62) {
    const { batch, first, second } = signed;
    return { name: 'settle', batch, first, second, decisions: decisions(signed.batchId) };
  }
  if (what < 80) {
    const attestations = Array.from({ length: chance.between(1, 2) }, () => ({
      batchId: chance.happens(0.8) ? batchId : chance.pick(pool).batchId,
      executedDigest: id(chance.pick(['digest', 'digest', 'another'])) as Hash,
    }));
    // What one side has attested the other attests too, more often than not.
    const half = prepared.find(
      (id) => model.reconciliation(id) === 'by-initiator' || model.reconciliation(id) === 'by-acceptor',
    );
    const header = half === undefined ? undefined : model.headers.get(half);
    if (half !== undefined && header !== undefined && chance.happens(0.6)) {
      const missing = header.reconciliation === 'by-initiator' ? header.acceptor : header.initiator;
      const executedDigest = id(chance.pick(['digest', 'another'])) as Hash;
      return { name: 'attest', operator: missing, attestations: [{ batchId: half, executedDigest }] };
    }
    return { name: 'attest', operator, attestations };
  }
  if (what < 88 && !inner) {
    const calls = [randomCall(chance, pool, model, true), randomCall(chance, pool, model, true)];
    return { name: 'multicall', calls: calls.filter(({ name }) => onSettlement.has(name)) };
  }
  if (what < 92) {
    const [suspended] = [...model.registry].find(([, { status }]) => status === 'suspended') ?? [];
    if (suspended !== undefined && chance.happens(0.6)) return { name: 'reinstate', operator: suspended };
    return { name: chance.pick(['suspend', 'suspend', 'reinstate'] as const), operator };
  }
  const until = chance.pick([0, begins + 100, begins + 2_000, 1, begins + 90 * oneDay]);
  const account = chance.pick([...model.registry.values()].map((entry) => entry.account));
  const signer = chance.pick([...model.registry.values()].map((entry) => entry.signer));
  return what < 96
    ? { name: 'rotateAccount', operator, account, until }
    : { name: 'rotateSigner', operator, signer, until };
}

const onSettlement: ReadonlySet<string> = new Set(['prepare', 'decide', 'settle', 'attest']);

/** Mostly somebody who may. */
function senderOf(
  chance: Chance,
  senders: readonly string[],
  { chain, aurora, borealis, corona }: Consortium,
  call: Call,
): string {
  if (chance.happens(0.15)) return chance.pick(senders);
  if (call.name === 'suspend' || call.name === 'reinstate') return chain.authority.address.toLowerCase();
  if (call.name === 'rotateAccount' || call.name === 'rotateSigner') return aurora.controller.address.toLowerCase();
  const byId = [undefined, aurora, borealis, corona];
  if (call.name === 'attest') return (byId[call.operator] ?? aurora).account.address.toLowerCase();
  return chance.pick([aurora, borealis, borealis]).account.address.toLowerCase();
}

function encode(call: Call, { OperatorRegistry, PairSettlement }: Network['contracts']): { to: string; data: string } {
  const on = (to: string, contract: Interface, name: string, args: readonly unknown[]) => ({
    to,
    data: contract.encodeFunctionData(name, args),
  });
  switch (call.name) {
    case 'prepare':
      return on(PairSettlement, settlementInterface, 'prepare', [call.batch, call.first, call.second]);
    case 'decide':
      return on(PairSettlement, settlementInterface, 'decide', [call.decisions]);
    case 'settle':
      return on(PairSettlement, settlementInterface, 'settle', [call.batch, call.first, call.second, call.decisions]);
    case 'anchorStatement':
    case 'discharge':
    case 'requestDisclosure':
    case 'answer':
      throw new Error(`${call.name} is none of the calls that are compared here`);
    case 'attest':
      return on(PairSettlement, settlementInterface, 'attest', [call.operator, call.attestations]);
    case 'multicall':
      return on(PairSettlement, settlementInterface, 'multicall', [
        call.calls.map((inner) => encode(inner, { OperatorRegistry, PairSettlement }).data),
      ]);
    case 'suspend':
    case 'reinstate':
      return on(OperatorRegistry, registryInterface, call.name, [call.operator]);
    case 'rotateAccount':
      return on(OperatorRegistry, registryInterface, call.name, [call.operator, call.account, call.until]);
    case 'rotateSigner':
      return on(OperatorRegistry, registryInterface, call.name, [call.operator, call.signer, call.until]);
    case 'checkpoint':
    case 'disownHeads':
      throw new Error('AuditLog is not part of these sequences');
    case 'nothing':
      return { to: PairSettlement, data: '0x' };
  }
}

/** As `describeRevert` would say it of the contract's own error. */
function wordsOf({ message, args }: Revert): string {
  const contract = message.startsWith('PairSettlement') ? settlementInterface : registryInterface;
  const fragment = contract.getError(message);
  if (fragment === null) return message;
  const data = contract.encodeErrorResult(fragment, args);
  return describeRevert(data) ?? message;
}

const revertData = (error: unknown): string => {
  const text = JSON.stringify(error, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return /"data":"(0x[0-9a-f]+)"/.exec(text)?.[1] ?? '0x';
};
