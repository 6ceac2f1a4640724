import { Transaction, id, type Wallet } from 'ethers';
import { describe, expect, it } from 'vitest';
import { describeRevert, emptyCall, settlementCalls, type Decision } from '../../operator-node/chain/calls.ts';
import type { ContractCall } from '../../operator-node/chain/chain.ts';
import { settlementInterface } from '../../operator-node/chain/decode.ts';
import { maxTransactionGas } from '../../operator-node/chain/gas-limits.ts';
import { capped, replacementFees } from '../../operator-node/chain/fees.ts';
import { readRefusal } from '../../operator-node/chain/rpc-writer.ts';
import { localTransactionSigner, readTransaction } from '../../operator-node/chain/signing.ts';
import type { BatchId, Hash, Hex, OperatorId } from '../../operator-node/model/ids.ts';
import { openChain, type TestChain } from './chain.fixture.ts';

const contract = `0x${'5e'.repeat(20)}`;
const batchIdOf = (name: string): BatchId => id(name) as BatchId;
const word = (batchId: BatchId, at: number): Decision => ({
  batchId,
  word: at,
  commitMask: (1n << 255n) - 1n,
  abortMask: 1n << 255n,
});

/** Sends one with its own gas limit. @returns what it used */
async function spend(chain: TestChain, from: Wallet, { to, data, gasLimit }: ContractCall): Promise<bigint> {
  const raw = await from.signTransaction({
    chainId: BigInt(chain.network.chainId),
    nonce: Number(await chain.anvil.rpc<string>('eth_getTransactionCount', from.address, 'latest')),
    to,
    data,
    gasLimit,
    gasPrice: 0n,
    type: 0,
  });
  const hash = await chain.anvil.rpc<Hash>('eth_sendRawTransaction', raw);
  await chain.anvil.mine();
  const receipt = await chain.anvil.rpc<{ readonly status: string; readonly gasUsed: string }>(
    'eth_getTransactionReceipt',
    hash,
  );
  expect(receipt.status).toBe('0x1');
  return BigInt(receipt.gasUsed);
}

describe('gas limits', () => {
  it('of each call are above what the dearest one of its kind uses, and one batch of 4,096 pairs fits into a transaction', async () => {
    const chain = await openChain();
    const { calls, stranger, aurora, borealis } = chain;
    const words = Array.from({ length: 16 }, (_, at) => at);

    const first = await chain.sign({ count: 4096 });
    const prepare = calls.prepare(first);
    expect(await spend(chain, stranger, prepare)).toBeLessThan(prepare.gasLimit);

    const decides = calls.decide(words.map((at) => word(first.batchId, at)));
    expect(decides).toHaveLength(1);
    for (const decide of decides) expect(await spend(chain, borealis.account, decide)).toBeLessThan(decide.gasLimit);

    const second = await chain.sign({ sequence: 2, count: 4096 });
    const settle = calls.settle(
      second,
      words.map((at) => word(second.batchId, at)),
    );
    expect(settle.gasLimit).toBeLessThan(maxTransactionGas);
    expect(await spend(chain, borealis.account, settle)).toBeLessThan(settle.gasLimit);

    for (const { id: operator, account } of [aurora, borealis]) {
      const [attest] = calls.attest(operator, [
        { batchId: first.batchId, executedDigest: id(`first of ${operator}`) as Hash },
        { batchId: second.batchId, executedDigest: id(`second of ${operator}`) as Hash },
      ]);
      if (attest === undefined) throw new Error('no call');
      expect(await spend(chain, account, attest)).toBeLessThan(attest.gasLimit);
    }
  });

  it('of a multicall hold for all that is in it, and it does all of it', async () => {
    const chain = await openChain();
    const batches = [await chain.sign(), await chain.sign({ sequence: 2 }), await chain.sign({ sequence: 3 })];
    const together = chain.calls.together(batches.map((signed) => chain.calls.prepare(signed)));
    expect(together).toHaveLength(1);
    const [multicall] = together;
    if (multicall === undefined) throw new Error('no call');
    expect(await spend(chain, chain.stranger, multicall)).toBeLessThan(multicall.gasLimit);
    const reader = chain.reader();
    const { hash } = await reader.head();
    expect(await reader.nextSequence(chain.aurora.id, chain.borealis.id, hash)).toBe(4);
  });

  it('of an empty transaction are what it uses', async () => {
    const chain = await openChain();
    expect(await spend(chain, chain.stranger, emptyCall(chain.stranger.address))).toBe(21_000n);
  });
});

