/** One of three endpoints lies: about anything, in any answer. Nothing stops, nothing false is believed, and it is named. */
import { id } from 'ethers';
import { describe, expect, it, vi } from 'vitest';
import { connect } from '../../operator-node/chain/connect.ts';
import type { Endpoints } from '../../operator-node/chain/endpoints.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { RpcWriter } from '../../operator-node/chain/rpc-writer.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import { ManualClock, openChain, type TestChain } from './chain.fixture.ts';
import { changing, startProxy, type Answer, type Behaviour, type Call, type RpcProxy } from './rpc-proxy.ts';

interface Group {
  readonly liar: RpcProxy;
  readonly endpoints: Endpoints;
  readonly reader: RpcReader;
  readonly writer: RpcWriter;
  readonly clock: ManualClock;
}

function groupOf(chain: TestChain, liar: RpcProxy): Group {
  const clock = new ManualClock();
  const honest = new URL(chain.anvil.url).port;
  const urls = [`http://127.0.0.1:${honest}`, liar.url(), `http://localhost:${honest}`];
  const endpoints = connect({ network: chain.network, urls, clock });
  const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0, clock });
  return { liar, endpoints, reader, writer: new RpcWriter(endpoints), clock };
}

/** A batch that is prepared and decided, so that every kind of answer has something in it. */
async function openBusyChain() {
  const chain = await openChain();
  const signed = await chain.sign({ count: 3 });
  const prepare = chain.calls.prepare(signed);
  const prepared = await chain.act(chain.stranger, prepare.to, prepare.data);
  const [decide] = chain.calls.decide([{ batchId: signed.batchId, word: 0, commitMask: 5n, abortMask: 2n }]);
  const decided = await chain.act(chain.borealis.account, decide?.to ?? '', decide?.data ?? '');
  return { chain, signed, prepared, decided };
}

type BusyChain = Awaited<ReturnType<typeof openBusyChain>>;

/** Everything that a node asks. */
async function askAll({ chain, signed, prepared, decided }: BusyChain, { reader, writer }: Omit<Group, 'liar'>) {
  const [head, final] = await Promise.all([reader.head(), reader.finalHead()]);
  const { aurora, borealis, network } = chain;
  return {
    head,
    final,
    block: await reader.block(Number(decided.blockNumber)),
    prepared: await reader.logs(prepared.blockHash),
    decided: await reader.logs(decided.blockHash),
    outcome: await reader.batchOutcome(signed.batchId, decided.blockHash),
    absent: await reader.batchOutcome(id('no batch') as typeof signed.batchId, decided.blockHash),
    sequence: await reader.nextSequence(aurora.id, borealis.id, final.hash),
    operators: await reader.operators(final.hash),
    nonce: await writer.nonce(borealis.account.address, 'newest'),
    nonceAt: await writer.nonce(borealis.account.address, decided.blockHash),
    receipt: await writer.receipt(decided.transactionHash),
    noReceipt: await writer.receipt(id('nothing') as Hash),
    fees: await writer.fees(),
    contracts: network.contracts,
  };
}

const otherHash = id('forged') as Hash;
const fields = (answer: Answer): Readonly<Record<string, unknown>> =>
  typeof answer.result === 'object' && answer.result !== null ? { ...answer.result } : {};
const inFields =
  (change: Readonly<Record<string, unknown>>) =>
  (answer: Answer): Answer => ({ ...answer, result: { ...fields(answer), ...change } });
const as =
  (result: unknown) =>
  ({ id: own }: Answer): Answer => ({ id: own, result });
const most = `0x${'f'.repeat(64)}`;

