/** Batches that the chain has and a file has not, and the other way round. */
import type { Hash } from '../../model/ids.ts';
import type { RangeChain } from '../audit-chain.ts';
import { eventIn, settlement } from '../contracts.ts';
import type { DisclosureIndex, Section } from '../disclosures/read.ts';
import type { ChainBatch } from './batch.ts';
import type { StateView } from './batch-state.ts';
import type { Findings } from './findings.ts';
import { sectionKey } from './given.ts';
import { eachAtOnce } from './read-chain.ts';

export function noteAbsent(
  contract: string,
  files: readonly DisclosureIndex[],
  batches: readonly ChainBatch[],
  sections: ReadonlyMap<string, Section>,
  findings: Findings,
): void {
  const without = new Map<number, number>();
  for (const batch of batches) {
    const { batchId, sequence, initiator, acceptor, preparedBlock } = batch;
    for (const operator of new Set([initiator, acceptor])) {
      if (sections.has(sectionKey(operator, batchId))) continue;
      const covered = files.some(
        ({ header }) =>
          header.operator === operator &&
          header.from <= preparedBlock &&
          preparedBlock <= header.to &&
          header.contract === contract,
      );
      if (!covered) without.set(operator, (without.get(operator) ?? 0) + 1);
      else {
        findings.add(
          'batch-withheld',
          `operator ${operator}, batch ${sequence} of ${initiator} to ${acceptor}: it is on chain in block ${preparedBlock}, and not in the operator’s disclosures`,
          { operator, batchId, sequence, initiator, acceptor, block: preparedBlock },
        );
      }
    }
  }
  for (const [operator, count] of without) {
    findings.add('disclosures-missing', `operator ${operator}: no file covers ${count} of its batches`, {
      operator,
      batches: count,
    });
  }
}

/** Batches that a file has in these blocks and the events have not. What the contract knows all the same was kept back by an endpoint. */
export async function noteForeign(
  { contracts, chain, network, final }: StateView & { readonly chain: RangeChain },
  batches: readonly ChainBatch[],
  sections: ReadonlyMap<string, Section>,
  range: { from: number; to: number },
  findings: Findings,
): Promise<void> {
  const known = new Set<string>(batches.map(({ batchId }) => batchId));
  const foreign = [...sections.values()].filter(
    ({ line }) => !known.has(line.batchId) && line.prepared >= range.from && line.prepared <= range.to,
  );
  await eachAtOnce(foreign, async ({ operator, line }) => {
    const { batchId, prepared: block } = line;
    const { sequence, initiator, acceptor } = line.batch;
    const evidence = { operator, batchId, block };
    const who = `operator ${operator} discloses batch ${sequence} of ${initiator} to ${acceptor} in block ${block}`;
    if ((await contracts.batchOutcome(batchId, final.hash))?.prepared !== true) {
      findings.add('batch-not-on-chain', `${who}; the contract has prepared no such batch there`, evidence);
      return;
    }
    const { PairSettlement } = network.contracts;
    const logs = await chain.history(PairSettlement, batchId as string as Hash, network.firstBlock, final.number);
    const found = logs.find((log) => eventIn(settlement, log)?.name === 'BatchPrepared')?.blockNumber;
    if (found === undefined || found === block) {
      findings.add(
        'chain-inconsistent',
        `${who}; the contract has it, and the endpoint gives no event of it`,
        evidence,
      );
    } else {
      findings.add('batch-differs', `${who}; it was prepared in block ${found}`, { ...evidence, found });
    }
  });
}