describe('calls of many entries', () => {
  const calls = settlementCalls(contract);
  const decisions = Array.from({ length: 1000 }, (_, index) => word(batchIdOf(`batch ${index >> 1}`), index & 1));

  it('are cut so that each fits into one transaction, with every entry once and in order', () => {
    const cut = calls.decide(decisions);
    expect(cut.length).toBeGreaterThan(1);
    for (const { gasLimit } of cut) expect(gasLimit).toBeLessThanOrEqual(maxTransactionGas);
    const entries = cut.flatMap(({ data }) => [
      ...(settlementInterface.decodeFunctionData('decide', data)[0] as Iterable<unknown>),
    ]);
    expect(entries.map((entry) => (entry as string[])[0])).toEqual(decisions.map(({ batchId }) => batchId));
  });

  it('attest likewise', () => {
    const attestations = decisions.map(({ batchId }) => ({ batchId, executedDigest: id('digest') as Hash }));
    const cut = calls.attest(7 as OperatorId, attestations);
    expect(cut.length).toBeGreaterThan(1);
    for (const { gasLimit } of cut) expect(gasLimit).toBeLessThanOrEqual(maxTransactionGas);
    const counts = cut.map(
      ({ data }) => (settlementInterface.decodeFunctionData('attest', data)[1] as unknown[]).length,
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
  });

  it('together likewise, in their order, and one alone is sent as it is', () => {
    const single = calls.decide(decisions.slice(0, 4));
    expect(calls.together(single)).toEqual(single);
    const many = decisions.flatMap((decision) => calls.decide([decision]));
    const cut = calls.together(many);
    expect(cut.length).toBeGreaterThan(1);
    for (const { gasLimit } of cut) expect(gasLimit).toBeLessThanOrEqual(maxTransactionGas);
    const inner = cut.flatMap(({ data }) => [
      ...(settlementInterface.decodeFunctionData('multicall', data)[0] as Iterable<string>),
    ]);
    expect(inner).toEqual(many.map(({ data }) => data));
  });

  it('of none are none', () => {
    expect(calls.decide([])).toEqual([]);
    expect(calls.attest(7 as OperatorId, [])).toEqual([]);
    expect(calls.together([])).toEqual([]);
  });
});

describe('enlarged', () => {
  const bits = (batchId: BatchId, at: number, commitMask: bigint, abortMask = 0n): Decision => ({
    batchId,
    word: at,
    commitMask,
    abortMask,
  });
  const [one, two] = [batchIdOf('one'), batchIdOf('two')];
  const calls = settlementCalls(contract);
  const decide = (...decisions: readonly Decision[]): ContractCall => {
    const [call] = calls.decide(decisions);
    if (call === undefined) throw new Error('no call');
    return call;
  };

  it('leaves a call as it is that decides nothing, and one to which nothing is added', () => {
    expect(calls.enlarged(emptyCall(contract), [bits(one, 0, 1n)])).toBeUndefined();
    const [attest] = calls.attest(7 as OperatorId, [{ batchId: one, executedDigest: id('digest') as Hash }]);
    if (attest === undefined) throw new Error('no call');
    expect(calls.enlarged(attest, [bits(one, 0, 1n)])).toBeUndefined();
    expect(calls.enlarged(decide(bits(one, 0, 3n)), [])).toBeUndefined();
    expect(calls.enlarged(decide(bits(one, 0, 3n)), [bits(one, 0, 1n)])).toBeUndefined();
  });

  it('never says the other way what the call says already', () => {
    const call = decide(bits(one, 0, 0b01n, 0b10n));
    expect(calls.enlarged(call, [bits(one, 0, 0b110n)])).toBeUndefined();
    expect(calls.enlarged(call, [bits(one, 0, 0n, 0b101n)])).toBeUndefined();
    expect(calls.enlarged(call, [bits(one, 0, 0b110n), bits(two, 0, 1n)])).toEqual(
      decide(bits(one, 0, 0b01n, 0b10n), bits(two, 0, 1n)),
    );
  });

  it('adds bits to a word, words to a batch and batches to the call, those of one batch side by side', () => {
    const call = decide(bits(one, 0, 1n), bits(two, 3, 1n));
    const more = [bits(one, 0, 2n, 4n), bits(two, 3, 0n, 8n), bits(one, 5, 1n), bits(batchIdOf('three'), 0, 0n, 1n)];
    expect(calls.enlarged(call, more)).toEqual(
      decide(bits(one, 0, 3n, 4n), bits(one, 5, 1n), bits(two, 3, 1n, 8n), bits(batchIdOf('three'), 0, 0n, 1n)),
    );
  });

  it('takes no more than fits into a transaction', () => {
    const many = Array.from({ length: 1000 }, (_, index) => bits(batchIdOf(`batch ${index}`), 0, 1n));
    const larger = calls.enlarged(decide(bits(one, 0, 1n)), many);
    expect(larger).toEqual(decide(bits(one, 0, 1n), ...many.slice(0, 127)));
    expect(larger?.gasLimit).toBeLessThanOrEqual(maxTransactionGas);
  });

  it('keeps what a settle prepares and takes decisions of its batch only; the chain takes both', async () => {
    const chain = await openChain();
    const [first, second] = [await chain.sign({ count: 600 }), await chain.sign({ sequence: 2, count: 600 })];
    const settle = chain.calls.settle(first, [bits(first.batchId, 0, 1n)]);
    const more = [bits(first.batchId, 1, 2n), bits(second.batchId, 0, 1n)];
    const larger = chain.calls.enlarged(settle, more);
    if (larger === undefined) throw new Error('no call');
    const both = [bits(first.batchId, 0, 1n), bits(first.batchId, 1, 2n)];
    expect(larger).toEqual(chain.calls.settle(first, both, { careful: true }));
    expect(await spend(chain, chain.borealis.account, larger)).toBeLessThan(larger.gasLimit);

    await spend(chain, chain.stranger, chain.calls.prepare(second));
    const [call] = chain.calls.decide([bits(first.batchId, 0, 2n)]);
    const again = chain.calls.enlarged(call ?? larger, more);
    if (again === undefined) throw new Error('no call');
    // A bit that is set is no error, so what was sent behind does no harm.
    expect(await spend(chain, chain.borealis.account, again)).toBeLessThan(again.gasLimit);
    const { hash } = await chain.reader().head();
    const [found, other] = await Promise.all(
      [first, second].map(({ batchId }) => chain.reader().batchOutcome(batchId, hash)),
    );
    expect(found?.commitWords.slice(0, 2)).toEqual([3n, 2n]);
    expect(other?.commitWords[0]).toBe(1n);
  });
});

describe('describeRevert', () => {
  it('knows nothing of foreign data', () => {
    expect(describeRevert('0x')).toBeUndefined();
    expect(describeRevert('0x12345678')).toBeUndefined();
    expect(describeRevert('not even hex')).toBeUndefined();
    const whole = settlementInterface.encodeErrorResult('PairSettlementUnknownBatch', [3, batchIdOf('none')]);
    expect(describeRevert(whole.slice(0, -2))).toBeUndefined();
  });

  it('takes an argument that cannot be read for foreign data', () => {
    const text = settlementInterface.encodeErrorResult('Error(string)', ['text']);
    expect(describeRevert(text.replace(Buffer.from('text').toString('hex'), 'ff'.repeat(4)))).toBeUndefined();
  });

  it('names the contract’s error with its fields', () => {
    const data = settlementInterface.encodeErrorResult('PairSettlementUnknownBatch', [3, batchIdOf('none')]);
    expect(describeRevert(data)).toBe(`PairSettlementUnknownBatch(entry: 3, batchId: ${batchIdOf('none')})`);
  });

  it('knows the language’s own errors', () => {
    expect(describeRevert(settlementInterface.encodeErrorResult('Error(string)', ['no']))).toBe('Error(no)');
  });
});

describe('readRefusal', () => {
  it.each([
    ['already known', 'held'],
    ['transaction already imported', 'held'],
    ['Known transaction', 'held'],
    ['AlreadyKnown', 'held'],
    ['nonce too low', 'nonce-used'],
    ['Nonce too low', 'nonce-used'],
    ['nonce too low: next nonce 5, tx nonce 4', 'nonce-used'],
    ['OldNonce', 'nonce-used'],
    ['replacement transaction underpriced', 'underpriced'],
    ['transaction underpriced: tip needed 1, tip permitted 0', 'underpriced'],
    ['max fee per gas less than block base fee', 'underpriced'],
    ['FeeTooLow, EffectivePriorityFeePerGas too low', 'underpriced'],
    ['Gas price below configured minimum gas price', 'underpriced'],
    ['Insufficient funds for gas * price + value', 'refused'],
    ['intrinsic gas too low', 'refused'],
    ['nonce too high', 'refused'],
    ['exceeds block gas limit', 'refused'],
  ])('takes "%s" for %s', (message, outcome) => {
    expect(readRefusal(message).outcome).toBe(outcome);
  });
});

describe('replacementFees', () => {
  const fees = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint) =>
    ({ kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas }) as const;
  const legacy = (gasPrice: bigint) => ({ kind: 'legacy', gasPrice }) as const;

  it('are none where an eighth more is above the cap', () => {
    expect(replacementFees(fees(100n, 10n), fees(100n, 10n), 112n)).toBeUndefined();
    expect(replacementFees(legacy(100n), legacy(100n), 112n)).toBeUndefined();
  });

  it('are at least an eighth more in each field', () => {
    expect(replacementFees(fees(100n, 8n), fees(50n, 5n), 1000n)).toEqual(fees(113n, 10n));
    expect(replacementFees(legacy(100n), legacy(50n), 1000n)).toEqual(legacy(113n));
  });

  it('are what is asked for where that is more, and never above the cap', () => {
    expect(replacementFees(fees(100n, 8n), fees(500n, 50n), 1000n)).toEqual(fees(500n, 50n));
    expect(replacementFees(fees(100n, 8n), fees(5000n, 4000n), 1000n)).toEqual(fees(1000n, 1000n));
    expect(replacementFees(legacy(100n), legacy(5000n), 1000n)).toEqual(legacy(1000n));
  });

  it('grow from nothing where something is asked, and are none where nothing is', () => {
    expect(replacementFees(fees(0n, 0n), fees(1n, 0n), 10n)).toEqual(fees(1n, 1n));
    expect(replacementFees(fees(0n, 0n), fees(0n, 0n), 10n)).toBeUndefined();
    expect(replacementFees(fees(5n, 1n), fees(0n, 0n), 10n)).toBeUndefined();
    expect(replacementFees(legacy(0n), legacy(0n), 10n)).toBeUndefined();
  });

  it('stay of their kind when the chain has changed its own', () => {
    expect(replacementFees(legacy(100n), fees(500n, 50n), 1000n)).toEqual(legacy(500n));
    expect(replacementFees(fees(100n, 8n), legacy(500n), 1000n)).toEqual(fees(500n, 10n));
  });
});

