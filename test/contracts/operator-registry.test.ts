import type { Contract, Wallet } from 'ethers';
import { ZeroAddress, ZeroHash, id } from 'ethers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Chain, oneDay, openChain, startTime } from './chain.ts';
import { type Consortium, openConsortium } from './consortium.ts';
import { eventsOf, receiptOf, refusalOf } from './outcome.ts';

const [account, signer, pin] = [0, 1, 2];
const [unknown, active, suspended, retired] = [0n, 1n, 2n, 3n];
const thirtyDays = 30 * oneDay;

let chain: Chain;
let consortium: Consortium;
let registry: Contract;
let asController: Contract;
let asStranger: Contract;
let newKey: Wallet;
let undo: () => Promise<void>;

beforeAll(async () => {
  chain = await openChain();
  consortium = await openConsortium(chain);
  registry = consortium.registry;
  asController = consortium.registryAs(consortium.aurora.controller);
  asStranger = consortium.registryAs(consortium.stranger);
  newKey = await chain.wallet('a new key');
});
afterAll(() => chain.close());
beforeEach(async () => {
  undo = await chain.snapshot();
});
afterEach(() => undo());

const view = (method: string, ...args: unknown[]): Promise<unknown> => registry.getFunction(method)(...args);
/** Fields of the operator's entry by name. */
const entryOf = async (operatorId: number): Promise<Record<string, unknown>> =>
  (await registry.getFunction('operator')(operatorId)).toObject();

describe('constructor', () => {
  const deploy = (maxWindow: number, finality: { mode: number; depth: number }) =>
    chain.deploy('OperatorRegistry', chain.authority.address, maxWindow, finality);

  it('keeps the authority, maxWindow and finality it is given', async () => {
    const deployed = await deploy(3600, { mode: 1, depth: 0 });
    expect(await deployed.getFunction('owner')()).toBe(chain.authority.address);
    expect(await deployed.getFunction('maxWindow')()).toBe(3600n);
    expect((await deployed.getFunction('finality')()).toArray()).toEqual([1n, 0n]);
    expect(await deployed.getFunction('operatorCount')()).toBe(0n);
  });
});

