/** The devnet's endpoint that can misbehave, in front of a real chain: each behaviour is what it says, and ends when told to. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { behaviourSchema, behaviourText, parseBehaviour, type Behaviour } from '../../scripts/devnet/behaviour.ts';
import { EndpointProxy } from '../../scripts/devnet/endpoint-proxy.ts';
import { chainId, startAnvil, type Anvil } from './anvil.ts';

/** Logs 42 and returns it. */
const contract = `0x${'c0'.repeat(20)}`;
const code = '0x602a60005260206000a060206000f3';
const sender = `0x${'5e'.repeat(20)}`;
const word = (value: number): string => `0x${value.toString(16).padStart(64, '0')}`;

let chain: Anvil;
let proxy: EndpointProxy;
let logged: { readonly hash: string; readonly blockNumber: string; readonly blockHash: string };

beforeAll(async () => {
  chain = await startAnvil('--gas-price', '0', '--base-fee', '0');
  proxy = await EndpointProxy.start({ target: chain.url });
  await chain.rpc('anvil_setCode', contract, code);
  await chain.rpc('anvil_setBalance', sender, `0x${(10n ** 20n).toString(16)}`);
  await chain.rpc('anvil_autoImpersonateAccount', true);
  await chain.mine(10);
  const hash = await chain.rpc<string>('eth_sendTransaction', { from: sender, to: contract });
  await chain.mine();
  const receipt = await chain.rpc<{ blockNumber: string; blockHash: string }>('eth_getTransactionReceipt', hash);
  logged = { hash, ...receipt };
  await chain.mine();
});

afterEach(() => {
  proxy.behave({ kind: 'honest' });
});

afterAll(async () => {
  await proxy.close();
  await chain.stop();
});

interface Reply {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string } | null;
}

const post = (body: unknown, signal?: AbortSignal): Promise<Response> =>
  fetch(proxy.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });

const call = (method: string, params: readonly unknown[] = [], id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});

async function ask(method: string, ...params: readonly unknown[]): Promise<Reply> {
  return (await (await post(call(method, params))).json()) as Reply;
}

const height = async (): Promise<number> => Number((await ask('eth_blockNumber')).result);
const logsOf = (filter: object): Promise<Reply> => ask('eth_getLogs', { address: contract, ...filter });
const everyLog = { fromBlock: '0x0', toBlock: 'latest' };
const state = (block: unknown): Promise<Reply> => ask('eth_call', { to: contract }, block);

describe('honest', () => {
  it('answers as the chain does: one call, a batch in its order with its ids, and errors', async () => {
    expect(await height()).toBe(await chain.height());
    expect((await logsOf(everyLog)).result).toEqual([expect.objectContaining({ data: word(42) })]);
    expect((await state('latest')).result).toBe(word(42));
    expect((await ask('eth_nonsense')).error).toMatchObject({ code: -32601 });
    const batch = await post([
      call('eth_chainId', [], 'b'),
      call('eth_blockNumber', [], 7),
      call('eth_nonsense', [], 8),
    ]);
    const replies = (await batch.json()) as Reply[];
    expect(replies.map(({ id }) => id)).toEqual(['b', 7, 8]);
    expect(replies.map(({ error }) => error === undefined)).toEqual([true, true, false]);
  });
});

describe('dead, silent, slow and busy', () => {
  it('dead: cuts off every request', async () => {
    proxy.behave({ kind: 'dead' });
    await expect(ask('eth_blockNumber')).rejects.toThrow('fetch failed');
  });

  it('silent: takes the request and says nothing while others are answered', async () => {
    proxy.behave({ kind: 'silent' });
    const before = proxy.requests;
    const given = new AbortController();
    const answer = post(call('eth_blockNumber'), given.signal).then(
      () => 'answered',
      () => 'given up',
    );
    await expect.poll(() => proxy.requests).toBe(before + 1);
    proxy.behave({ kind: 'honest' });
    expect(await height()).toBe(await chain.height());
    given.abort();
    expect(await answer).toBe('given up');
  });

  it('slow: answers late, and rightly', async () => {
    proxy.behave({ kind: 'slow', millis: 60 });
    const begun = performance.now();
    expect(await height()).toBe(await chain.height());
    // Timers may be early by a millisecond.
    expect(performance.now() - begun).toBeGreaterThan(58);
  });

  it('busy: HTTP 429, with Retry-After where it is given', async () => {
    proxy.behave({ kind: 'busy' });
    const plain = await post(call('eth_blockNumber'));
    expect([plain.status, plain.headers.get('retry-after')]).toEqual([429, null]);
    proxy.behave({ kind: 'busy', retryAfterSeconds: 3 });
    expect((await post(call('eth_blockNumber'))).headers.get('retry-after')).toBe('3');
  });
});

