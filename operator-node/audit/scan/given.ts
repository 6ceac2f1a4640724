/** What operators have handed over: files and their sections, each for itself. What is wrong with one is a finding about it. */
import { TandemError } from '../../errors.ts';
import { indexDisclosures, NoDisclosures, type DisclosureIndex, type Section } from '../disclosures/read.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import type { BatchJob, BatchResult } from './batch.ts';
import type { Findings } from './findings.ts';
import { Uncheckable, type Pool } from './pool.ts';

/** A file that is none is a finding; the others are judged. @throws {TandemError} `not-found` for one that is not there */
export function indexed(file: string, findings: Findings): readonly DisclosureIndex[] {
  try {
    return [indexDisclosures(file)];
  } catch (error) {
    if (error instanceof TandemError && error.code === 'unprocessable' && !(error instanceof NoDisclosures)) {
      findings.add('not-checked', error.message, { file });
      return [];
    }
    if (!(error instanceof NoDisclosures)) throw error;
    const { operator, message } = error;
    const who = operator === undefined ? '' : `of operator ${operator}: `;
    findings.add('file-malformed', `${who}${message}`, { ...(operator === undefined ? {} : { operator }), file });
    return [];
  }
}

export const sectionKey = (operator: number, batchId: string): string => `${operator}/${batchId}`;

/** The files' sections by operator and batch; of two, the one that was written later. */
export function sectionsOf(
  files: readonly DisclosureIndex[],
  network: AuditNetwork,
  findings: Findings,
): Map<string, Section> {
  const sections = new Map<string, Section>();
  for (const { file, header, sections: list, fault } of files) {
    if (header.chainId !== network.chainId || header.contract !== network.contracts.PairSettlement) {
      findings.add(
        'foreign-file',
        `the file of operator ${header.operator} is of chain ${header.chainId}, contract ${header.contract}`,
        { operator: header.operator, chainId: header.chainId, contract: header.contract },
      );
      continue;
    }
    if (fault !== undefined)
      findings.add('file-malformed', `the file of operator ${header.operator}: ${fault}`, {
        operator: header.operator,
        file,
      });
    const own = new Set<string>();
    for (const section of list) {
      const key = sectionKey(section.operator, section.line.batchId);
      if (own.has(key))
        findings.add(
          'file-malformed',
          `the file of operator ${header.operator} has batch ${section.line.batchId} twice`,
          { operator: header.operator, batchId: section.line.batchId },
        );
      own.add(key);
      const before = sections.get(key);
      if (before === undefined || before.line.asOf.number < section.line.asOf.number) sections.set(key, section);
    }
  }
  return sections;
}

/**
 * A batch whose check fails is checked again with the section of one operator at a time: whose section it is, is a finding,
 * and the other's is judged.
 */
export async function checkedBatch(
  pool: Pool,
  job: BatchJob,
  unusable: Set<Section>,
  findings: Findings,
): Promise<BatchResult> {
  try {
    return await pool.check(job);
  } catch (error) {
    if (!(error instanceof Uncheckable) || job.sections.length === 0) throw error;
  }
  const { initiator, acceptor, sequence, batchId } = job.batch;
  const sections: Section[] = [];
  for (const section of job.sections) {
    try {
      await pool.check({ ...job, sections: [section] });
      sections.push(section);
    } catch (error) {
      if (!(error instanceof Uncheckable)) throw error;
      const { operator, file } = section;
      unusable.add(section);
      findings.add(
        'file-malformed',
        `operator ${operator}, batch ${sequence} of ${initiator} to ${acceptor}: its section cannot be checked: ${error.message}`,
        { operator, batchId, file },
      );
    }
  }
  try {
    // Each by itself, and not together: then none of the two is believed.
    return await pool.check({ ...job, sections });
  } catch (error) {
    if (!(error instanceof Uncheckable)) throw error;
    const says = `batch ${sequence} of ${initiator} to ${acceptor}: the two sections cannot be checked together: ${error.message}`;
    for (const section of sections) unusable.add(section);
    findings.add('not-checked', says, { batchId, initiator, acceptor });
    return pool.check({ ...job, sections: [] });
  }
}
