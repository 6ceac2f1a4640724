import { openConsortium } from '../consortium.ts';
import { settlementTable, settlementWorld } from './settlement.ts';
import { testTable } from './suite.ts';

testTable({
  contract: 'PairSettlement',
  table: settlementTable,
  cells: 294,
  open: async (chain) => settlementWorld(await openConsortium(chain)),
  contractOf: ({ consortium }) => consortium.settlement,
});
