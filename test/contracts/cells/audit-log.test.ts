import { openConsortium } from '../consortium.ts';
import { auditTable, auditWorld } from './audit-log.ts';
import { testTable } from './suite.ts';

testTable({
  contract: 'AuditLog',
  table: auditTable,
  cells: 464,
  open: async (chain) => auditWorld(await openConsortium(chain)),
  contractOf: ({ log }) => log,
});
