/**
 * `node scripts/run.mjs scripts/corpus/write.ts`: writes the corpus of made-up messages anew, each with how it is read:
 * `test/corpus/made.tsv` by the generator, `test/corpus/written.tsv` from the texts that stand there already. A change of
 * the reading shows in their diff, which somebody has to read.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { corpusFile, formatEntry, parseCorpus } from './corpus.ts';
import { makeMessage } from './messages.ts';
import { describe, faultOf, readMessage } from './replay.ts';
import { seededDraw } from './seeded.ts';

const madeMessages = 4000;
const firstSeed = 7_000_000;

const made = Array.from({ length: madeMessages }, (_, index) => makeMessage(seededDraw(firstSeed + index)));
const faults = made.filter((message) => faultOf(message, readMessage(message)) !== undefined);
if (faults.length > 0) {
  console.error(
    `Not written: ${faults.length} messages are read otherwise than written, as ${JSON.stringify(faults[0])}`,
  );
  process.exit(1);
}
const head = (name: string): string =>
  readFileSync(corpusFile(name), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .join('\n');
for (const [name, messages] of [
  ['made', made],
  ['written', parseCorpus('written')],
] as const) {
  const lines = messages.map((message) => formatEntry(message, describe(readMessage(message))));
  writeFileSync(corpusFile(name), `${head(name)}\n${lines.join('\n')}\n`);
  console.log(`${lines.length} messages in ${corpusFile(name)}`);
}
