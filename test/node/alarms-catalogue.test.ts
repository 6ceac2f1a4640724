/** The list of alarms against the code that raises them and against its page, in both directions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alarmCatalogue, alarmCodes } from '../../operator-node/alarms/catalogue.ts';

const root = new URL('../../', import.meta.url).pathname;
const page = readFileSync(join(root, 'docs/alarms.md'), 'utf8');
const sources = readdirSync(join(root, 'operator-node'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith(join('alarms', 'catalogue')))
  .map((file) => readFileSync(join(root, 'operator-node', file), 'utf8'))
  .join('\n');

describe('the catalogue of alarms', () => {
  it.each(alarmCodes)('has %s raised by something in the code', (code) => {
    // Types name codes too: what raises one emits it, sets it, or hands it to what does.
    const raised = new RegExp(
      `what: '${code}'|\\.set\\(\\s*'${code}'|\\.(?:raise|note)\\(\\s*'${code}'|Fault\\((?:flow|work), '${code}'|#alarm\\(row, '${code}'|fault\\('[^']*', '${code}'\\)`,
    );
    expect(sources).toMatch(raised);
  });

  it('has every code that the documents name', () => {
    const documents = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'));
    const named = documents.flatMap((file) =>
      [...readFileSync(join(root, 'docs', file), 'utf8').matchAll(/[Aa]larms? (?:in )?\(?`([a-z-]+)`/g)].map(
        ([, code]) => code ?? '',
      ),
    );
    expect(named).not.toEqual([]);
    expect(named.filter((code) => !Object.hasOwn(alarmCatalogue, code))).toEqual([]);
  });

  it('is the table of docs/alarms.md, row for row', () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` *\| (\S+) *\| (\S+) *\| (.+?) *\| (.+?) *\|$/gm)].map(
      ([, code, severity, kind, text, remedy]) => [code, { kind, severity, text, remedy }] as const,
    );
    expect(rows).toEqual(Object.entries(alarmCatalogue));
  });

  it.each(Object.entries(alarmCatalogue))('says of %s what is so and what to do, in sentences', (_, entry) => {
    for (const sentence of [entry.text, entry.remedy]) {
      expect(sentence).toMatch(/[.)]$/);
      expect(sentence).not.toContain('|');
    }
  });
});
