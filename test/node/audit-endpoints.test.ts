/** The auditor's chain against a real endpoint that answers as endpoints of other makes do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rpcAuditChain } from '../../operator-node/audit/rpc-audit-chain.ts';
import { providerOf } from '../../operator-node/chain/provider.ts';
import { openChain, type TestChain } from './chain.fixture.ts';
import { changing, startProxy, type Behaviour, type Call } from './rpc-proxy.ts';

let chain: TestChain;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  chain = await openChain(undefined, undefined, (stop) => ends.push(stop));
  await chain.anvil.mine(100);
});
afterAll(async () => {
  for (const stop of ends) await stop();
});

const span = ({ params: [filter] }: Call): number => {
  const { fromBlock, toBlock } = filter as { readonly fromBlock: string; readonly toBlock: string };
  return Number(toBlock) - Number(fromBlock) + 1;
};

describe('a range of logs', () => {
  it.each<[string, Behaviour]>([
    [
      'an error',
      ({ calls: [call] }) => ({
        body: { id: call?.id, error: { code: -32005, message: 'query exceeds max block range 10' } },
      }),
    ],
    ['an error of no kind', ({ calls: [call] }) => ({ body: { id: call?.id, error: { message: 'too much' } } })],
    ['HTTP 413', () => ({ status: 413, body: '' })],
    [
      'HTTP 400 and an error',
      ({ calls: [call] }) => ({ status: 400, body: { id: call?.id, error: { code: -32602, message: 'too wide' } } }),
    ],
    [
      'an answer that is cut off',
      (_, response) => {
        response.writeHead(200, { 'content-length': '5000' }).write('{');
        setImmediate(() => response.destroy());
        return 'open';
      },
    ],
  ])('that is refused with %s is halved until it is taken, and no wider from then on', async (_, refuse) => {
    const proxy = await startProxy(chain.anvil, (request, response) =>
      request.calls.some((call) => call.method === 'eth_getLogs' && span(call) > 10)
        ? refuse(request, response)
        : undefined,
    );
    const { OperatorRegistry } = chain.network.contracts;
    const height = await chain.anvil.height();
    const whole = await rpcAuditChain(chain.anvil.url).range(OperatorRegistry, 0, height);
    expect(whole.length).toBeGreaterThan(2);
    const audit = rpcAuditChain(proxy.url());
    expect(await audit.range(OperatorRegistry, 0, height)).toEqual(whole);
    proxy.requests = [];
    expect(await audit.range(OperatorRegistry, 0, height)).toEqual(whole);
    expect(Math.max(...proxy.requests.flatMap(({ calls }) => calls.map(span)))).toBeLessThanOrEqual(10);
  });

  it('is not halved where the endpoint counts requests', async () => {
    const proxy = await startProxy(
      chain.anvil,
      changing(({ id }) => ({ id, error: { code: -32005, message: 'rate limited' } })),
    );
    await expect(rpcAuditChain(proxy.url()).range(chain.network.contracts.OperatorRegistry, 0, 100)).rejects.toThrow(
      'ask again later',
    );
    expect(proxy.requests).toHaveLength(1);
  });
});

describe('an endpoint that asks to wait', () => {
  it('is asked again after the second that it names', async () => {
    const proxy = await startProxy(chain.anvil, () => {
      proxy.behaviour = () => undefined;
      return { status: 429, headers: { 'retry-after': '1' }, body: '' };
    });
    expect(await rpcAuditChain(proxy.url()).chainId()).toBe(BigInt(chain.network.chainId));
    expect(proxy.requests).toHaveLength(2);
  });

  it('for longer than a command waits is told', async () => {
    const headers = { 'retry-after': '3600' };
    const proxy = await startProxy(chain.anvil, () => ({
      status: 429,
      headers,
      body: { error: { message: 'rate limited' } },
    }));
    await expect(rpcAuditChain(proxy.url()).chainId()).rejects.toThrow(
      'HTTP 429: "rate limited"; it is asked again after 3600 s',
    );
  });
});

describe('user and password in a URL', () => {
  const credentials = 'tandem:s3cret-p%40ss';
  const path = '/v3/k3y-of-the-path';
  const expected = `Basic ${Buffer.from('tandem:s3cret-p@ss').toString('base64')}`;
  const askers: readonly [string, (url: string) => Promise<unknown>][] = [
    ['the auditor', (url) => rpcAuditChain(url).chainId()],
    [
      'a script',
      async (url) => {
        const provider = providerOf(url, undefined, { staticNetwork: true });
        try {
          return await provider.getBlockNumber();
        } finally {
          provider.destroy();
        }
      },
    ],
  ];

  it.each(askers)('are a header for %s', async (_, ask) => {
    const proxy = await startProxy(chain.anvil);
    await ask(proxy.url(credentials, path));
    expect(proxy.requests.map(({ headers }) => headers.authorization)).toEqual(proxy.requests.map(() => expected));
    expect(proxy.requests.length).toBeGreaterThan(0);
  });

  it.each(
    askers.flatMap(([who, ask]) =>
      (
        [
          ['HTTP 401', ({ headers, path: at }) => ({ status: 401, body: `${headers.authorization} ${at}` })],
          [
            'its errors',
            ({ headers, path: at, calls }) => ({
              body: calls.map(({ id }) => ({ id, error: { code: 1, message: `${headers.authorization} at ${at}` } })),
            }),
          ],
          ['no JSON', ({ headers, path: at }) => ({ body: `${headers.authorization} at ${at}` })],
          [
            'nothing',
            (_, response) => {
              response.destroy();
              return 'open';
            },
          ],
        ] satisfies [string, Behaviour][]
      ).map(([how, behaviour]) => [who, how, ask, behaviour] as const),
    ),
  )('are in no message for %s, where the endpoint answers with %s', async (_who, _how, ask, behaviour) => {
    const proxy = await startProxy(chain.anvil, behaviour);
    const message = await ask(proxy.url(credentials, path)).then(
      () => '',
      (error: unknown) => `${(error as Error).message} ${JSON.stringify(error)}`,
    );
    expect(message).not.toBe('');
    for (const secret of ['s3cret', 'k3y-of', expected.slice(6)]) expect(message).not.toContain(secret);
  });
});
