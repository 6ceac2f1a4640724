/** The model of AuditLog's journal heads and windows is held against the compiled contract, as the other two contracts are. */
import { id } from 'ethers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditLogInterface, decodeLog } from '../../operator-node/chain/decode.ts';
import { dischargeToSign, statementToSign } from '../../operator-node/commitment/audit-log-data.ts';
import { recoverSigner, signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { BatchId, Hash, Hex, OperatorId } from '../../operator-node/model/ids.ts';
import type { Network, SettlementDomain } from '../../operator-node/model/records.ts';
import { openChain, startTime, type Chain } from '../contracts/chain.ts';
import { openConsortium, type Consortium } from '../contracts/consortium.ts';
import { receiptOf } from '../contracts/outcome.ts';
import { Contract, Revert, type Call } from './chain/contract.ts';
import { Chance } from './random.ts';

const sequences = 1_000;
const begins = startTime + 10_000;

interface Outcome {
  readonly events: readonly unknown[];
  readonly error?: readonly unknown[];
}

type Compared = Extract<Call, { name: 'checkpoint' | 'disownHeads' | 'anchorStatement' | 'discharge' }>;

let chain: Chain;
let consortium: Consortium;
let contracts: Network['contracts'];
let domain: SettlementDomain;
/** Made once each: most of what this test costs. */
const signatures = new Map<string, Hex>();

beforeAll(async () => {
  chain = await openChain();
  consortium = await openConsortium(chain);
  const { registry, settlement } = consortium;
  const log = await chain.deploy('AuditLog', await registry.getAddress());
  contracts = {
    OperatorRegistry: await registry.getAddress(),
    PairSettlement: await settlement.getAddress(),
    AuditLog: await log.getAddress(),
  };
  domain = { chainId: BigInt(chain.chainId), contract: contracts.AuditLog ?? '' };
  for (const { account, controller } of members()) {
    await chain.send('hardhat_impersonateAccount', account.address);
    await chain.send('hardhat_impersonateAccount', controller.address);
  }
});

afterAll(() => chain.close());

const members = () => [consortium.aurora, consortium.borealis, consortium.corona];
const recovered = new Map<string, string | undefined>();

function signed(signer: string, digest: BatchId | Hash, signature: Hex): boolean {
  const asked = `${digest}${signature}`;
  if (!recovered.has(asked)) recovered.set(asked, recoverSigner(digest, signature));
  return recovered.get(asked) === signer;
}

/** @param retired the operator that is, if any */
const fresh = (retired: number): Contract =>
  new Contract(
    { batchIdOf: () => `0x` as BatchId, signed, authority: '', maxWindow: 0, auditLog: domain },
    new Map(
      members().map(({ id: operator, controller, account, signer }) => [
        operator as OperatorId,
        {
          status: operator === retired ? 'retired' : 'active',
          controller: controller.address.toLowerCase(),
          account: account.address.toLowerCase(),
          previousAccount: '',
          previousAccountUntil: 0,
          signer: signer.address.toLowerCase() as Hex,
          previousSigner: '0x' as Hex,
          previousSignerUntil: 0,
        },
      ]),
    ),
  );

/** By that operator; an operator that is in no registry signs as the first one. */
function sign(operator: number, digest: Hash): Hex {
  const { signer } = members()[operator - 1] ?? consortium.aurora;
  const name = `${operator} ${digest}`;
  const signature = signatures.get(name) ?? signDigest(signer.privateKey, digest);
  signatures.set(name, signature);
  return signature;
}

const digests = ['one', 'two', 'three'].map((name) => id(name) as Hash);

function randomCall(chance: Chance): Compared {
  const what = chance.below(3);
  const [statement, reference] = [chance.pick(digests), chance.pick(digests)];
  const operator = (): OperatorId => chance.pick([1, 1, 2, 2, 3, 9]) as OperatorId;
  if (what === 0) {
    const entry = chance.happens(0.7) ? chance.below(6) : 65_535 + chance.below(8);
    if (chance.happens(0.3)) return { name: 'disownHeads', operator: operator(), entry };
    return { name: 'checkpoint', operator: operator(), entry, head: statement };
  }
  const by = (party: OperatorId, digest: Hash): Hex => sign(chance.happens(0.9) ? party : 3, digest);
  if (what === 1) {
    const [one, two] = [operator(), operator()];
    const [operatorA, operatorB] = chance.happens(0.85) && one > two ? [two, one] : [one, two];
    const digest = statementToSign(domain, operatorA, operatorB, statement);
    const [first, second] = [by(operatorA, digest), by(operatorB, digest)];
    return { name: 'anchorStatement', operatorA, operatorB, statement, first, second };
  }
  const payee = operator();
  const signature = by(payee, dischargeToSign(domain, payee, statement, reference));
  return { name: 'discharge', payee, statement, reference, signature };
}

function encode(call: Compared): string {
  switch (call.name) {
    case 'checkpoint':
      return auditLogInterface.encodeFunctionData(call.name, [call.operator, call.entry, call.head]);
    case 'disownHeads':
      return auditLogInterface.encodeFunctionData(call.name, [call.operator, call.entry]);
    case 'anchorStatement': {
      const { operatorA, operatorB, statement, first, second } = call;
      return auditLogInterface.encodeFunctionData(call.name, [operatorA, operatorB, statement, first, second]);
    }
    case 'discharge':
      return auditLogInterface.encodeFunctionData(call.name, [
        call.payee,
        call.statement,
        call.reference,
        call.signature,
      ]);
  }
}

/** Mostly the one that may. */
function senderOf(call: Compared, chance: Chance): string {
  const own = 'operator' in call && chance.happens(0.8) ? members()[call.operator - 1] : undefined;
  const { account, controller } = own ?? chance.pick(members());
  return (call.name === 'disownHeads' ? controller : account).address.toLowerCase();
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)).toLowerCase();

