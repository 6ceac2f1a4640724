/** The list of faults against the code that notes them and against its page, in both directions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alarmCatalogue, isAlarmCode } from '../../operator-node/alarms/catalogue.ts';
import { quietFaults } from '../../operator-node/alarms/faults.ts';
import { haltCauses } from '../../operator-node/flow/batch.ts';

const root = new URL('../../', import.meta.url).pathname;
const page = readFileSync(join(root, 'docs/alarms.md'), 'utf8');
const sources = readdirSync(join(root, 'operator-node'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('alarms'))
  .map((file) => readFileSync(join(root, 'operator-node', file), 'utf8'))
  .join('\n');

describe('the catalogue of faults', () => {
  it.each(Object.keys(quietFaults))('has %s noted by something in the code', (code) => {
    expect(sources).toMatch(new RegExp(`\\.fault\\('${code}'|Fault\\((?:flow|work|[a-z, ]*), '${code}'`));
  });

  it('has no code that is an alarm too', () => {
    expect(Object.keys(quietFaults).filter(isAlarmCode)).toEqual([]);
  });

  it('is the table of docs/alarms.md, row for row', () => {
    const section = page.slice(page.indexOf('## Faults in the journal'));
    const rows = [...section.matchAll(/^\| `([a-z-]+)` *\| (.+?) *\|$/gm)].map(([, code, text]) => [code, text]);
    expect(rows).toEqual(Object.entries(quietFaults));
  });

  it('names each cause of a halt by an alarm that wakes somebody', () => {
    for (const code of Object.keys(haltCauses) as (keyof typeof haltCauses)[]) {
      expect(alarmCatalogue[code]).toMatchObject({ kind: 'event', severity: 'critical' });
    }
  });
});
