/** What `tandem catalogue` says of a catalogue is what a start says of it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';
import { loadConfig } from '../../operator-node/config.ts';
import { startNode } from '../../operator-node/node.ts';
import { newCertificate } from './channel.fixture.ts';

const shipped = readFileSync(new URL('../../catalogue/services.yaml', import.meta.url), 'utf8');
const dir = mkdtempSync(join(tmpdir(), 'tandem-catalogue-'));
const configFile = join(dir, 'config.yaml');
const catalogueFile = join(dir, 'services.yaml');
const digest = (digit: string): string => `0x${digit.repeat(64)}`;
const address = (digit: string): string => `0x${digit.repeat(40)}`;
const secret = (name: string, text: string): void => {
  writeFileSync(join(dir, name), text, { mode: 0o600 });
};

beforeAll(async () => {
  const { key, cert } = await newCertificate('aurora');
  secret('tls-key.pem', key);
  writeFileSync(join(dir, 'tls-cert.pem'), cert);
  const keys = Object.fromEntries(
    ['signer', 'account', 'carrier', 'operatorKey'].map((name, index) => [name, digest(String(index + 1))]),
  );
  secret('keys.json', JSON.stringify(keys));
  const network = {
    chainId: '31337',
    genesisHash: digest('a'),
    contracts: { OperatorRegistry: address('1'), PairSettlement: address('2') },
    codeHashes: { OperatorRegistry: digest('b'), PairSettlement: digest('c') },
    firstBlock: 1,
    finality: { mode: 'depth', depth: 1 },
  };
  writeFileSync(join(dir, 'network.json'), JSON.stringify(network));
  mkdirSync(join(dir, 'data'));
  const config = {
    operator: { id: 1, handle: 'aurora', serviceNumber: '+46701740605' },
    dataDir: 'data',
    api: { port: 0, gatewayToken: 'gateway-token-of-a-test', adminToken: 'admin-token-of-a-test' },
    channel: { port: 0, certFile: 'tls-cert.pem', keyFile: 'tls-key.pem' },
    gateway: {},
    chain: { networkFile: 'network.json', rpcUrls: ['http://127.0.0.1:1'], keysFile: 'keys.json' },
    assets: [{ asset: 'SEK', exponent: 2 }],
    catalogueFile: 'services.yaml',
    directoryFile: 'directory.yaml',
  };
  secret('config.yaml', stringify(config));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function refusedAtStart(): Promise<string> {
  const hooks = { configFile, log: () => undefined, onFatal: () => undefined };
  try {
    await (await startNode(loadConfig(configFile), hooks)).stop();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the node has started');
}

async function refusedByCommand(...args: readonly string[]): Promise<string> {
  let said = '';
  const write = (text: string) => (said += text);
  expect(await main(['catalogue', ...args], { stdout: { write }, stderr: { write } })).toBe(1);
  return said;
}

describe('tandem catalogue', () => {
  it.each<[what: string, from: string, to: string, finding: RegExp]>([
    [
      'a domain that there is not',
      'second: { domain: payments, action: credit }',
      'second: { domain: airtime, action: credit }',
      /services\.yaml:\d+: services\.pay\.second\.domain: airtime is no domain of this node, which has payments, goods/,
    ],
    [
      'an action that a domain does not have',
      'second: { domain: goods, action: sell }',
      'second: { domain: goods, action: issue }',
      /services\.yaml:\d+: services\.buy\.second\.action: cannot issue in goods, which can sell/,
    ],
    [
      'a text without its answer',
      'Reply YES {code} to accept',
      'Reply to accept',
      /the question does not offer "YES \{code\}"/,
    ],
    ['a key that is none', 'authoriser: first', 'authorizer: first', /authorizer: unknown key/],
  ])('says of %s what a start says, with its line', async (_, from, to, finding) => {
    expect(shipped).toContain(from);
    writeFileSync(catalogueFile, shipped.replace(from, to));
    const start = await refusedAtStart();
    expect(start).toMatch(finding);
    for (const args of [[catalogueFile], ['--config', configFile]]) {
      expect(await refusedByCommand(...args)).toContain(start);
    }
  });

  it('finds no fault in one that a start goes on with', async () => {
    writeFileSync(catalogueFile, shipped);
    // The next thing that a start looks at.
    expect(await refusedAtStart()).toContain('directory.yaml');
    let said = '';
    const write = (text: string) => (said += text);
    expect(await main(['catalogue', '--config', configFile], { stdout: { write }, stderr: { write } })).toBe(0);
    expect(said).toContain('No faults found.');
  });
});