/** Extremes of every field of every answer, and what has another form. */
const lies: Readonly<Record<string, Readonly<Record<string, (answer: Answer) => Answer>>>> = {
  eth_blockNumber: { nothing: as('0x0'), 'more than a number': as(most), 'the largest': as('0x1fffffffffffff') },
  eth_chainId: { 'another chain': as('0x1'), nothing: as('0x0'), 'the largest': as(most) },
  eth_getCode: { none: as('0x'), other: as('0x6001') },
  eth_getBlockByNumber: {
    none: as(null),
    'a number far ahead': inFields({ number: '0xfffffff', hash: otherHash, timestamp: '0xffffffff' }),
    'a number a little ahead': inFields({ number: '0x40', hash: otherHash }),
    'number 0': inFields({ number: '0x0' }),
    'the largest number': inFields({ number: '0x1fffffffffffff' }),
    'more than a number': inFields({ number: most }),
    'another hash': inFields({ hash: otherHash }),
    'another parent': inFields({ parentHash: otherHash }),
    'a time long ago': inFields({ timestamp: '0x0' }),
    'a time to come': inFields({ timestamp: '0x1fffffffffffff' }),
    'more than a time': inFields({ timestamp: most }),
    'an empty bloom': inFields({ logsBloom: `0x${'00'.repeat(256)}` }),
    'a full bloom': inFields({ logsBloom: `0x${'ff'.repeat(256)}` }),
    'a bloom of no length': inFields({ logsBloom: '0x' }),
    'the highest fee': inFields({ baseFeePerGas: most }),
    'no fields': as({}),
  },
  eth_getBlockByHash: {
    none: as(null),
    'another hash': inFields({ hash: otherHash }),
    'a time to come': inFields({ timestamp: '0x1fffffffffffff' }),
    'other transactions': inFields({ transactions: [otherHash] }),
    'no transactions': inFields({ transactions: [] }),
    'very many transactions': inFields({ transactions: Array.from({ length: 5_000 }, () => 7) }),
  },
  eth_getLogs: {
    none: as([]),
    'no list': as('0x'),
    'what is no log': as([{}]),
    'very many that are no logs': as(Array.from({ length: 5_000 }, () => 0)),
    'other data': (answer) => ({
      ...answer,
      result: (answer.result as readonly object[]).map((log) => ({ ...log, data: `0x${'ff'.repeat(2048)}` })),
    }),
    'other topics': (answer) => ({
      ...answer,
      result: (answer.result as readonly object[]).map((log) => ({ ...log, topics: [otherHash] })),
    }),
    'each twice': (answer) => ({
      ...answer,
      result: [...(answer.result as readonly object[]), ...(answer.result as readonly object[])],
    }),
  },
  eth_getTransactionReceipt: {
    none: as(null),
    reverted: inFields({ status: '0x0' }),
    'another block': inFields({ blockHash: otherHash, blockNumber: '0x1' }),
    'no logs': inFields({ logs: [] }),
    'the largest block': inFields({ blockNumber: '0x1fffffffffffff' }),
  },
  eth_call: {
    nothing: as('0x'),
    zero: as(`0x${'00'.repeat(512)}`),
    'the largest': as(`0x${'ff'.repeat(512)}`),
    'no hex': as('zz'),
  },
  eth_getTransactionCount: {
    nothing: as('0x0'),
    'the largest': as('0x1fffffffffffff'),
    'more than a number': as(most),
  },
  eth_gasPrice: { nothing: as('0x0'), 'the highest': as(most) },
  eth_maxPriorityFeePerGas: { nothing: as('0x0'), 'the highest': as(most) },
};

/** For whatever is asked. */
const anyLies: Readonly<Record<string, Behaviour>> = {
  'null to everything': changing(as(null)),
  'an error to everything': changing(({ id: own }) => ({ id: own, error: { code: -32000, message: 'no' } })),
  'an object to everything': changing(as({ constructor: 7, __proto__: [] })),
  'a list to everything': changing(as([[[]]])),
  'a number to everything': changing(as(7)),
  'what is no JSON': () => ({ body: '{' }),
  'HTTP 500': () => ({ status: 500, body: '' }),
  'Retry-After for ever': () => ({ status: 429, headers: { 'retry-after': '99999999' }, body: '' }),
  'keys without end': () => ({ body: `{${Array.from({ length: 60_000 }, (_, at) => `"k${at}":0`).join(',')}}` }),
  'depth without end': () => ({ body: '['.repeat(500_000) }),
};

