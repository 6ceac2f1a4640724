/** What JSON-RPC endpoints of all makes do, each by a real HTTP server in front of a real chain. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchSize } from '../../operator-node/chain/batch-size.ts';
import { readRetryAfter } from '../../operator-node/chain/exchange.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import type { RpcReader } from '../../operator-node/chain/rpc.ts';
import { ChainWatcher } from '../../operator-node/chain/watcher.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { TandemError } from '../../operator-node/errors.ts';
import { ManualClock, openChain, type TestChain } from './chain.fixture.ts';
import { changing, inForm, startProxy, type Behaviour, type RpcProxy } from './rpc-proxy.ts';

const unavailable = { code: 'chain-unavailable' };

/** For tests that read it and make no blocks. */
let still: TestChain;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  still = await openChain(undefined, undefined, (stop) => ends.push(stop));
});
afterAll(async () => {
  for (const stop of ends) await stop();
});

async function through(behaviour: Behaviour = () => undefined, chain = still) {
  const proxy = await startProxy(chain.anvil, behaviour);
  const clock = new ManualClock();
  return { chain, proxy, clock, reader: chain.reader({ urls: [proxy.url()], clock }) };
}

/** The first block to the last, all asked for at once. */
async function readAll(chain: TestChain, reader: RpcReader): Promise<void> {
  const height = await chain.anvil.height();
  const blocks = await Promise.all(Array.from({ length: height + 1 }, (_, number) => reader.block(number)));
  expect(blocks.map(({ number }) => number)).toEqual(Array.from({ length: height + 1 }, (_, number) => number));
}

const sizes = ({ requests }: RpcProxy): readonly number[] => requests.map(({ calls }) => calls.length);

