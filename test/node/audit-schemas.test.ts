/** The JSON Schemas of the auditors’ formats take what is written, and refuse what the readers refuse by its form. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { encodeAnswer, parseAnswer } from '../../operator-node/audit/answer-opening.ts';
import { parsePairLine } from '../../operator-node/audit/disclosures/lines.ts';
import { excerptSchema } from '../../operator-node/audit/journal/excerpt.ts';
import { windowsFormat } from '../../operator-node/audit/scan/windows-file.ts';
import { auditSchemaFiles } from '../../scripts/audit/schemas.ts';
import { makeCase } from './audit.fixture.ts';
import { Consortium, textOf } from './audit-scan.fixture.ts';

const folder = join(import.meta.dirname, '../../docs/formats/schemas');
const ajv = new Ajv2020({ strict: true, allErrors: true });
const validators = new Map(
  readdirSync(folder).map((name) => [
    name.replace('.json', ''),
    ajv.compile(JSON.parse(readFileSync(join(folder, name), 'utf8')) as object),
  ]),
);
const takes = (name: string, value: unknown): boolean => validators.get(name)?.(value) === true;

const made = new Consortium();
made.add([{}, { ending: 'abort' }]);
made.add([{ amount: '7' }], { initiator: 1, acceptor: 1 });
const lines = textOf(made.file(1)).trimEnd().split('\n');
const pairLine = lines.find((line) => line.endsWith('"type":"pair"}')) ?? '';

const window = {
  number: 1,
  operatorA: 1,
  operatorB: 2,
  aToB: { from: 1, to: 3 },
  bToA: { from: 1, to: 0 },
  nets: [{ asset: 'SEK', net: '-420' }],
  secret: `0x${'5e'.repeat(32)}`,
};
const windows = {
  format: windowsFormat,
  windows: [{ window, references: [{ asset: 'SEK', reference: 'RIX 1', salt: '0f'.repeat(16) }] }],
};
const answer = JSON.parse(
  encodeAnswer({
    chainId: '1',
    auditLog: `0x${'ad'.repeat(20)}`,
    operator: 1 as never,
    request: 17,
    salt: '0f'.repeat(16),
    files: ['ab'.repeat(32)],
    texts: [{ bytes: 4, sha256: 'cd'.repeat(32) }],
  }),
) as object;

const hash = `0x${'04'.repeat(32)}`;
const excerpt = {
  format: 'tandem/journal/1',
  chainId: '1',
  auditLog: `0x${'ad'.repeat(20)}`,
  operator: 1,
  pair: '0190a1b2-c3d4-7e5f-8a9b-000000000001',
  before: '00'.repeat(32),
  entries: [{ sequence: 1, at: 1_790_000_000_000, kind: 'question', payload: '{}', salt: '0f'.repeat(16) }],
  path: [[2, 1_790_000_000_001, 'answer', 'ab'.repeat(32)]],
  anchor: { entry: 2, head: hash, block: { number: 4, hash, timestamp: 1_790_000_000 } },
};

describe('the schemas of the auditors’ formats', () => {
  it('are those of the definitions', async () => {
    const files = await auditSchemaFiles();
    expect(readdirSync(folder).sort()).toEqual([...files.keys()].sort());
    for (const [name, text] of files) expect(readFileSync(join(folder, name), 'utf8')).toBe(text);
  });

  it('take every line of a disclosure file', () => {
    for (const line of lines) {
      const value = JSON.parse(line) as { type: string };
      expect(takes(`disclosure.${value.type}`, value)).toBe(true);
    }
  });

  it('take bundles, windows, excerpts of journals and openings of answers', () => {
    expect(excerptSchema.safeParse(excerpt).success).toBe(true);
    expect(takes('journal', excerpt)).toBe(true);
    expect(takes('journal', { ...excerpt, pair: hash })).toBe(false);
    expect(takes('evidence', JSON.parse(makeCase().text))).toBe(true);
    expect(takes('evidence', JSON.parse(makeCase({ outcome: 'deadline', legs: ['second'] }).text))).toBe(true);
    expect(takes('windows', windows)).toBe(true);
    expect(parseAnswer(JSON.stringify(answer)).ok).toBe(true);
    expect(takes('answer', answer)).toBe(true);
  });

  it('refuse a pair line where its reader does', () => {
    const changed = [
      (line: string) => line.replace('"index":0', '"index":4096'),
      (line: string) => line.replace('"index":0', '"index":-1'),
      (line: string) => line.replace('-7e5f-', '-4e5f-'),
      (line: string) => line.replace('"amount":"-12000"', '"amount":"-012000"'),
      (line: string) => line.replace('"amount":"-12000"', '"amount":"+12000"'),
      (line: string) => line.replace('"asset":"SEK"', '"asset":"sek"'),
      (line: string) => line.replace('"leg":"first"', '"leg":"third"'),
      (line: string) => line.replace('"booked":"2', '"booked":"x'),
      (line: string) => line.replace('"index":0', '"index":0,"more":1'),
    ];
    expect(takes('disclosure.pair', JSON.parse(pairLine))).toBe(true);
    for (const change of changed) {
      const text = change(pairLine);
      expect(text).not.toBe(pairLine);
      expect(parsePairLine(text).ok).toBe(false);
      expect(takes('disclosure.pair', JSON.parse(text))).toBe(false);
    }
  });

  it('refuse another form', () => {
    const bundle = JSON.parse(makeCase().text) as Record<string, unknown>;
    expect(takes('evidence', { ...bundle, batchId: 'x' })).toBe(false);
    expect(takes('evidence', { ...bundle, more: 1 })).toBe(false);
    expect(takes('windows', { ...windows, format: 'tandem/windows/2' })).toBe(false);
    expect(takes('answer', { ...answer, operator: 0 })).toBe(false);
    expect(takes('journal', {})).toBe(false);
  });
});
