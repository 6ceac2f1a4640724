/** A node that is started while the chain is out of reach: it serves what needs no chain, takes no orders, and goes on by itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readinessOf, nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import { loadConfig } from '../../operator-node/config.ts';
import type { Hex, UnixMillis } from '../../operator-node/model/ids.ts';
import { startNode } from '../../operator-node/node.ts';
import { recoveryTable } from '../../operator-node/flow/past.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { newCertificate } from './channel.fixture.ts';
import { openChain, type TestChain } from './chain.fixture.ts';
import { startProxy, type Behaviour } from './rpc-proxy.ts';

const catalogueFile = join(import.meta.dirname, '..', '..', 'catalogue', 'services.yaml');
const [alice, bob] = ['+46701740611', '+46701740612'] as const;
const tokens = { gatewayToken: 'gateway-token-of-a-test', adminToken: 'admin-token-of-a-test' };

/** It cuts every connection, as a port does where nothing listens. */
const away: Behaviour = (_, response) => {
  response.destroy();
  return 'open';
};

async function prepare(options: { readonly operator?: number } = {}) {
  const chain = await openChain();
  const proxy = await startProxy(chain.anvil, away);
  const dir = mkdtempSync(join(tmpdir(), 'tandem-no-chain-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const write = (name: string, text: string): void => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  };
  const { key, cert } = await newCertificate('aurora', { now: Date.now() });
  write('tls-key.pem', key);
  write('tls-cert.pem', cert);
  const keys = {
    signer: chain.aurora.signer.privateKey,
    account: chain.aurora.account.privateKey,
    carrier: chain.stranger.privateKey,
    operatorKey: `0x${'07'.repeat(32)}`,
  };
  write('keys.json', JSON.stringify(keys));
  write('network.json', JSON.stringify(chain.network));
  write('directory.yaml', "ranges:\n  - { prefix: '+46', operator: 1 }\n");
  write('services.yaml', readFileSync(catalogueFile, 'utf8'));
  const config = {
    operator: { id: options.operator ?? 1, handle: 'aurora', serviceNumber: '+46701740605' },
    dataDir: 'data',
    api: { port: 0, ...tokens },
    channel: { port: 0, certFile: 'tls-cert.pem', keyFile: 'tls-key.pem' },
    gateway: { phonesDir: 'phones' },
    chain: {
      networkFile: 'network.json',
      rpcUrls: [proxy.url('tandem:s3cret-pass')],
      keysFile: 'keys.json',
      pollMillis: 50,
    },
    assets: [{ asset: 'SEK', exponent: 2 }],
    catalogueFile: 'services.yaml',
    directoryFile: 'directory.yaml',
  };
  write('config.yaml', stringify(config));
  const configFile = join(dir, 'config.yaml');
  const logged: string[] = [];
  const fatal: unknown[] = [];
  const start = async () => {
    const node = await startNode(loadConfig(configFile), {
      configFile,
      log: (entry) => logged.push(JSON.stringify(entry)),
      onFatal: (error) => fatal.push(error),
    });
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= node.stop());
    onTestFinished(stop);
    const client = nodeClient({ apiUrl: `http://127.0.0.1:${node.apiPort}`, ...tokens });
    onTestFinished(() => {
      client.close();
    });
    return { client, stop };
  };
  return { chain, proxy, dir, start, logged, fatal };
}

async function ready(client: NodeClient) {
  const readiness = await readinessOf(client);
  if (readiness === undefined) throw new Error('the node does not answer');
  return readiness;
}

/** Blocks come as the tests of the chain want them. */
async function untilReady(client: NodeClient, chain: TestChain): Promise<void> {
  await until(
    async () => {
      await chain.anvil.mine();
      const { ready: isReady } = await ready(client);
      return isReady ? true : undefined;
    },
    { timeoutMillis: 25_000, failure: () => 'the node does not get ready' },
  );
}

describe('a node that is started while the chain is out of reach', () => {
  it('serves what needs no chain, takes no orders, says why, and goes on when the chain answers', async () => {
    const { chain, proxy, start, logged, fatal } = await prepare();
    const { client } = await start();
    expect(await client.health()).toEqual({ status: 'ok' });
    const first = await ready(client);
    expect(first.ready).toBe(false);
    expect(first.checks['chain']).toContain('not read yet');
    // Once it has tried, it says why.
    const reason = `RPC endpoint ${proxy.name}: no answer`;
    await until(async () => ((await ready(client)).checks['chain']?.includes(reason) === true ? true : undefined), {
      timeoutMillis: 20_000,
      failure: () => 'it does not say why',
    });

    for (const number of [alice, bob])
      await client.createUser({
        number,
        name: number,
        language: 'en',
        assets: ['SEK'],
        joined: true,
      });
    await client.deposit({ id: 'd1', number: alice, asset: 'SEK', amount: '50000', reason: 'first' });
    expect((await client.accounts({ number: alice })).accounts).toMatchObject([{ asset: 'SEK', balance: '50000' }]);

    await client.receiveMessage({ id: 'm1', from: alice, to: bob, text: 'See you at eight' });
    const arrived = await until(async () => (await client.phoneMessages({ number: bob, after: '' })).messages[0], {
      timeoutMillis: 20_000,
      failure: () => 'the message does not arrive',
    });
    expect(arrived).toMatchObject({ from: alice, text: 'See you at eight' });

    await client.receiveMessage({ id: 'm2', from: alice, to: bob, text: 'PAY 120' });
    const told = await until(async () => (await client.phoneMessages({ number: alice, after: '' })).messages[0], {
      timeoutMillis: 20_000,
      failure: () => 'nothing is said of the order',
    });
    expect(told.text).toContain('cannot be settled just now');
    await client.receiveMessage({ id: 'm3', from: alice, to: '+46701740605', text: 'BALANCE' });
    await until(
      async () =>
        (await client.phoneMessages({ number: alice, after: '' })).messages.find(({ text }) => text.includes('500.00')),
      {
        timeoutMillis: 20_000,
        failure: () => 'the balance is not told',
      },
    );
    await expect(
      client.receiveMessage({ id: 'm4', from: alice, to: '+46701740605', text: 'YES 1234' }),
    ).rejects.toMatchObject({
      status: 503,
    });
    expect((await client.accounts({ number: alice })).accounts).toMatchObject([{ held: '0' }]);

    proxy.behaviour = () => undefined;
    await untilReady(client, chain);
    expect(fatal).toEqual([]);
    expect(logged.join('\n')).not.toContain('s3cret-pass');
    expect(proxy.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
  });

  it('ends when the chain that answers later is another one', async () => {
    const { proxy, start, fatal } = await prepare();
    await start();
    proxy.behaviour = async ({ calls, isList, truth }) => {
      const answers = (await truth()).map((answer, at) =>
        calls[at]?.method === 'eth_chainId' ? { ...answer, result: '0x1' } : answer,
      );
      return { body: isList ? answers : answers[0] };
    };
    await until(() => fatal[0], { timeoutMillis: 25_000, failure: () => 'the node resumes' });
    expect(fatal[0]).toMatchObject({ code: 'network-mismatch' });
  });

  it('ends when the registry that it reads later does not have it', async () => {
    const { proxy, start, fatal } = await prepare({ operator: 9 });
    await start();
    proxy.behaviour = () => undefined;
    await until(() => fatal[0], { timeoutMillis: 25_000, failure: () => 'the node resumes' });
    expect(fatal[0]).toMatchObject({ code: 'config-invalid' });
  });

  it('waits in recovery as well', async () => {
    const { chain, proxy, dir, start, fatal } = await prepare();
    {
      await using store = await openLevelStore(join(dir, 'data'), {});
      await store.transact((tx) => {
        tx.put(recoveryTable, 'mark', {
          why: 'unknown-batch',
          at: Date.now() as UnixMillis,
          oldKeys: [chain.aurora.signer.address.toLowerCase() as Hex],
        });
      });
    }
    const { client } = await start();
    expect((await ready(client)).ready).toBe(false);
    expect(await client.recovery()).toMatchObject({ step: 'keys' });
    proxy.behaviour = () => undefined;
    await until(async () => ((await client.recovery()).says.includes('Rotate both') ? true : undefined), {
      timeoutMillis: 25_000,
      failure: () => 'the recovery does not go on',
    });
    expect(fatal).toEqual([]);
  });

  it('is not started on another chain', async () => {
    const { proxy, start } = await prepare();
    proxy.behaviour = async ({ calls, isList, truth }) => {
      const answers = (await truth()).map((answer, at) =>
        calls[at]?.method === 'eth_chainId' ? { ...answer, result: '0x1' } : answer,
      );
      return { body: isList ? answers : answers[0] };
    };
    await expect(start()).rejects.toMatchObject({ code: 'network-mismatch' });
  });
});
