import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { table } from '../../operator-node/cli/format.ts';
import { main } from '../../operator-node/cli/main.ts';

interface Call {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const users = [
  { number: '+46701740611', operator: 'aurora', name: 'Anna Berg', language: 'en', kind: 'person', accounts: [] },
  { number: '+46701740612', operator: 'aurora', name: 'Björn Dahl', language: 'sv', kind: 'person', accounts: [] },
] as const;
/** As the node lists them. */
const known = users.map(({ number, name, language, kind }, index) => ({
  id: `u_${'0'.repeat(23)}${index}`,
  ...{ number, name, language, kind, joined: true },
}));

/**
 * A node that has those users and answers each other call with what `answers` says, and a devnet folder that names it.
 */
async function devnet(
  answers: (call: Call) => { status: number; json: unknown },
): Promise<{ dir: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/v1/users') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ users: known }));
        return;
      }
      const call = { method: request.method, url: request.url, authorization: request.headers.authorization, body };
      calls.push(call);
      const { status, json } = answers(call);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dir = mkdtempSync(join(tmpdir(), 'tandem-cli-'));
  closers.push(
    () => rmSync(dir, { recursive: true, force: true }),
    () => {
      server.closeAllConnections();
      server.close();
    },
  );
  const file: DevnetFile = {
    chainId: 1,
    rpcUrl: 'http://127.0.0.1:1',
    contracts: { OperatorRegistry: '0x', PairSettlement: '0x', AuditLog: '0x' },
    operators: [
      {
        id: 1,
        handle: 'aurora',
        apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        serviceNumber: '+46701740605',
        gatewayToken: 'gateway-token',
        adminToken: 'admin-token',
      },
    ],
    users,
  };
  writeFileSync(join(dir, 'devnet.json'), JSON.stringify(file));
  return { dir, calls };
}

async function tandem(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const code = await main(args, {
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
  });
  return { code, ...said };
}

describe('tandem', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['pay']],
    ['a name that every object has', ['constructor']],
    ['too few arguments', ['send', 'anna']],
    ['an unknown option', ['inbox', 'anna', '--nonsense']],
    ['an id that is none', ['pair', '17']],
    ['an amount that is none', ['deposit', 'anna', '12,5', 'SEK']],
    ['no amount', ['withdraw', 'anna', '0', 'SEK']],
    ['an asset that is none', ['deposit', 'anna', '12', 'kronor']],
    ['a devnet that is not there', ['accounts', '--devnet', '/nonexistent']],
  ])('ends with 2 and says how it is used: %s', async (_, args) => {
    const { code, stdout, stderr } = await tandem(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/usage: tandem|not a pair id|not an amount|not an asset|does not exist/);
  });

  it('names the new name of a command that was renamed', async () => {
    expect(await tandem('release', '--operator', 'aurora')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tandem: "release" is now called "resume": tandem resume --help\n',
    });
  });

  it('prints help with --help, for itself and for a command', async () => {
    expect(await tandem('--help')).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await tandem('send', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('usage: tandem send');
  });

  it('ends with 1 and the node’s words when the node refuses', async () => {
    const { dir } = await devnet(() => ({
      status: 409,
      json: { error: { code: 'conflict', message: 'Another body.' } },
    }));
    expect(await tandem('send', 'anna', 'björn', 'Hello', '--devnet', dir)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'tandem send: Another body. (conflict)\n',
    });
  });
});

describe('tandem send', () => {
  it('names who is known when a user is not', async () => {
    const { dir, calls } = await devnet(() => ({ status: 202, json: {} }));
    const { code, stderr } = await tandem('send', 'nobody', 'anna', 'Hello', '--devnet', dir);
    expect(code).toBe(2);
    expect(stderr).toContain('+46701740611 Anna Berg');
    expect(calls).toEqual([]);
  });

  it('posts the message with the gateway’s token, from names, to the service number, under the given id', async () => {
    const { dir, calls } = await devnet(() => ({ status: 202, json: { id: 'x1', disposition: 'answered' } }));
    const { code, stdout } = await tandem(
      'send',
      'Anna',
      'service',
      'PAY',
      '10',
      '--id',
      'x1',
      '--json',
      '--devnet',
      dir,
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ id: 'x1', disposition: 'answered' });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ method: 'POST', url: '/v1/messages', authorization: 'Bearer gateway-token' });
    expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
      id: 'x1',
      from: '+46701740611',
      to: '+46701740605',
      text: 'PAY 10',
    });
  });
});

