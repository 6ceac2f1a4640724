/** The tables by the contract that they are of, each with a world of its own. */
import type { Chain } from '../chain.ts';
import { openConsortium } from '../consortium.ts';
import { registryTable, registryWorld } from './registry.ts';
import { settlementTable, settlementWorld } from './settlement.ts';
import { type Ran, cellsOf } from './table.ts';

type Cells = readonly (() => Promise<Ran>)[];

export const tables: Readonly<Record<string, (chain: Chain) => Promise<Cells>>> = {
  PairSettlement: async (chain) => cellsOf(chain, await settlementWorld(await openConsortium(chain)), settlementTable),
  OperatorRegistry: async (chain) => cellsOf(chain, await registryWorld(await openConsortium(chain)), registryTable),
};
