/**
 * `docs/states.md` from the tables of everything that has states; with `--check` only says whether the page is what the
 * tables say.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import type { AnyTable } from '../operator-node/engine/state-table.ts';
import { machines, type Machines } from '../operator-node/flow/machines.ts';

const page = join(import.meta.dirname, '..', 'docs', 'states.md');

interface Thing {
  readonly title: string;
  /** Where its states are explained, and where its table is. */
  readonly about: string;
  /** Where one begins, by role. */
  readonly begins: Readonly<Record<string, readonly string[]>>;
}

const things: Readonly<Record<keyof Machines, Thing>> = {
  side: {
    title: 'A side of a pair',
    about:
      'Explained in `operator-node/flow/pair.ts`; the tables are `table-initiator.ts` and `table-acceptor.ts` beside it.',
    begins: { initiator: ['held'], acceptor: ['held'] },
  },
  batch: {
    title: 'A batch',
    about: 'Explained in `operator-node/flow/batch.ts`; the table is `batch-machine.ts` beside it.',
    begins: { initiator: ['offered', 'countersigned'], acceptor: ['signed', 'countersigned'] },
  },
  window: {
    title: 'A settlement window',
    about: 'Explained in `operator-node/flow/windows/window.ts`; the table is `window-machine.ts` beside it.',
    begins: { proposer: ['proposed'], answerer: ['signed', 'anchored', 'discharged'] },
  },
};

interface Row {
  readonly from: string;
  readonly event: string;
  readonly to: readonly string[];
  readonly emits: readonly string[];
}

const rowsOf = (states: AnyTable[string]): readonly Row[] =>
  Object.entries(states).flatMap(([from, row]) =>
    Object.entries(row).flatMap(([event, cell]) =>
      'does' in cell ? [{ from, event, to: cell.to, emits: cell.emits }] : [],
    ),
  );

/** Events between the same two states share an arrow; what leaves a thing where it is stands in the list alone. */
function diagram(begins: readonly string[], rows: readonly Row[]): string {
  const arrows = new Map<string, string[]>();
  for (const { from, event, to } of rows) {
    for (const next of to) {
      if (next === from) continue;
      const arrow = `${from} --> ${next}`;
      arrows.set(arrow, [...(arrows.get(arrow) ?? []), event]);
    }
  }
  const lines = [...arrows].map(([arrow, events]) => `    ${arrow}: ${events.join('<br>')}`);
  return ['```mermaid', 'stateDiagram-v2', ...begins.map((state) => `    [*] --> ${state}`), ...lines, '```'].join(
    '\n',
  );
}

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const list = (rows: readonly Row[]): string =>
  [
    '| in | on | goes to | may send |',
    '| --- | --- | --- | --- |',
    ...rows.map(({ from, event, to, emits }) => `| \`${from}\` | \`${event}\` | ${code(to)} | ${code(emits)} |`),
  ].join('\n');

function section(name: keyof Machines): string {
  const { title, about, begins } = things[name];
  const table: AnyTable = machines[name];
  const roles = Object.entries(table).map(([role, states]) => {
    const rows = rowsOf(states);
    return [`### As ${role}`, diagram(begins[role] ?? [], rows), list(rows)].join('\n\n');
  });
  return [`## ${title}`, about, ...roles].join('\n\n');
}

function renderStates(): Promise<string> {
  const text = [
    '# States',
    '<!-- Rendered by scripts/states.ts from the tables in operator-node/flow: change those, then run it. -->',
    [
      'Everything that has states has one table: for each role, state and event, where it goes, what is done, and what may be',
      'sent. Nothing else moves it, and the node compares what a step did with its cell. Here are the cells that are steps; the',
      'tables say of every other cell why nothing is done. `npm run simulate` names the steps that its seeds never took. Events',
      'that begin with `recovered` are those of a node whose store was lost (protocol, rule 11).',
    ].join('\n'),
    ...(Object.keys(things) as (keyof Machines)[]).map(section),
  ].join('\n\n');
  return format(text, { parser: 'markdown', printWidth: 120 });
}

async function main(check: boolean): Promise<number> {
  const text = await renderStates();
  if (readOrNothing() === text) return 0;
  if (check) {
    console.error('docs/states.md is not what the tables say');
    return 1;
  }
  writeFileSync(page, text);
  console.log('docs/states.md written');
  return 0;
}

function readOrNothing(): string {
  try {
    return readFileSync(page, 'utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