async function outside(from: string, timestamp: number, call: Compared): Promise<Outcome> {
  await chain.send('evm_setNextBlockTimestamp', timestamp);
  try {
    const transaction = { from, to: contracts.AuditLog, data: encode(call), gas: '0x7a1200' };
    const hash = await chain.send('eth_sendTransaction', transaction);
    const { logs } = (await chain.send('eth_getTransactionReceipt', hash)) as {
      logs: { address: string; topics: string[]; data: string; transactionHash: string }[];
    };
    const events = logs.flatMap((log, logIndex) => {
      const raw = { ...log, address: log.address.toLowerCase(), logIndex } as unknown;
      const decoded = decodeLog(raw as Parameters<typeof decodeLog>[0], contracts);
      if (decoded === undefined) return [];
      const { transactionHash: _, logIndex: __, ...event } = decoded;
      return [event];
    });
    return { events };
  } catch (error) {
    const data = /"data":"(0x[0-9a-f]+)"/.exec(asText(error))?.[1] ?? '0x';
    const parsed = auditLogInterface.parseError(data);
    if (parsed === null) throw error;
    return { events: [], error: [parsed.name, ...(parsed.args.toArray() as unknown[])] };
  }
}

it(
  `does what the compiled AuditLog does, in ${sequences} random sequences of calls`,
  { timeout: 120_000 },
  async () => {
    const seen = new Set<string>();
    for (let sequence = 0; sequence < sequences; sequence += 1) {
      const chance = new Chance(`audit log ${sequence}`);
      const undo = await chain.snapshot();
      const retired = chance.happens(0.2) ? 2 : 0;
      if (retired !== 0) await receiptOf(consortium.registry, 'retire', retired);
      let model = fresh(retired);
      let timestamp = begins;
      for (let step = chance.pick([2, 3, 6]); step > 0; step -= 1) {
        timestamp += chance.pick([1, 5, 60]);
        const call = randomCall(chance);
        const sender = senderOf(call, chance);
        const found = await outside(sender, timestamp, call);
        const draft = model.copy();
        let expected: Outcome;
        try {
          expected = { events: draft.call({ sender, timestamp }, call) };
          model = draft;
        } catch (error) {
          if (!(error instanceof Revert)) throw error;
          expected = { events: [], error: [error.message, ...error.args] };
        }
        expect(asText(found), `sequence ${sequence}: ${asText(call)}`).toEqual(asText(expected));
        seen.add(expected.error === undefined ? call.name : String(expected.error[0]));
        for (const event of expected.events) seen.add((event as { type: string }).type);
      }
      await undo();
    }
    // The generator reaches every call, event and refusal of the three.
    expect([...seen].sort()).toEqual([
      'AuditLogAlreadyDischarged',
      'AuditLogCheckpointNotNewer',
      'AuditLogCheckpointTooFar',
      'AuditLogInvalidSignature',
      'AuditLogNotController',
      'AuditLogNotOperatorAccount',
      'AuditLogNothingToDisown',
      'AuditLogOperatorRetired',
      'AuditLogOperatorsOutOfOrder',
      'AuditLogStatementTaken',
      'AuditLogUnknownStatement',
      'JournalCheckpoint',
      'JournalHeadsDisowned',
      'StatementAnchored',
      'StatementDischarged',
      'anchorStatement',
      'checkpoint',
      'discharge',
      'disownHeads',
    ]);
  },
);
