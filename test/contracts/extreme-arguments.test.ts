/**
 * Every argument of every function that changes something, with the extreme values of its type, by one member with all of
 * its keys: what is of the others stays as it was, they go on, and what the member has put on the chain can be read. The
 * functions and their arguments are those of the compiled contracts: a new one is walked without being named here.
 */
import { AbiCoder, type Contract, type FunctionFragment, type ParamType, type Wallet, concat, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { writersOf } from './cells/table.ts';
import { batchType, decision, domainOf } from './consortium.ts';
import { type Governance, governanceScene, settings } from './governance.ts';
import { linesOf, receiptOf } from './outcome.ts';

const scene = governanceScene();
/** The one that is hostile, in a consortium of seven. */
const hostile = 3;
const others = [1, 2, 4, 5, 6, 7];
const contracts = ['registry', 'settlement', 'auditLog', 'governor', 'timelock'] as const;
type Name = (typeof contracts)[number];

const numbers = (bits: number): readonly bigint[] => {
  const most = 2n ** BigInt(bits) - 1n;
  const all = [0n, 1n, 2n, 65_536n, 65_537n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 53n, most - 1n, most];
  return [...new Set(all.filter((value) => value <= most))];
};
/** No UTF-8, ends of lines, nothing, more than any bound. A text is encoded as bytes are. */
const texts = [
  '0x',
  '0xfffe',
  '0xc0af',
  '0xeda080',
  '0x00',
  '0x0d0a',
  '0x1b5b324a',
  '0xe280ae',
  `0x${'61'.repeat(1025)}`,
];
const blobs = [
  '0x',
  '0x00',
  `0x${'11'.repeat(20)}`,
  `0x${'ff'.repeat(65)}`,
  `0x${'00'.repeat(1024)}`,
  `0x${'ab'.repeat(1025)}`,
];

/** Values of a type that are like any other, and those that are not. */
interface Values {
  readonly usual: unknown;
  readonly extremes: readonly unknown[];
}

function valuesOf(type: ParamType, own: string, taken: string): Values {
  if (type.isArray()) {
    const one = valuesOf(type.arrayChildren, own, taken);
    const many = Array.from({ length: 100 }, () => one.usual);
    return { usual: [one.usual], extremes: [[], many, ...one.extremes.map((value) => [value])] };
  }
  if (type.isTuple()) {
    const fields = type.components.map((component) => valuesOf(component, own, taken));
    const usual = fields.map((field) => field.usual);
    return { usual, extremes: fields.flatMap((field, at) => field.extremes.map((value) => usual.with(at, value))) };
  }
  const bits = /^u?int(\d+)$/.exec(type.type)?.[1];
  // What an operator says of itself is what it may say at all.
  if (bits !== undefined)
    return { usual: /operator|auditor|payee/i.test(type.name) ? hostile : 1, extremes: numbers(Number(bits)) };
  if (type.type === 'address') {
    const zero = `0x${'00'.repeat(20)}`;
    return {
      usual: own,
      extremes: [zero, `0x${'ff'.repeat(20)}`, taken, `0x${hostile.toString(16).padStart(40, '0')}`],
    };
  }
  if (type.type === 'bool') return { usual: false, extremes: [true] };
  if (type.type === 'string') return { usual: '0x78', extremes: texts };
  if (type.type === 'bytes') return { usual: `0x${'22'.repeat(20)}`, extremes: blobs };
  const size = /^bytes(\d+)$/.exec(type.type)?.[1];
  if (size === undefined) throw new Error(`no extreme values of ${type.type} are known here`);
  const length = Number(size);
  return {
    usual: id('usual').slice(0, 2 + 2 * length),
    extremes: ['00', 'ff'].map((byte) => `0x${byte.repeat(length)}`),
  };
}

/** A text is of the same form as bytes, and may be any. */
const encoding = (type: ParamType): string => type.format('sighash').replaceAll('string', 'bytes');

const coder = AbiCoder.defaultAbiCoder();
const encode = ({ selector, inputs }: FunctionFragment, args: readonly unknown[]): string =>
  concat([selector, coder.encode(inputs.map(encoding), args)]);

/** One argument at a time, and all at once. */
function* callsOf(fragment: FunctionFragment, own: string, taken: string): Generator<string> {
  const values = fragment.inputs.map((input) => valuesOf(input, own, taken));
  const usual = values.map((value) => value.usual);
  yield encode(fragment, usual);
  for (const [at, { extremes }] of values.entries()) {
    for (const extreme of extremes) yield encode(fragment, usual.with(at, extreme));
  }
  for (const last of [0, -1])
    yield encode(
      fragment,
      values.map(({ usual: one, extremes }) => extremes.at(last) ?? one),
    );
}

async function send(wallet: Wallet, to: string, data: string): Promise<'done' | 'refused'> {
  try {
    const response = await wallet.sendTransaction({ to, data, gasLimit: 16_000_000 });
    return (await response.wait())?.status === 1 ? 'done' : 'refused';
  } catch (error) {
    if (/revert|invalid opcode/i.test(String(error))) return 'refused';
    throw error;
  }
}

/** All that the chain says of the others, as text. */
async function whatIsOfOthers({ registry, auditLog, settlement, chain }: Governance): Promise<string> {
  const found: unknown[] = [];
  const view = async (contract: Contract, name: string, ...args: unknown[]): Promise<void> => {
    const data = contract.interface.encodeFunctionData(name, args);
    found.push(await chain.provider.call({ to: await contract.getAddress(), data }));
  };
  for (const one of others) {
    await view(registry, 'operator', one);
    await view(registry, 'isActive', one);
    await view(auditLog, 'lastCheckpoint', one);
    for (const other of others) await view(settlement, 'nextSequence', one, other);
  }
  for (const name of ['maxWindow', 'finality', 'guardian', 'owner', 'operatorCount', 'pendingOwner'])
    await view(registry, name);
  await view(auditLog, 'auditorCount');
  return JSON.stringify(found);
}

/** What the hostile one has put there can be read, to the last text. */
async function readAll({ registry, auditLog, settlement, governor, chain }: Governance): Promise<void> {
  const entry = (await registry.getFunction('operator')(hostile)).toObject() as { readonly endpoint: string };
  expect(entry.endpoint).toMatch(/^[\x20-\x7e]{1,256}$/);
  expect((await auditLog.getFunction('lastCheckpoint')(hostile)).toObject()).toBeDefined();
  expect((await governor.getFunction('emergencyOf')(1)).toObject()).toBeDefined();
  for (const contract of [registry, auditLog, settlement]) {
    linesOf(await chain.provider.getLogs({ address: await contract.getAddress(), fromBlock: 0 }));
  }
}

/** A batch from 1 to 2 that is settled and attested, the head of a journal, a key that was named by the hostile one. */
async function othersGoOn({ settlement, auditLog, registry, member, as, chain, now }: Governance): Promise<void> {
  const domain = await domainOf(settlement, chain.chainId);
  const sequence = Number(await settlement.getFunction('nextSequence')(1, 2));
  const batch = { initiator: 1, acceptor: 2, sequence, deadline: (await now()) + 600, count: 1, root: id('root') };
  const signed = await Promise.all([1, 2].map((one) => member(one).signer.signTypedData(domain, batchType, batch)));
  const batchId = String(await settlement.getFunction('batchIdOf')(batch));
  await receiptOf(as(settlement, member(2).account), 'settle', batch, ...signed, [decision({ batchId }, 1n)]);
  for (const one of [1, 2]) {
    await receiptOf(as(settlement, member(one).account), 'attest', one, [{ batchId, executedDigest: id('same') }]);
  }
  expect(await settlement.getFunction('reconciliationOf')(batchId)).toBe(3n);
  const { entry } = await auditLog.getFunction('lastCheckpoint')(2);
  await receiptOf(as(auditLog, member(2).account), 'checkpoint', 2, BigInt(entry) + 60_000n, id('head'));
  const named = (await registry.getFunction('operator')(hostile)).toObject() as { readonly pin: string };
  await receiptOf(as(registry, member(2).controller), 'rotatePin', 2, named.pin, 0);
}

describe.each(contracts)('%s', (name: Name) => {
  it('takes no argument of one member that changes or stops anything of the others', async () => {
    const governance = scene();
    const { chain, member } = governance;
    const contract = governance[name];
    const to = await contract.getAddress();
    const { controller, account } = member(hostile);
    const before = await whatIsOfOthers(governance);
    let done = 0;
    for (const method of writersOf(contract)) {
      const undo = await chain.snapshot();
      for (const fragment of contract.interface.fragments) {
        if (fragment.type !== 'function' || !('selector' in fragment)) continue;
        const writer = fragment as FunctionFragment;
        if (writer.name !== method) continue;
        for (const data of callsOf(writer, controller.address, member(1).controller.address)) {
          for (const wallet of [controller, account]) if ((await send(wallet, to, data)) === 'done') ++done;
        }
      }
      expect([method, await whatIsOfOthers(governance)]).toEqual([method, before]);
      await readAll(governance);
      // A key that was renounced: the member may have given its own controller away, and nothing else.
      await othersGoOn(governance);
      await undo();
    }
    // The walk is of calls that are taken too, not only of refusals.
    if (name !== 'timelock') expect(done).toBeGreaterThan(5);
  });
});

describe('a batch of the member with itself', () => {
  it('is anchored or refused, whatever stands in it, and is in nobody’s way', async () => {
    const governance = scene();
    const { settlement, chain, member, as, now } = governance;
    const domain = await domainOf(settlement, chain.chainId);
    const before = await whatIsOfOthers(governance);
    const usual = {
      initiator: hostile,
      acceptor: hostile,
      sequence: 1,
      deadline: (await now()) + 600,
      count: 1,
      root: id('root'),
    };
    const bits = { sequence: 64, deadline: 40, count: 16 };
    for (const [field, size] of Object.entries(bits)) {
      for (const value of numbers(size)) {
        const undo = await chain.snapshot();
        const batch = { ...usual, [field]: value };
        const signature = await member(hostile).signer.signTypedData(domain, batchType, batch);
        const data = settlement.interface.encodeFunctionData('prepare', [batch, signature, signature]);
        const outcome = await send(member(hostile).account, await settlement.getAddress(), data);
        expect([field, value, await whatIsOfOthers(governance)]).toEqual([field, value, before]);
        if (outcome === 'done') {
          const batchId = String(await settlement.getFunction('batchIdOf')(batch));
          await receiptOf(as(settlement, member(hostile).account), 'decide', [decision({ batchId }, 1n)]);
        }
        await readAll(governance);
        await othersGoOn(governance);
        await undo();
      }
    }
  });
});

describe('all of them, one after another', () => {
  it('leave a consortium that can still vote, admit and suspend', async () => {
    const governance = scene();
    const { chain, member, registry, decide, governor } = governance;
    const { controller, account } = member(hostile);
    for (const name of contracts) {
      const contract = governance[name];
      for (const fragment of contract.interface.fragments) {
        if (fragment.type !== 'function' || !('selector' in fragment)) continue;
        const writer = fragment as FunctionFragment;
        if (/view|pure/.test(writer.stateMutability)) continue;
        for (const data of callsOf(writer, controller.address, member(1).controller.address)) {
          for (const wallet of [controller, account]) await send(wallet, await contract.getAddress(), data);
        }
      }
    }
    await chain.mineAt((await governance.now()) + settings.emergencySeconds + 1);
    const { address } = await chain.wallet('hera');
    const keys = [address, address, address, id('usual'), 'https://hera.example'];
    await decide(
      [1, 2, 4, 5],
      { target: registry, method: 'admit', args: ['hera', ...keys] },
      { target: registry, method: 'suspend', args: [hostile] },
    );
    expect(await registry.getFunction('operatorByHandle')('hera')).toBe(8n);
    await receiptOf(governance.asController(1), 'supportEmergency', 6);
    await receiptOf(governance.asController(2), 'supportEmergency', 6);
    expect(await registry.getFunction('isActive')(6)).toBe(false);
    expect((await governor.getFunction('emergencyOf')(6)).toObject()).toMatchObject({ count: 1n });
    await othersGoOn(governance);
  });
});