describe('calls in one request', () => {
  const said = 'batch size exceeds 20';
  const tooMany = { code: -32005, message: said };

  it.each<[how: string, refuse: Behaviour]>([
    ['one error for all, without an id', () => ({ body: { jsonrpc: '2.0', id: null, error: tooMany } })],
    ['one error for all, as text', () => ({ body: { error: said } })],
    [
      'one error in a list, for the first call',
      ({ calls }) => ({ body: [{ jsonrpc: '2.0', id: calls[0]?.id, error: tooMany }] }),
    ],
    ['an error for each', ({ calls }) => ({ body: calls.map(({ id }) => ({ id, error: tooMany })) })],
    ['HTTP 413', () => ({ status: 413, body: '<html><body>Request Entity Too Large</body></html>' })],
    ['HTTP 400 and words', () => ({ status: 400, body: { message: said } })],
    ['HTTP 500', () => ({ status: 500, body: '' })],
    ['HTTP 429 about the batch', () => ({ status: 429, body: { error: tooMany } })],
    ['what is no JSON', () => ({ body: 'Bad request' })],
    ['an empty body', () => ({ body: '' })],
    ['answers to the first calls only', async (request) => ({ body: (await request.truth()).slice(0, 20) })],
    [
      'an answer without end',
      (_, response) => {
        response.writeHead(200).write('[');
        const more = (): void => {
          while (!response.destroyed && response.write(' '.repeat(65_536)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
        return 'open';
      },
    ],
  ])('refused with %s: halved until they are taken, and so many at once from then on', async (_, refuse) => {
    const { chain, proxy, reader } = await through(
      (request, response) => (request.calls.length > 20 ? refuse(request, response) : undefined),
      await openChain(),
    );
    await chain.anvil.mine(80);
    await reader.head();
    await readAll(chain, reader);
    expect(sizes(proxy).filter((size) => size > 20).length).toBeLessThan(10);

    proxy.requests = [];
    await readAll(chain, reader);
    expect(Math.max(...sizes(proxy))).toBeLessThanOrEqual(20);
    expect(Math.max(...sizes(proxy))).toBeGreaterThanOrEqual(10);
  });

  it('are asked one by one of an endpoint that takes no lists', async () => {
    const { chain, proxy, reader } = await through(
      ({ isList }) =>
        isList ? { body: { id: null, error: { code: -32600, message: 'Invalid Request' } } } : undefined,
      await openChain(),
    );
    await chain.anvil.mine(20);
    await readAll(chain, reader);
    proxy.requests = [];
    await readAll(chain, reader);
    expect(proxy.requests.every(({ isList }) => !isList)).toBe(true);
  });

  it('that are refused also one by one fail with the endpoint’s words, and it is not asked for each', async () => {
    const { chain, proxy, reader } = await through(undefined, await openChain());
    await chain.anvil.mine(60);
    await reader.head();
    proxy.behaviour = () => ({ status: 500, body: { error: { message: 'the disk is full' } } });
    proxy.requests = [];
    await expect(readAll(chain, reader)).rejects.toThrow(/HTTP 500: "the disk is full"/);
    expect(proxy.requests.length).toBeLessThan(12);
  });

  it('of which one fails: the others are answered', async () => {
    const { chain, proxy, reader } = await through(undefined, await openChain());
    const { hash } = await reader.head();
    proxy.behaviour = changing((answer, { method }) =>
      method === 'eth_getLogs' ? { id: answer.id, error: { message: 'internal error' } } : answer,
    );
    const [logs, block] = await Promise.allSettled([reader.logs(hash), reader.block(1)]);
    expect(logs).toMatchObject({
      reason: { message: expect.stringContaining('eth_getLogs: internal error') as unknown },
    });
    expect(block.status).toBe('fulfilled');
    expect(await chain.anvil.height()).toBeGreaterThan(1);
  });

  it('hold back a node that is behind no longer than its endpoint’s limit makes it', async () => {
    const { chain, proxy, clock, reader } = await through(
      ({ calls }) => (calls.length > 20 ? { body: { id: null, error: tooMany } } : undefined),
      await openChain(),
    );
    await chain.anvil.mine(300);
    const numbers: number[] = [];
    const troubles: TandemError[] = [];
    const watcher = new ChainWatcher({
      reader,
      clock,
      pollMillis: 250,
      firstBlock: 1,
      onBlocks: (blocks) => {
        numbers.push(...blocks.map(({ block }) => block.number));
        return Promise.resolve();
      },
      onHead: () => undefined,
      onFault: (fault) => {
        throw fault;
      },
      onTrouble: (trouble) => troubles.push(trouble),
    });
    watcher.start(undefined);
    const height = await chain.anvil.height();
    for (let look = 0; look < 10; look += 1) {
      clock.advance(250);
      await watcher.idle();
    }
    await watcher.stop();
    expect(numbers).toEqual(Array.from({ length: height }, (_, index) => index + 1));
    expect(troubles).toEqual([]);
    expect(sizes(proxy).filter((size) => size > 20).length).toBeLessThan(12);
  });

  it('are as many as answers a second allow, where the endpoint counts each', async () => {
    // It answers 30 calls, and then none until the clock has gone on.
    let left = 30;
    const { chain, proxy, clock, reader } = await through(
      async (request) => {
        const answers = await request.truth();
        const limited = answers.map((answer) => {
          left -= 1;
          return left >= 0 ? answer : { id: answer.id, error: { code: -32005, message: 'rate limit exceeded' } };
        });
        return { body: inForm(request, limited) };
      },
      await openChain(),
    );
    await chain.anvil.mine(60);
    const numbers: number[] = [];
    const watcher = new ChainWatcher({
      reader,
      clock,
      pollMillis: 250,
      firstBlock: 1,
      onBlocks: (blocks) => {
        numbers.push(...blocks.map(({ block }) => block.number));
        return Promise.resolve();
      },
      onHead: () => undefined,
      onFault: (fault) => {
        throw fault;
      },
      onTrouble: () => undefined,
    });
    watcher.start(undefined);
    const height = await chain.anvil.height();
    for (let look = 0; look < 100 && numbers.length < height; look += 1) {
      left = 30;
      clock.advance(61_000);
      await watcher.idle();
    }
    await watcher.stop();
    expect(numbers).toEqual(Array.from({ length: height }, (_, index) => index + 1));
    expect(proxy.requests.length).toBeGreaterThan(5);
  });
});

describe('the number of calls in one request', () => {
  it('grows again between what works and what was refused, and after ten minutes beyond it', () => {
    const clock = new ManualClock();
    const size = new BatchSize(clock);
    const limit = 37;
    const use = (times: number): number[] =>
      Array.from({ length: times }, () => {
        const count = size.now;
        if (count > limit) size.refused(count);
        else size.worked(count);
        return count;
      });
    use(200);
    expect(size.now).toBe(limit);
    expect(use(100)).toEqual(Array.from({ length: 100 }, () => limit));
    clock.advance(600_000);
    expect(use(200).filter((count) => count > limit)).not.toEqual([]);
    expect(size.now).toBe(limit);
  });

  it('is the whole again where one call alone was refused as well', () => {
    const size = new BatchSize(new ManualClock());
    for (let count = size.now; count > 1; count = size.now) size.refused(count);
    size.innocent();
    expect(size.now).toBe(100);
  });
});

describe('an endpoint that asks to be left alone', () => {
  const limited = { code: -32005, message: 'rate limited' };

  /** Polled like a node does; times in seconds at which a request came. */
  async function askedAt(seconds: number, behaviour: Behaviour): Promise<readonly number[]> {
    const { proxy, clock, reader } = await through();
    await reader.head();
    proxy.behaviour = behaviour;
    const at: number[] = [];
    const begin = clock.now();
    for (let millis = 0; millis <= seconds * 1000; millis += 250) {
      const before = proxy.requests.length;
      await Promise.allSettled([reader.head(), reader.finalHead()]);
      if (proxy.requests.length > before) at.push((clock.now() - begin) / 1000);
      clock.advance(250);
    }
    return at;
  }

  it.each<[how: string, Behaviour]>([
    ['HTTP 429', () => ({ status: 429, body: { error: limited } })],
    ['HTTP 429 and nothing else', () => ({ status: 429, body: '' })],
    ['HTTP 503', () => ({ status: 503, body: 'overloaded' })],
    ['an error for each call', changing(({ id }) => ({ id, error: limited }))],
    ['one error for all', () => ({ body: { id: null, error: limited } })],
    ['the code 429', changing(({ id }) => ({ id, error: { code: 429, message: 'exceeded' } }))],
  ])('with %s: at most three times in six seconds, and ever more seldom', async (_, behaviour) => {
    const at = await askedAt(60, behaviour);
    expect(at.filter((second) => second < 6).length).toBeLessThanOrEqual(3);
    const gaps = at.slice(1).map((second, index) => second - (at[index] ?? 0));
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    expect(at.length).toBeGreaterThan(1);
  });

  it.each([
    ['seconds', () => '30'],
    ['a date', (now: number) => new Date(now + 30_000).toUTCString()],
  ])('with Retry-After as %s: not before', async (_, retryAfter) => {
    // The manual clock begins at 1,000 s.
    const headers = { 'retry-after': retryAfter(1_000_000) };
    expect(await askedAt(29, () => ({ status: 429, headers, body: '' }))).toEqual([0]);
    expect(await askedAt(31, () => ({ status: 503, headers, body: '' }))).toEqual([0, 30]);
  });

  it('for longer than an hour is asked again after one', () => {
    expect(readRetryAfter('86400', 0)).toBe(3_600_000);
    expect(readRetryAfter(new Date(86_400_000).toUTCString(), 0)).toBe(3_600_000);
  });

  it.each([null, '', 'soon', '-5', '0', '1e9999', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
    'with Retry-After "%s" says nothing',
    (value) => {
      expect(readRetryAfter(value, 5_000)).toBeUndefined();
    },
  );

  it('is asked again once it answers, and then as often as ever', async () => {
    const { proxy, clock, reader } = await through();
    await reader.head();
    proxy.behaviour = () => ({ status: 429, headers: { 'retry-after': '30' }, body: '' });
    await expect(reader.head()).rejects.toThrow('asked again after 30 s');
    proxy.behaviour = () => undefined;
    await expect(reader.head()).rejects.toMatchObject(unavailable);
    clock.advance(30_000);
    await expect(reader.head()).resolves.toBeDefined();
    await expect(reader.head()).resolves.toBeDefined();
  });
});

describe('answers of other servers', () => {
  it.each<[string, Behaviour]>([
    ['an error that is null', changing((answer) => ({ ...answer, error: null }))],
    ['ids as texts', changing((answer) => ({ ...answer, id: String(answer.id) }))],
    ['no version', changing(({ id, result }) => ({ id, result }))],
    ['more members than asked for', changing((answer) => ({ ...answer, extra: { deep: [1, 2, 3] } }))],
    ['one answer in a list', async ({ truth }) => ({ body: await truth() })],
    ['another order', async ({ isList, truth }) => ({ body: inForm({ isList }, (await truth()).toReversed()) })],
    [
      'answers to what was not asked',
      async ({ truth }) => ({ body: [{ id: 99_999, result: '0x1' }, ...(await truth())] }),
    ],
  ])('with %s are taken', async (_, behaviour) => {
    const { chain, reader } = await through(behaviour);
    expect((await reader.head()).number).toBe(await chain.anvil.height());
    await expect(reader.operators((await reader.finalHead()).hash)).resolves.toHaveLength(2);
  });

  it.each<[string, Behaviour, string]>([
    ['an error without a code', changing(({ id }) => ({ id, error: { message: 'no such thing' } })), 'no such thing'],
    ['an error that is a text', changing(({ id }) => ({ id, error: 'no such thing' })), 'no such thing'],
    [
      'an error with its code as text',
      changing(({ id }) => ({ id, error: { code: '-32000', message: 'gone' } })),
      'gone (-32000)',
    ],
    ['an error of no known form', changing(({ id }) => ({ id, error: { reason: 7 } })), '{"reason":7}'],
    ['a list', () => ({ body: [] }), 'the answer is an empty list'],
    ['no object', () => ({ body: '"hello"' }), 'the answer is not JSON-RPC: ""hello""'],
    [
      'no JSON',
      () => ({ body: '<html><head><title>x</title></head><body>Welcome!</body></html>' }),
      'the answer is not JSON: "<html>',
    ],
    ['nothing', () => ({ body: '' }), 'the answer is empty'],
    ['no id', changing(({ result }) => ({ result })), 'an answer has no id'],
    ['an id of another kind', changing(({ result }) => ({ id: { a: 1 }, result })), 'an answer has the id {"a":1}'],
    [
      'an id that was not asked with',
      changing(({ result }) => ({ id: 4711, result })),
      'the answer is to other ids (4711)',
    ],
    [
      'a page of words',
      () => ({ status: 502, body: '<html><title>t</title>Bad\n gateway</html>' }),
      'HTTP 502: "t Bad gateway"',
    ],
    ['HTTP 401', () => ({ status: 401, body: '' }), 'check the user, password or key'],
    [
      'half a body',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('[');
        setImmediate(() => response.destroy());
        return 'open';
      },
      'RPC endpoint 127.0.0.1',
    ],
  ])('with %s say so', async (_, behaviour, message) => {
    const { reader } = await through(behaviour);
    await expect(reader.head()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining(message) as unknown,
    });
  });

  it('are repeated in one line, not at length', async () => {
    const { reader } = await through(() => ({ status: 502, body: `\u001b[31m${'very '.repeat(1000)}\n\nlong` }));
    const message = await reader.head().then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
    expect(message.split('\n')).toHaveLength(2);
    expect(message.length).toBeLessThan(500);
    expect(message).not.toContain('\u001b');
  });
});

describe('user and password in a URL', () => {
  const credentials = 'tandem:s3cr%C3%A9t%2Fpass';
  const secrets = [
    's3cr',
    'tandem:',
    Buffer.from('tandem:s3crét/pass').toString('base64'),
    'k3y-of-the-path',
    'k3y-of-query',
  ];
  const path = '/v3/k3y-of-the-path?apikey=k3y-of-query';

  it('go into a header, and the URL without them into the request', async () => {
    const proxy = await startProxy(still.anvil);
    await still.reader({ urls: [proxy.url(credentials, path)] }).head();
    const expected = `Basic ${Buffer.from('tandem:s3crét/pass').toString('base64')}`;
    expect(proxy.requests.map(({ headers }) => headers.authorization)).toEqual(proxy.requests.map(() => expected));
    expect(proxy.requests[0]?.path).toBe(path);
  });

  it('may be a user alone', async () => {
    const proxy = await startProxy(still.anvil);
    await still.reader({ urls: [proxy.url('token-alone')] }).head();
    expect(proxy.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('token-alone:').toString('base64')}`);
  });

  it.each<[string, Behaviour]>([
    [
      'that refuses them',
      ({ headers, path: asked }) => ({
        status: 401,
        body: { error: { message: `no ${headers.authorization} at ${asked}` } },
      }),
    ],
    [
      'that repeats them',
      ({ headers, path: asked }) => ({ body: `who is ${headers.authorization} at http://${credentials}@here${asked}` }),
    ],
    ['that fails', () => ({ status: 503, body: '' })],
    ['that limits', ({ path: asked }) => ({ status: 429, body: { error: `quota of ${asked} is used up` } })],
    [
      'that answers with its errors',
      ({ calls, headers }) => ({
        body: calls.map(({ id }) => ({ id, error: { message: `bad ${headers.authorization}` } })),
      }),
    ],
    [
      'that breaks off',
      (_, response) => {
        response.destroy();
        return 'open';
      },
    ],
    [
      'that leads elsewhere',
      () => ({ status: 302, headers: { location: 'http://user:other-s3cr@127.0.0.1:9/k3y-of-the-path' }, body: '' }),
    ],
  ])('are in no message, fact or status of an endpoint %s', async (_, behaviour) => {
    const proxy = await startProxy(still.anvil, behaviour);
    const endpoints = connect({ network: still.network, urls: [proxy.url(credentials, path)], clock: systemClock });
    const error = await endpoints.checkAll().then(
      () => undefined,
      (fault: unknown) => fault as TandemError,
    );
    expect(error).toMatchObject(unavailable);
    const shown = JSON.stringify([error?.message, error?.facts, endpoints.status]);
    for (const secret of secrets) expect(shown).not.toContain(secret);
  });

  it('tell endpoints of one host apart no more than by their place', async () => {
    const proxy = await startProxy(still.anvil);
    const urls = [proxy.url('one:s3cr1'), proxy.url('two:s3cr2', '/key')];
    expect(still.endpoints(urls).status.map(({ name }) => name)).toEqual([`${proxy.name} (1)`, `${proxy.name} (2)`]);
  });
});
