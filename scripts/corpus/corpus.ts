/** The corpus: one message a line, with how it is read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Message } from './replay.ts';

export interface CorpusEntry extends Message {
  readonly reading: string;
}

export type CorpusName = 'made' | 'written';

export const corpusFile = (name: string): string => join(import.meta.dirname, `../../test/corpus/${name}.tsv`);

/** Language, asset of the writer's first account, to whom, the text as JSON, the reading. */
export const formatEntry = ({ language, asset, toService, text }: Message, reading: string): string =>
  [language, asset, toService ? 'service' : 'person', JSON.stringify(text), reading].join('\t');

export function parseCorpus(name: CorpusName): readonly CorpusEntry[] {
  const lines = readFileSync(corpusFile(name), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [language = '', asset = '', to = '', text = '""', reading = ''] = line.split('\t');
      return { language, asset, toService: to === 'service', text: JSON.parse(text) as string, reading };
    });
}
