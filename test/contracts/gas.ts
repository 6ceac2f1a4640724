/**
 * Gas of a pair: prepare, decide and both attestations, as in protocol §5. Registry a contract of its own, two EOA
 * signers, not the first batch of a lane, every pair committed.
 */
import type { TransactionReceipt } from 'ethers';
import { id } from 'ethers';

import { openChain, startTime } from './chain.ts';
import { commitAll, openConsortium, type Consortium, type Signed } from './consortium.ts';
import { receiptOf } from './outcome.ts';

export interface GasOfCase {
  readonly prepare: number;
  readonly decide: number;
  readonly attestFirst: number;
  readonly attestSecond: number;
}

export interface GasReport {
  readonly perPair: Readonly<Record<string, number>>;
  /** Gas of each transaction, by case. */
  readonly byFunction: Readonly<Record<string, GasOfCase>>;
}

interface Case {
  readonly name: string;
  readonly batches: number;
  readonly pairs: number;
}

const cases: readonly Case[] = [
  { name: '1', batches: 1, pairs: 1 },
  { name: '256', batches: 1, pairs: 256 },
  { name: '1024', batches: 1, pairs: 1024 },
  { name: '4096', batches: 1, pairs: 4096 },
  { name: '8x256', batches: 8, pairs: 256 },
  { name: '8x1024', batches: 8, pairs: 1024 },
];

export async function measureGas(): Promise<GasReport> {
  const chain = await openChain();
  try {
    const consortium = await openConsortium(chain);
    // Accounts, lane and registry are warm in the sense that matters: no slot of theirs is zero any more.
    await consortium.prepared();
    let sequence = 2;
    const byFunction: Record<string, GasOfCase> = {};
    const perPair: Record<string, number> = {};
    for (const { name, batches, pairs } of cases) {
      const signed: Signed[] = [];
      for (let i = 0; i < batches; ++i) signed.push(await signNext(consortium, sequence++, pairs));
      const gas = await measureCase(consortium, signed);
      byFunction[name] = gas;
      const total = gas.prepare + gas.decide + gas.attestFirst + gas.attestSecond;
      perPair[name] = Math.ceil(total / (batches * pairs));
    }
    return { perPair, byFunction };
  } finally {
    await chain.close();
  }
}

const signNext = (consortium: Consortium, sequence: number, count: number): Promise<Signed> =>
  consortium.sign({ sequence, count, deadline: startTime + 7200, root: id(`root ${String(sequence)}`) });

async function measureCase(consortium: Consortium, signed: readonly Signed[]): Promise<GasOfCase> {
  const { settlement, aurora, borealis, stranger, as } = consortium;
  const [only] = signed;
  const prepare =
    signed.length === 1 && only !== undefined
      ? await receiptOf(as(stranger), 'prepare', ...only.args)
      : await receiptOf(
          as(stranger),
          'multicall',
          signed.map(({ args }) => settlement.interface.encodeFunctionData('prepare', [...args])),
        );
  const decide = await receiptOf(as(borealis.account), 'decide', signed.flatMap(commitAll));
  const attestations = signed.map(({ batchId }) => ({ batchId, executedDigest: id(`executed ${batchId}`) }));
  const attestFirst = await receiptOf(as(aurora.account), 'attest', aurora.id, attestations);
  const attestSecond = await receiptOf(as(borealis.account), 'attest', borealis.id, attestations);
  return {
    prepare: gasOf(prepare),
    decide: gasOf(decide),
    attestFirst: gasOf(attestFirst),
    attestSecond: gasOf(attestSecond),
  };
}

const gasOf = (receipt: TransactionReceipt): number => Number(receipt.gasUsed);
