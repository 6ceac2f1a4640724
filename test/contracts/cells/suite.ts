/** Declares the tests of a table: that no function and no cell is missing, how many cells it has, and each cell. */
import type { Contract } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Chain, openChain } from '../chain.ts';
import { type Table, functionOf, gaps, runCell, writersOf } from './table.ts';

export interface Suite<World> {
  readonly contract: string;
  readonly table: Table<World>;
  readonly cells: number;
  open(chain: Chain): Promise<World>;
  contractOf(world: World): Contract;
}

/** To be called where tests are declared. @returns the world, from within the tests. */
export function testTable<World>({ contract, table, cells, open, contractOf }: Suite<World>): () => World {
  let scene: { readonly chain: Chain; readonly world: World } | undefined;
  const current = (): { readonly chain: Chain; readonly world: World } => {
    if (scene === undefined) throw new Error('the world is used before its tests run');
    return scene;
  };
  beforeAll(async () => {
    const chain = await openChain();
    scene = { chain, world: await open(chain) };
  });
  afterAll(() => scene?.chain.close());

  describe(`the table of ${contract}`, () => {
    it('has every function that writes, and an outcome for each in every state', () => {
      const functions = writersOf(contractOf(current().world));
      expect(new Set(table.columns.map(functionOf))).toEqual(new Set(functions));
      expect(gaps(table)).toEqual([]);
      expect(table.states.length * table.columns.length).toBe(cells);
    });
  });

  describe.each(table.states)(`${contract}, $name`, (state) => {
    let undoState: () => Promise<void>;
    beforeAll(async () => {
      const { chain, world } = current();
      undoState = await chain.snapshot();
      await state.reach(world);
    });
    afterAll(() => undoState());

    it.each(table.columns)('$name', async (column) => {
      const { chain, world } = current();
      const undo = await chain.snapshot();
      try {
        const { found, expected } = await runCell(chain, world, state, column);
        expect(found).toEqual(expected);
      } finally {
        await undo();
      }
    });
  });
  return () => current().world;
}