describe('admit', () => {
  const admission = (change: Record<string, unknown> = {}): unknown[] =>
    Object.values({
      handle: 'delta',
      controller: newKey.address,
      account: newKey.address,
      signer: newKey.address,
      pin: id('pin of delta'),
      endpoint: 'https://delta.example',
      ...change,
    });

  it('refuses anyone but the authority', async () => {
    expect(await refusalOf(asController, 'admit', ...admission())).toEqual([
      'OwnableUnauthorizedAccount',
      consortium.aurora.controller.address,
    ]);
  });

  it.each(['', 'a'.repeat(33), 'tab\there', 'å', 'del\x7f', '\0'])('refuses the handle %j', async (handle) => {
    expect(await refusalOf(registry, 'admit', ...admission({ handle }))).toEqual([
      'OperatorRegistryInvalidHandle',
      4n,
      handle,
    ]);
  });

  it('refuses a handle that is taken', async () => {
    expect(await refusalOf(registry, 'admit', ...admission({ handle: 'borealis' }))).toEqual([
      'OperatorRegistryHandleTaken',
      4n,
      'borealis',
      2n,
    ]);
  });

  it('refuses the zero address as controller and as account', async () => {
    const controller = await refusalOf(registry, 'admit', ...admission({ controller: ZeroAddress }));
    expect(controller).toEqual(['OperatorRegistryInvalidController', 4n, ZeroAddress]);
    const hot = await refusalOf(registry, 'admit', ...admission({ account: ZeroAddress }));
    expect(hot).toEqual(['OperatorRegistryInvalidAccount', 4n, ZeroAddress]);
  });

  it.each([19, 1025])('refuses a signer of %i bytes', async (length) => {
    const bytes = `0x${'11'.repeat(length)}`;
    const refusal = await refusalOf(registry, 'admit', ...admission({ signer: bytes }));
    expect(refusal).toEqual(['OperatorRegistryInvalidSigner', 4n, bytes]);
  });

  it.each(['', 'x'.repeat(257), 'https://a\x1f', '\x7f', 'https://exämple'])(
    'refuses the endpoint %j',
    async (endpoint) => {
      const refusal = await refusalOf(registry, 'admit', ...admission({ endpoint }));
      expect(refusal).toEqual(['OperatorRegistryInvalidEndpoint', 4n, endpoint]);
    },
  );

  it('refuses no pin', async () => {
    expect(await refusalOf(registry, 'admit', ...admission({ pin: ZeroHash }))).toEqual([
      'OperatorRegistryInvalidPin',
      4n,
      ZeroHash,
    ]);
  });

  it('takes a pin that another operator has: it belongs to nobody', async () => {
    const { pin: shared } = consortium.aurora;
    await receiptOf(registry, 'admit', ...admission({ pin: shared }));
    expect([await entryOf(1), await entryOf(4)]).toMatchObject([{ pin: shared }, { pin: shared }]);
  });

  it('takes every character of printable ASCII', async () => {
    const characters = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));
    await receiptOf(registry, 'admit', ...admission({ handle: characters.slice(0, 32), endpoint: characters }));
    expect(await entryOf(4)).toMatchObject({ handle: characters.slice(0, 32), endpoint: characters });
  });

  it('gives the next id, and says all in one event', async () => {
    const args = admission({ handle: 'h'.repeat(32), signer: `0x${'ab'.repeat(1024)}`, endpoint: 'e'.repeat(256) });
    expect(await eventsOf(registry, 'admit', ...args)).toEqual([['OperatorAdmitted', 4n, ...args]]);
    expect(await view('operatorCount')).toBe(4n);
    expect(await view('operatorByHandle', 'h'.repeat(32))).toBe(4n);
    expect(await entryOf(4)).toEqual({
      status: active,
      handle: args[0],
      controller: newKey.address,
      pendingController: ZeroAddress,
      emergencyUntil: 0n,
      account: newKey.address,
      previousAccount: ZeroAddress,
      previousAccountUntil: 0n,
      signer: args[3],
      previousSigner: '0x',
      previousSignerUntil: 0n,
      pin: args[4],
      nextPin: ZeroHash,
      previousPin: ZeroHash,
      previousPinUntil: 0n,
      endpoint: args[5],
    });
  });

  it('never gives the id or the handle of a retired operator again', async () => {
    await receiptOf(registry, 'retire', 3);
    expect(await refusalOf(registry, 'admit', ...admission({ handle: 'corona' }))).toEqual([
      'OperatorRegistryHandleTaken',
      4n,
      'corona',
      3n,
    ]);
    expect((await eventsOf(registry, 'admit', ...admission()))[0]?.slice(0, 2)).toEqual(['OperatorAdmitted', 4n]);
  });
});

describe('suspend, reinstate and retire', () => {
  const methods = ['suspend', 'reinstate', 'retire'] as const;

  it.each(methods)('%s refuses anyone but the authority', async (method) => {
    const caller = consortium.aurora.controller.address;
    expect(await refusalOf(asController, method, 1)).toEqual(['OwnableUnauthorizedAccount', caller]);
  });

  it.each(methods)('%s refuses an id that was never given', async (method) => {
    for (const operatorId of [0, 4]) {
      const refusal = await refusalOf(registry, method, operatorId);
      expect(refusal).toEqual(['OperatorRegistryUnknownOperator', BigInt(operatorId)]);
    }
  });

  const reach: Record<string, readonly (typeof methods)[number][]> = {
    active: [],
    suspended: ['suspend'],
    reinstated: ['suspend', 'reinstate'],
    retired: ['retire'],
  };
  const table = [
    ['active', 'suspend', 'OperatorSuspended', suspended],
    ['active', 'reinstate', [suspended, active], active],
    ['active', 'retire', 'OperatorRetired', retired],
    ['suspended', 'suspend', [active, suspended], suspended],
    ['suspended', 'reinstate', 'OperatorReinstated', active],
    ['suspended', 'retire', 'OperatorRetired', retired],
    ['reinstated', 'suspend', 'OperatorSuspended', suspended],
    ['retired', 'suspend', [active, retired], retired],
    ['retired', 'reinstate', [suspended, retired], retired],
    ['retired', 'retire', [active, retired], retired],
  ] as const;

  it.each(table)('an operator that is %s: %s gives %s', async (state, method, outcome, after) => {
    for (const step of reach[state] ?? []) await receiptOf(registry, step, 1);
    if (typeof outcome === 'string') {
      expect(await eventsOf(registry, method, 1)).toEqual([[outcome, 1n]]);
    } else {
      expect(await refusalOf(registry, method, 1)).toEqual(['OperatorRegistryUnexpectedStatus', 1n, ...outcome]);
    }
    expect(await view('statusOf', 1)).toBe(after);
    expect(await view('isActive', 1)).toBe(after === active);
  });

  it('leaves the keys valid, and the controller able to change them', async () => {
    await receiptOf(registry, 'retire', 1);
    expect(await view('isAccount', 1, consortium.aurora.account.address)).toBe(true);
    await receiptOf(asController, 'rotateAccount', 1, newKey.address, 0);
    expect(await view('isAccount', 1, newKey.address)).toBe(true);
  });
});

