/**
 * What the journal has of the pairs of a disclosure file, handed over with it where the policy says so: a folder beside the
 * file, with one excerpt a pair. One that is there already is not asked for again.
 */
import { createReadStream, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { parsePairLine } from '../audit/disclosures/lines.ts';
import type { PairId } from '../model/ids.ts';
import { counted } from '../model/counted.ts';

/** `waits`: entries of the pair are under no anchored head yet. */
export type Excerpted = { readonly text: string } | { readonly waits: true } | { readonly refused: string };

export interface ExcerptsWritten {
  readonly folder: string;
  /** In the folder, with those that were there before. */
  readonly written: number;
  readonly waiting: readonly PairId[];
  readonly refused: readonly { readonly pair: PairId; readonly why: string }[];
}

/** What a node's refusal means for an excerpt; undefined for one that is of all of them. */
export const excerptRefusal = (code: string, message: string): Excerpted | undefined =>
  code === 'not-ready' ? { waits: true } : code === 'unprocessable' ? { refused: message } : undefined;

async function* pairsOf(file: string): AsyncGenerator<PairId> {
  for await (const line of createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Infinity })) {
    if (!line.endsWith('"type":"pair"}')) continue;
    const parsed = parsePairLine(line);
    if (parsed.ok) yield parsed.value.leaf.pair;
  }
}

export async function writeExcerpts(file: string, ask: (pair: PairId) => Promise<Excerpted>): Promise<ExcerptsWritten> {
  const folder = `${file}.journal`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let written = 0;
  const waiting: PairId[] = [];
  const refused: { pair: PairId; why: string }[] = [];
  for await (const pair of pairsOf(file)) {
    const place = join(folder, `${pair}.json`);
    if (!existsSync(place)) {
      const found = await ask(pair);
      if ('waits' in found) {
        waiting.push(pair);
        continue;
      }
      if ('refused' in found) {
        refused.push({ pair, why: found.refused });
        continue;
      }
      // Whole, or not there: a verifier reads every file of the folder.
      writeFileSync(`${folder}.part`, found.text, { mode: 0o600 });
      renameSync(`${folder}.part`, place);
    }
    written += 1;
  }
  return { folder, written, waiting, refused };
}

export function excerptsText({ folder, written, waiting, refused }: ExcerptsWritten): string {
  return [
    `${folder}: ${counted(written, 'journal excerpt')}`,
    ...waiting.map((pair) => `  ${pair}: not anchored yet; repeat the command later`),
    ...refused.map(({ pair, why }) => `  ${pair}: none: ${why}`),
  ].join('\n');
}

/** 3: something of the pairs is still to come, or is not there. */
export const exitCodeOfExcerpts = (excerpts: ExcerptsWritten | undefined): number =>
  excerpts === undefined || excerpts.waiting.length + excerpts.refused.length === 0 ? 0 : 3;
