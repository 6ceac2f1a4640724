import { describe, expect, it, onTestFinished } from 'vitest';
import type { FinalBlock, Head } from '../../operator-node/chain/chain.ts';
import { ChainWatcher, type Cursor } from '../../operator-node/chain/watcher.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { table } from '../../operator-node/store/store.ts';
import { openMemoryStore } from '../../operator-node/store/memory.ts';
import { ManualClock, openChain, startEndpoint, type LyingEndpoint, type TestChain } from './chain.fixture.ts';

const pollMillis = 250;
const cursorTable = table<Cursor>('cursor-of-test');
const seenTable = table<number>('seen-of-test');

/** A watcher whose handler stores each block it was given, with the cursor, in one transaction. */
function watch(
  chain: TestChain,
  options: { readonly url?: string; readonly store?: ReturnType<typeof openMemoryStore> } = {},
) {
  const clock = new ManualClock();
  const store = options.store ?? openMemoryStore();
  const groups: (readonly FinalBlock[])[] = [];
  const heads: Head[] = [];
  const faults: unknown[] = [];
  const troubles: TandemError[] = [];
  const hooks = { before: (): Promise<unknown> => Promise.resolve() };
  const watcher = new ChainWatcher({
    reader: chain.reader({ urls: [options.url ?? chain.anvil.url], clock }),
    clock,
    pollMillis,
    firstBlock: chain.network.firstBlock,
    onBlocks: async (blocks) => {
      await hooks.before();
      await store.transact((tx) => {
        for (const { block } of blocks) tx.put(seenTable, block.hash, (tx.get(seenTable, block.hash) ?? 0) + 1);
        const last = blocks.at(-1);
        if (last !== undefined) tx.put(cursorTable, 'chain', { number: last.block.number, hash: last.block.hash });
      });
      groups.push(blocks);
    },
    onHead: (head) => heads.push(head),
    onFault: (fault) => faults.push(fault),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  onTestFinished(() => watcher.stop());
  return {
    watcher,
    clock,
    store,
    groups,
    heads,
    faults,
    troubles,
    hooks,
    start: () => {
      watcher.start(store.newest.get(cursorTable, 'chain'));
    },
    /** One look at the chain. */
    look: async () => {
      clock.advance(pollMillis);
      await watcher.idle();
    },
    /** Looks until there is nothing new. */
    catchUp: async () => {
      for (let before = -1; before !== groups.length;) {
        before = groups.length;
        clock.advance(pollMillis);
        await watcher.idle();
      }
    },
    numbers: () => groups.flat().map(({ block }) => block.number),
  };
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const depth = (blocks: number) => ({ mode: 'depth', depth: blocks }) as const;

describe('walking', () => {
  it('begins at the first block of the network and hands over every final block once, in order', async () => {
    const chain = await openChain();
    const node = watch(chain);
    node.start();
    await node.catchUp();
    await chain.anvil.mine(3);
    await node.catchUp();
    expect(node.numbers()).toEqual(upTo(chain.network.firstBlock, await chain.anvil.height()));
    expect(node.groups.flat().flatMap(({ logs }) => logs.map(({ type }) => type))).toEqual([
      'OperatorChanged',
      'OperatorChanged',
    ]);
  });

  it('catches up in groups of at most 100 blocks without waiting in between', async () => {
    const chain = await openChain();
    await chain.anvil.mine(250);
    const node = watch(chain);
    node.start();
    await node.look();
    const first = node.groups.length;
    expect(first).toBe(1);
    node.clock.advance(0);
    await node.watcher.idle();
    node.clock.advance(0);
    await node.watcher.idle();
    expect(node.groups.map((group) => group.length)).toEqual([
      100,
      100,
      (await chain.anvil.height()) - chain.network.firstBlock - 199,
    ]);
  });

  it('hands over nothing that is not final', async () => {
    const chain = await openChain(depth(3));
    const node = watch(chain);
    node.start();
    await node.catchUp();
    expect(node.numbers().at(-1)).toBe((await chain.anvil.height()) - 3);
    await chain.anvil.mine(2);
    await node.catchUp();
    expect(node.numbers().at(-1)).toBe((await chain.anvil.height()) - 3);
  });

  it('goes on only when the handler has stored the blocks', async () => {
    const chain = await openChain();
    await chain.anvil.mine(150);
    const node = watch(chain);
    const gate = Promise.withResolvers<unknown>();
    const entered = Promise.withResolvers<unknown>();
    node.hooks.before = () => {
      entered.resolve(undefined);
      return gate.promise;
    };
    node.start();
    node.clock.advance(pollMillis);
    await entered.promise;
    node.clock.advance(10 * pollMillis);
    expect(node.groups).toHaveLength(0);
    expect(node.watcher.status.cursor).toBeUndefined();
    gate.resolve(undefined);
    await node.watcher.idle();
    expect(node.watcher.status.cursor?.number).toBe(chain.network.firstBlock + 99);
  });

  it('stops when the handler fails, with the cursor where it was', async () => {
    const chain = await openChain();
    const node = watch(chain);
    const failed = new TandemError('store-failed', 'the disk is full');
    node.hooks.before = () => Promise.reject(failed);
    node.start();
    await node.look();
    await node.look();
    expect(node.faults).toEqual([failed]);
    expect(node.watcher.status).toMatchObject({ running: false, cursor: undefined });
  });

  it('goes on from the stored cursor after a restart, and repeats and skips nothing', async () => {
    const chain = await openChain();
    const first = watch(chain);
    first.start();
    await first.catchUp();
    await first.watcher.stop();
    await chain.anvil.mine(7);
    const second = watch(chain, { store: first.store });
    second.start();
    await second.catchUp();
    expect([...first.numbers(), ...second.numbers()]).toEqual(
      upTo(chain.network.firstBlock, await chain.anvil.height()),
    );
    for await (const [, times] of first.store.scan(seenTable)) expect(times).toBe(1);
  });
});

describe('a reorganisation', () => {
  it('shallower than finality is not noticed', async () => {
    const chain = await openChain(depth(4));
    await withTransactions(chain, 10);
    const node = watch(chain);
    node.start();
    await node.catchUp();
    const { hash } = await chain.reader().head();
    await chain.anvil.rpc('anvil_reorg', 4, []);
    expect((await chain.reader().head()).hash).not.toBe(hash);
    await chain.anvil.mine(6);
    await node.catchUp();
    expect(node.faults).toEqual([]);
    expect(node.numbers()).toEqual(upTo(chain.network.firstBlock, (await chain.anvil.height()) - 4));
  });

  it.each([5, 7])('%i deep under a finality of 4 stops the watcher loudly', async (blocks) => {
    const chain = await openChain(depth(4));
    await withTransactions(chain, 10);
    const node = watch(chain);
    node.start();
    await node.catchUp();
    const handed = node.numbers().length;
    await chain.anvil.rpc('anvil_reorg', blocks, []);
    await chain.anvil.mine(6);
    await node.catchUp();
    expect(node.faults).toMatchObject([{ code: 'chain-reorganised' }]);
    expect(node.watcher.status.running).toBe(false);
    expect(node.numbers()).toHaveLength(handed);
  });

  it('of the very block of the cursor is found also when the chain has not grown', async () => {
    const chain = await openChain();
    await withTransactions(chain, 2);
    const node = watch(chain);
    node.start();
    await node.catchUp();
    await chain.anvil.rpc('anvil_reorg', 1, []);
    await node.look();
    expect(node.faults).toMatchObject([{ code: 'chain-reorganised' }]);
  });

  it('that happened while the node was down is found at its start', async () => {
    const chain = await openChain();
    await withTransactions(chain, 3);
    const first = watch(chain);
    first.start();
    await first.catchUp();
    await first.watcher.stop();
    await chain.anvil.rpc('anvil_reorg', 2, []);
    await chain.anvil.mine(4);
    const second = watch(chain, { store: first.store });
    second.start();
    await second.catchUp();
    expect(second.faults).toMatchObject([{ code: 'chain-reorganised' }]);
    expect(second.numbers()).toEqual([]);
  });

  /** Blocks that are another when they are made again: an empty block of the same second is the same. */
  async function withTransactions(chain: TestChain, blocks: number): Promise<void> {
    for (let made = 0; made < blocks; made += 1) await chain.act(chain.stranger, chain.authority.address, '0x');
  }
});

describe('an endpoint', () => {
  /** Longer than an endpoint is left alone after it has failed a few times. */
  const waitMillis = 10_000;

  async function through(lie?: LyingEndpoint['lie']) {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil, lie);
    return { chain, endpoint, node: watch(chain, { url: endpoint.url }) };
  }

  it('out of reach: tried again, told once, and gone on with where it ended', async () => {
    const { chain, endpoint, node } = await through();
    node.start();
    await node.catchUp();
    endpoint.status = 503;
    await chain.anvil.mine(4);
    await node.look();
    await node.look();
    expect(node.troubles).toMatchObject([{ code: 'chain-unavailable' }]);
    expect(node.watcher.status.trouble).toMatchObject({ code: 'chain-unavailable' });
    node.clock.advance(3_600_000);
    await node.watcher.idle();
    endpoint.status = 200;
    node.clock.advance(waitMillis);
    await node.catchUp();
    expect(node.watcher.status.trouble).toBeUndefined();
    expect(node.numbers()).toEqual(upTo(chain.network.firstBlock, await chain.anvil.height()));
    expect(node.faults).toEqual([]);
  });

  it('that came back on another chain: the watcher stops, and nothing is handed over', async () => {
    const { chain, endpoint, node } = await through();
    node.start();
    await node.catchUp();
    const handed = node.numbers();
    endpoint.status = 503;
    await node.look();
    endpoint.status = 200;
    endpoint.lie = ({ method }) => (method === 'eth_chainId' ? { result: '0x1' } : undefined);
    await chain.anvil.mine(4);
    node.clock.advance(waitMillis);
    await node.watcher.idle();
    await node.look();
    expect(node.faults).toMatchObject([{ code: 'network-mismatch' }]);
    expect(node.watcher.status.running).toBe(false);
    expect(node.numbers()).toEqual(handed);
  });

  it('that falls back in height: the watcher waits and repeats nothing', async () => {
    const { chain, endpoint, node } = await through();
    await chain.anvil.mine(5);
    node.start();
    await node.catchUp();
    endpoint.lie = async ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? { result: await chain.anvil.rpc('eth_getBlockByNumber', '0x6', false) }
        : undefined;
    await node.look();
    endpoint.lie = () => undefined;
    await chain.anvil.mine();
    await node.catchUp();
    expect(node.faults).toEqual([]);
    expect(node.numbers()).toEqual(upTo(chain.network.firstBlock, await chain.anvil.height()));
  });

  it('whose blocks do not fit together for a moment: no fault, and no block of them is taken', async () => {
    const { chain, endpoint, node } = await through();
    node.start();
    await node.catchUp();
    await chain.anvil.mine(3);
    const wrong = `0x${((await chain.anvil.height()) - 1).toString(16)}`;
    const handed = node.numbers();
    endpoint.lie = async ({ method, params }, truth) => {
      if (method !== 'eth_getBlockByNumber' || params[0] !== wrong) return undefined;
      const { result } = (await truth()) as { readonly result: object };
      return { result: { ...result, parentHash: `0x${'12'.repeat(32)}` } };
    };
    await node.look();
    expect(node.faults).toEqual([]);
    expect(node.troubles).toMatchObject([{ code: 'chain-unavailable' }]);
    expect(node.numbers()).toEqual(handed);
    endpoint.lie = () => undefined;
    await node.catchUp();
    expect(node.numbers()).toEqual(upTo(chain.network.firstBlock, await chain.anvil.height()));
  });

  it('that lacks the logs of a block: the block waits until they are there', async () => {
    const { chain, endpoint, node } = await through(({ method }) =>
      method === 'eth_getLogs' ? { result: [] } : undefined,
    );
    node.start();
    await node.look();
    expect(node.numbers()).toEqual([]);
    endpoint.lie = () => undefined;
    await node.catchUp();
    expect(node.groups.flat().flatMap(({ logs }) => logs)).toHaveLength(2);
    expect(node.numbers().at(-1)).toBe(await chain.anvil.height());
  });
});

describe('the head', () => {
  it('grows old by the node’s own clock while no block comes, and is young again with the next one', async () => {
    const chain = await openChain(depth(2));
    const node = watch(chain);
    node.start();
    await node.look();
    node.clock.advance(60_000);
    await node.watcher.idle();
    await node.look();
    expect(node.heads.at(-1)?.ageMillis).toBeGreaterThanOrEqual(60_000);
    expect(node.watcher.status.head?.newest.number).toBe(await chain.anvil.height());
    expect(node.watcher.status.head?.final.number).toBe((await chain.anvil.height()) - 2);
    await chain.anvil.mine();
    await node.look();
    expect(node.heads.at(-1)?.ageMillis).toBe(0);
  });

  it('grows old also while the chain is out of reach', async () => {
    const chain = await openChain();
    const node = watch(chain);
    node.start();
    await node.look();
    await chain.anvil.stop();
    node.clock.advance(60_000);
    await node.watcher.idle();
    expect(node.watcher.status.head?.ageMillis).toBeGreaterThanOrEqual(60_000);
  });
});
