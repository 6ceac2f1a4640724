/** The edges of an audit: the newest blocks, files that lie about themselves, and endpoints that keep events back. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AuditLog, RangeChain } from '../../operator-node/audit/audit-chain.ts';
import { settlement } from '../../operator-node/audit/contracts.ts';
import type { PairLine } from '../../operator-node/audit/disclosures/lines.ts';
import { parsePairLine } from '../../operator-node/audit/disclosures/lines.ts';
import { encodeLine } from '../../operator-node/audit/disclosures/lines.ts';
import { exitCodeOf, type FindingCode } from '../../operator-node/audit/scan/findings.ts';
import type { ScanResult } from '../../operator-node/audit/scan/scan.ts';
import { main } from '../../operator-node/cli/main.ts';
import { isMoment, toTimestamp, type Hash, type Hex } from '../../operator-node/model/ids.ts';
import {
  codesOf,
  Consortium,
  network,
  scanOf,
  temporaryFolder,
  textOf,
  timeOf,
  type DisclosureLines,
} from './audit-scan.fixture.ts';

function consortium(): Consortium {
  const made = new Consortium();
  made.add([{}, { ending: 'abort' }, { service: 'request', amount: '7' }]);
  made.add([{ amount: '250' }], { initiator: 2, acceptor: 1 });
  return made;
}

const found = (result: ScanResult, code: FindingCode) => result.findings.list.find((each) => each.code === code);
/** What an operator is blamed for; the rest is about endpoints and the chain. */
const aboutChain: readonly string[] = ['chain-inconsistent', 'sequence-gap', 'chain-stale', 'heads-apart'];
const blamed = (result: ScanResult): string[] => codesOf(result).filter((code) => !aboutChain.includes(code));

/** As an endpoint shows the chain that has got no further than this block. */
const upTo = (made: Consortium, block: number): RangeChain => {
  const chain = made.chain();
  return { ...chain, block: async (at) => chain.block(typeof at === 'number' ? at : block) };
};

describe('the edge of the chain', () => {
  const now = (made: Consortium, seconds: number) => ({ request: { now: timeOf(made.lastBlock) + seconds } });

  it('is told with its age, and nothing is found while that is what a running chain has', async () => {
    const made = consortium();
    const result = await scanOf(made, now(made, 30));
    expect(result.final.age).toBe(30);
    expect(codesOf(result)).toEqual([]);
  });

  it('is incomplete where the newest final block is older than a few block gaps', async () => {
    const made = consortium();
    const result = await scanOf(made, now(made, 3_600));
    expect(codesOf(result)).toEqual(['chain-stale']);
    expect(found(result, 'chain-stale')?.evidence).toMatchObject({ block: made.lastBlock, seconds: 3_600 });
    expect(exitCodeOf(result.findings)).toBe(3);
  });

  it('goes by the gap that the consortium has agreed on', async () => {
    const made = consortium();
    const request = { now: timeOf(made.lastBlock) + 60, network: { ...network, maxBlockGapSeconds: 10 } };
    expect(codesOf(await scanOf(made, { request }))).toEqual(['chain-stale']);
  });

  it('is incomplete where one endpoint is further behind than finality explains', async () => {
    const made = consortium();
    for (let more = 0; more < 3; more += 1) made.add([{}]);
    const behind = await scanOf(made, { chains: [made.chain(), upTo(made, 3)] });
    expect(found(behind, 'heads-apart')?.evidence).toMatchObject({ behind: 'endpoint-1', newest: 3 });
    expect(exitCodeOf(behind.findings)).not.toBe(0);
    expect(codesOf(await scanOf(made, { chains: [made.chain(), upTo(made, made.lastBlock - 1)] }))).not.toContain(
      'heads-apart',
    );
  });

  it('is incomplete where the files reach past it', async () => {
    const made = consortium();
    const result = await scanOf(made, { chain: upTo(made, 3) });
    expect(found(result, 'file-ahead')?.evidence).toMatchObject({ operator: 1, block: made.lastBlock, final: 3 });
    expect(exitCodeOf(result.findings)).toBe(3);
  });
});

