/** AuditLog as a node sees it: the call, its event in the logs of a block, its state, and the check of its code. */
import { ContractFactory, keccak256 } from 'ethers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { auditLogAbi } from '../../operator-node/chain/abi.ts';
import { auditLogCalls, describeRevert } from '../../operator-node/chain/calls.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import { auditLogInterface } from '../../operator-node/chain/decode.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { Network } from '../../operator-node/model/records.ts';
import { openChain } from './chain-fixture.ts';

const headOf = (digit: string): Hash => `0x${digit.repeat(64)}` as Hash;

async function openAuditLog() {
  const chain = await openChain();
  const path = join(import.meta.dirname, '../../artifacts/contracts/AuditLog.sol/AuditLog.json');
  const { bytecode } = JSON.parse(readFileSync(path, 'utf8')) as { readonly bytecode: string };
  const { data } = await new ContractFactory(auditLogAbi, bytecode).getDeployTransaction(
    chain.network.contracts.OperatorRegistry,
  );
  const nonce = await chain.anvil.rpc<string>('eth_getTransactionCount', chain.authority.address, 'latest');
  const raw = await chain.authority.signTransaction({
    chainId: BigInt(chain.network.chainId),
    nonce: Number(nonce),
    data,
    gasLimit: 10_000_000,
    gasPrice: 0,
    type: 0,
  });
  const hash = await chain.anvil.rpc<Hash>('eth_sendRawTransaction', raw);
  await chain.anvil.mine();
  const receipt = await chain.anvil.rpc<{ readonly contractAddress: string }>('eth_getTransactionReceipt', hash);
  const AuditLog = receipt.contractAddress.toLowerCase();
  const code = await chain.anvil.rpc<string>('eth_getCode', AuditLog, 'latest');
  const network: Network = {
    ...chain.network,
    contracts: { ...chain.network.contracts, AuditLog },
    codeHashes: { ...chain.network.codeHashes, AuditLog: keccak256(code) as Hash },
  };
  const readerOf = (of: Network): RpcReader =>
    new RpcReader({
      endpoints: connect({ network: of, urls: [chain.anvil.url], clock: systemClock }),
      network: of,
      extraDepth: 0,
    });
  return { chain, AuditLog, network, readerOf };
}

describe('AuditLog', () => {
  it('is refused with other code than network.json says', async () => {
    const { network, readerOf } = await openAuditLog();
    await expect(
      readerOf({ ...network, codeHashes: { ...network.codeHashes, AuditLog: headOf('1') } }).checkNetwork(),
    ).rejects.toMatchObject({ code: 'network-mismatch', message: expect.stringContaining('AuditLog') });
    await readerOf(network).checkNetwork();
  });

  it('takes a checkpoint within its gas limit; the event and the state are read back', async () => {
    const { chain, AuditLog, network, readerOf } = await openAuditLog();
    const reader = readerOf(network);
    const { id, account } = chain.aurora;
    const before = await reader.finalHead();
    expect(await reader.lastCheckpoint(id, before.hash)).toBeUndefined();
    const calls = auditLogCalls(AuditLog);
    for (const [entry, digit] of [
      [7, 'a'],
      [2 ** 40, 'b'],
    ] as const) {
      const call = calls.checkpoint(id, entry, headOf(digit));
      const { gasUsed, blockHash } = await chain.act(account, call.to, call.data);
      expect(BigInt(gasUsed)).toBeLessThan(call.gasLimit);
      expect(await reader.logs(blockHash)).toMatchObject([
        { type: 'JournalCheckpoint', operator: id, entry, head: headOf(digit) },
      ]);
      expect(await reader.lastCheckpoint(id, blockHash)).toMatchObject({ entry, head: headOf(digit) });
    }
  });

  it('is not asked where the network has none, and its refusals have words', async () => {
    const { chain, readerOf } = await openAuditLog();
    const { hash } = await chain.reader().finalHead();
    expect(await readerOf(chain.network).lastCheckpoint(chain.aurora.id, hash)).toBeUndefined();
    const fragment = auditLogInterface.getError('AuditLogCheckpointNotNewer');
    if (fragment === null) throw new Error('no such error');
    expect(describeRevert(auditLogInterface.encodeErrorResult(fragment, [1, 5, 4]))).toBe(
      'AuditLogCheckpointNotNewer(operatorId: 1, last: 5, actual: 4)',
    );
  });
});
