/**
 * Tables of every (function × state) of a contract: what each call does in each state, its events or the error that refuses
 * it, with every argument. The tests run each cell; the mutation tool runs the settlement's tables against its mutants.
 */
import type { Contract } from 'ethers';
import { isDeepStrictEqual } from 'node:util';

import type { Chain } from '../chain.ts';
import { type Line, eventsOf, refusalOf } from '../outcome.ts';

export interface Call {
  readonly contract: Contract;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** One line: the error that refuses. Several, or none: the events. */
export type Outcome = { readonly refused: Line } | { readonly events: readonly Line[] };

export const refused = (...line: Line): Outcome => ({ refused: line });
export const done = (...events: readonly Line[]): Outcome => ({ events });

export interface State<World> {
  readonly name: string;
  /** Timestamp of the block in which the call is made. */
  readonly time: number;
  reach(world: World): Promise<void>;
}

export interface Column<World> {
  /** A function of the contract; after a colon, which of several calls of it. */
  readonly name: string;
  call(world: World): Promise<Call>;
  /** By the name of the state. */
  readonly outcomes: Readonly<Record<string, (world: World) => Outcome>>;
}

export interface Table<World> {
  readonly states: readonly State<World>[];
  readonly columns: readonly Column<World>[];
}

/** Functions that change something. */
export function writersOf(contract: Contract): readonly string[] {
  const names = contract.interface.fragments.flatMap((fragment) =>
    fragment.type === 'function' && 'stateMutability' in fragment && 'name' in fragment
      ? [{ name: String(fragment.name), mutability: String(fragment.stateMutability) }]
      : [],
  );
  return [...new Set(names.filter(({ mutability }) => !/view|pure/.test(mutability)).map(({ name }) => name))];
}

export const functionOf = (column: { readonly name: string }): string => column.name.split(':')[0] ?? '';

export interface Cell {
  readonly column: string;
  readonly state: string;
}

/** Cells of the table that have no outcome, or an outcome for a state that there is not. */
export function gaps<World>({ states, columns }: Table<World>): readonly Cell[] {
  const names = states.map(({ name }) => name);
  return columns.flatMap(({ name, outcomes }) => {
    const given = Object.keys(outcomes);
    const missing = names.filter((state) => !given.includes(state));
    const strange = given.filter((state) => !names.includes(state));
    return [...missing, ...strange].map((state) => ({ column: name, state }));
  });
}

/** What the call of a cell did in its state, and what the table says. The chain is left as the call left it. */
export async function runCell<World>(
  chain: Chain,
  world: World,
  state: State<World>,
  column: Column<World>,
): Promise<{ readonly found: Outcome; readonly expected: Outcome }> {
  const { contract, method, args } = await column.call(world);
  const expected = column.outcomes[state.name]?.(world);
  if (expected === undefined) throw new Error(`no outcome of ${column.name} in state ${state.name}`);
  await chain.nextBlockAt(state.time);
  const found =
    'refused' in expected
      ? refused(...(await refusalOf(contract, method, ...args)))
      : done(...(await eventsOf(contract, method, ...args)));
  return { found, expected };
}

/**
 * @param likely Cells to look at before all others.
 * @returns the first cell that is not as the table says.
 */
export async function firstDifference<World>(
  chain: Chain,
  world: World,
  { states, columns }: Table<World>,
  likely: readonly Cell[],
): Promise<Cell | undefined> {
  const lookAt = async (state: State<World>, some: readonly Column<World>[]): Promise<Cell | undefined> => {
    const undoState = await chain.snapshot();
    try {
      await state.reach(world);
      for (const column of some) {
        const undo = await chain.snapshot();
        const { found, expected } = await runCell(chain, world, state, column);
        await undo();
        if (!isDeepStrictEqual(found, expected)) return { state: state.name, column: column.name };
      }
      return undefined;
    } catch {
      // Refused without an error of the contracts, or not where it should be.
      return { state: state.name, column: some[0]?.name ?? '' };
    } finally {
      await undoState();
    }
  };
  for (const cell of likely) {
    const state = states.find(({ name }) => name === cell.state);
    const different =
      state &&
      (await lookAt(
        state,
        columns.filter(({ name }) => name === cell.column),
      ));
    if (different) return different;
  }
  for (const state of states) {
    const different = await lookAt(state, columns);
    if (different) return different;
  }
  return undefined;
}