describe('setMaxWindow', () => {
  it('refuses anyone but the authority', async () => {
    const caller = consortium.stranger.address;
    expect(await refusalOf(asStranger, 'setMaxWindow', 3600)).toEqual(['OwnableUnauthorizedAccount', caller]);
  });

  it.each([0, 59, thirtyDays + 1])('refuses %i seconds', async (seconds) => {
    expect(await refusalOf(registry, 'setMaxWindow', seconds)).toEqual([
      'OperatorRegistryMaxWindowOutOfRange',
      BigInt(seconds),
      60n,
      BigInt(thirtyDays),
    ]);
  });

  it.each([60, thirtyDays])('takes %i seconds', async (seconds) => {
    const events = await eventsOf(registry, 'setMaxWindow', seconds);
    expect(events).toEqual([['MaxWindowChanged', BigInt(oneDay), BigInt(seconds)]]);
    expect(await view('maxWindow')).toBe(BigInt(seconds));
  });
});

describe('setFinality', () => {
  it('refuses anyone but the authority', async () => {
    const refusal = await refusalOf(asStranger, 'setFinality', { mode: 0, depth: 1 });
    expect(refusal).toEqual(['OwnableUnauthorizedAccount', consortium.stranger.address]);
  });

  it('refuses a depth beside the finalized tag', async () => {
    const refusal = await refusalOf(registry, 'setFinality', { mode: 1, depth: 5 });
    expect(refusal).toEqual(['OperatorRegistryDepthWithoutMeaning', 5n]);
  });

  it.each([
    [0n, 12n],
    [1n, 0n],
  ])('takes mode %i with depth %i', async (mode, depth) => {
    expect(await eventsOf(registry, 'setFinality', { mode, depth })).toEqual([['FinalityChanged', mode, depth]]);
    expect((await registry.getFunction('finality')()).toArray()).toEqual([mode, depth]);
  });
});

describe('the authority', () => {
  it('never leaves the registry without one', async () => {
    expect(await refusalOf(asStranger, 'renounceOwnership')).toEqual([
      'OwnableUnauthorizedAccount',
      consortium.stranger.address,
    ]);
    expect(await refusalOf(registry, 'renounceOwnership')).toEqual(['OperatorRegistryAuthorityRequired']);
  });

  it('hands over in two steps', async () => {
    await receiptOf(registry, 'transferOwnership', consortium.stranger.address);
    await receiptOf(registry, 'suspend', 1);
    await receiptOf(asStranger, 'acceptOwnership');
    await receiptOf(asStranger, 'reinstate', 1);
    expect(await refusalOf(registry, 'suspend', 1)).toEqual(['OwnableUnauthorizedAccount', chain.authority.address]);
  });
});

