/**
 * Transactions of an account that counts no more are given up: nothing that they carry can take effect, and what they were
 * for is sent again from the account that counts. One that is still valid, in an overlap, is left to go its way.
 */
import { sentTable } from '../chain/sent.ts';
import type { FlowContext } from '../flow/context.ts';

/**
 * Before anything is sent, and again when a node that has started without the chain reads the
 * registry. `valid`: accounts of this operator as the registry has them, lower case.
 */
export async function forgetOldAccounts(
  { engine, duties }: Pick<FlowContext, 'engine' | 'duties'>,
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
      duties.forget(work, tag);
    }
    work.journal('staff', { did: 'forgot-old-account', transactions: old.length });
  });
}