describe('behind', () => {
  beforeAll(async () => {
    await chain.mine(3);
  });

  it('knows a head of before, in every form in which it is asked for', async () => {
    const head = await chain.height();
    proxy.behave({ kind: 'behind', blocks: 2 });
    expect(await height()).toBe(head - 2);
    for (const tag of ['latest', 'pending']) {
      expect((await ask('eth_getBlockByNumber', tag, false)).result).toMatchObject({
        number: `0x${(head - 2).toString(16)}`,
      });
    }
  });

  it('knows no block, state, log or receipt of later', async () => {
    const head = await chain.height();
    const blocks = head - Number(logged.blockNumber) + 1;
    proxy.behave({ kind: 'behind', blocks });
    expect((await ask('eth_getBlockByNumber', logged.blockNumber, false)).result).toBeNull();
    expect((await ask('eth_getBlockByHash', logged.blockHash, false)).result).toBeNull();
    expect((await ask('eth_getTransactionReceipt', logged.hash)).result).toBeNull();
    expect((await state({ blockHash: logged.blockHash })).error).toMatchObject({ message: 'header not found' });
    expect((await state(logged.blockNumber)).error).toMatchObject({ message: 'header not found' });
    expect((await logsOf({ blockHash: logged.blockHash })).error).toBeDefined();
    expect((await logsOf(everyLog)).result).toEqual([]);
    // One block nearer it knows all of it.
    proxy.behave({ kind: 'behind', blocks: blocks - 1 });
    expect((await ask('eth_getTransactionReceipt', logged.hash)).result).toMatchObject({ blockHash: logged.blockHash });
    expect((await state({ blockHash: logged.blockHash })).result).toBe(word(42));
    expect((await logsOf({ blockHash: logged.blockHash })).result).toHaveLength(1);
    expect((await logsOf(everyLog)).result).toHaveLength(1);
    expect((await ask('eth_getTransactionCount', sender, 'latest')).result).toBe('0x1');
  });

  it('is at the first block where the chain is shorter than that', async () => {
    proxy.behave({ kind: 'behind', blocks: 1_000 });
    expect(await height()).toBe(0);
  });
});

describe('lying', () => {
  it('lying-head: a newest block far ahead that nobody has, and the truth about every block of a number', async () => {
    const head = await chain.height();
    proxy.behave({ kind: 'lying-head', blocks: 1_000 });
    expect(await height()).toBe(head + 1_000);
    const { result } = (await ask('eth_getBlockByNumber', 'latest', false)) as {
      result: { number: string; hash: string };
    };
    expect(Number(result.number)).toBe(head + 1_000);
    expect((await ask('eth_getBlockByHash', result.hash, false)).result).toBeNull();
    expect((await ask('eth_getBlockByNumber', logged.blockNumber, false)).result).toMatchObject({
      hash: logged.blockHash,
    });
  });

  it('lying-logs: none, or others', async () => {
    proxy.behave({ kind: 'lying-logs', how: 'missing' });
    expect((await logsOf(everyLog)).result).toEqual([]);
    proxy.behave({ kind: 'lying-logs', how: 'forged' });
    expect((await logsOf(everyLog)).result).toEqual([
      expect.objectContaining({ data: word(43), blockHash: logged.blockHash }),
    ]);
  });

  it('lying-state: what a contract says is other than it is', async () => {
    proxy.behave({ kind: 'lying-state' });
    expect((await state('latest')).result).toBe(word(43));
  });
});