describe('what only the controller may change', () => {
  const calls = (): readonly (readonly [string, ...unknown[]])[] => [
    ['proposeController', newKey.address],
    ['rotateAccount', newKey.address, 0],
    ['rotateSigner', newKey.address, 0],
    ['rotatePin', id('new pin'), 0],
    ['setNextPin', id('new pin')],
    ['endOverlap', account],
    ['setEndpoint', 'https://elsewhere.example'],
  ];

  it('refuses an id that was never given', async () => {
    for (const [method, ...args] of calls()) {
      const refusal = await refusalOf(asController, method, 4, ...args);
      expect([method, ...refusal]).toEqual([method, 'OperatorRegistryUnknownOperator', 4n]);
    }
  });

  it('refuses the authority, another operator’s controller and the operator’s own hot keys', async () => {
    const { aurora, borealis } = consortium;
    for (const caller of [chain.authority, borealis.controller, aurora.account, aurora.signer]) {
      for (const [method, ...args] of calls()) {
        const refusal = await refusalOf(consortium.registryAs(caller), method, 1, ...args);
        const expected = ['OperatorRegistryNotController', 1n, aurora.controller.address, caller.address];
        expect([method, ...refusal]).toEqual([method, ...expected]);
      }
    }
  });
});

describe('proposeController and acceptController', () => {
  it('refuses an acceptance that nobody proposed', async () => {
    const as = consortium.registryAs(newKey);
    expect(await refusalOf(as, 'acceptController', 4)).toEqual(['OperatorRegistryUnknownOperator', 4n]);
    expect(await refusalOf(as, 'acceptController', 1)).toEqual([
      'OperatorRegistryNotPendingController',
      1n,
      ZeroAddress,
      newKey.address,
    ]);
  });

  it('rotates the controller when the new one accepts, and not before', async () => {
    const { aurora } = consortium;
    expect(await eventsOf(asController, 'proposeController', 1, newKey.address)).toEqual([
      ['OperatorControllerProposed', 1n, newKey.address],
    ]);
    await receiptOf(asController, 'setEndpoint', 1, 'https://still.mine');
    expect(await refusalOf(asStranger, 'acceptController', 1)).toEqual([
      'OperatorRegistryNotPendingController',
      1n,
      newKey.address,
      consortium.stranger.address,
    ]);
    expect(await eventsOf(consortium.registryAs(newKey), 'acceptController', 1)).toEqual([
      ['OperatorControllerRotated', 1n, aurora.controller.address, newKey.address],
    ]);
    expect(await entryOf(1)).toMatchObject({ controller: newKey.address, pendingController: ZeroAddress });
    expect((await refusalOf(asController, 'setEndpoint', 1, 'https://gone'))[0]).toBe('OperatorRegistryNotController');
  });

  it('withdraws a proposal with zero', async () => {
    await receiptOf(asController, 'proposeController', 1, newKey.address);
    await receiptOf(asController, 'proposeController', 1, ZeroAddress);
    expect(await refusalOf(consortium.registryAs(newKey), 'acceptController', 1)).toEqual([
      'OperatorRegistryNotPendingController',
      1n,
      ZeroAddress,
      newKey.address,
    ]);
  });
});

describe('overlaps', () => {
  const now = startTime + 1000;
  const rotations = (): readonly (readonly [string, unknown])[] => [
    ['rotateAccount', newKey.address],
    ['rotateSigner', newKey.address],
    ['rotatePin', id('new pin')],
  ];

  it('are refused in the past and more than 30 days away', async () => {
    for (const [method, key] of rotations()) {
      for (const until of [1, now - 1, now + thirtyDays + 1]) {
        await chain.nextBlockAt(now);
        expect([method, ...(await refusalOf(asController, method, 1, key, until))]).toEqual([
          method,
          'OperatorRegistryOverlapOutOfRange',
          1n,
          BigInt(until),
          BigInt(now),
          BigInt(now + thirtyDays),
        ]);
      }
    }
  });

  it('may last until this very second, and for 30 days', async () => {
    for (const [method, key] of rotations()) {
      for (const until of [now, now + thirtyDays]) {
        const back = await chain.snapshot();
        await chain.nextBlockAt(now);
        expect((await eventsOf(asController, method, 1, key, until))[0]?.at(-1)).toBe(BigInt(until));
        await back();
      }
    }
  });

  it('cannot be ended where there is none, or no more', async () => {
    for (const kind of [account, signer, pin]) {
      const refusal = await refusalOf(asController, 'endOverlap', 1, kind);
      expect(refusal).toEqual(['OperatorRegistryNoOverlap', 1n, BigInt(kind)]);
    }
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateAccount', 1, newKey.address, now + 10);
    await chain.nextBlockAt(now + 11);
    const late = await refusalOf(asController, 'endOverlap', 1, account);
    expect(late).toEqual(['OperatorRegistryNoOverlap', 1n, BigInt(account)]);
  });
});

