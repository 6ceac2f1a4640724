/** `tandem statement` against the API itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';
import { statementText } from './api-node.fixture.ts';
import { adminToken, fakeApi, gatewayToken, serve } from './api.fixture.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function devnet(handles: readonly string[]) {
  const services = fakeApi();
  const { url } = await serve(services);
  const dir = mkdtempSync(join(tmpdir(), 'tandem-statement-'));
  folders.push(dir);
  const operators = handles.map((handle, index) => ({
    id: index + 1,
    handle,
    apiUrl: url,
    serviceNumber: '+46701740605',
    gatewayToken,
    adminToken,
  }));
  writeFileSync(join(dir, 'devnet.json'), JSON.stringify({ operators, users: [] }));
  return { dir, services, url };
}

async function tandem(...args: string[]) {
  let stdout = '';
  let stderr = '';
  const code = await main(['statement', ...args], {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}

const day = ['--asset', 'SEK', '--from', '2026-11-01', '--to', '2026-11-30'];

describe('tandem statement', () => {
  it.each([
    ['no counterparty', day],
    [
      'a day that there is not',
      ['--counterparty', 'borealis', '--asset', 'SEK', '--from', '2026-02-30', '--to', '2026-03-01'],
    ],
    [
      'a time that is no moment',
      ['--counterparty', 'borealis', '--asset', 'SEK', '--from', 'monday', '--to', '2026-03-01'],
    ],
    ['another format', ['--counterparty', 'borealis', ...day, '--format', 'mt940']],
    [
      'a pair that is none',
      ['--counterparty', 'borealis', ...day, '--format', 'pacs009', '--pair', '019ab2f4000070008000000000000000'],
    ],
    ['a pair of a statement', ['--counterparty', 'borealis', ...day, '--pair', '019ab2f4-0000-7000-8000-000000000000']],
  ])('ends with 2 and says how it is used: %s', async (_, args) => {
    expect(await tandem(...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('usage: tandem statement') as string,
    });
  });

  it('asks which operator is meant where more than one can be', async () => {
    const { dir } = await devnet(['aurora', 'borealis', 'caelum']);
    const { code, stderr } = await tandem('--counterparty', 'borealis', ...day, '--devnet', dir);
    expect(code).toBe(2);
    expect(stderr).toContain('--operator must be one of: aurora, borealis, caelum');
  });

  it('takes the other one of two operators, and whole days, and writes the file', async () => {
    const { dir, services } = await devnet(['aurora', 'borealis']);
    const file = join(dir, 'out.csv');
    const args = ['--counterparty', 'borealis', ...day, '--format', 'csv', '--out', file, '--devnet', dir];
    expect(await tandem(...args)).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(file, 'utf8')).toBe(statementText);
    expect(services.calls).toEqual([
      {
        name: 'statement',
        input: {
          format: 'csv',
          counterparty: 'borealis',
          asset: 'SEK',
          from: '2026-11-01T00:00:00Z',
          to: '2026-12-01T00:00:00Z',
        },
      },
    ]);
  });

  it('asks a node by its address, and writes to standard output', async () => {
    const { dir, url } = await devnet([]);
    const token = join(dir, 'token');
    writeFileSync(token, `${adminToken}\n`, { mode: 0o600 });
    const moments = ['--asset', 'SEK', '--from', '2026-11-01T12:00:00Z', '--to', '2026-11-01T13:00:00Z'];
    const args = ['--counterparty', '2', ...moments, '--node', url, '--token-file', token];
    expect(await tandem(...args)).toEqual({ code: 0, stdout: statementText, stderr: '' });
  });
});