describe('limited', () => {
  const three = [call('eth_chainId', [], 1), call('eth_blockNumber', [], 2), call('eth_chainId', [], 3)];

  it('refuses a request of more calls as a whole, as an error without an id or as HTTP 413', async () => {
    proxy.behave({ kind: 'limited', calls: 2, blocks: 100, as: 'error' });
    const refused = await post(three);
    expect([refused.status, await refused.json()]).toEqual([
      200,
      { jsonrpc: '2.0', id: null, error: { code: -32_005, message: 'batch of 3 calls: at most 2 are taken' } },
    ]);
    expect(await (await post(three.slice(0, 2))).json()).toHaveLength(2);
    proxy.behave({ kind: 'limited', calls: 2, blocks: 100, as: 'http' });
    expect((await post(three)).status).toBe(413);
  });

  it('refuses logs of more blocks, and answers the other calls of the request', async () => {
    proxy.behave({ kind: 'limited', calls: 10, blocks: 5, as: 'error' });
    const filter = (fromBlock: string, toBlock: string) => [{ address: contract, fromBlock, toBlock }];
    const from = Number(logged.blockNumber);
    const hex = (value: number): string => `0x${value.toString(16)}`;
    const answered = await post([
      call('eth_getLogs', filter(hex(from - 4), hex(from)), 1),
      call('eth_getLogs', filter(hex(from - 5), hex(from)), 2),
      call('eth_getLogs', filter('earliest', 'latest'), 3),
      call('eth_getLogs', [{ address: contract, blockHash: logged.blockHash }], 4),
    ]);
    const replies = (await answered.json()) as Reply[];
    expect(
      replies.map(({ id, result, error }) => [id, result === undefined ? error?.code : (result as []).length]),
    ).toEqual([
      [1, 1],
      [2, -32_005],
      [3, -32_005],
      [4, 1],
    ]);
  });
});

describe('odd-form', () => {
  it('is right in everything but the form', async () => {
    proxy.behave({ kind: 'odd-form' });
    const replies = (await (await post([call('eth_chainId', [], 1), call('eth_nonsense', [], 2)])).json()) as Reply[];
    expect(replies).toMatchObject([
      { id: '2', error: { code: -32_601 } },
      { id: '1', error: null, result: `0x${chainId.toString(16)}` },
    ]);
  });
});

describe('PUT /behaviour', () => {
  const put = (body: string): Promise<Response> => fetch(`${proxy.url}/behaviour`, { method: 'PUT', body });

  it.each([
    ['no JSON', '{'],
    ['no kind', '{}'],
    ['a kind that is none', '{"kind":"evil"}'],
    ['a bound below 1', '{"kind":"behind","blocks":0}'],
    ['an unknown field', '{"kind":"dead","why":"x"}'],
  ])('refuses %s, and goes on as before', async (_, body) => {
    proxy.behave({ kind: 'behind', blocks: 1 });
    const answer = await put(body);
    expect(answer.status).toBe(400);
    expect((await answer.text()).length).toBeGreaterThan(10);
    expect(proxy.behaviour).toEqual({ kind: 'behind', blocks: 1 });
  });

  it('changes what the endpoint does, also of one that is dead, and says what it is', async () => {
    expect(await (await put('{"kind":"dead"}')).json()).toEqual({ kind: 'dead' });
    await expect(ask('eth_blockNumber')).rejects.toThrow();
    expect(await (await fetch(`${proxy.url}/behaviour`)).json()).toEqual({ kind: 'dead' });
    expect((await put('{"kind":"honest"}')).status).toBe(200);
    expect(await height()).toBe(await chain.height());
  });
});

describe('behaviourText', () => {
  it('has words of its own for each behaviour', () => {
    const given = { millis: 5, blocks: 3, how: 'missing', calls: 7 };
    const texts = behaviourSchema.options.map(({ shape }) => {
      const fields = Object.fromEntries(Object.entries(given).filter(([name]) => name in shape));
      return behaviourText(parseBehaviour({ kind: shape.kind.value, ...fields }));
    });
    expect(new Set(texts).size).toBe(behaviourSchema.options.length);
    const forged: Behaviour = { kind: 'lying-logs', how: 'forged' };
    expect(texts).not.toContain(behaviourText(forged));
  });
});