describe('rotateAccount', () => {
  const now = startTime + 1000;
  const isAccount = (wallet: Wallet): Promise<unknown> => view('isAccount', 1, wallet.address);

  it('refuses the zero address and the account as it is', async () => {
    expect(await refusalOf(asController, 'rotateAccount', 1, ZeroAddress, 0)).toEqual([
      'OperatorRegistryInvalidAccount',
      1n,
      ZeroAddress,
    ]);
    expect(await refusalOf(asController, 'rotateAccount', 1, consortium.aurora.account.address, 0)).toEqual([
      'OperatorRegistrySameKey',
      1n,
      BigInt(account),
    ]);
  });

  it('ends the old account at once without an overlap', async () => {
    const old = consortium.aurora.account;
    expect(await eventsOf(asController, 'rotateAccount', 1, newKey.address, 0)).toEqual([
      ['OperatorAccountRotated', 1n, old.address, newKey.address, 0n],
    ]);
    expect([await isAccount(old), await isAccount(newKey)]).toEqual([false, true]);
    expect(await entryOf(1)).toMatchObject({ account: newKey.address, previousAccount: ZeroAddress });
  });

  it('keeps both until and including the last second of the overlap', async () => {
    const old = consortium.aurora.account;
    await chain.nextBlockAt(now);
    expect(await eventsOf(asController, 'rotateAccount', 1, newKey.address, now + 10)).toEqual([
      ['OperatorAccountRotated', 1n, old.address, newKey.address, BigInt(now + 10)],
    ]);
    expect(await entryOf(1)).toMatchObject({ previousAccount: old.address, previousAccountUntil: BigInt(now + 10) });
    await chain.mineAt(now + 10);
    expect([await isAccount(old), await isAccount(newKey)]).toEqual([true, true]);
    await chain.mineAt(now + 11);
    expect([await isAccount(old), await isAccount(newKey)]).toEqual([false, true]);
  });

  it('ends the overlap at once when the controller says so', async () => {
    const old = consortium.aurora.account;
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateAccount', 1, newKey.address, now + 1000);
    expect(await isAccount(old)).toBe(true);
    expect(await eventsOf(asController, 'endOverlap', 1, account)).toEqual([
      ['OperatorOverlapEnded', 1n, BigInt(account)],
    ]);
    expect([await isAccount(old), await isAccount(newKey)]).toEqual([false, true]);
    expect(await entryOf(1)).toMatchObject({ previousAccount: ZeroAddress, previousAccountUntil: 0n });
  });

  it('drops the oldest when rotated again within an overlap', async () => {
    const oldest = consortium.aurora.account;
    const newest = await chain.wallet('the newest key');
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateAccount', 1, newKey.address, now + 1000);
    await receiptOf(asController, 'rotateAccount', 1, newest.address, now + 1000);
    expect([await isAccount(oldest), await isAccount(newKey), await isAccount(newest)]).toEqual([false, true, true]);
  });

  it('ends an overlap that is running when rotated without one', async () => {
    const newest = await chain.wallet('the newest key');
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateAccount', 1, newKey.address, now + 1000);
    await receiptOf(asController, 'rotateAccount', 1, newest.address, 0);
    expect([await isAccount(newKey), await isAccount(newest)]).toEqual([false, true]);
  });
});

