/**
 * Writes the JSON Schemas of the messages between operators, docs/protocol/schemas/*.json, from their one definition in
 * operator-node/channel/messages.ts. With --check it writes nothing and ends with 1 unless they are as they would be.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { z } from 'zod';
import { errorAnswer, methods } from '../../operator-node/channel/messages.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'protocol', 'schemas');

/** File names with their texts. */
export async function schemaFiles(): Promise<ReadonlyMap<string, string>> {
  const schemas: [name: string, title: string, schema: z.ZodType][] = [
    ['error', 'what a refused request is answered with', errorAnswer],
  ];
  for (const [method, { request, answer }] of Object.entries(methods)) {
    schemas.push(
      [`${method}.request`, `request of ${method}`, request],
      [`${method}.answer`, `answer of ${method}`, answer],
    );
  }
  const files = new Map<string, string>();
  for (const [name, title, schema] of schemas) {
    const { $schema, ...rest } = z.toJSONSchema(schema);
    const whole = { $schema, title: `Tandem protocol 1: ${title}`, ...rest };
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
  const files = await schemaFiles();
  const surplus = readdirSync(folder).filter((name) => name.endsWith('.json') && !files.has(name));
  const stale = [...files].filter(([name, text]) => readOrNothing(join(folder, name)) !== text);
  if (check) {
    for (const [name] of stale) console.error(`docs/protocol/schemas/${name} is not what the messages say`);
    for (const name of surplus) console.error(`docs/protocol/schemas/${name} is of no method`);
    return stale.length + surplus.length === 0 ? 0 : 1;
  }
  for (const [name, text] of stale) writeFileSync(join(folder, name), text);
  for (const name of surplus) rmSync(join(folder, name));
  console.log(`${files.size} schemas, ${stale.length} written, ${surplus.length} removed`);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
