/** The tables by the contract that they are of: the first cell that is not as its table says, in a world of its own. */
import type { Chain } from '../chain.ts';
import { openConsortium } from '../consortium.ts';
import { openGovernance } from '../governance.ts';
import { auditTable, auditWorld } from './audit-log.ts';
import { governorTable, governorWorld } from './governor.ts';
import { registryTable, registryWorld } from './registry.ts';
import { settlementTable, settlementWorld } from './settlement.ts';
import { type Cell, firstDifference } from './table.ts';

type FirstDifference = (chain: Chain, likely: readonly Cell[]) => Promise<Cell | undefined>;

export const tables: Readonly<Record<string, FirstDifference>> = {
  PairSettlement: async (chain, likely) =>
    firstDifference(chain, await settlementWorld(await openConsortium(chain)), settlementTable, likely),
  OperatorRegistry: async (chain, likely) =>
    firstDifference(chain, await registryWorld(await openConsortium(chain)), registryTable, likely),
  AuditLog: async (chain, likely) =>
    firstDifference(chain, await auditWorld(await openConsortium(chain)), auditTable, likely),
  ConsortiumGovernor: async (chain, likely) =>
    firstDifference(chain, await governorWorld(await openGovernance(chain)), governorTable, likely),
};