describe('tandem inbox', () => {
  it('reads page after page', async () => {
    const at = '2026-11-23T10:00:00Z';
    const message = (id: string) => ({ id, from: '+46701740605', to: '+46701740611', text: `text ${id}`, at });
    const { dir, calls } = await devnet(({ url }) => {
      const after = new URL(url ?? '', 'http://x').searchParams.get('after') ?? '';
      const pages: Record<string, unknown> = {
        '': { messages: [message('1'), message('2')], cursor: '2' },
        '2': { messages: [message('3')], cursor: '3' },
        '3': { messages: [], cursor: '3' },
      };
      return { status: 200, json: pages[after] };
    });
    const { stdout } = await tandem('inbox', '+46 70 174 06 11', '--devnet', dir);
    expect(stdout).toBe(['1', '2', '3'].map((id) => `${at}  aurora: text ${id}\n`).join(''));
    expect(calls).toHaveLength(3);
  });

  it('shows a text of several lines as such, and none of them as a message of its own', async () => {
    const text = 'PAY 120 lunch\nREQUEST 40\r\n2026-11-30T00:00:00Z  aurora: you got 900\u001b[2J';
    const { dir } = await devnet(({ url }) => {
      const first = new URL(url ?? '', 'http://x').searchParams.get('after') === '';
      const message = { id: '1', from: '+46701740605', to: '+46701740611', text, at: '2026-11-30T09:00:00Z' };
      return { status: 200, json: { messages: first ? [message] : [], cursor: '1' } };
    });
    const { stdout } = await tandem('inbox', '+46 70 174 06 11', '--devnet', dir);
    expect(stdout.split('\n')).toEqual([
      '2026-11-30T09:00:00Z  aurora: PAY 120 lunch',
      `${' '.repeat(22)}REQUEST 40`,
      `${' '.repeat(22)}2026-11-30T00:00:00Z  aurora: you got 900\\u001b[2J`,
      '',
    ]);
  });
});

const side = {
  pair: '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77',
  leg: 'first',
  role: 'initiator',
  state: 'aborted',
  reason: 'expired',
  service: 'pay',
  asset: 'SEK',
  amount: '50000',
  ref: 'ESFM',
  user: { number: '+46701740611', name: 'Anna Berg' },
  other: { number: '+46701740651', name: 'Elin Falk', operator: 2 },
  note: 'lunch',
  begun: '2026-11-30T09:00:00Z',
  deadline: '2026-11-30T09:10:00Z',
  told: true,
};
const assets = { status: 200, json: { assets: [{ asset: 'SEK', exponent: 2 }] } };

