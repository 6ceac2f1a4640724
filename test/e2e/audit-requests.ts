/** Requests for disclosure in the AuditLog of a devnet, as an auditor files them. */
import { readFileSync } from 'node:fs';
import { id } from 'ethers';
import { expect } from 'vitest';
import { auditLogInterface } from '../../operator-node/chain/decode.ts';
import { rpc } from '../../scripts/devnet/rpc.ts';
import { until } from '../../scripts/devnet/wait.ts';
import type { TestNet } from './devnet.ts';

export const requestDigest = `0x${'d1'.repeat(32)}`;

/** An auditor, admitted by whoever may, and its requests to the first two operators: 1 and 2. */
export async function fileRequests(net: TestNet): Promise<void> {
  const { rpcUrl } = net.file;
  const { contracts } = JSON.parse(readFileSync(net.devnet.layout.networkFile, 'utf8')) as {
    contracts: { OperatorRegistry: string; AuditLog: string };
  };
  const owner = await rpc<string>(rpcUrl, 'eth_call', [
    { to: contracts.OperatorRegistry, data: id('owner()').slice(0, 10) },
    'latest',
  ]);
  const auditor = `0x${'ad'.repeat(20)}`;
  const act = async (from: string, name: string, args: readonly unknown[]): Promise<void> => {
    await rpc(rpcUrl, 'hardhat_setBalance', [from, '0xde0b6b3a7640000']);
    await rpc(rpcUrl, 'hardhat_impersonateAccount', [from]);
    const data = auditLogInterface.encodeFunctionData(name, args);
    const hash = await rpc<string>(rpcUrl, 'eth_sendTransaction', [{ from, to: contracts.AuditLog, data }]);
    await until(
      async () => (await rpc<{ status: string } | null>(rpcUrl, 'eth_getTransactionReceipt', [hash])) ?? undefined,
      { timeoutMillis: 10_000, failure: () => `${name} is in no block` },
    ).then(({ status }) => {
      expect({ name, status }).toEqual({ name, status: '0x1' });
    });
  };
  await act(`0x${owner.slice(-40)}`, 'admitAuditor', [auditor, auditor, 'Supervisor']);
  for (const operator of [1, 2]) {
    await act(auditor, 'requestDisclosure', [1, operator, requestDigest, 4_000_000_000]);
  }
}