describe('a file that lies about itself', () => {
  const change = (how: (lines: DisclosureLines) => void) => ({ file: { 1: how } });
  const each = (how: (head: DisclosureLines['sections'][number]['head']) => object) =>
    change((lines) => {
      lines.sections = lines.sections.map(({ head, pairs }) => ({ head: { ...head, ...how(head) }, pairs }));
    });
  const withoutPosting = (lines: DisclosureLines): void => {
    const line: { -readonly [K in keyof PairLine]: PairLine[K] } | undefined = lines.sections[0]?.pairs[0];
    if (line !== undefined) line.postings = [];
  };

  it('in the block of a batch is found', async () => {
    const result = await scanOf(
      consortium(),
      each(() => ({ prepared: 3 })),
    );
    expect(codesOf(result)).toEqual(['batch-differs']);
    expect(exitCodeOf(result.findings)).toBe(1);
  });

  it('in the hash of the block that it was written at is found', async () => {
    const hash = `0x${'11'.repeat(32)}` as Hash;
    const result = await scanOf(
      consortium(),
      each(({ asOf }) => ({ asOf: { ...asOf, hash } })),
    );
    expect(codesOf(result)).toEqual(['batch-differs']);
    expect(found(result, 'batch-differs')?.evidence).toMatchObject({ operator: 1, told: hash });
  });

  it('in the block that it was written at, ahead of the chain, is found', async () => {
    const result = await scanOf(
      consortium(),
      each(({ asOf }) => ({ asOf: { ...asOf, number: 1_000 } })),
    );
    expect(codesOf(result)).toEqual(['file-ahead']);
    expect(exitCodeOf(result.findings)).toBe(3);
  });

  it('in its last block is found', async () => {
    const result = await scanOf(
      consortium(),
      change((lines) => void (lines.header = { ...lines.header, to: 1e9 })),
    );
    expect(codesOf(result)).toContain('file-ahead');
  });

  it('and calls itself older than it is hides no missing posting', async () => {
    const made = consortium();
    const result = await scanOf(made, {
      file: {
        1: (lines) => {
          withoutPosting(lines);
          lines.sections = lines.sections.map(({ head, pairs }) => ({
            head: { ...head, asOf: { number: 2, hash: head.asOf.hash } },
            pairs,
          }));
        },
      },
    });
    expect(codesOf(result)).toEqual(expect.arrayContaining(['attestation-mismatch', 'posting-missing']));
    expect(exitCodeOf(result.findings)).toBe(1);
  });

  it('and is old hides no false attestation', async () => {
    const made = new Consortium();
    const batch = made.add([{ ending: 'commit' }]);
    const wrong = made.events.find(({ name }) => name === 'BatchAttested');
    (wrong?.args as unknown[])[2] = `0x${'77'.repeat(32)}`;
    const result = await scanOf(made, {
      asOf: batch.preparedBlock,
      file: {
        1: (lines) => {
          withoutPosting(lines);
          lines.header = { ...lines.header, to: batch.preparedBlock };
        },
      },
      operators: [1],
    });
    expect(codesOf(result)).toContain('attestation-mismatch');
    const [position] = result.positions;
    expect(position).toMatchObject({ operator: 1, signed: '12000' });
    expect(position?.posted).toBeUndefined();
  });
});

describe('an attestation', () => {
  const bookedAfter = (made: Consortium, seconds: number) => ({
    file: {
      2: (lines: DisclosureLines) => {
        const line: { -readonly [K in keyof PairLine]: PairLine[K] } | undefined = lines.sections[0]?.pairs[0];
        const booked = toTimestamp((timeOf((made.batches[0]?.decidedBlock ?? 0) + 1) + seconds) * 1000);
        if (line !== undefined) line.postings = line.postings.map((posting) => ({ ...posting, booked }));
      },
    },
  });

  it('before a posting of its batch is a breach', async () => {
    const made = consortium();
    const result = await scanOf(made, bookedAfter(made, 61));
    expect(codesOf(result)).toEqual(['attested-early']);
    expect(found(result, 'attested-early')?.evidence).toMatchObject({ operator: 2, index: 0, seconds: 61 });
    expect(exitCodeOf(result.findings)).toBe(1);
  });

  it('within what clocks may differ by is none', async () => {
    const made = consortium();
    expect(codesOf(await scanOf(made, bookedAfter(made, 60)))).toEqual([]);
  });
});

