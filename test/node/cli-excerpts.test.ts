/** Excerpts beside a disclosure file: which pairs are asked for, what is said of those that have none, and counts in words. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  excerptRefusal,
  excerptsText,
  exitCodeOfExcerpts,
  writeExcerpts,
  type Excerpted,
} from '../../operator-node/cli/excerpts.ts';
import { encodeLine } from '../../operator-node/audit/disclosures/lines.ts';
import { counted, countedOf } from '../../operator-node/model/counted.ts';
import { Consortium } from './audit-scan.fixture.ts';

let folder: string;
let file: string;
let pairs: readonly string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-excerpts-'));
  file = join(folder, 'aurora.ndjson');
  const made = new Consortium();
  made.add([{}, {}, {}]);
  const lines = made.file(1).sections.flatMap((section) => section.pairs);
  pairs = lines.map(({ leaf }) => leaf.pair);
  writeFileSync(file, lines.map((line) => encodeLine(line)).join(''));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('writeExcerpts', () => {
  it('writes one a pair, names those that wait or have none, and asks only for these the next time', async () => {
    const [first = '', second = '', third = ''] = pairs;
    const asked: string[] = [];
    const answers = new Map<string, Excerpted>([
      [first, { text: 'one' }],
      [second, { waits: true }],
      [third, { refused: 'The journal has nothing of it, or it is erased.' }],
    ]);
    const run = () =>
      writeExcerpts(file, (pair) => {
        asked.push(pair);
        return Promise.resolve(answers.get(pair) ?? { waits: true });
      });
    const done = await run();
    expect(asked).toEqual(pairs);
    expect(readdirSync(done.folder)).toEqual([`${first}.json`]);
    expect(readFileSync(join(done.folder, `${first}.json`), 'utf8')).toBe('one');
    expect(existsSync(`${done.folder}.part`)).toBe(false);
    expect(excerptsText(done)).toBe(
      [
        `${file}.journal: 1 journal excerpt`,
        `  ${second}: not anchored yet; repeat the command later`,
        `  ${third}: none: The journal has nothing of it, or it is erased.`,
      ].join('\n'),
    );
    expect(exitCodeOfExcerpts(done)).toBe(3);

    asked.length = 0;
    answers.set(second, { text: 'two' }).set(third, { text: 'three' });
    const again = await run();
    expect(asked).toEqual([second, third]);
    expect(again).toMatchObject({ written: 3, waiting: [], refused: [] });
    expect(exitCodeOfExcerpts(again)).toBe(0);
  });

  it('takes only what is of one pair for an answer about it', () => {
    expect(excerptRefusal('not-ready', 'later')).toEqual({ waits: true });
    expect(excerptRefusal('unprocessable', 'erased')).toEqual({ refused: 'erased' });
    expect(excerptRefusal('forbidden', 'no')).toBeUndefined();
  });
});

describe('counted', () => {
  it('has the singular for one', () => {
    expect([0, 1, 2].map((count) => counted(count, 'window'))).toEqual(['0 windows', '1 window', '2 windows']);
    expect([1, 2].map((count) => counted(count, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
  });

  it.each([
    ['windows', '1 window'],
    ['bytes', '1 byte'],
    ['files', '1 file'],
    ['batches on chain', '1 batch on chain'],
    ['lanes on chain', '1 lane on chain'],
    ['journal entries', '1 journal entry'],
    ['lost pairs', '1 lost pair'],
    ['mebibytes free', '1 mebibyte free'],
  ])('makes one of %s', (plural, one) => {
    expect(countedOf(1, plural)).toBe(one);
    expect(countedOf(2, plural)).toBe(`2 ${plural}`);
  });
});
