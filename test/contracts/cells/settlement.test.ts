import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Chain, openChain } from '../chain.ts';
import { openConsortium } from '../consortium.ts';
import { type SettlementWorld, settlementTable, settlementWorld } from './settlement.ts';
import { functionOf, gaps, runCell, writersOf } from './table.ts';

let chain: Chain;
let world: SettlementWorld;
beforeAll(async () => {
  chain = await openChain();
  world = await settlementWorld(await openConsortium(chain));
});
afterAll(() => chain.close());

describe('the table of PairSettlement', () => {
  it('has every function that writes, and an outcome for each in every state', () => {
    expect(new Set(settlementTable.columns.map(functionOf))).toEqual(new Set(writersOf(world.consortium.settlement)));
    expect(gaps(settlementTable)).toEqual([]);
  });
});

describe.each(settlementTable.states)('PairSettlement, $name', (state) => {
  it.each(settlementTable.columns)('$name', async (column) => {
    const undo = await chain.snapshot();
    try {
      const { found, expected } = await runCell(chain, world, state, column);
      expect(found).toEqual(expected);
    } finally {
      await undo();
    }
  });
});
