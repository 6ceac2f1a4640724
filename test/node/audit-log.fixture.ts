/** The AuditLog on a chain of the test's own. */
import { ContractFactory, keccak256 } from 'ethers';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditLogAbi } from '../../operator-node/chain/abi.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import type { Network } from '../../operator-node/model/records.ts';
import { openChain } from './chain.fixture.ts';

export async function openAuditLog() {
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