describe('capped', () => {
  it('keeps the tip within what may be paid at all', () => {
    expect(capped({ kind: 'eip1559', maxFeePerGas: 50n, maxPriorityFeePerGas: 20n }, 10n)).toEqual({
      kind: 'eip1559',
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 10n,
    });
    expect(capped({ kind: 'legacy', gasPrice: 50n }, 10n)).toEqual({ kind: 'legacy', gasPrice: 10n });
  });
});

describe('localTransactionSigner', () => {
  const signer = localTransactionSigner(id('a key') as Hex);
  const common = { chainId: 5n, nonce: 3, to: contract, data: '0x1234' as Hex, gasLimit: 50_000n };

  it.each([
    { kind: 'eip1559', maxFeePerGas: 20n, maxPriorityFeePerGas: 2n } as const,
    { kind: 'legacy', gasPrice: 0n } as const,
  ])('signs with fees of kind $kind what can be read back, the same bytes each time', (fees) => {
    const signed = signer.sign({ ...common, fees });
    expect(signer.sign({ ...common, fees })).toEqual(signed);
    const { from, to, ...rest } = readTransaction(signed.raw);
    expect({ ...rest, to: to.toLowerCase() }).toEqual({ ...common, fees });
    expect(from).toBe(signer.address);
    expect(Transaction.from(signed.raw).hash).toBe(signed.hash);
  });

  it('signs only what it is given to sign, whatever else stands beside it', () => {
    const fees = { kind: 'legacy', gasPrice: 0n } as const;
    const read = readTransaction(signer.sign({ ...common, fees }).raw);
    expect(signer.sign(read)).toEqual(signer.sign({ ...common, fees }));
  });
});