describe('one of three endpoints', () => {
  const named = ({ endpoints, liar }: Group): boolean => {
    const status = endpoints.status.find(({ name }) => name === liar.name);
    return status?.state !== 'ok' || status.disagrees !== undefined;
  };

  /** What may be for a while is named when it is for long: half a minute, or ten. */
  async function askLong(busy: BusyChain, group: Group): Promise<void> {
    for (const millis of [31_000, 0, ...Array.from({ length: 10 }, () => 67_000)]) {
      if (named(group)) return;
      group.clock.advance(millis);
      await askAll(busy, group);
    }
  }

  /**
   * Not compared, so not named: what only a check of the network asks; a fee, which is what one likes to ask; a hint at
   * logs, which only makes the node look closer at what that endpoint says itself.
   */
  const unnamed: Readonly<Record<string, readonly string[]>> = {
    eth_blockNumber: ['nothing', 'more than a number', 'the largest'],
    eth_chainId: ['another chain', 'nothing', 'the largest'],
    eth_getCode: ['none', 'other'],
    eth_getBlockByNumber: ['an empty bloom', 'a full bloom', 'a bloom of no length', 'the highest fee'],
    eth_gasPrice: ['nothing', 'the highest'],
    eth_maxPriorityFeePerGas: ['nothing', 'the highest'],
  };

  it.each(Object.entries(lies))(
    'lies in any way about %s: all is told as it is, and it is named',
    async (method, ways) => {
      const busy = await openBusyChain();
      const { chain } = busy;
      const liar = await startProxy(chain.anvil);
      const endpoints = chain.endpoints();
      const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0 });
      const truth = await askAll(busy, {
        reader,
        endpoints,
        writer: new RpcWriter(endpoints),
        clock: new ManualClock(),
      });
      const notNamed: string[] = [];
      for (const [way, lie] of Object.entries(ways)) {
        liar.behaviour = () => undefined;
        const group = groupOf(chain, liar);
        await group.reader.head();
        liar.behaviour = changing((answer, call: Call) => (call.method === method ? lie(answer) : answer));
        expect(await askAll(busy, group), way).toEqual(truth);
        await askLong(busy, group);
        if (!named(group)) notNamed.push(way);
      }
      expect(notNamed).toEqual(unnamed[method] ?? []);
    },
  );

  it.each(Object.entries(anyLies))('answers with %s: everything is told as it is, and it is named', async (_, lie) => {
    const busy = await openBusyChain();
    const liar = await startProxy(busy.chain.anvil);
    const group = groupOf(busy.chain, liar);
    const truth = await askAll(busy, group);
    liar.behaviour = lie;
    expect(await askAll(busy, group)).toEqual(truth);
    await askLong(busy, group);
    expect(named(group)).toBe(true);
  });

  it.each(['eth_chainId', 'eth_getCode', 'eth_getBlockByNumber'])(
    'lies about %s from the beginning: the others go on without it',
    async (method) => {
      const busy = await openBusyChain();
      const liar = await startProxy(
        busy.chain.anvil,
        changing((answer, call) => (call.method === method ? { id: answer.id, result: '0x1' } : answer)),
      );
      const group = groupOf(busy.chain, liar);
      await expect(group.reader.checkNetwork()).resolves.toBeUndefined();
      expect((await askAll(busy, group)).outcome).toMatchObject({ prepared: true, commitWords: [5n] });
      expect(named(group)).toBe(true);
    },
  );

  it('names a newest block once that nobody else comes to: it is named at once, and never believed', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const group = groupOf(chain, liar);
    const height = await chain.anvil.height();
    liar.behaviour = changing((answer, { method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? inFields({ number: '0xfffffff', hash: otherHash, timestamp: '0xffffffff' })(answer)
        : answer,
    );
    expect(await group.reader.head()).toMatchObject({ number: height });
    expect(group.endpoints.disagreements).toEqual([{ about: 'the newest block', endpoints: [liar.name] }]);
    await expect(group.reader.operators((await group.reader.head()).hash)).resolves.toHaveLength(2);

    liar.behaviour = () => undefined;
    expect(await group.reader.head()).toMatchObject({ number: height });
    expect(group.endpoints.disagreements).toEqual([]);
  });

  it('names a block that is a little ahead: it is named when the others do not come to it', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const group = groupOf(chain, liar);
    liar.behaviour = changing((answer, { method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? inFields({ number: `0x${(20).toString(16)}` })(answer)
        : answer,
    );
    await group.reader.head();
    expect(group.endpoints.disagreements).toEqual([]);
    group.clock.advance(30_000);
    await group.reader.head();
    expect(group.endpoints.disagreements).toEqual([{ about: 'the newest block', endpoints: [liar.name] }]);
    liar.behaviour = () => undefined;
    await group.reader.head();
    expect(group.endpoints.disagreements).toEqual([]);
  });

  it('shows newest blocks that never come: it is named, though the chain comes to each of their numbers', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const group = groupOf(chain, liar);
    liar.behaviour = changing((answer, { method, params }) => {
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return answer;
      const { number } = answer.result as { readonly number: string };
      return inFields({ number: `0x${(Number(number) + 2).toString(16)}`, hash: otherHash })(answer);
    });
    for (let look = 0; look < 6; look += 1) {
      expect(group.endpoints.disagreements).toEqual([]);
      expect((await group.reader.head()).number).toBe(await chain.anvil.height());
      await group.reader.finalHead();
      await chain.anvil.mine();
      group.clock.advance(10_000);
    }
    await group.reader.finalHead();
    expect(group.endpoints.disagreements).toEqual([
      { about: 'newest blocks, which do not come', endpoints: [liar.name] },
    ]);
    liar.behaviour = () => undefined;
    for (let look = 0; look < 4; look += 1) {
      await group.reader.finalHead();
      await chain.anvil.mine();
    }
    expect(group.endpoints.disagreements).toEqual([]);
  });

  it('is ahead of two that are loading the chain: nothing false is said of it once they have come to it', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const group = groupOf(chain, liar);
    await group.reader.head();
    await chain.anvil.mine(3);
    await group.reader.head();
    group.clock.advance(60_000);
    await chain.anvil.mine(3);
    await group.reader.head();
    expect(group.endpoints.disagreements).toEqual([]);
  });

  it('that lied about its newest block when it was the only one: forgotten a minute later', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const clock = new ManualClock();
    const reader = chain.reader({ urls: [liar.url()], clock });
    liar.behaviour = changing((answer, { method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest' ? inFields({ number: '0xfffffff' })(answer) : answer,
    );
    expect(await reader.head()).toMatchObject({ number: 0xfffffff });
    liar.behaviour = () => undefined;
    clock.advance(60_000);
    expect(await reader.head()).toMatchObject({ number: await chain.anvil.height() });
  });

  it('tells a change of the registry that is none: it costs a look, and nothing else', async () => {
    const chain = await openChain();
    const liar = await startProxy(chain.anvil);
    const group = groupOf(chain, liar);
    const height = await chain.anvil.height();
    liar.behaviour = changing((answer, { method }) =>
      method === 'eth_getLogs'
        ? {
            id: answer.id,
            result: [
              {
                address: chain.network.contracts.OperatorRegistry,
                topics: [otherHash],
                data: '0x',
                blockHash: otherHash,
                transactionHash: otherHash,
                logIndex: '0x0',
              },
            ],
          }
        : method === 'eth_blockNumber'
          ? { id: answer.id, result: '0xffff' }
          : answer,
    );
    expect(await group.reader.operatorsChangedAfter(height)).toEqual([]);
    await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    expect(await group.reader.operatorsChangedAfter(height)).toEqual([chain.borealis.id]);
  });
});

