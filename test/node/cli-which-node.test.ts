/** Which node a command of `tandem` talks to is said in one way by all of them, and each works against any node. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';
import { alice, knownPair } from './api-node.fixture.ts';
import { adminToken, fakeApi, gatewayToken, serve } from './api.fixture.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-which-node-'));
  folders.push(dir);
  return dir;
}

async function tandem(...args: readonly string[]) {
  const said = { stdout: '', stderr: '' };
  const code = await main(args, {
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
  });
  return { code, ...said };
}

/** A node by its address, with a token of that kind in a file. */
async function byAddress(token: string) {
  const api = fakeApi();
  const { url } = await serve(api);
  const file = join(folder(), 'token');
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return { api, dir: folder(), args: ['--node', `${url}/`, '--token-file', file] };
}

describe('a node by its address', () => {
  const window = ['--peer', 'borealis', '--window', '1', '--asset', 'SEK'];
  it.each<[call: string, ...args: string[]]>([
    ['pair', 'pair', knownPair],
    ['users', 'accounts'],
    ['accounts', 'accounts', 'alice'],
    ['deposit', 'deposit', alice, '50', 'SEK'],
    ['withdraw', 'withdraw', 'Alice', '50.00', 'SEK'],
    ['doubt', 'doubt'],
    ['setAside', 'set-aside'],
    ['alarms', 'alarms'],
    ['doctor', 'doctor'],
    ['backup', 'backup'],
    ['backupKeys', 'backup', '--keys'],
    ['erasures', 'erase', '--list'],
    ['recovery', 'recover'],
    ['halt', 'resume'],
    ['requests', 'request', 'list'],
    ['discrepancies', 'discrepancies'],
    ['windows', 'window', 'list'],
    ['closeWindow', 'window', 'close', '--peer', 'borealis'],
    ['windowPayment', 'window', 'payment', ...window],
    ['caps', 'cap'],
    ['statement', 'statement', '--counterparty', '2', '--asset', 'SEK', '--from', '2026-11-01', '--to', '2026-11-02'],
  ])('is asked for %s by tandem %s', async (call, ...command) => {
    const { api, args } = await byAddress(adminToken);
    const { code, stderr } = await tandem(...command, ...args);
    // 1 and 3 say what was found, 2 that the command could not be understood.
    expect({ code, stderr }).not.toMatchObject({ code: 2 });
    expect(api.calls.map(({ name }) => name)).toContain(call);
  });

  it.each<[call: string, ...args: string[]]>([
    ['receive', 'send', alice, '+46707654321', 'PAY', '120'],
    ['phones', 'inbox', alice],
  ])('is asked for %s by tandem %s, with the gateway’s token alone', async (call, ...command) => {
    const { api, args } = await byAddress(gatewayToken);
    expect(await tandem(...command, ...args)).toMatchObject({ code: 0, stderr: '' });
    expect([...new Set(api.calls.map(({ name }) => name))]).toEqual([call]);
  });

  it('has no service number that is known here', async () => {
    const { api, args } = await byAddress(gatewayToken);
    const { code, stderr } = await tandem('send', alice, 'service', 'YES', ...args);
    expect([code, api.calls]).toEqual([2, []]);
    expect(stderr).toContain('write it in place of "service"');
  });

  it.each([
    ['restore', '--from', '.'],
    ['recover', '--begin'],
    ['recover', '--controller', 'key.json'],
  ])('is not enough for what needs its files: tandem %s %s', async (...command) => {
    const { args } = await byAddress(adminToken);
    const { code, stderr } = await tandem(...command, ...args);
    expect(code).toBe(2);
    expect(stderr).toContain('name its configuration, with --config FILE');
  });

  it.each(['doctor', 'backup'])(
    'that does not answer is no reason for tandem %s to look for its files',
    async (name) => {
      const token = join(folder(), 'token');
      writeFileSync(token, adminToken, { mode: 0o600 });
      const { code, stderr } = await tandem(name, '--node', 'http://127.0.0.1:1', '--token-file', token);
      expect(code).toBe(1);
      expect(stderr).toContain('No answer from http://127.0.0.1:1');
    },
  );
});

describe('which node', () => {
  it.each([
    ['two that are named', ['--node', 'http://a', '--operator', 'aurora'], '--node and --operator each name a node'],
    ['a file and an operator', ['--config', 'c.yaml', '--operator', 'a'], '--config and --operator each name a node'],
    ['an address without a token', ['--node', 'http://127.0.0.1:1'], '--node requires --token-file'],
    ['a token without an address', ['--token-file', 'token'], '--token-file goes with --node'],
    ['an address that is none', ['--node', 'node.example', '--token-file', 'token'], 'must be an http or https URL'],
    [
      'a token that is not there',
      ['--node', 'http://a', '--token-file', '/nowhere/token'],
      'Cannot read /nowhere/token',
    ],
    ['a devnet that is not there', ['--devnet', '/nowhere'], '/nowhere/devnet.json does not exist'],
  ])('is refused: %s', async (_, args, why) => {
    for (const command of [['doctor'], ['pair', knownPair], ['cap'], ['accounts'], ['inbox', 'anna']]) {
      const { code, stdout, stderr } = await tandem(...command, ...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(why);
    }
  });

  it('is the operator that is left, or has to be said', async () => {
    const { url } = await serve();
    const dir = folder();
    const tokens = { apiUrl: url, serviceNumber: '+46701740605', gatewayToken, adminToken };
    const operators = ['aurora', 'borealis'].map((handle, at) => ({ id: at + 1, handle, ...tokens }));
    writeFileSync(join(dir, 'devnet.json'), JSON.stringify({ operators, users: [] }));
    const refused = await tandem('doctor', '--devnet', dir);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--operator must be one of: aurora, borealis.');
    expect(await tandem('doctor', '--devnet', dir, '--operator', 'caelum')).toMatchObject({ code: 2 });
    expect(await tandem('doctor', '--devnet', dir, '--operator', 'aurora')).toMatchObject({ code: 0 });
    expect(await tandem('window', 'close', '--peer', 'borealis', '--devnet', dir)).toMatchObject({ code: 0 });
  });
});
