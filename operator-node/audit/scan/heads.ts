/**
 * The heads of journals that operators have anchored, as they follow one another: each of a later entry, and of one that is
 * no further from the last than the contract allows. What no journal can have is a finding about that operator.
 */
import { auditLogInterface } from '../../chain/decode.ts';
import { Fields } from '../../chain/fields.ts';
import type { RangeChain } from '../audit-chain.ts';
import { eventIn } from '../contracts.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import type { Findings } from './findings.ts';
import { logsBetween } from './read-chain.ts';

/** `AuditLog.MAX_ENTRIES_APART`. */
const maxEntriesApart = 65_536n;

/** @returns who has anchored any in these blocks */
export async function checkHeads(
  chain: RangeChain,
  { contracts: { AuditLog }, firstBlock }: AuditNetwork,
  { from, to }: { readonly from: number; readonly to: number },
  findings: Findings,
): Promise<ReadonlySet<number>> {
  const operators = new Set<number>();
  if (AuditLog === undefined || from > to) return operators;
  /**
   * The last entry anchored, by operator; unknown until the first head is seen, unless the scan begins at the network's
   * first block.
   */
  const lasts = new Map<number, bigint>();
  for (const { topics, data, blockNumber: block } of await logsBetween(chain, AuditLog, from, to, findings)) {
    const event = eventIn(auditLogInterface, { topics, data });
    if (event === undefined) continue;
    const fields = new Fields(event.args);
    if (event.name === 'JournalHeadsDisowned') lasts.set(fields.number('operatorId'), fields.big('entry'));
    if (event.name !== 'JournalCheckpoint') continue;
    const [operator, entry] = [fields.number('operatorId'), fields.big('entry')];
    operators.add(operator);
    const last = lasts.get(operator) ?? (from <= firstBlock ? 0n : undefined);
    lasts.set(operator, entry);
    if (last !== undefined && entry > last && entry - last <= maxEntriesApart) continue;
    if (last === undefined && entry <= BigInt(Number.MAX_SAFE_INTEGER)) continue;
    const after = last === undefined ? '' : `, after entry ${last}`;
    findings.add(
      'journal-head-implausible',
      `operator ${operator} anchored a head of entry ${entry} in block ${block}${after}: no journal goes on so`,
      { operator, block, entry: `${entry}`, ...(last === undefined ? {} : { last: `${last}` }) },
    );
  }
  return operators;
}
