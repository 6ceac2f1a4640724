/** What the tables of states list, and what of it a run has taken. */
import type { AnyTable } from '../../operator-node/engine/state-table.ts';
import type { Machines } from '../../operator-node/flow/machines.ts';

type Does = (...args: readonly unknown[]) => { readonly state: string };

const nameOf = (thing: string, role: string, from: string, event: string, to: string): string =>
  `${thing} ${role} ${from} ${event} → ${to}`;

/** The same machines; each step that is taken is told, with where it went. */
export function recorded(machines: Machines, record: (transition: string) => void): Machines {
  const cells = (thing: string, table: AnyTable): AnyTable =>
    mapCells(table, (role, from, event, cell) => {
      if (!('does' in cell)) return cell;
      const does = (...args: readonly unknown[]): ReturnType<Does> => {
        const next = (cell.does as Does)(...args);
        record(nameOf(thing, role, from, event, next.state));
        return next;
      };
      return { ...cell, does };
    });
  return mapValues(machines as unknown as Readonly<Record<string, AnyTable>>, cells) as unknown as Machines;
}

/** Every transition that a table lists. */
export function listedIn(machines: Machines): readonly string[] {
  const found: string[] = [];
  for (const [thing, table] of Object.entries(machines as unknown as Readonly<Record<string, AnyTable>>)) {
    mapCells(table, (role, from, event, cell) => {
      if ('does' in cell) for (const to of cell.to) found.push(nameOf(thing, role, from, event, to));
      return cell;
    });
  }
  return found;
}

type AnyCell = AnyTable[string][string][string];

const mapCells = (
  table: AnyTable,
  map: (role: string, from: string, event: string, cell: AnyCell) => AnyCell,
): AnyTable =>
  mapValues(table, (role, states) =>
    mapValues(states, (from, row) => mapValues(row, (event, cell) => map(role, from, event, cell))),
  );

const mapValues = <V, W>(of: Readonly<Record<string, V>>, map: (key: string, value: V) => W): Record<string, W> =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [key, map(key, value)]));
