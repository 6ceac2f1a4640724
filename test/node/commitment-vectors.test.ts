/** Every value of the vectors, through the conformance command as another implementer runs it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformance } from '../../operator-node/cli/conformance.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import { batchIdOf } from '../../operator-node/commitment/typed-data.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { Batch } from '../../operator-node/model/records.ts';

interface Pair {
  committed: boolean;
  terms: Record<string, string>;
  first: Record<string, string>;
  second: Record<string, string>;
  secrets: { terms: Hash; first: Hash; second: Hash };
  expect?: { firstDisclosureOfAmount?: string };
}
interface VectorBatch {
  sequence: number;
  contract: string;
  pairs: Pair[];
  expect?: object;
}
interface Vectors {
  protocol: string;
  batches: VectorBatch[];
}

const vectorsFile = join(import.meta.dirname, '..', 'vectors', 'commitments.json');
const vectorsText = await readFile(vectorsFile, 'utf8');
const read = (): Vectors => JSON.parse(vectorsText) as Vectors;

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'tandem-vectors-'))));
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const code = await conformance(args, {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
  });
  return { code, ...written };
}

async function runOn(content: string) {
  const file = join(folder, 'vectors.json');
  await writeFile(file, content);
  return run(file);
}

const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

/** A copy of the first vector batch without its expectations, changed by `change`. */
async function runChanged(change: (batch: VectorBatch, pair: Pair) => unknown) {
  const vectors = read();
  const [batch] = vectors.batches;
  const [pair] = batch?.pairs ?? [];
  if (batch === undefined || pair === undefined) throw new Error('the vectors have a batch with a pair');
  change(batch, pair);
  return runOn(JSON.stringify({ protocol: vectors.protocol, batches: [batch] }));
}

