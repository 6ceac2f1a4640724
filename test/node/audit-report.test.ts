/** The report in its three forms, and the command line around it, against a chain that answers over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pageOf } from '../../operator-node/audit/report/page.ts';
import { csvOf, jsonOf, tablesOf } from '../../operator-node/audit/report/tables.ts';
import type { RangeChain } from '../../operator-node/audit/audit-chain.ts';
import { audit } from '../../operator-node/cli/audit.ts';
import { progressBar } from '../../operator-node/cli/audit-progress.ts';
import { toTimestamp, type Hash, type Hex } from '../../operator-node/model/ids.ts';
import { blockHash, Consortium, network, scanOf, temporaryFolder, textOf, timeOf } from './audit-scan.fixture.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const quantity = (value: number): string => `0x${value.toString(16)}`;

/** The model chain as a JSON-RPC endpoint. */
async function serveChain(chain: RangeChain): Promise<string> {
  const answer = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    switch (method) {
      case 'eth_chainId':
        return quantity(Number(await chain.chainId()));
      case 'eth_getBlockByNumber': {
        const [tag] = params as [string];
        const block = await chain.block(tag.startsWith('0x') ? Number(tag) : (tag as 'latest'));
        return block === undefined
          ? null
          : { ...block, number: quantity(block.number), timestamp: quantity(block.timestamp) };
      }
      case 'eth_getCode':
        return chain.code(params[0] as string, blockHash(0));
      case 'eth_call': {
        const [{ to, data }, at] = params as [{ to: string; data: Hex }, { blockHash: Hash }];
        return chain.call(to, data, at.blockHash);
      }
      case 'eth_getLogs': {
        const [{ address, fromBlock, toBlock }] = params as [{ address: string; fromBlock: string; toBlock: string }];
        const logs = await chain.range(address, Number(fromBlock), Number(toBlock));
        return logs.map((log, at) => ({
          ...log,
          blockNumber: quantity(log.blockNumber),
          blockHash: blockHash(log.blockNumber),
          logIndex: quantity(at),
        }));
      }
      default:
        throw new Error(`no ${method}`);
    }
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
      void answer(method, params).then((result) => response.end(JSON.stringify({ jsonrpc: '2.0', id, result })));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-key`;
}

function consortium(): Consortium {
  const made = new Consortium();
  made.add([{}, { ending: 'abort' }, { service: 'request', amount: '7' }]);
  made.add([{}], { initiator: 2, acceptor: 1 });
  return made;
}

interface Setting {
  readonly folder: string;
  readonly files: readonly string[];
  readonly common: readonly string[];
}

async function setting(made = consortium(), chain = made.chain()): Promise<Setting> {
  const folder = temporaryFolder();
  const files = [1, 2].map((operator) => {
    const file = join(folder, `operator-${operator}.ndjson`);
    writeFileSync(file, textOf(made.file(operator)));
    return file;
  });
  const networkFile = join(folder, 'network.json');
  writeFileSync(networkFile, JSON.stringify(network));
  return { folder, files, common: ['--network', networkFile, '--rpc', await serveChain(chain), '--threads', '0'] };
}

async function run(...args: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
  const written = { out: '', errors: '' };
  const code = await audit(args, {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.errors += text) },
  });
  return { code, ...written };
}

describe('the report', () => {
  it('is one page that asks for nothing from outside and runs no script', async () => {
    const page = pageOf(await scanOf(consortium()));
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|<img|src=|href=|@import|url\(|https?:/);
    expect(page).toContain('Nothing was found');
    expect(page.match(/<svg/g)).toHaveLength(2);
  });

  it('shows what was found as text, whatever it holds', async () => {
    const result = await scanOf(consortium());
    result.findings.add('foreign-file', '<script>alert(1)</script> & "more"', { file: '<b>' });
    const page = pageOf(result);
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;');
    expect(page).toContain('There are breaches');
    // Whatever it is called: a handle is text that its operator chose.
    const [operator] = result.operators;
    const named = pageOf({
      ...result,
      operators: [{ ...operator, handle: '<i>' } as (typeof result.operators)[number]],
    });
    expect(named).not.toContain('<i>');
    expect(named).toContain('&lt;i&gt;');
  });

  it('says the same in JSON and in CSV', async () => {
    const result = await scanOf(consortium());
    const parsed = JSON.parse(jsonOf(result)) as { format: string; positions: { signed: string }[] };
    expect(parsed.format).toBe('tandem/audit-report/1');
    const positions = tablesOf(result).find(({ name }) => name === 'positions');
    if (positions === undefined) throw new Error('no positions');
    const rows = csvOf(positions).trimEnd().split('\r\n').slice(1);
    expect(parsed.positions.map(({ signed }) => signed)).toEqual(['-7', '7']);
    expect(rows).toEqual([
      '1,operator-1,2,operator-2,SEK,-0.07,-0.07,-0.07',
      '2,operator-2,1,operator-1,SEK,0.07,0.07,0.07',
    ]);
  });

  it('names days, volumes, why pairs were aborted, its inputs, and what is not proven', async () => {
    const made = new Consortium();
    made.add([{}, { ending: 'abort' }, { service: 'request', amount: '7' }]);
    made.add([{ ending: 'expire' }, { amount: '250' }]);
    const result = await scanOf(made, { request: { now: timeOf(made.lastBlock) + 9 } });
    const [file = ''] = result.inputs.map((each) => each.file);
    const page = pageOf({ ...result, digests: new Map([[file, 'ab'.repeat(32)]]) });
    const rowsOf = (name: string) => tablesOf(result).find((table) => table.name === name)?.rows;
    expect(rowsOf('totals')).toEqual([[2, 5, 3, 1, 1, 0]]);
    expect(rowsOf('days')).toEqual([[toTimestamp(timeOf(2) * 1000).slice(0, 10), 2, 5, 3, 1, 1, 0]]);
    expect(rowsOf('volumes')).toEqual([
      ['pay', 'SEK', '122.50'],
      ['request', 'SEK', '0.07'],
    ]);
    for (const told of ['9 s old', 'ab'.repeat(32), 'regulator-minimum', 'What this does not prove']) {
      expect(page).toContain(told);
    }
  });

  it('shows a dash for what was not disclosed', async () => {
    const result = await scanOf(consortium(), { operators: [1] });
    const rowsOf = (name: string) => tablesOf(result).find((table) => table.name === name)?.rows;
    expect(rowsOf('positions')?.[1]?.slice(5)).toEqual(['0.07', '–', '–']);
    expect(rowsOf('operators')?.[1]).toContain('–');
  });

  it('quotes in CSV what a reader would take for something else', () => {
    const table = {
      name: 't',
      title: 't',
      columns: ['a', 'b', 'c'],
      rows: [
        ['=1+1', 'x,"y"', '-5'],
        ['@a', '-cmd', 'é'],
      ],
    };
    expect(csvOf(table)).toBe(`a,b,c\r\n'=1+1,"x,""y""",-5\r\n'@a,'-cmd,é\r\n`);
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['+46701740651', "'+46701740651"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['-1+cmd|calc', "'-1+cmd|calc"],
    ['-2-3', "'-2-3"],
    ['-1.5.2', "'-1.5.2"],
    ['-1 000', "'-1 000"],
    ['-0x10', "'-0x10"],
    ['-', "'-"],
    ['\t=1', "'\t=1"],
    [' =1', "' =1"],
    ['\u200b=1', "'\u200b=1"],
    ['＝1', "'＝1"],
    // Numbers stay numbers, and a dash within a text is none of a formula's.
    ['-12000', '-12000'],
    ['-0.50', '-0.50'],
    ['12000', '12000'],
    ['a-1', 'a-1'],
    ['2026-11-30', '2026-11-30'],
    [-5, -5],
    ['', ''],
  ])('writes %j as %j', (value, written) => {
    const table = { name: 't', title: 'T', columns: ['a', 'b'], rows: [[value, 'x']] };
    expect(csvOf(table)).toBe(`a,b\r\n${written},x\r\n`);
  });
});

