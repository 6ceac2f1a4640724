/** Disclosure files: their lines, how they are found in a file, and how a node's pages become one. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchLineSchema,
  encodeLine,
  headerSchema,
  parseLine,
  parseOddPairLine,
  parsePairLine,
  type PairLine,
} from '../../operator-node/audit/disclosures/lines.ts';
import { quickPairLine } from '../../operator-node/audit/disclosures/quick.ts';
import { indexDisclosures, readSection } from '../../operator-node/audit/disclosures/read.ts';
import { openOperation, openTerms } from '../../operator-node/audit/scan/open.ts';
import { keyAt, pairKey, Seen, viewOf } from '../../operator-node/audit/scan/seen.ts';
import type { NodeClient } from '../../operator-node/api/client.ts';
import { writeDisclosures } from '../../operator-node/cli/disclose.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import { discloseOperation, operationCommitment } from '../../operator-node/commitment/record.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { OperationRecord } from '../../operator-node/model/records.ts';
import { Consortium, temporaryFolder, textOf } from './audit-scan.fixture.ts';

function consortium(): Consortium {
  const made = new Consortium();
  made.add([{}, { ending: 'abort' }]);
  made.add([{}]);
  made.add([{}], { initiator: 1, acceptor: 1 });
  return made;
}

const text = textOf(consortium().file(1));
const lines = text.split('\n');
const pairText = lines[2] ?? '';

function written(content: string): string {
  const file = join(temporaryFolder(), 'file.ndjson');
  writeFileSync(file, content);
  return file;
}

describe('parsePairLine', () => {
  const refused: readonly (readonly [what: string, change: (line: string) => string])[] = [
    ['a space', (line) => line.replace(',', ', ')],
    ['a field more', (line) => line.replace('"index":0', '"index":0,"name":"x"')],
    ['a field less', (line) => line.replace('"index":0,', '')],
    ['a field twice', (line) => line.replace('"index":0', '"index":0,"index":0')],
    ['keys in another order', (line) => line.replace(/("index":0),("leaf":\{[^}]*\})/, '$2,$1')],
    ['a number in another form', (line) => line.replace('"index":0', '"index":0.0')],
    ['an escape that is not needed', (line) => line.replace('"type":"pair"', '"type":"p\\u0061ir"')],
    ['an index that no batch has', (line) => line.replace('"index":0', '"index":4096')],
    [
      'hex in upper case',
      (line) =>
        line.replace(/"first":"0x[0-9a-f]+"/, (hex) => hex.toUpperCase().replace('FIRST', 'first').replace('0X', '0x')),
    ],
    ['an entry less', (line) => line.replace(/"terms":\["[^"]+",/, '"terms":[')],
    ['an amount with a leading zero', (line) => line.replace(/"amount":"-?/, '$&0')],
    ['what is no JSON', (line) => line.slice(1)],
  ];
  it.each(refused)('refuses %s', (_, change) => {
    expect(change(pairText)).not.toBe(pairText);
    expect(parsePairLine(change(pairText)).ok).toBe(false);
  });

  it('gives back what was written, and the short way what the long one gives', () => {
    const parsed = parsePairLine(pairText);
    expect(parsed.ok && encodeLine(parsed.value)).toBe(`${pairText}\n`);
    const pairs = lines.filter((line) => line.endsWith('"type":"pair"}'));
    expect(pairs.map((line) => quickPairLine(line) !== undefined)).toEqual([true, true, true, false]);
    for (const line of pairs) expect(parsePairLine(line)).toEqual(parseOddPairLine(line));
  });

  it.each(refused)('takes no short way around %s', (_, change) => {
    expect(quickPairLine(change(pairText))).toBeUndefined();
  });
});

describe('parseLine', () => {
  it('refuses what is not canonical, and closed', () => {
    const header = lines[0] ?? '';
    expect(parseLine(headerSchema, header).ok).toBe(true);
    for (const other of [header.replace(',', ' ,'), header.replace('{', '{"a":1,'), '{}', 'x'])
      expect(parseLine(headerSchema, other).ok).toBe(false);
    expect(parseLine(batchLineSchema, (lines[1] ?? '').replace(/"bytes":\d+/, '"bytes":999999999999')).ok).toBe(false);
  });
});

describe('indexDisclosures', () => {
  it('refuses a file that is not there, or has no header', () => {
    expect(() => indexDisclosures('/no/such/file')).toThrow('Cannot read');
    expect(() => indexDisclosures(written(lines.slice(1).join('\n')))).toThrow('its first line is not a header');
    expect(() => indexDisclosures(written(''))).toThrow('it is empty');
  });

  const faults: readonly (readonly [what: string, fault: RegExp, content: string])[] = [
    ['no end line', /without an end line/, lines.slice(0, -2).join('\n') + '\n'],
    ['bytes after its end', /bytes follow its end line/, `${text}{}\n`],
    ['an end that counts otherwise', /counts 9 batches/, text.replace('{"batches":3', '{"batches":9')],
    [
      'a section shorter than its line says',
      /there should be a batch line|does not end where/,
      lines.filter((_, at) => at !== 2).join('\n'),
    ],
    ['a batch outside of its blocks', /outside of the file/, text.replace('"from":1,', '"from":5,')],
  ];
  it.each(faults)('finds %s', (_, fault, content) => {
    expect(indexDisclosures(written(content)).fault).toMatch(fault);
  });

  it('finds every section without reading it, and reads each', () => {
    const { sections, end, fault } = indexDisclosures(written(text));
    expect(fault).toBeUndefined();
    expect(end).toMatchObject({ batches: 3, pairs: 4 });
    expect(sections.map((section) => readSection(section).length)).toEqual([2, 1, 1]);
    expect(sections.map((section) => readSection(section)[0])).toEqual([lines[2], lines[5], lines[7]]);
  });
});

const secret = `0x${'11'.repeat(32)}` as Hash;
const record: OperationRecord = {
  pair: '0190a1b2-c3d4-7e5f-8a9b-000000000001',
  leg: 'first',
  operator: '1',
  domain: 'payments',
  action: 'debit',
  account: 'usr/SEK',
  subject: '+46701000001',
  asset: 'SEK',
  amount: '12000',
  counterparty: 'A'.repeat(43),
  detail: '',
  heldAt: '2026-09-21T13:00:01Z',
} as unknown as OperationRecord;

describe('openOperation', () => {
  it('opens every text to the commitment that the record has', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed()),
        (detail) => {
          const opened = openOperation(discloseOperation(secret, { ...record, detail }));
          expect(opened).toMatchObject({
            ok: true,
            commitment: operationCommitment(secret, { ...record, detail }),
            values: { detail },
          });
        },
      ),
    );
  });

  it('refuses a disclosure of another field, one that is written otherwise, and a hidden field that must be shown', () => {
    const entries = discloseOperation(secret, record);
    const put = (at: number, entry: string): string[] =>
      entries.map((each, position) => (position === at ? entry : each));
    expect(openOperation(put(8, disclose(secret, 'asset', 'SEK')))).toMatchObject({
      fault: 'misplaced',
      field: 'amount',
    });
    const spaced = Buffer.from(
      Buffer.from(entries[8] ?? '', 'base64url')
        .toString()
        .replace(',', ', '),
    ).toString('base64url');
    expect(openOperation(put(8, spaced))).toMatchObject({ fault: 'malformed', field: 'amount' });
    // Bits that base64 leaves over: another text of the same bytes.
    const open = entries.findIndex((entry) => entry.length % 4 !== 0);
    const entry = entries[open] ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = entry.slice(0, -1) + (alphabet[alphabet.indexOf(entry.slice(-1)) ^ 1] ?? '');
    expect(Buffer.from(other, 'base64url').equals(Buffer.from(entry, 'base64url'))).toBe(true);
    expect(openOperation(put(open, other))).toMatchObject({ fault: 'malformed' });
    expect(openOperation(put(8, disclose(secret, 'amount', '012')))).toMatchObject({
      fault: 'malformed',
      field: 'amount',
    });
    expect(openOperation(put(1, `0x${'22'.repeat(32)}`))).toMatchObject({ fault: 'hidden', field: 'leg' });
    // Neither digest nor disclosure, of the length of a digest.
    for (const odd of [`0x${'AB'.repeat(32)}`, `0x${'0g'.repeat(32)}`])
      expect(openOperation(put(10, odd))).toMatchObject({ fault: 'malformed', field: 'detail' });
    expect(openTerms(entries.slice(0, 11))).toMatchObject({ ok: false });
  });

  it('looks at the salt of a disclosure whose value it has just seen', () => {
    const entries = discloseOperation(secret, record);
    expect(openOperation(entries).ok).toBe(true);
    const plain = Buffer.from(entries[8] ?? '', 'base64url').toString();
    const bad = ['!', '"', 'B'].map((letter) => plain.slice(0, 23) + letter + plain.slice(24));
    for (const text of [...bad, plain.replace('["', "['"), plain.slice(0, 10) + '=' + plain.slice(11)]) {
      const entry = Buffer.from(text).toString('base64url');
      expect(openOperation(entries.map((each, at) => (at === 8 ? entry : each)))).toMatchObject({
        fault: 'malformed',
        field: 'amount',
      });
    }
  });
});

describe('Seen', () => {
  it('knows every key with its first value, however many there are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 300 }), (keys) => {
        const seen = new Seen(1);
        const known = new Map<string, number>();
        for (const [at, key] of keys.entries()) {
          const name = Buffer.from(key).toString('hex');
          const [high, low] = keyAt(viewOf(key), 0);
          expect(seen.firstOf(high, low, at)).toBe(known.get(name));
          if (!known.has(name)) known.set(name, at);
          expect(seen.valueOf(high, low)).toBe(known.get(name));
        }
        expect(seen.size).toBe(known.size);
      }),
    );
  });

  it('has the key of a pair as its bytes are', () => {
    const bytes = Buffer.from('0190a1b2c3d47e5f8a9b000000000001', 'hex');
    expect(pairKey('0190a1b2-c3d4-7e5f-8a9b-000000000001')).toEqual(keyAt(viewOf(bytes), 0));
  });
});

describe('writeDisclosures', () => {
  const made = consortium();
  const whole = textOf(made.file(1));
  const job = { from: 1, to: made.lastBlock, policy: 'regulator-minimum', recipient: 'x', reason: 'y' };

  /** A node that gives one batch a page; it is cut off after some pages. */
  function node(pagesUntilCut = Infinity): { client: NodeClient; asked: string[] } {
    const { header, sections } = made.file(1);
    const pages = sections.map(({ head, pairs }) => {
      const body = pairs.map((pair: PairLine) => encodeLine(pair)).join('');
      const role = head.batch.initiator === 1 ? 'initiator' : 'acceptor';
      const peer = head.batch.initiator === 1 ? head.batch.acceptor : head.batch.initiator;
      return {
        key: `${role}!${peer}!${head.batch.sequence.padStart(12, '0')}`,
        text: encodeLine({ ...head, bytes: body.length, pairs: pairs.length }) + body,
      };
    });
    const asked: string[] = [];
    const disclosures = async ({ after }: { readonly after: string }): Promise<string> => {
      if (asked.length >= pagesUntilCut) throw new Error('cut off');
      asked.push(after);
      const at = pages.findIndex(({ key }) => key === after) + 1;
      const page = pages[at];
      const last = at >= pages.length - 1;
      const rest = last ? '{"type":"page"}\n' : `${JSON.stringify({ after: page?.key, type: 'page' })}\n`;
      return (after === '' ? encodeLine(header) : '') + (page?.text ?? '') + rest;
    };
    return { client: { disclosures } as unknown as NodeClient, asked };
  }

  it('writes the file that its pages make, with what it adds up to', async () => {
    const file = join(temporaryFolder(), 'out.ndjson');
    expect(await writeDisclosures(node().client, file, job)).toEqual({ batches: 3, pairs: 4, journal: false });
    expect(readFileSync(file, 'utf8')).toBe(whole);
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  it.each([1, 2])('goes on where it was cut off after %i pages, and cuts off half a page', async (pages) => {
    const file = join(temporaryFolder(), 'out.ndjson');
    await expect(writeDisclosures(node(pages).client, file, job)).rejects.toThrow('cut off');
    expect(existsSync(file)).toBe(false);
    const part = readFileSync(`${file}.part`, 'utf8');
    writeFileSync(`${file}.part`, `${part}${lines[1] ?? ''}\n{"half`);
    const { client, asked } = node();
    await writeDisclosures(client, file, job);
    expect(asked).toHaveLength(3 - pages);
    expect(asked).not.toContain('');
    expect(readFileSync(file, 'utf8')).toBe(whole);
  });

  it('refuses to go on with a file of other blocks', async () => {
    const file = join(temporaryFolder(), 'out.ndjson');
    await expect(writeDisclosures(node(1).client, file, job)).rejects.toThrow('cut off');
    await expect(writeDisclosures(node().client, file, { ...job, to: 1 })).rejects.toThrow('started with other blocks');
  });
});