describe('conformance', () => {
  it('refuses to run without a file, and on one that is not there', async () => {
    expect(await run()).toMatchObject({ code: 2, stdout: '' });
    const absent = await run(join(folder, 'absent.json'));
    expect(absent).toMatchObject({ code: 2, stdout: '' });
    expect(absent.stderr).toContain('ENOENT');
  });

  it.each([
    ['text that is no JSON', () => runOn('{"protocol":'), 'is not JSON in UTF-8'],
    ['another protocol', () => runOn('{"protocol":"tandem/2","batches":[]}'), 'protocol: '],
    [
      'a number where text belongs',
      () => runChanged((_, { terms }) => Object.assign(terms, { deadline: 5 })),
      'batches[0].pairs[0].terms.deadline: ',
    ],
    [
      'a record without a field',
      () => runChanged((_, { first }) => delete first['detail']),
      'batches[0].pairs[0].first.detail: ',
    ],
    [
      'a second amount',
      () => runChanged((_, { first }) => Object.assign(first, { amount2: '1' })),
      'batches[0].pairs[0].first: ',
    ],
    [
      'a lone surrogate',
      () => runChanged((_, { first }) => Object.assign(first, { detail: '\ud800' })),
      'lone surrogate',
    ],
    [
      'a secret of 31 bytes',
      () => runChanged((_, { secrets }) => Object.assign(secrets, { first: '0x00' })),
      'batches[0].pairs[0].secrets.first: ',
    ],
    [
      'a pairId without hyphens',
      () => runChanged((_, { terms }) => Object.assign(terms, { pair: '85597644' })),
      'batches[0].pairs[0].terms.pair: ',
    ],
    [
      'an executed amount that is none',
      () => runChanged((_, { terms }) => Object.assign(terms, { firstAmount: '1e3' })),
      'batches[0].pairs[0].terms.firstAmount: ',
    ],
    [
      'a sequence of 2^64',
      () => runChanged((batch) => Object.assign(batch, { sequence: '18446744073709551616' })),
      'batches[0].sequence: ',
    ],
    [
      'a negative sequence',
      () => runChanged((batch) => Object.assign(batch, { sequence: -1 })),
      'batches[0].sequence: ',
    ],
    ['a batch of no pairs', () => runChanged((batch) => Object.assign(batch, { pairs: [] })), 'batches[0].pairs: '],
  ])('refuses %s, and says where', async (_, attempt, message) => {
    const { code, stdout, stderr } = await attempt();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('gives every value of the vectors, and needs none of their expectations', async () => {
    const vectors = read();
    const expected = vectors.batches.map((batch) => ({
      ...batch.expect,
      pairs: batch.pairs.map((pair) => {
        const values: Record<string, unknown> = { ...pair.expect };
        delete values['firstDisclosureOfAmount'];
        return values;
      }),
    }));
    for (const batch of vectors.batches) {
      delete batch.expect;
      for (const pair of batch.pairs) delete pair.expect;
    }
    const stripped = await runOn(JSON.stringify(vectors));
    expect(stripped.code).toBe(0);
    expect(lines(stripped.stdout)).toEqual(expected);
    expect(stripped.stdout).toBe((await run(vectorsFile)).stdout);
  });

  it('does not round a sequence above 2^53', async () => {
    const batchId = (stdout: string) => (lines(stdout)[0] as { batchId: string; root: Hash }).batchId;
    const text = JSON.stringify({ protocol: 'tandem/1', batches: [read().batches[0]] });
    const largest = await runOn(text.replace(/"sequence":\d+/, '"sequence":18446744073709551615'));
    const before = await runOn(text.replace(/"sequence":\d+/, '"sequence":18446744073709551614'));
    const asText = await runOn(text.replace(/"sequence":\d+/, '"sequence":"18446744073709551615"'));
    expect(batchId(largest.stdout)).not.toBe(batchId(before.stdout));
    expect(batchId(largest.stdout)).toBe(batchId(asText.stdout));
    const [line] = lines(largest.stdout) as { root: Hash }[];
    const { contract, ...batch } = read().batches[0] as unknown as Batch & { contract: string; chainId: number };
    expect(batchId(largest.stdout)).toBe(
      batchIdOf(
        { chainId: BigInt(batch.chainId), contract },
        { ...batch, sequence: 2n ** 64n - 1n, count: 1, root: line?.root ?? batch.root },
      ),
    );
  });

  it('gives the same for a contract in lower case, in checksum case, and with a checksum that is wrong', async () => {
    const spellings = [
      (text: string) => text,
      (text: string) => text.toLowerCase(),
      (text: string) => `0x${text.slice(2).toUpperCase()}`,
    ];
    const outputs: string[] = [];
    for (const spell of spellings) {
      outputs.push((await runChanged((batch) => (batch.contract = spell(batch.contract)))).stdout);
    }
    expect(new Set(outputs).size).toBe(1);
    expect(outputs[0]).not.toBe('');
  });

  it('sums assets in the order of their code units, and gives empty totals where nothing was executed', async () => {
    const totals = async (assets: string[], committed: boolean) => {
      const { stdout } = await runChanged((batch, pair) => {
        batch.pairs = assets.map((asset) => ({
          ...pair,
          committed,
          terms: {
            ...pair.terms,
            firstAsset: asset,
            secondAsset: asset,
            firstAmount: '9007199254740993',
            secondAmount: '1',
          },
        }));
      });
      return (lines(stdout)[0] as { totals: string }).totals;
    };
    expect(await totals(['SEK', '7:a', 'é', 'EUR', '𝒟', '\uff21', '12:B'], true)).toBe(
      JSON.stringify(
        ['12:B', '7:a', 'EUR', 'SEK', 'é', '𝒟', '\uff21'].map((asset) => [asset, '9007199254740993', '1']),
      ),
    );
    expect(await totals(['SEK'], false)).toBe('[]');
  });

  it('takes a batch of 4,096 pairs, and none of one more', async () => {
    const sized = (count: number) =>
      runChanged((batch, pair) => (batch.pairs = Array.from({ length: count }, () => pair)));
    const full = await sized(4096);
    expect(full.code).toBe(0);
    const [line] = lines(full.stdout) as { words: string[]; bitmap: string; pairs: { proof: string[] }[] }[];
    expect(line?.words).toEqual(Array.from({ length: 16 }, () => `0x${'ff'.repeat(32)}`));
    expect(line?.bitmap).toBe(`0x${'ff'.repeat(512)}`);
    expect(line?.pairs[4095]?.proof.length).toBe(12);
    expect((await sized(4097)).code).toBe(2);
  });
});

describe('disclose', () => {
  it('gives every disclosure of the vectors', () => {
    const pairs = read().batches.flatMap(({ pairs }) => pairs);
    expect(pairs.length).toBe(276);
    for (const { first, secrets, expect: expected } of pairs) {
      expect(disclose(secrets.first, 'amount', first['amount'] ?? '')).toBe(expected?.firstDisclosureOfAmount);
    }
  });
});
