/**
 * What has used a nonce. A block shows it: the one in which the count of its address went past it. A nonce that no
 * transaction there has used was taken by the chain itself, which is no sign of a stolen key.
 */
import { verifyAuthorization } from 'ethers';
import type { NonceUser } from './chain.ts';
import type { Endpoint } from './endpoint.ts';
import type { Said } from './endpoints.ts';
import type { SenderAlarm } from './progress.ts';
import { ask, hexNumber, rpcCount, rpcFullBlock, type RpcTransaction } from './wire.ts';

/** Only what somebody else has signed is a sign that somebody else has the key. */
export const alarmOf = ({ by }: NonceUser): Pick<SenderAlarm, 'what'> =>
  by === 'transaction' || by === 'authorization' ? { what: 'nonce-used-elsewhere' } : { what: 'nonce-used-up' };

export function told(user: NonceUser): string {
  switch (user.by) {
    case 'transaction':
      return `transaction ${user.hash} in block ${user.block}, which this node has not sent`;
    case 'authorization':
      return `an EIP-7702 authorization in transaction ${user.hash} in block ${user.block}, which this node has not signed`;
    case 'nothing':
      return `no transaction of block ${user.block}: the chain has taken the nonce of one that failed before it ran`;
    case 'unknown':
      return 'something that the endpoints cannot show: they do not have the state or the block any more';
  }
}

/** As one endpoint has it. `upTo`: at this block the nonce is used. */
export async function findUser(
  endpoint: Endpoint,
  address: string,
  nonce: number,
  upTo: number,
): Promise<Said<NonceUser>> {
  const number = await blockOfUse(endpoint, address, nonce, upTo);
  if ('unknown' in number) return number;
  const said = await ask(endpoint, 'eth_getBlockByNumber', [hexNumber(number.value), true], rpcFullBlock);
  if ('unknown' in said) return said;
  const block = number.value;
  for (const transaction of said.value.transactions) {
    const { hash, from } = transaction;
    if (from === address && transaction.nonce === nonce) return { value: { by: 'transaction', hash, block } };
    if (authorizes(transaction, address, nonce)) return { value: { by: 'authorization', hash, block } };
  }
  return { value: { by: 'nothing', block } };
}

/** The first block after which that many transactions are counted: looked for backwards, then by halves. */
async function blockOfUse(endpoint: Endpoint, address: string, nonce: number, upTo: number): Promise<Said<number>> {
  const usedAt = (block: number): Promise<Said<boolean>> =>
    ask(
      endpoint,
      'eth_getTransactionCount',
      [address, hexNumber(block)],
      rpcCount.transform((count) => count > nonce),
    );
  const last = await usedAt(upTo);
  if ('unknown' in last) return last;
  if (!last.value) return { unknown: `nonce ${nonce} of ${address} is not used at block ${upTo}` };
  let used = upTo;
  let unused = upTo;
  for (let step = 1; unused === upTo || unused > 0; step *= 2) {
    unused = Math.max(0, upTo - step);
    const said = await usedAt(unused);
    if ('unknown' in said) return said;
    if (!said.value) break;
    used = unused;
    if (unused === 0) return { value: 0 };
  }
  while (used - unused > 1) {
    const middle = Math.floor((used + unused) / 2);
    const said = await usedAt(middle);
    if ('unknown' in said) return said;
    if (said.value) used = middle;
    else unused = middle;
  }
  return { value: used };
}

function authorizes({ authorizationList = [] }: RpcTransaction, address: string, nonce: number): boolean {
  return authorizationList.some((one) => {
    if (one.nonce !== BigInt(nonce)) return false;
    try {
      const { chainId, r, s, yParity } = one;
      const signature = { r: padded(r), s: padded(s), yParity: yParity === 0n ? 0 : 1 } as const;
      return (
        verifyAuthorization({ address: one.address, nonce: one.nonce, chainId }, signature).toLowerCase() === address
      );
    } catch {
      // Signed by nobody: the chain has passed it over too.
      return false;
    }
  });
}

const padded = (value: bigint): string => `0x${value.toString(16).padStart(64, '0')}`;