describe('tandem find', () => {
  it('takes what a caller knows in any order, and shows amounts as people write them', async () => {
    const { dir, calls } = await devnet(({ url }) =>
      url === '/v1/assets' ? assets : { status: 200, json: { found: [side] } },
    );
    const what = ['esfm', '0611', '--asset', 'SEK', '--amount', '500', '--from', '2026-11-30'];
    const { code, stdout } = await tandem('find', ...what, '--operator', 'aurora', '--devnet', dir);
    expect(code).toBe(0);
    expect(stdout).toContain('ESFM  aborted (expired)  pay  500.00  SEK  Anna Berg +46701740611  →  Elin Falk');
    const asked = new URL(calls.at(-1)?.url ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      ref: 'ESFM',
      ending: '0611',
      asset: 'SEK',
      amount: '50000',
      from: '2026-11-30T00:00:00Z',
      limit: '20',
    });
  });

  it('says that nothing matches, and ends with 1', async () => {
    const { dir } = await devnet(({ url }) => (url === '/v1/assets' ? assets : { status: 200, json: { found: [] } }));
    expect(await tandem('find', 'ESFM', '--operator', 'aurora', '--devnet', dir)).toMatchObject({
      code: 1,
      stdout: 'No pair matches.\n',
    });
  });

  it.each([
    ['what is no reference, number or id', ['find', 'no?'], '"no?" is not a reference'],
    ['two of a kind', ['find', 'ESFM', 'EKLM'], '"ESFM" and "EKLM"'],
    ['an amount of nothing', ['find', '--amount', '5'], '--amount needs --asset'],
    ['a day that is none', ['find', '--from', 'monday'], '"monday" is not a time'],
  ])('refuses %s', async (_, args, says) => {
    const { dir } = await devnet(() => assets);
    const { code, stderr } = await tandem(...args, '--operator', 'aurora', '--devnet', dir);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  });
});

describe('tandem story', () => {
  const told = {
    pair: side.pair,
    sides: [
      {
        side,
        happened: [
          { at: side.begun, what: 'ordered', text: 'PAY 500 lunch' },
          { at: side.begun, what: 'held' },
        ],
        why: 'The other user did not accept in time.',
      },
    ],
  };

  it('goes from the reference to what happened and why', async () => {
    const { dir } = await devnet(({ url = '' }) =>
      url === '/v1/assets' ? assets : { status: 200, json: url.startsWith('/v1/find') ? { found: [side] } : told },
    );
    const { code, stdout } = await tandem('story', 'esfm', '--operator', 'aurora', '--devnet', dir);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        `ESFM  pay 500.00 SEK  ${side.pair}`,
        'Anna Berg (+46701740611) ordered it of Elin Falk (+46701740651) of operator 2, for "lunch".',
        '  2026-11-30T09:00:00Z  ordered: "PAY 500 lunch"',
        '  2026-11-30T09:00:00Z  the amount was put on hold',
        '  not yet anchored on the chain',
        'Now: aborted. The other user did not accept in time.',
        '',
      ].join('\n'),
    );
  });

  it('names the pairs where a reference means several', async () => {
    const other = { ...side, pair: '019ab2f4-6c1e-7d3a-9b52-000000000001' };
    const { dir } = await devnet(() => ({ status: 200, json: { found: [side, other] } }));
    const { code, stderr } = await tandem('story', 'ESFM', '--operator', 'aurora', '--devnet', dir);
    expect([code, stderr]).toEqual([2, expect.stringContaining(other.pair)]);
  });
});

describe('tandem deposit', () => {
  it('books minor units with the staff’s token', async () => {
    const { dir, calls } = await devnet(({ url }) => ({
      status: 200,
      json:
        url === '/v1/assets'
          ? { assets: [{ asset: 'SEK', exponent: 2 }] }
          : { id: 'd1', asset: 'SEK', balance: '25050' },
    }));
    const { stdout } = await tandem(
      'deposit',
      'anna',
      '250.5',
      'SEK',
      '--id',
      'd1',
      '--reason',
      'Counter',
      '--devnet',
      dir,
    );
    expect(stdout).toBe('Anna Berg has 250.50 SEK now.\n');
    expect(calls[1]).toMatchObject({ url: '/v1/deposits', authorization: 'Bearer admin-token' });
    expect(JSON.parse(calls[1]?.body ?? '')).toEqual({
      id: 'd1',
      number: '+46701740611',
      asset: 'SEK',
      amount: '25050',
      reason: 'Counter',
    });
  });
});

describe('table', () => {
  it('makes columns as wide as their widest cell, numbers to the right', () => {
    expect(
      table(
        [
          ['a', '1', 'x'],
          ['bcd', '22', ''],
        ],
        [1],
      ),
    ).toBe('a     1  x\nbcd  22');
  });
});
