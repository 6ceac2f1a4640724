/** Collects what the check of one batch finds, each with where it was found. */
import type { OperatorId } from '../../model/ids.ts';
import type { BatchJob } from './batch.ts';
import type { AuditFinding, FindingCode } from './findings.ts';
import type { Report } from './record.ts';

/** Findings of one code kept for a batch; further ones are counted. */
const keptPerBatch = 20;

export class BatchCheck {
  readonly findings: AuditFinding[] = [];
  readonly more = new Map<FindingCode, number>();
  readonly #counts = new Map<FindingCode, number>();
  readonly job: BatchJob;
  /** Where the check is: told with each finding. */
  operator: OperatorId | undefined;
  index: number | undefined;
  pair: string | undefined;

  constructor(job: BatchJob) {
    this.job = job;
  }

  readonly report: Report = (code, sentence, evidence = {}) => {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > keptPerBatch) {
      this.more.set(code, (this.more.get(code) ?? 0) + 1);
      return;
    }
    const { batch } = this.job;
    const who = this.operator === undefined ? '' : `operator ${this.operator}, `;
    const which =
      this.index === undefined ? '' : `, pair ${this.index}${this.pair === undefined ? '' : ` (${this.pair})`}`;
    this.findings.push({
      code,
      sentence: `${who}batch ${batch.sequence} of ${batch.initiator} to ${batch.acceptor}${which}: ${sentence}`,
      evidence: {
        ...(this.operator === undefined ? {} : { operator: this.operator }),
        batchId: batch.batchId,
        initiator: batch.initiator,
        acceptor: batch.acceptor,
        sequence: batch.sequence,
        ...(this.index === undefined ? {} : { index: this.index }),
        ...(this.pair === undefined ? {} : { pair: this.pair }),
        ...evidence,
      },
    });
  };

  at(operator: OperatorId | undefined, index?: number, pair?: string): this {
    this.operator = operator;
    this.index = index;
    this.pair = pair;
    return this;
  }
}