describe('one of three endpoints is slow', () => {
  /** With the real clock: what is shown is that nobody waits for it. */
  async function beside(behaviour: Behaviour) {
    const chain = await openChain();
    const slow = await startProxy(chain.anvil);
    const honest = new URL(chain.anvil.url).port;
    const urls = [`http://127.0.0.1:${honest}`, slow.url(), `http://localhost:${honest}`];
    const endpoints = connect({ network: chain.network, urls, clock: systemClock, timeoutMillis: 60_000 });
    const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0 });
    await reader.head();
    slow.behaviour = behaviour;
    return { chain, slow, endpoints, reader, writer: new RpcWriter(endpoints) };
  }

  const open: Record<string, Behaviour> = {
    'never answers': () => 'open',
    'answers drop by drop': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('[');
      const timer = setInterval(() => response.write(' '), 50);
      response.once('close', () => {
        clearInterval(timer);
      });
      return 'open';
    },
  };

  it.each(Object.entries(open))('and %s: the others are enough', async (_, behaviour) => {
    const { chain, reader, writer, slow } = await beside(behaviour);
    const height = await chain.anvil.height();
    for (let look = 0; look < 20; look += 1) {
      expect(await reader.head()).toMatchObject({ number: height });
      expect(await reader.finalHead()).toMatchObject({ number: height });
      await reader.block(height);
      // What a majority knows nothing of, no third endpoint can make known.
      expect(await writer.receipt(id('nothing') as Hash)).toBeUndefined();
      await expect(reader.logs(id('no block') as Hash)).rejects.toMatchObject({ code: 'chain-unavailable' });
    }
    expect(slow.requests.length).toBeGreaterThan(1);
  });

  it('and answers otherwise in the end: it is named then', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { chain, reader, endpoints, slow } = await beside(async (request) => {
      const answers = await request.truth();
      await held;
      return {
        body: request.isList
          ? answers.map(inFields({ hash: otherHash }))
          : inFields({ hash: otherHash })(answers[0] ?? {}),
      };
    });
    const height = await chain.anvil.height();
    await reader.block(height);
    expect(endpoints.disagreements).toEqual([]);
    release();
    await vi.waitFor(() => {
      expect(endpoints.disagreements).toEqual([{ about: `block ${height}`, endpoints: [slow.name] }]);
    });
  });

  it('and answers without end: it is cut off, and the others are enough', async () => {
    let written = 0;
    const { chain, reader, endpoints, slow } = await beside((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = Buffer.alloc(65_536, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(piece)) written += piece.length;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return 'open';
    });
    const height = await chain.anvil.height();
    for (let look = 0; look < 5; look += 1) expect(await reader.finalHead()).toMatchObject({ number: height });
    await vi.waitFor(() => {
      expect(endpoints.status.find(({ name }) => name === slow.name)?.state).toBe('silent');
    });
    expect(endpoints.status.find(({ name }) => name === slow.name)?.detail).toContain('longer than');
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });
});

describe('two endpoints', () => {
  it('tolerate none that is down and none that lies', async () => {
    const chain = await openChain();
    const other = await startProxy(chain.anvil);
    const clock = new ManualClock();
    const endpoints = connect({ network: chain.network, urls: [chain.anvil.url, other.url()], clock });
    const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0, clock });
    await reader.finalHead();
    other.behaviour = changing((answer, { method }) =>
      method === 'eth_getBlockByNumber' ? inFields({ hash: otherHash })(answer) : answer,
    );
    const names = endpoints.status.map(({ name }) => name);
    await expect(reader.finalHead()).rejects.toMatchObject({ code: 'chain-unavailable', facts: { endpoints: names } });
    other.behaviour = () => ({ status: 503, body: '' });
    await expect(reader.finalHead()).rejects.toMatchObject({ code: 'chain-unavailable' });
  });
});