describe('isAccount', () => {
  it('is false for the zero address, for an id never given, and for another operator’s account', async () => {
    expect(await view('isAccount', 4, ZeroAddress)).toBe(false);
    expect(await view('isAccount', 1, ZeroAddress)).toBe(false);
    expect(await view('isAccount', 4, consortium.aurora.account.address)).toBe(false);
    expect(await view('isAccount', 2, consortium.aurora.account.address)).toBe(false);
    expect(await view('isAccount', 1, consortium.aurora.account.address)).toBe(true);
  });
});

describe('rotateSigner', () => {
  const now = startTime + 1000;
  const digest = id('a digest');
  const signedBy = async (wallet: Wallet): Promise<unknown> =>
    view('checkSignature', 1, digest, wallet.signingKey.sign(digest).serialized);

  it('refuses a signer of no form, and the signer as it is', async () => {
    expect(await refusalOf(asController, 'rotateSigner', 1, '0x', 0)).toEqual([
      'OperatorRegistryInvalidSigner',
      1n,
      '0x',
    ]);
    expect(await refusalOf(asController, 'rotateSigner', 1, consortium.aurora.signer.address, 0)).toEqual([
      'OperatorRegistrySameKey',
      1n,
      BigInt(signer),
    ]);
  });

  it('ends the old signer at once without an overlap', async () => {
    const old = consortium.aurora.signer;
    const bytes = newKey.address.toLowerCase();
    expect(await eventsOf(asController, 'rotateSigner', 1, bytes, 0)).toEqual([
      ['OperatorSignerRotated', 1n, old.address.toLowerCase(), bytes, 0n],
    ]);
    expect([await signedBy(old), await signedBy(newKey)]).toEqual([false, true]);
    expect(await entryOf(1)).toMatchObject({ signer: bytes, previousSigner: '0x', previousSignerUntil: 0n });
  });

  it('keeps both until and including the last second of the overlap', async () => {
    const old = consortium.aurora.signer;
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateSigner', 1, newKey.address, now + 10);
    const entry = { previousSigner: old.address.toLowerCase(), previousSignerUntil: BigInt(now + 10) };
    expect(await entryOf(1)).toMatchObject(entry);
    await chain.mineAt(now + 10);
    expect([await signedBy(old), await signedBy(newKey)]).toEqual([true, true]);
    await chain.mineAt(now + 11);
    expect([await signedBy(old), await signedBy(newKey)]).toEqual([false, true]);
  });

  it('ends the overlap at once when the controller says so', async () => {
    const old = consortium.aurora.signer;
    await chain.nextBlockAt(now);
    await receiptOf(asController, 'rotateSigner', 1, newKey.address, now + 1000);
    expect(await eventsOf(asController, 'endOverlap', 1, signer)).toEqual([
      ['OperatorOverlapEnded', 1n, BigInt(signer)],
    ]);
    expect([await signedBy(old), await signedBy(newKey)]).toEqual([false, true]);
    expect(await entryOf(1)).toMatchObject({ previousSigner: '0x', previousSignerUntil: 0n });
  });

  it('rotates account and signer in one transaction', async () => {
    const encode = (method: string): string => registry.interface.encodeFunctionData(method, [1, newKey.address, 0]);
    const events = await eventsOf(asController, 'multicall', [encode('rotateSigner'), encode('rotateAccount')]);
    expect(events.map(([name]) => name)).toEqual(['OperatorSignerRotated', 'OperatorAccountRotated']);
  });
});

