import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { endingOf } from '../../scripts/devnet/last-words.ts';

const dir = mkdtempSync(join(tmpdir(), 'tandem-words-'));
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});
const log = (text: string): string => {
  const file = join(dir, 'node.log');
  writeFileSync(file, text);
  return file;
};

describe('endingOf', () => {
  const exit = { code: 1, signal: null };

  it('says what the node said last, as it reads, and where its log is', () => {
    const fatal =
      'The service catalogue has 1 problem:\n  services.yaml:40: services.pay.second.domain: airtime is no domain';
    const file = log(`{"level":"warn"}\n${JSON.stringify({ fatal, code: 'catalogue-invalid' })}\n`);
    expect(endingOf('aurora', exit, file)).toBe(`aurora ended by itself (exit code 1):\n${fatal}\nIts log is ${file}.`);
  });

  it.each(['', 'Segmentation fault\n', '{"level":"warn"}\n'])('names the log where %j is all there is', (text) => {
    const file = log(text);
    expect(endingOf('aurora', { code: null, signal: 'SIGKILL' }, file)).toBe(
      `aurora ended by itself (SIGKILL): see ${file}.`,
    );
  });
});
