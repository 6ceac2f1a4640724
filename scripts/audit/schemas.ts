/**
 * Writes the JSON Schemas of what auditors are given, docs/formats/schemas/*.json, from the definitions in operator-node/audit.
 * With --check it writes nothing and ends with 1 unless they are as they would be.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { z } from 'zod';
import { answerSchema } from '../../operator-node/audit/answer-opening.ts';
import { batchLineSchema, endSchema, headerSchema } from '../../operator-node/audit/disclosures/lines.ts';
import { bundleSchema } from '../../operator-node/audit/format.ts';
import { excerptSchema } from '../../operator-node/audit/journal/excerpt.ts';
import { windowsFileSchema } from '../../operator-node/audit/scan/windows-file.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import {
  amountPattern,
  assetPattern,
  hashPattern,
  pairIdPattern,
  timestampPattern,
} from '../../operator-node/model/ids.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'formats', 'schemas');

const hash = z.string().regex(hashPattern);
/** A disclosure in base64url, or the digest of a field that is hidden. */
const entry = z.string().regex(/^(?:0x[0-9a-f]{64}|[A-Za-z0-9_-]{43,})$/);
const operation = z.array(entry).length(operationFields.length).optional();

/** A pair line is read by hand, there being millions (`disclosures/lines.ts`): a test holds the two against each other. */
const pairLineSchema = z.strictObject({
  type: z.literal('pair'),
  index: z.number().int().min(0).max(4_095),
  leaf: z.strictObject({ pair: z.string().regex(pairIdPattern), terms: hash, first: hash, second: hash }),
  terms: z.array(entry).length(termsFields.length),
  first: operation,
  second: operation,
  postings: z.array(
    z.strictObject({
      leg: z.enum(['first', 'second']),
      id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
      booked: z.string().regex(timestampPattern),
      asset: z.string().regex(assetPattern),
      amount: z.string().regex(new RegExp(`${amountPattern.source}|^-[1-9][0-9]{0,37}$`)),
    }),
  ),
});

const schemas: readonly (readonly [name: string, title: string, schema: z.ZodType])[] = [
  ['answer', 'opening of an answer, tandem/answer/1', answerSchema],
  ['disclosure.batch', 'disclosure file, tandem/disclosure/1: line of a batch', batchLineSchema],
  ['disclosure.end', 'disclosure file, tandem/disclosure/1: last line', endSchema],
  ['disclosure.header', 'disclosure file, tandem/disclosure/1: first line', headerSchema],
  ['disclosure.pair', 'disclosure file, tandem/disclosure/1: line of a pair', pairLineSchema],
  ['evidence', 'evidence bundle, tandem/evidence/1', bundleSchema],
  ['journal', 'excerpt of a journal, tandem/journal/1', excerptSchema],
  ['windows', 'settlement windows, tandem/windows/1', windowsFileSchema],
];

/** File names with their texts. */
export async function auditSchemaFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [name, title, schema] of schemas) {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
    const whole = { $schema, title: `Tandem: ${title}`, ...rest };
    files.set(`${name}.json`, await format(JSON.stringify(whole, null, 2), { parser: 'json', printWidth: 120 }));
  }
  return files;
}

const readOrNothing = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

async function main(check: boolean): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const files = await auditSchemaFiles();
  const surplus = readdirSync(folder).filter((name) => !files.has(name));
  const stale = [...files].filter(([name, text]) => readOrNothing(join(folder, name)) !== text);
  if (check) {
    for (const [name] of stale) console.error(`docs/formats/schemas/${name} does not match operator-node/audit`);
    for (const name of surplus) console.error(`docs/formats/schemas/${name} belongs to no format`);
    return stale.length + surplus.length === 0 ? 0 : 1;
  }
  for (const [name, text] of stale) writeFileSync(join(folder, name), text);
  for (const name of surplus) rmSync(join(folder, name));
  console.log(`${files.size} schemas, ${stale.length} written, ${surplus.length} removed`);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
