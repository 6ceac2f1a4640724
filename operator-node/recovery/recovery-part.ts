/** What a node that is not in recovery does for those that are, and what it keeps of its own (protocol §3, rule 11). */
import type { FlowContext } from '../flow/context.ts';
import { peerMethod, type Part } from '../parts/part.ts';
import { answerSealed } from './sealed.ts';
import { lostPairTable, lostTable, pastTable, recoveryOf, recoveryTable } from '../flow/past.ts';

export const recoveryPart = (flow: FlowContext): Part => ({
  name: 'recovery',
  tables: [recoveryTable, pastTable, lostPairTable, lostTable],
  peerMethods: [peerMethod('sealed', (from, request) => answerSealed(flow, from, request), { inRecovery: true })],
  gauges: [
    {
      name: 'tandem_recovering',
      help: '1 if the node is in recovery because its store may be behind (tandem recover).',
      read: () => Number(recoveryOf(flow.engine.newest) !== undefined),
    },
  ],
});
