/** A private line to one peer: reached where the node's own configuration says, and trusted only by the registry's pin. */
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpsChannel, startChannelServer } from '../../operator-node/channel/https.ts';
import { withRoutes } from '../../operator-node/channel/routes.ts';
import { parseConfig } from '../../operator-node/config.ts';
import type { Channel } from '../../operator-node/channel/channel.ts';
import type { Hash, OperatorId } from '../../operator-node/model/ids.ts';
import {
  aurora,
  borealis,
  handlersOf,
  helloOf,
  newCertificate,
  now,
  stranger,
  TestRegistry,
} from './channel.fixture.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Borealis's node at a port that the registry does not name, and aurora's way to it. */
async function lines(pinOfServer?: Hash): Promise<{ registry: TestRegistry; channel: (routed: boolean) => Channel }> {
  const [mine, theirs] = await Promise.all([newCertificate('aurora'), newCertificate('borealis')]);
  const registry = new TestRegistry();
  registry.set(aurora, { pins: [mine.pin] });
  registry.set(borealis, { pins: [pinOfServer ?? theirs.pin], endpoint: 'https://127.0.0.1:1' });
  const handlers = handlersOf(borealis);
  const options = { ...theirs, operator: borealis, host: '127.0.0.1', port: 0, peers: registry, handlers, now };
  const server = await startChannelServer(options);
  closers.push(() => server.close());
  return {
    registry,
    channel: (routed) => {
      const peers = withRoutes(registry, routed ? { [borealis]: `https://127.0.0.1:${server.port}` } : {});
      const channel = createHttpsChannel({ ...mine, operator: aurora, peers, now });
      closers.unshift(() => channel.close());
      return channel;
    },
  };
}

describe('channel.routes of a configuration', () => {
  const configOf = (routes: unknown) =>
    parseConfig(
      {
        operator: { id: 1, handle: 'aurora', serviceNumber: '+46701740605' },
        dataDir: 'data',
        api: { port: 7400, gatewayToken: 'gateway-token-0001', adminToken: 'admin-token-000001' },
        channel: {
          port: 7401,
          certFile: 'tls-cert.pem',
          keyFile: 'tls-key.pem',
          ...(routes === undefined ? {} : { routes }),
        },
        gateway: { webhook: { url: 'http://127.0.0.1:1/', secret: 'a-secret-of-the-webhook' } },
        chain: { networkFile: 'network.json', rpcUrls: ['http://127.0.0.1:1'], keysFile: 'keys.json' },
        assets: [{ asset: 'SEK', exponent: 2 }],
        catalogueFile: 'services.yaml',
        directoryFile: 'directory.yaml',
      },
      '/etc/tandem',
    );

  it.each([
    ['plain HTTP', { 2: 'http://10.0.0.2:8443' }],
    ['a path', { 2: 'https://10.0.0.2:8443/tandem' }],
    ['a user and a password', { 2: 'https://me:secret@10.0.0.2:8443' }],
    ['no URL', { 2: '10.0.0.2:8443' }],
    ['an operator that is no id', { borealis: 'https://10.0.0.2:8443' }],
  ])('refuses %s', (_, routes) => {
    expect(() => configOf(routes)).toThrow(/channel\.routes/);
  });

  it('takes endpoints by operator id, and none', () => {
    expect(configOf({ 2: 'https://10.0.0.2:8443' }).channel.routes).toEqual({ 2: 'https://10.0.0.2:8443' });
    expect(configOf(undefined).channel.routes).toEqual({});
  });
});

describe('withRoutes', () => {
  it('leaves a registry without routes as it is', () => {
    const registry = new TestRegistry();
    expect(withRoutes(registry, {})).toBe(registry);
  });

  it('reaches a peer at its route, which it does not at the endpoint of the registry', async () => {
    const { channel } = await lines();
    await expect(channel(false).call(borealis, 'hello', helloOf(aurora))).rejects.toMatchObject({
      code: 'peer-unavailable',
    });
    expect(await channel(true).call(borealis, 'hello', helloOf(aurora))).toMatchObject({ operator: borealis });
  });

  it('trusts nobody at a route who has not the pin of the registry', async () => {
    const { channel } = await lines(`0x${'9'.repeat(64)}` as Hash);
    await expect(channel(true).call(borealis, 'hello', helloOf(aurora))).rejects.toThrow(/not trusted/);
  });

  it('cuts the line to a peer that the registry takes out, and leaves other peers where they are', async () => {
    const { registry, channel } = await lines();
    const open = channel(true);
    await open.call(borealis, 'hello', helloOf(aurora));
    registry.set(borealis, { status: 'retired' });
    await expect(open.call(borealis, 'hello', helloOf(aurora))).rejects.toMatchObject({ code: 'peer-unavailable' });
    registry.set(stranger, { endpoint: 'https://127.0.0.1:2', pins: [`0x${'7'.repeat(64)}` as Hash] });
    const peers = withRoutes(registry, { 2: 'https://10.0.0.2:8443' });
    expect(peers.get(stranger)?.endpoint).toBe('https://127.0.0.1:2');
    expect(peers.all().map(({ id, endpoint }) => [id, endpoint])).toContainEqual([borealis, 'https://10.0.0.2:8443']);
    expect(peers.byPin(`0x${'7'.repeat(64)}` as Hash)).toHaveLength(1);
    expect(peers.get(9 as OperatorId)).toBeUndefined();
  });
});
