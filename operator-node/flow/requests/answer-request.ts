/**
 * Staff answers an auditor's request: what was handed over is named by hashes and stored with a salt, then the salted
 * digest of it is sent to the chain. The opening is for the auditor, who has what was handed over.
 */
import { answerDigest } from '../../commitment/answer-digest.ts';
import { TandemError } from '../../errors.ts';
import type { SettlementDomain } from '../../model/records.ts';
import { cursorTable } from '../../chain/cursor.ts';
import type { FlowContext } from '../context.ts';
import { loadRequest, putRequest, textsOf, type RequestRecord } from './request.ts';

export interface Answer {
  readonly request: number;
  /** SHA-256 in hex of each file that staff has handed over. */
  readonly files: readonly string[];
}

/** @throws {TandemError} `unprocessable` */
export function auditLogOf({ auditLog }: Pick<FlowContext, 'auditLog'>): SettlementDomain {
  if (auditLog !== undefined) return auditLog;
  throw new TandemError(
    'unprocessable',
    'The network file names no AuditLog, so requests can be neither filed nor answered.',
  );
}

export const unknownRequest = (request: number, why: string): TandemError =>
  new TandemError('not-found', `Request ${request} to this operator does not exist: ${why}.`);

/**
 * The same answer again changes nothing.
 * @throws {TandemError} `not-found` for a request that is not filed, or to another operator; `conflict` for another answer
 *   than was given before; `unprocessable` where nothing was handed over; `chain-unavailable`
 */
export async function answerRequest(flow: FlowContext, { request, files }: Answer): Promise<RequestRecord> {
  const auditLog = auditLogOf(flow);
  const { engine, self } = flow;
  // One that was filed before this store began to keep them is on the chain alone.
  const final = engine.newest.get(cursorTable, 'chain');
  const filed =
    final === undefined || loadRequest(engine.newest, request) !== undefined
      ? undefined
      : await flow.chain.disclosureRequest(request, final.hash);
  const sorted = [...new Set(files)].sort();
  return engine.run((work) => {
    const known = loadRequest(work, request) ?? (filed === undefined ? undefined : { ...filed, texts: 0 });
    if (known === undefined) throw unknownRequest(request, `the AuditLog has none at block ${final?.number ?? 'none'}`);
    if (known.operator !== self) throw unknownRequest(request, `it is to operator ${known.operator}`);
    const { order, answered } = known;
    if (order !== undefined) {
      if (JSON.stringify(order.files) === JSON.stringify(sorted)) return known;
      throw new TandemError(
        'conflict',
        `Request ${request} was already answered with other files: ${order.files.join(', ')}.`,
      );
    }
    if (answered !== undefined) {
      throw new TandemError(
        'conflict',
        `Request ${request} was already answered on the chain, but not by this operator’s staff.`,
      );
    }
    const texts = textsOf(work, known);
    if (sorted.length + texts.length === 0) {
      throw new TandemError(
        'unprocessable',
        `Nothing was handed over for request ${request}: the auditor has fetched nothing under it, and you named no file.`,
      );
    }
    const salt = Buffer.from(engine.random.bytes(16)).toString('hex');
    const digest = answerDigest(auditLog, { operator: self, request, salt, files: sorted, texts });
    const record = putRequest(work, { ...known, order: { salt, files: sorted, digest, at: work.now } });
    work.journal('disclosure', {
      ...{ what: 'request answered by staff', request, auditor: known.auditor },
      ...{ salt, files: sorted, texts: texts.length, answer: digest },
    });
    work.emit({ type: 'answer-ordered', request });
    work.afterwards(() => {
      flow.requests.moved(flow, record);
    });
    return record;
  });
}
