/**
 * What an operator handed over for a request, against its answer on chain: with the auditor's network file and an endpoint,
 * the opening that the operator gives, and the files that the auditor has. A file is one that staff handed over, or texts
 * that the auditor has fetched, one after another, and the end line that it wrote itself.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { auditLogInterface, decodeRequest } from '../chain/decode.ts';
import { answerDigest, type HandedText } from '../commitment/answer-digest.ts';
import type { Hex } from '../model/ids.ts';
import { parseAnswer, type AnswerOpening } from './answer-opening.ts';
import type { AuditChain } from './audit-chain.ts';
import { contractsAt } from './contracts.ts';
import { checkAuditLog } from './journal/verify.ts';
import type { AuditNetwork } from '../model/network-file.ts';
import type { Findings } from './scan/findings.ts';
import { finalBlock, utc } from './settled.ts';

export interface AnswerChecked {
  readonly said: string;
  readonly files: number;
  readonly texts: number;
}

/** The longest end line that a disclosure file can have. */
const maxEndBytes = 262_144;

/** The SHA-256 of `bytes` bytes from `start`, or of all to the end. */
async function sha256(file: string, start = 0, bytes?: number): Promise<string> {
  const digest = createHash('sha256');
  const range = bytes === undefined ? { start } : { start, end: start + bytes - 1 };
  if (bytes !== 0) for await (const chunk of createReadStream(file, range)) digest.update(chunk as Buffer);
  return digest.digest('hex');
}

/** The texts that the file is made of, in their order; undefined where it is not made of them. */
async function textsIn(file: string, texts: readonly HandedText[]): Promise<readonly HandedText[] | undefined> {
  const { size } = statSync(file);
  const found: HandedText[] = [];
  let at = 0;
  for (const text of texts) {
    if (text.bytes === 0 || at + text.bytes > size || (await sha256(file, at, text.bytes)) !== text.sha256) continue;
    found.push(text);
    at += text.bytes;
  }
  if (found.length === 0 || size - at > maxEndBytes) return undefined;
  if (at === size) return found;
  const rest: Buffer[] = [];
  for await (const chunk of createReadStream(file, { start: at })) rest.push(chunk as Buffer);
  const line = Buffer.concat(rest).toString();
  return line.indexOf('\n') === line.length - 1 && line.endsWith('"type":"end"}\n') ? found : undefined;
}

async function checkFiles(opening: AnswerOpening, files: readonly string[], findings: Findings): Promise<void> {
  const named = new Set(opening.files);
  const unseen = new Set(named);
  const unseenTexts = new Set(opening.texts);
  for (const file of files) {
    try {
      const whole = await sha256(file);
      unseen.delete(whole);
      if (named.has(whole)) continue;
      const found = await textsIn(file, opening.texts);
      for (const text of found ?? []) unseenTexts.delete(text);
      if (found === undefined) findings.add('answer-unchecked', `${file} is not what the answer names`, { file });
    } catch (error) {
      findings.add('answer-unchecked', `${file} cannot be read: ${(error as Error).message}`, { file });
    }
  }
  const missing = unseen.size + unseenTexts.size;
  if (missing > 0) {
    findings.add('answer-unchecked', `the answer names ${missing} more than the files given: files or fetched texts`, {
      request: opening.request,
      files: unseen.size,
      texts: unseenTexts.size,
    });
  }
}

/** @throws {TandemError} `chain-unavailable` */
export async function checkAnswer(
  name: string,
  text: string,
  files: readonly string[],
  { network, chain }: { readonly network: AuditNetwork; readonly chain: AuditChain },
  findings: Findings,
): Promise<AnswerChecked> {
  const parsed = parseAnswer(text);
  const differs = (why: string, opening?: AnswerOpening): AnswerChecked => {
    const { request, operator } = opening ?? {};
    findings.add('answer-differs', `${name}: ${why}`, {
      file: name,
      ...(request === undefined || operator === undefined ? {} : { request, operator }),
    });
    return { said: `${name}: ${why}`, files: 0, texts: 0 };
  };
  if (!parsed.ok) return differs(parsed.reason);
  const { opening } = parsed;
  const { request } = opening;
  const final = await finalBlock(chain, contractsAt(chain, network.contracts), network);
  if (final === undefined) return differs('the endpoint has no block that is final by the network’s rule', opening);
  const ours = await checkAuditLog(chain, network, 'opening', opening, final.hash);
  if (!ours.ok) return differs(ours.found, opening);
  const data = auditLogInterface.encodeFunctionData('disclosureRequest', [request]) as Hex;
  const answered = await chain.call(opening.auditLog, data, final.hash);
  const filed = answered === undefined ? undefined : decodeRequest(request, answered);
  if (filed === undefined) return differs(`there is no request ${request} at final block ${final.number}`, opening);
  if (filed.operator !== opening.operator)
    return differs(`request ${request} is to operator ${filed.operator}`, opening);
  const { answered: answer, due } = filed;
  if ((answer?.at ?? final.timestamp) > due) {
    const when = answer === undefined ? `not answered at ${utc(final.timestamp)}` : `answered at ${utc(answer.at)}`;
    findings.add('answer-late', `request ${request} was due at ${utc(due)} and is ${when}`, { request, due });
  }
  if (answer === undefined) return differs(`request ${request} has no answer at final block ${final.number}`, opening);
  const domain = { chainId: BigInt(opening.chainId), contract: opening.auditLog };
  const digest = answerDigest(domain, { ...opening, operator: opening.operator });
  if (digest !== answer.answer) return differs(`it comes out as ${digest}; on chain is ${answer.answer}`, opening);
  await checkFiles(opening, files, findings);
  return {
    said: `Operator ${opening.operator} answered request ${request} at ${utc(answer.at)}.`,
    files: opening.files.length,
    texts: opening.texts.length,
  };
}