describe('tandem audit', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: timeOf(consortium().lastBlock + 1) * 1_000 }));
  afterEach(() => void vi.useRealTimers());

  it('ends with 2 for wrong usage, and where nothing can be known', async () => {
    const { files, common, folder } = await setting();
    expect((await run()).code).toBe(2);
    for (const args of [
      ['look'],
      ['scan'],
      ['scan', ...files],
      ['scan', ...files, ...common, '--from', 'x'],
      ['report', ...files, ...common],
    ]) {
      expect(await run(...args)).toMatchObject({ code: 2, out: '' });
    }
    expect((await run('scan', join(folder, 'none'), ...common)).errors).toContain('Cannot read');
    const dead = ['scan', ...files, ...common.slice(0, 2), '--rpc', 'http://127.0.0.1:1/secret-key'];
    const unanswered = await run(...dead);
    expect(unanswered).toMatchObject({ code: 2, out: '' });
    expect(unanswered.errors).toContain('not audited');
    expect(unanswered.errors).not.toContain('secret');
  });

  it('ends with 0 where all is well, and leaves where it ended', async () => {
    const { files, common, folder } = await setting();
    const state = join(folder, 'state.json');
    const scanned = await run('scan', ...files, ...common, '--state', state);
    expect(scanned).toMatchObject({ code: 0, errors: '' });
    expect(scanned.out).toContain('Nothing was found.');
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ last: { number: consortium().lastBlock } });
    // Nothing is new: all that is checked is that the last block is there.
    expect((await run('scan', ...files, ...common, '--state', state, '--json')).code).toBe(0);
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ lanes: [{ sequence: 1 }, { sequence: 1 }] });
  });

  it('ends with 1 for a history that was rewritten, and keeps what it saw', async () => {
    const made = consortium();
    const { files, common, folder } = await setting(made);
    const state = join(folder, 'state.json');
    await run('scan', ...files, ...common, '--state', state);
    const before = readFileSync(state, 'utf8');
    const rewritten: RangeChain = {
      ...made.chain(),
      block: async (at) => {
        const block = await made.chain().block(at);
        return block?.number === made.lastBlock ? { ...block, hash: `0x${'ab'.repeat(32)}` as Hash } : block;
      },
      call: (to, data) => made.chain().call(to, data, blockHash(made.lastBlock)),
    };
    const [name, file] = common;
    const again = await run(
      'scan',
      ...files,
      name ?? '',
      file ?? '',
      '--rpc',
      await serveChain(rewritten),
      '--threads',
      '0',
      '--state',
      state,
    );
    expect(again.code).toBe(1);
    expect(again.out).toContain('history-rewritten');
    expect(readFileSync(state, 'utf8')).toBe(before);
  });

  it('ends with 3 where a file is missing', async () => {
    const { files, common } = await setting();
    const scanned = await run('scan', files[0] ?? '', ...common, '--json');
    expect(scanned.code).toBe(3);
    expect(JSON.parse(scanned.out)).toMatchObject({ counts: { 'disclosures-missing': 1 } });
  });

  it('finds endpoints that disagree, by the names of their hosts alone', async () => {
    const made = consortium();
    const { files, common } = await setting(made);
    const other = await serveChain(made.chain({ drop: ({ name }) => name === 'BatchReconciled' }));
    const scanned = await run('scan', ...files, ...common, '--rpc', other);
    expect(scanned.code).toBe(1);
    expect(scanned.out).toContain('endpoints-disagree');
    expect(scanned.out).not.toContain('secret-key');
  });

  it('tells the positions, and writes the report', async () => {
    const { files, common, folder } = await setting();
    const told = await run('positions', ...files, ...common, '--json');
    expect(JSON.parse(told.out)).toMatchObject({
      positions: [
        { operator: 1, signed: '-7', posted: '-7', stated: '-7' },
        { operator: 2, signed: '7' },
      ],
    });
    const out = join(folder, 'report');
    expect(await run('report', ...files, ...common, '--out', out)).toMatchObject({
      code: 0,
      out: `${join(out, 'report.html')}\n`,
    });
    expect(readdirSync(out).sort()).toEqual([
      'days.csv',
      'findings.csv',
      'inputs.csv',
      'lanes.csv',
      'operators.csv',
      'positions.csv',
      'report.html',
      'report.json',
      'services.csv',
      'summary.csv',
      'totals.csv',
      'volumes.csv',
      'windows.csv',
    ]);
    expect(existsSync(join(folder, 'state.json'))).toBe(false);
  });
});

describe('progressBar', () => {
  it('shows nothing where there is no terminal, and clears its line where there is', () => {
    const told = { text: '' };
    const write = (text: string): unknown => (told.text += text);
    const silent = progressBar({ stdout: { write }, stderr: { write } }, 'batches');
    silent.show(1, 2);
    silent.end();
    expect(told.text).toBe('');
    const stderr = { write, isTTY: true };
    const bar = progressBar({ stdout: { write }, stderr }, 'batches');
    bar.show(1, 2);
    bar.show(1, 2);
    bar.end();
    expect(told.text).toBe(`\r[${'#'.repeat(20)}${'.'.repeat(20)}] 1 of 2 batches\r\u001b[2K`);
  });
});
