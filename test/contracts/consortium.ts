/** Both contracts with three operators, and batches signed by them. */
import type { Contract, Wallet } from 'ethers';
import { TypedDataEncoder, id, sha256, toUtf8Bytes } from 'ethers';

import { type Chain, oneDay, startTime } from './chain.ts';
import { receiptOf } from './outcome.ts';

export interface Operator {
  readonly id: number;
  readonly handle: string;
  readonly controller: Wallet;
  readonly account: Wallet;
  readonly signer: Wallet;
  readonly pin: string;
  readonly endpoint: string;
}

/** The struct `Batch` of the contract. */
export interface Batch {
  readonly initiator: number;
  readonly acceptor: number;
  readonly sequence: number;
  readonly deadline: number;
  readonly count: number;
  readonly root: string;
}

export interface Decision {
  readonly batchId: string;
  readonly word: number;
  readonly commitMask: bigint;
  readonly abortMask: bigint;
}

export interface Signed {
  readonly batch: Batch;
  readonly batchId: string;
  /** Batch and both signatures: the arguments of `prepare`, and the first of `settle`. */
  readonly args: readonly [Batch, string, string];
}

export interface Consortium {
  readonly chain: Chain;
  readonly registry: Contract;
  readonly settlement: Contract;
  readonly aurora: Operator;
  readonly borealis: Operator;
  readonly corona: Operator;
  /** Anyone: no key of any operator. */
  readonly stranger: Wallet;
  /** The settlement contract, called by this wallet. */
  as(wallet: Wallet): Contract;
  /** The registry, called by this wallet. */
  registryAs(wallet: Wallet): Contract;
  /** A batch of the lane aurora → borealis, the first and of one pair unless said otherwise, signed by both. */
  sign(change?: Partial<Batch>): Promise<Signed>;
  /** The same, prepared by a stranger. */
  prepared(change?: Partial<Batch>): Promise<Signed>;
  /** The arguments of `resolve`, signed by both operators of the batch. */
  resolution(signed: Signed, resolution: string): Promise<readonly [string, string, string, string]>;
}

const resolutionType = {
  Resolution: [
    { name: 'batchId', type: 'bytes32' },
    { name: 'resolution', type: 'bytes32' },
  ],
};

export const batchType = {
  Batch: [
    { name: 'initiator', type: 'uint32' },
    { name: 'acceptor', type: 'uint32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'deadline', type: 'uint40' },
    { name: 'count', type: 'uint16' },
    { name: 'root', type: 'bytes32' },
  ],
};

/** Far enough from the start that no test gets there unless it says so. */
export const deadline = startTime + 7200;
export const allOf = (pairs: number): bigint => (1n << BigInt(pairs)) - 1n;

export const domainOf = async (settlement: Contract, chainId: number) => ({
  name: 'Tandem',
  version: '1',
  chainId,
  verifyingContract: await settlement.getAddress(),
});

export async function openConsortium(chain: Chain): Promise<Consortium> {
  const registry = await chain.deploy('OperatorRegistry', chain.authority.address, oneDay, { mode: 0, depth: 0 });
  const settlement = await chain.deploy('PairSettlement', await registry.getAddress());
  const domain = await domainOf(settlement, chain.chainId);

  const admit = async (handle: string, expectedId: number): Promise<Operator> => {
    const operator: Operator = {
      id: expectedId,
      handle,
      controller: await chain.wallet(`${handle}'s controller`),
      account: await chain.wallet(`${handle}'s account`),
      signer: await chain.wallet(`${handle}'s signer`),
      pin: sha256(toUtf8Bytes(`${handle}'s TLS key`)),
      endpoint: `https://${handle}.example:8443`,
    };
    const { controller, account, signer, pin, endpoint } = operator;
    await receiptOf(registry, 'admit', handle, controller.address, account.address, signer.address, pin, endpoint);
    return operator;
  };
  const aurora = await admit('aurora', 1);
  const borealis = await admit('borealis', 2);
  const corona = await admit('corona', 3);
  const stranger = await chain.wallet('a stranger');
  const signerOf = new Map([aurora, borealis, corona].map((operator) => [operator.id, operator.signer]));

  const signBy = async (operatorId: number, batch: Batch): Promise<string> =>
    (signerOf.get(operatorId) ?? stranger).signTypedData(domain, batchType, batch);

  const sign = async (change: Partial<Batch> = {}): Promise<Signed> => {
    const batch: Batch = {
      initiator: aurora.id,
      acceptor: borealis.id,
      sequence: 1,
      deadline,
      count: 1,
      root: id('some root'),
      ...change,
    };
    return {
      batch,
      batchId: TypedDataEncoder.hash(domain, batchType, batch),
      args: [batch, await signBy(batch.initiator, batch), await signBy(batch.acceptor, batch)],
    };
  };

  const as = (wallet: Wallet): Contract => settlement.connect(wallet) as Contract;
  return {
    chain,
    registry,
    settlement,
    aurora,
    borealis,
    corona,
    stranger,
    as,
    registryAs: (wallet) => registry.connect(wallet) as Contract,
    sign,
    async prepared(change = {}) {
      const signed = await sign(change);
      await receiptOf(as(stranger), 'prepare', ...signed.args);
      return signed;
    },
    async resolution({ batch, batchId }, resolution) {
      const by = (operatorId: number): Promise<string> =>
        (signerOf.get(operatorId) ?? stranger).signTypedData(domain, resolutionType, { batchId, resolution });
      return [batchId, resolution, await by(batch.initiator), await by(batch.acceptor)];
    },
  };
}

export const decision = (
  { batchId }: { readonly batchId: string },
  commitMask: bigint,
  abortMask = 0n,
  word = 0,
): Decision => ({ batchId, word, commitMask, abortMask });

/** Decisions that commit every pair of the batch. */
export function commitAll({ batchId, batch }: Signed): readonly Decision[] {
  const words = Math.ceil(batch.count / 256);
  return Array.from({ length: words }, (_, word) =>
    decision({ batchId }, allOf(Math.min(256, batch.count - word * 256)), 0n, word),
  );
}
