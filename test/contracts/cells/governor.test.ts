import { openGovernance } from '../governance.ts';
import { governorTable, governorWorld } from './governor.ts';
import { testTable } from './suite.ts';

testTable({
  contract: 'ConsortiumGovernor',
  table: governorTable,
  cells: 552,
  open: async (chain) => governorWorld(await openGovernance(chain)),
  contractOf: ({ governance }) => governance.governor,
});