describe('rotatePin and setNextPin', () => {
  const now = startTime + 1000;
  const [fresh, other] = [id('a fresh pin'), id('another pin')];

  it('refuse zero, and the pin as it is', async () => {
    const { aurora } = consortium;
    const refused = (method: string, key: string, ...rest: unknown[]) =>
      refusalOf(asController, method, 1, key, ...rest);
    expect(await refused('rotatePin', ZeroHash, 0)).toEqual(['OperatorRegistryInvalidPin', 1n, ZeroHash]);
    expect(await refused('rotatePin', aurora.pin, 0)).toEqual(['OperatorRegistrySameKey', 1n, BigInt(pin)]);
    expect(await refused('setNextPin', aurora.pin)).toEqual(['OperatorRegistrySameKey', 1n, BigInt(pin)]);
  });

  it('take a pin that is or was another operator’s', async () => {
    const { borealis } = consortium;
    await receiptOf(asController, 'setNextPin', 1, borealis.pin);
    await receiptOf(asController, 'rotatePin', 1, borealis.pin, 0);
    await receiptOf(consortium.registryAs(borealis.controller), 'rotatePin', 2, other, 0);
    await receiptOf(asController, 'setNextPin', 1, other);
    expect([await entryOf(1), await entryOf(2)]).toMatchObject([{ pin: borealis.pin, nextPin: other }, { pin: other }]);
  });

  it('rotates with an overlap, and ends it', async () => {
    const { aurora } = consortium;
    await chain.nextBlockAt(now);
    expect(await eventsOf(asController, 'rotatePin', 1, fresh, now + 10)).toEqual([
      ['OperatorPinRotated', 1n, aurora.pin, fresh, BigInt(now + 10)],
    ]);
    const during = { pin: fresh, previousPin: aurora.pin, previousPinUntil: BigInt(now + 10) };
    expect(await entryOf(1)).toMatchObject(during);
    expect(await eventsOf(asController, 'endOverlap', 1, pin)).toEqual([['OperatorOverlapEnded', 1n, BigInt(pin)]]);
    expect(await entryOf(1)).toMatchObject({ pin: fresh, previousPin: ZeroHash, previousPinUntil: 0n });
  });

  it('rotates without an overlap, and back to a pin of its own', async () => {
    const { aurora } = consortium;
    await receiptOf(asController, 'rotatePin', 1, fresh, 0);
    expect(await entryOf(1)).toMatchObject({ pin: fresh, previousPin: ZeroHash, previousPinUntil: 0n });
    await receiptOf(asController, 'rotatePin', 1, aurora.pin, 0);
    expect(await entryOf(1)).toMatchObject({ pin: aurora.pin });
  });

  it('names the next pin, withdraws it, and uses it up', async () => {
    expect(await eventsOf(asController, 'setNextPin', 1, fresh)).toEqual([['OperatorNextPinSet', 1n, fresh]]);
    expect(await entryOf(1)).toMatchObject({ nextPin: fresh });
    expect(await eventsOf(asController, 'setNextPin', 1, ZeroHash)).toEqual([['OperatorNextPinSet', 1n, ZeroHash]]);
    expect(await entryOf(1)).toMatchObject({ nextPin: ZeroHash });
    await receiptOf(asController, 'setNextPin', 1, fresh);
    await receiptOf(asController, 'rotatePin', 1, fresh, 0);
    expect(await entryOf(1)).toMatchObject({ pin: fresh, nextPin: ZeroHash });
  });

  it('keeps the next pin when another one is rotated to', async () => {
    await receiptOf(asController, 'setNextPin', 1, fresh);
    await receiptOf(asController, 'rotatePin', 1, other, 0);
    expect(await entryOf(1)).toMatchObject({ pin: other, nextPin: fresh });
  });
});

describe('setEndpoint', () => {
  it.each(['', 'x'.repeat(257), 'https://a\nb', '\x1f', '\x7f', '\x80', 'https://b\u202e'])(
    'refuses %j',
    async (endpoint) => {
      const refusal = await refusalOf(asController, 'setEndpoint', 1, endpoint);
      expect(refusal).toEqual(['OperatorRegistryInvalidEndpoint', 1n, endpoint]);
    },
  );

  it('changes it', async () => {
    expect(await eventsOf(asController, 'setEndpoint', 1, 'https://new.example')).toEqual([
      ['OperatorEndpointChanged', 1n, 'https://new.example'],
    ]);
    expect(await entryOf(1)).toMatchObject({ endpoint: 'https://new.example' });
  });
});

describe('operator', () => {
  it('is all zero, status unknown, for an id that was never given', async () => {
    expect(await entryOf(4)).toMatchObject({ status: unknown, handle: '', controller: ZeroAddress, signer: '0x' });
    expect(await view('statusOf', 4)).toBe(unknown);
    expect(await view('isActive', 4)).toBe(false);
    expect(await view('operatorByHandle', 'nobody')).toBe(0n);
  });
});