describe('an endpoint that keeps back or alters an event', () => {
  const other = `0x${'99'.repeat(32)}` as Hash;
  const names = ['BatchPrepared', 'PairsDecided', 'BatchAttested', 'BatchReconciled'];

  it.each(names)('%s: blames no operator', async (name) => {
    const made = consortium();
    // Long enough ago for an attestation to be missed.
    made.lastBlock += 200;
    const result = await scanOf(made, { chain: made.chain({ drop: (event) => event.name === name }) });
    expect(blamed(result)).toEqual([]);
    if (name !== 'BatchReconciled') expect(codesOf(result)).toContain('chain-inconsistent');
  });

  it.each<[string, (values: unknown[]) => void]>([
    ['BatchPrepared', (values) => void (values[6] = other)],
    ['BatchPrepared', (values) => void (values[0] = other)],
    ['PairsDecided', (values) => void ([values[2], values[3]] = [values[3], values[2]])],
    ['BatchAttested', (values) => void (values[2] = other)],
  ])('%s altered: blames no operator', async (name, alter) => {
    const made = consortium();
    const altered = new Consortium();
    altered.events.push(
      ...made.events.map((event) => {
        const args = [...event.args];
        if (event.name === name && event.args[0] === made.batches[0]?.batchId) alter(args);
        return { ...event, args };
      }),
    );
    altered.lastBlock = made.lastBlock;
    const chain = { ...made.chain(), range: altered.chain().range };
    const result = await scanOf(made, { chain });
    expect(blamed(result)).toEqual([]);
    expect(codesOf(result)).toContain('chain-inconsistent');
  });

  it('a discrepancy that there is none: blames no operator', async () => {
    const made = consortium();
    const honest = made.chain();
    const batchId = made.batches[0]?.batchId ?? '';
    const { topics, data } = settlement.encodeEventLog('BatchDiscrepancy', [batchId, other, other]);
    const forged: AuditLog = {
      address: network.contracts.PairSettlement,
      topics: topics as Hash[],
      data: data as Hex,
      transactionHash: other,
      blockNumber: 4,
    };
    const range: RangeChain['range'] = async (...asked) => [...(await honest.range(...asked)), forged];
    expect(blamed(await scanOf(made, { chain: { ...honest, range } }))).toEqual([]);
  });

  it('each log twice: is found to do so, and blames no operator', async () => {
    const made = consortium();
    const original = made.batches[1]?.pairs[0]?.pair;
    made.add([{ service: 'refund', amount: '250', ...(original === undefined ? {} : { reverses: original }) }]);
    const honest = made.chain();
    const twice = (change: (log: AuditLog) => AuditLog): RangeChain => ({
      ...honest,
      range: async (...asked) => (await honest.range(...asked)).flatMap((log) => [log, change(log)]),
    });
    for (const change of [(log: AuditLog) => log, (log: AuditLog) => ({ ...log, transactionHash: other })]) {
      const result = await scanOf(made, { chain: twice(change) });
      expect(codesOf(result)).toEqual(['chain-inconsistent']);
    }
  });
});

describe('a posting’s date', () => {
  it.each([
    '2026-02-30T10:00:00Z',
    '2026-13-01T10:00:00Z',
    '2026-04-31T10:00:00Z',
    '2025-02-29T10:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T10:60:00Z',
  ])('%s is no date', (booked) => {
    expect(isMoment(booked)).toBe(false);
    const line = consortium().file(1).sections[0]?.pairs[0];
    if (line === undefined) throw new Error('no line');
    const changed = { ...line, postings: line.postings.map((posting) => ({ ...posting, booked })) };
    expect(parsePairLine(encodeLine(changed).trimEnd())).toMatchObject({ ok: false });
    const leap = {
      ...line,
      postings: line.postings.map((posting) => ({ ...posting, booked: '2028-02-29T10:00:00Z' })),
    };
    expect(parsePairLine(encodeLine(leap).trimEnd())).toMatchObject({ ok: true });
  });
});

describe('a file that is none', () => {
  const made = consortium();
  const text = textOf(made.file(1));
  it.each<[string, string | undefined, string]>([
    ['a folder', undefined, 'it is a folder'],
    ['empty', '', 'it is empty'],
    ['with a byte order mark', `\ufeff${text}`, 'it begins with a byte order mark'],
    ['with CRLF', text.replaceAll('\n', '\r\n'), 'carriage return'],
    ['with a first line that is no JSON', `{\n${text}`, 'it is not JSON'],
    ['with a first line of another kind', text.slice(text.indexOf('\n') + 1), 'its first line is not a header'],
    ['without an end of its first line', text.slice(0, 20), 'its first line has no end'],
  ])('%s is a finding, and the rest is audited', async (_, content, why) => {
    const folder = temporaryFolder();
    const file = join(folder, 'handed-in.ndjson');
    if (content === undefined) mkdirSync(file);
    else writeFileSync(file, content);
    const files = [file, join(folder, 'two.ndjson')];
    writeFileSync(files[1] ?? '', textOf(made.file(2)));
    const result = await scanOf(made, { request: { files } });
    expect(found(result, 'file-malformed')?.sentence).toContain(why);
    expect(found(result, 'file-malformed')?.evidence).toMatchObject({ file });
    expect(codesOf(result)).toEqual(['disclosures-missing', 'file-malformed']);
    expect(result.operators).toMatchObject([
      { operator: 1, disclosed: 0 },
      { operator: 2, disclosed: 2 },
    ]);
  });

  it('names who handed it in, where its first line still says so', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'handed-in.ndjson');
    writeFileSync(file, `\ufeff${text}`);
    const result = await scanOf(made, { request: { files: [file] } });
    expect(found(result, 'file-malformed')?.evidence).toMatchObject({ operator: 1 });
  });
});

describe('a fault of the program', () => {
  it('has an exit code of its own', async () => {
    const errors: string[] = [];
    const out = {
      stdout: {
        write: () => {
          throw new Error('planted');
        },
      },
      stderr: { write: (text: string) => errors.push(text) },
    };
    expect(await main(['audit', '--help'], out)).toBe(4);
    expect(await main(['verify', '--help'], out)).toBe(4);
    expect(errors.join('')).toContain('a fault of this program');
  });
});
