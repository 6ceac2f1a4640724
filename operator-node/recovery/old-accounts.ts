/**
 * Transactions of an account that counts no more are given up: nothing that they carry can take effect, and what they were
 * for is sent again from the account that counts. One that is still valid, in an overlap, is left to go its way.
 */
import { sentTable } from '../chain/sent.ts';
import { forgetCheckpoint } from '../flow/checkpoint.ts';
import type { FlowContext } from '../flow/context.ts';
import { answerSubmissionTable } from '../flow/requests/requests.ts';
import { submissionTable } from '../flow/submit.ts';

/**
 * Before the submitter looks at what is under way, and again when a node that has started without the chain reads the
 * registry. `valid`: accounts of this operator as the registry has them, lower case.
 */
export async function forgetOldAccounts(
  { engine, submitter, requests }: FlowContext,
  account: string,
  valid: readonly string[],
): Promise<void> {
  const old: { readonly key: string; readonly tag: string }[] = [];
  for await (const [key, { key: use, address, tag }] of engine.store.scan(sentTable)) {
    const counts = use !== 'account' || address === account || valid.includes(address);
    if (!counts) old.push({ key, tag });
  }
  if (old.length === 0) return;
  await engine.run((work) => {
    for (const { key, tag } of old) {
      work.del(sentTable, key);
      work.del(submissionTable, tag);
      work.del(answerSubmissionTable, tag);
      forgetCheckpoint(work, tag);
    }
    work.journal('staff', { did: 'forgot-old-account', transactions: old.length });
  });
  for (const { tag } of old) {
    submitter.unmark(tag);
    requests.unmark(tag);
  }
}
