/**
 * An auditor's request for disclosure as the operator that is asked keeps it: what the chain shows of it, what was handed
 * over under it, and the answer. What is asked stands in a salted digest, and is told outside of the chain.
 */
import type { FiledRequest } from '../../chain/chain.ts';
import type { HandedText } from '../../commitment/answer-digest.ts';
import type { Hash, UnixMillis } from '../../model/ids.ts';
import { table, type Store, type Tx, type View } from '../../store/store.ts';

/** What staff has answered: with it the digest on chain opens. */
export interface AnswerOrder {
  /** Hex of 16 bytes. */
  readonly salt: string;
  /** SHA-256 in hex of each file that staff has handed over, sorted. */
  readonly files: readonly string[];
  readonly digest: Hash;
  readonly at: UnixMillis;
}

export interface RequestRecord extends FiledRequest {
  /** How many texts were handed over under it. */
  readonly texts: number;
  /** From here on nothing more is handed over under it. */
  readonly order?: AnswerOrder;
}

export interface RequestTally {
  readonly open: number;
  /** Filed while too many were open: they are on the chain alone. */
  readonly passedOver: number;
}

export const tallyOf = (view: View, auditor: number): RequestTally =>
  view.get(requestTallyTable, String(auditor)) ?? { open: 0, passedOver: 0 };

export const putTally = (tx: Tx, auditor: number, tally: RequestTally): void => {
  tx.put(requestTallyTable, String(auditor), tally);
};

const keyOf = (request: number): string => String(request).padStart(12, '0');

/** Requests to this operator. Key: the number, 12 digits. */
export const requestTable = table<RequestRecord>('request');
/** Requests without an answer in a final block. Key: the number, 12 digits. */
export const openRequestTable = table<true>('open-request');
/** How many requests of an auditor are open here, and how many were passed over since staff was told. Key: the auditor's number. */
export const requestTallyTable = table<RequestTally>('request-tally');
/** What an auditor has fetched under a request. Key: `<request, 12 digits>!<number of the text, 8 digits>`. */
export const handedTextTable = table<HandedText>('handed-text');

export const loadRequest = (view: View, request: number): RequestRecord | undefined =>
  view.get(requestTable, keyOf(request));

export function putRequest(tx: Tx, record: RequestRecord): RequestRecord {
  const key = keyOf(record.request);
  const before = tx.get(requestTable, key);
  const more = Number(record.answered === undefined) - Number(before !== undefined && before.answered === undefined);
  if (more !== 0) {
    const tally = tallyOf(tx, record.auditor);
    putTally(tx, record.auditor, { ...tally, open: tally.open + more });
  }
  tx.put(requestTable, key, record);
  if (record.answered === undefined) tx.put(openRequestTable, key, true);
  else tx.del(openRequestTable, key);
  return record;
}

/** In the order of their numbers, from the one after `after`. */
export async function requestsAfter(
  store: Pick<Store, 'scan'>,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly RequestRecord[]> {
  const found: RequestRecord[] = [];
  for await (const [, record] of store.scan(requestTable, { gte: keyOf(after + 1), limit })) found.push(record);
  return found;
}

const textKey = (request: number, number: number): string => `${keyOf(request)}!${String(number).padStart(8, '0')}`;

/** In the order in which they were handed over. */
export const textsOf = (view: View, { request, texts }: RequestRecord): readonly HandedText[] =>
  Array.from({ length: texts }, (_, index) => view.get(handedTextTable, textKey(request, index + 1))).filter(
    (text) => text !== undefined,
  );

/** One more text, in the write in which it is journaled. False once the answer is ordered: the answer names all of them. */
export function handOver(tx: Tx, filed: FiledRequest, text: HandedText): boolean {
  const record = loadRequest(tx, filed.request) ?? { ...filed, texts: 0 };
  if (record.order !== undefined || record.answered !== undefined) return false;
  const texts = record.texts + 1;
  tx.put(handedTextTable, textKey(record.request, texts), text);
  putRequest(tx, { ...record, texts });
  return true;
}
