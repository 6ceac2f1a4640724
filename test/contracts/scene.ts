/** The consortium of a test file: opened before its first test, and as it was at the start of each. */
import { type Contract, type Wallet, id } from 'ethers';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import { type Chain, type ChainOptions, openChain, startTime } from './chain.ts';
import { type Consortium, type Signed, openConsortium } from './consortium.ts';
import { type Line, receiptOf } from './outcome.ts';

/** A time after the set-up and long before any deadline. */
export const now = startTime + 1000;

export interface Scene {
  readonly chain: Chain;
  readonly consortium: Consortium;
  readonly registry: Contract;
  readonly settlement: Contract;
  /** The settlement contract, called by aurora's account, the initiator's. */
  readonly asAurora: Contract;
  /** The settlement contract, called by borealis's account, the acceptor's. */
  readonly asBorealis: Contract;
  /** The settlement contract, called by no operator. */
  readonly asStranger: Contract;
}

/** To be called where tests are declared; what it returns can be used from within the tests. */
export function openScene(options?: ChainOptions): Scene {
  let opened: Scene | undefined;
  let undo: () => Promise<void>;
  beforeAll(async () => {
    const chain = await openChain(options);
    const consortium = await openConsortium(chain);
    const { registry, settlement, aurora, borealis, stranger, as } = consortium;
    opened = {
      chain,
      consortium,
      registry,
      settlement,
      asAurora: as(aurora.account),
      asBorealis: as(borealis.account),
      asStranger: as(stranger),
    };
  });
  afterAll(() => opened?.chain.close());
  beforeEach(async () => {
    undo = await current().chain.snapshot();
  });
  afterEach(() => undo());

  const current = (): Scene => {
    if (opened === undefined) throw new Error('the scene is used before its tests run');
    return opened;
  };
  return {
    get chain() {
      return current().chain;
    },
    get consortium() {
      return current().consortium;
    },
    get registry() {
      return current().registry;
    },
    get settlement() {
      return current().settlement;
    },
    get asAurora() {
      return current().asAurora;
    },
    get asBorealis() {
      return current().asBorealis;
    },
    get asStranger() {
      return current().asStranger;
    },
  };
}

/** `PairStatus` of the contract. */
export const status = { unknown: 0n, prepared: 1n, committed: 2n, aborted: 3n };
/** `Reconciliation` of the contract. */
export const reconciliation = {
  none: 0n,
  byInitiator: 1n,
  byAcceptor: 2n,
  reconciled: 3n,
  discrepancy: 4n,
  resolved: 5n,
};
/** `OperatorStatus` of the registry. */
export const operatorStatus = { unknown: 0n, active: 1n, suspended: 2n, retired: 3n };
/** `Standing` of the registry. */
export const standing = { none: 0n, member: 1n, voter: 2n };

/** Admits operators of these handles, with ids from 4 on. @returns their controllers. */
export async function admitMore({ chain, registry }: Scene, handles: readonly string[]): Promise<readonly Wallet[]> {
  const controllers: Wallet[] = [];
  for (const handle of handles) {
    const controller = await chain.wallet(`${handle}'s controller`);
    const { address } = await chain.wallet(`${handle}'s account`);
    const pin = id(`pin of ${handle}`);
    await receiptOf(registry, 'admit', handle, controller.address, address, address, pin, `https://${handle}.example`);
    controllers.push(controller);
  }
  return controllers;
}

export interface Outcome {
  readonly prepared: boolean;
  readonly deadline: bigint;
  readonly count: bigint;
  readonly commitWords: readonly bigint[];
  readonly abortWords: readonly bigint[];
}

export async function outcomeOf({ settlement }: Scene, { batchId }: Signed): Promise<Outcome> {
  const [prepared, deadline, count, commitWords, abortWords] = (
    await settlement.getFunction('batchOutcome')(batchId)
  ).toArray(true);
  return { prepared, deadline, count, commitWords, abortWords };
}

export const statusOf = ({ settlement }: Scene, { batchId }: Signed, index: number): Promise<unknown> =>
  settlement.getFunction('pairStatus')(batchId, index);

export const preparedLine = ({ batchId, batch }: Signed): Line => [
  'BatchPrepared',
  batchId,
  BigInt(batch.initiator),
  BigInt(batch.acceptor),
  BigInt(batch.sequence),
  BigInt(batch.deadline),
  BigInt(batch.count),
  batch.root,
];

export const decidedLine = ({ batchId }: Signed, commitMask: bigint, abortMask: bigint, word = 0n): Line => [
  'PairsDecided',
  batchId,
  word,
  commitMask,
  abortMask,
];

export const attestation = ({ batchId }: Signed, executedDigest: string) => ({ batchId, executedDigest });
