/** A halted node, on a real store: what is said of it, what is refused, and what the journal has of its release. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Block, OperatorEntry } from '../../operator-node/chain/chain.ts';
import { Engine, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { systemClock, systemRandom } from '../../operator-node/engine/clock.ts';
import { journalEntry, journalHead } from '../../operator-node/engine/journal.ts';
import { halt, haltTable, type HaltCause, type OwnKeys } from '../../operator-node/flow/batch.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import type { BatchId, OperatorId, UnixSeconds } from '../../operator-node/model/ids.ts';
import { haltStatus, release, type HaltStatus, type ReleaseOrder } from '../../operator-node/recovery/release.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';

const self = 1 as OperatorId;
const batchId = `0x${'b1'.repeat(32)}` as BatchId;
const keysOf = (byte: string): OwnKeys => ({ signer: `0x${byte.repeat(20)}`, account: `0x${byte.repeat(19)}00` });
const [then, now] = [keysOf('0a'), keysOf('0b')];
const order: ReleaseOrder = { by: 'eva', because: 'the old machine is gone', keysAreSafe: false };

let dir = '';
let store: Awaited<ReturnType<typeof openLevelStore>>;
let engine: Engine;
let events: EngineEvent[] = [];
/** What the registry has, as the chain's client would give it: addresses with capitals. */
let registered: { signers: string[]; accounts: string[] };
const open: { halted: boolean; keys?: OwnKeys | undefined } = { halted: false };

const reader = {
  finalHead: () => Promise.resolve({ number: 9, hash: `0x${'09'.repeat(32)}`, timestamp: 1 } as unknown as Block),
  operators: () => Promise.resolve([{ id: self, ...registered } as unknown as OperatorEntry]),
  batchOutcome: () =>
    Promise.resolve({ prepared: true, deadline: 1 as UnixSeconds, count: 3, commitWords: [5n], abortWords: [2n] }),
};
const flow = (): FlowContext => ({ engine, chain: reader, self, open }) as unknown as FlowContext;
const status = (): Promise<HaltStatus> => haltStatus({ self, view: store.newest, reader, keys: now });

const start = async (): Promise<void> => {
  store = await openLevelStore(join(dir, 'data'));
  events = [];
  engine = new Engine({
    store,
    clock: systemClock,
    random: systemRandom,
    onEvent: (event) => events.push(event),
    onFailure: (_where, error) => {
      throw error;
    },
  });
};

const halted = (what: HaltCause, batch?: BatchId): Promise<void> =>
  engine.run((work) => {
    halt(work, open, what, batch);
  });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-release-'));
  registered = { signers: [then.signer.toUpperCase().replace('0X', '0x')], accounts: [then.account] };
  open.halted = false;
  open.keys = then;
  await start();
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

describe('release', () => {
  it('refuses where the node is not halted', async () => {
    await expect(release(flow(), now, order)).rejects.toMatchObject({
      code: 'unprocessable',
      message: 'The node is not halted.',
    });
  });

  it.each([
    ['unknown-batch-on-chain', 'signer'],
    ['foreign-decision', 'account'],
    ['foreign-journal-head', 'account'],
  ] as const)('refuses after %s while the %s of then counts', async (what, key) => {
    await halted(what, batchId);
    registered = { signers: [now.signer], accounts: [now.account], [`${key}s`]: [now[key], then[key]] };
    await expect(release(flow(), now, order)).rejects.toMatchObject({
      code: 'unprocessable',
      message: expect.stringContaining(`The ${key} of then, ${then[key]}, still counts`) as string,
    });
    expect(open.halted).toBe(true);
    expect(store.newest.get(haltTable, 'halt')).toBeDefined();
  });

  it('refuses while the registry does not have the key that the node signs with now', async () => {
    await halted('foreign-decision');
    registered = { signers: [now.signer], accounts: ['0x' + 'cc'.repeat(20)] };
    await expect(release(flow(), now, order)).rejects.toThrow(`${now.account}, is not in the registry`);
  });

  it('refuses what a build that noted no keys has halted', async () => {
    open.keys = undefined;
    await halted('foreign-decision');
    registered = { signers: [now.signer], accounts: [now.account] };
    await expect(release(flow(), now, order)).rejects.toThrow('was not noted');
  });

  it('lets the node begin again when the key was rotated, and the journal says who and why', async () => {
    await halted('foreign-decision', batchId);
    registered = { signers: [then.signer], accounts: [now.account] };
    expect(await release(flow(), now, order)).toEqual({ halted: false, holds: [], says: 'The node is not halted.' });
    expect(open.halted).toBe(false);
    await store.close();
    await start();
    expect(store.newest.get(haltTable, 'halt')).toBeUndefined();
    const entry = journalEntry(store.newest, journalHead(store.newest).sequence);
    expect(entry).toMatchObject({
      kind: 'staff',
      payload: { did: 'released', by: 'eva', because: order.because, halt: { batchId, keys: then }, despite: [] },
    });
  });

  it('lets it begin again while the key still counts where staff says that it is safe, and keeps that too', async () => {
    await halted('unknown-batch-on-chain', batchId);
    await release(flow(), now, { ...order, keysAreSafe: true });
    expect(open.halted).toBe(false);
    expect(events).toContainEqual(expect.objectContaining({ type: 'released', by: 'eva' }));
    const { payload } = journalEntry(store.newest, journalHead(store.newest).sequence) ?? {};
    expect((payload as { despite: string[] }).despite).toHaveLength(2);
  });

  it('is of one halt: the next one halts the node again', async () => {
    await halted('unknown-batch-on-chain', batchId);
    await release(flow(), now, { ...order, keysAreSafe: true });
    await halted('foreign-journal-head');
    expect(open.halted).toBe(true);
    expect((await status()).what).toBe('an anchored journal head that this journal does not have');
  });
});

describe('haltStatus', () => {
  it('says what it was, what the chain has of it, and what is to be done first', async () => {
    expect(await status()).toEqual({ halted: false, holds: [], says: 'The node is not halted.' });
    await halted('unknown-batch-on-chain', batchId);
    const said = await status();
    expect(said).toMatchObject({ halted: true, batchId });
    expect(said.says).toContain('2 pairs committed and 1 aborted');
    expect(said.holds).toEqual([
      expect.stringContaining('tandem recover --controller FILE'),
      expect.stringContaining('is not in the registry'),
    ]);
  });

  it('is of the first cause, also after a restart', async () => {
    await halted('unknown-batch-on-chain', batchId);
    await halted('foreign-decision');
    await store.close();
    await start();
    expect((await status()).what).toBe('a batch on chain that this node never signed');
  });
});
