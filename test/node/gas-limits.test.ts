/**
 * The gas limit of each call against real executions of the compiled contracts: never too little, and close to what is
 * used, since some chains bill a part of the limit. Where a limit has to be enough for more than the usual, as while keys
 * are rotated, both are tried.
 */
import { id, Wallet } from 'ethers';
import { describe, expect, it } from 'vitest';
import { statementCalls } from '../../operator-node/chain/audit-log.ts';
import { auditLogCalls, emptyCall, settlementCalls, type Decision } from '../../operator-node/chain/calls.ts';
import type { ContractCall } from '../../operator-node/chain/chain.ts';
import { auditLogInterface } from '../../operator-node/chain/decode.ts';
import { reserveGas, type Care } from '../../operator-node/chain/gas-limits.ts';
import { dischargeToSign, statementToSign } from '../../operator-node/commitment/audit-log-data.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import type { SignedBatch } from '../../operator-node/model/records.ts';
import { openAuditLog } from './audit-log.fixture.ts';
import { openChain, type TestChain, type TestOperator } from './chain.fixture.ts';

/** So much more than is used a limit may be. */
const close = 1.2;

/** Sends it with its own limit. @returns what it used; the limit was enough */
async function spend(chain: TestChain, from: Wallet, { to, data, gasLimit }: ContractCall): Promise<number> {
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
  return Number(receipt.gasUsed);
}

async function spendClosely(
  chain: TestChain,
  from: Wallet,
  call: ContractCall | undefined,
  most = close,
): Promise<void> {
  if (call === undefined) throw new Error('no call');
  const used = await spend(chain, from, call);
  expect(Number(call.gasLimit) / used).toBeLessThanOrEqual(most);
}

async function scene(chain: TestChain) {
  let sequence = 1;
  const sign = (count = 1): Promise<SignedBatch> => chain.sign({ sequence: sequence++, count });
  const prepared = async (count = 1): Promise<SignedBatch> => {
    const signed = await sign(count);
    await spend(chain, chain.stranger, chain.calls.prepare(signed));
    return signed;
  };
  /** The lane has had a batch, so that its sequence is not zero any more. */
  await prepared();
  return { sign, prepared };
}

const bits = ({ batchId }: SignedBatch, word: number, commitMask: bigint, abortMask = 0n): Decision => ({
  batchId,
  word,
  commitMask,
  abortMask,
});
/** All of the word at once, as an acceptor says it whose users all said yes. */
const whole = (signed: SignedBatch, word: number): Decision => {
  const pairs = Math.min(signed.batch.count - 256 * word, 256);
  return { ...bits(signed, word, (1n << BigInt(pairs)) - 1n), pairs };
};
const words = (count: number): readonly number[] => Array.from({ length: Math.ceil(count / 256) }, (_, word) => word);

/** Both keys of these operators, or of both, are being rotated out; the old ones count for a while. */
async function rotate(chain: TestChain, ...which: readonly TestOperator[]): Promise<void> {
  const until = (await chain.reader().head()).timestamp + 40_000;
  for (const { id: operator, controller } of which.length === 0 ? [chain.aurora, chain.borealis] : which) {
    const key = (name: string): string => new Wallet(id(`${name} ${operator}`)).address;
    await chain.registry(controller, 'rotateSigner', operator, key('signer'), until);
    await chain.registry(controller, 'rotateAccount', operator, key('account'), until);
  }
}

describe('the limit of prepare', () => {
  it('is close for the first batch of a lane and for later ones, of any size', async () => {
    const chain = await openChain();
    for (const [index, count] of [1, 4096, 1, 300, 4096].entries()) {
      await spendClosely(chain, chain.stranger, chain.calls.prepare(await chain.sign({ sequence: index + 1, count })));
    }
  });

  it('is enough while both signers are being rotated out and that is known, also for the first batch', async () => {
    const chain = await openChain();
    await rotate(chain);
    for (const sequence of [1, 2]) {
      const signed = await chain.sign({ sequence });
      await spendClosely(chain, chain.stranger, chain.calls.prepare(signed, { careful: true }));
    }
  });

  it('is enough while one signer is being rotated out and nobody knows yet', async () => {
    for (const operator of ['aurora', 'borealis'] as const) {
      const chain = await openChain();
      await rotate(chain, chain[operator]);
      for (const sequence of [1, 2]) {
        await spendClosely(chain, chain.stranger, chain.calls.prepare(await chain.sign({ sequence })));
      }
    }
  });

  it('is enough for a batch that is prepared already', async () => {
    const chain = await openChain();
    const signed = await chain.sign();
    await spend(chain, chain.stranger, chain.calls.prepare(signed));
    await spend(chain, chain.stranger, chain.calls.prepare(signed));
  });

  it('has room for a signature that a contract checks', async () => {
    const chain = await openChain();
    const signed = await chain.sign();
    const byContract = { ...signed, acceptorSignature: `${signed.acceptorSignature}00` as Hex };
    const more = chain.calls.prepare(byContract).gasLimit - chain.calls.prepare(signed).gasLimit;
    expect(more).toBeGreaterThan(300_000n);
  });
});

const decisions: readonly (readonly [string, number, (signed: SignedBatch) => readonly Decision[]])[] = [
  ['one pair, yes', 1, (signed) => [whole(signed, 0)]],
  ['one pair, no', 1, (signed) => [bits(signed, 0, 0n, 1n)]],
  ['256 pairs, all yes', 256, (signed) => [whole(signed, 0)]],
  ['4,096 pairs, all yes', 4096, (signed) => words(4096).map((word) => whole(signed, word))],
  ['one of many, yes', 300, (signed) => [bits(signed, 0, 4n)]],
  ['one of many, no', 300, (signed) => [bits(signed, 1, 0n, 4n)]],
  ['some of each', 300, (signed) => [bits(signed, 0, 0xffn, 0xff00n)]],
  ['4,096 pairs, some of each', 4096, (signed) => words(4096).map((word) => bits(signed, word, 5n, 2n))],
  ['4,096 pairs, some yes', 4096, (signed) => words(4096).map((word) => bits(signed, word, 5n))],
  ['300 pairs, a whole word and a part', 300, (signed) => [whole(signed, 0), bits(signed, 1, 1n)]],
];

describe('the limit of decide', () => {
  it.each(decisions)('is close for %s', async (_, count, of) => {
    const chain = await openChain();
    const { prepared } = await scene(chain);
    await spendClosely(chain, chain.borealis.account, chain.calls.decide(of(await prepared(count)))[0]);
  });

  it.each(decisions)('is enough from an account that is being rotated out, for %s', async (_, count, of) => {
    const chain = await openChain();
    const { prepared } = await scene(chain);
    const signed = await prepared(count);
    await rotate(chain);
    await spendClosely(chain, chain.borealis.account, chain.calls.decide(of(signed))[0]);
  });

  it('is close for many batches in one call, and enough for what is decided in part, twice, and too late', async () => {
    const chain = await openChain();
    const { prepared } = await scene(chain);
    const many: SignedBatch[] = [];
    for (let n = 0; n < 8; n += 1) many.push(await prepared(300));
    const decide = (of: (signed: SignedBatch) => readonly Decision[]): ContractCall | undefined =>
      chain.calls.decide(many.flatMap(of))[0];
    await spendClosely(
      chain,
      chain.borealis.account,
      decide((signed) => [bits(signed, 0, 1n), bits(signed, 1, 1n, 2n)]),
    );
    // Slots that are written already cost less; nobody knows here whether they are.
    await spendClosely(
      chain,
      chain.borealis.account,
      decide((signed) => [bits(signed, 0, 2n, 4n), bits(signed, 1, 4n)]),
      2,
    );
    await spendClosely(
      chain,
      chain.borealis.account,
      decide((signed) => [bits(signed, 0, 1n)]),
      4,
    );
    const { pairs: _, ...rest } = whole(many[0] as SignedBatch, 0);
    const partly = { ...rest, commitMask: rest.commitMask & ~4n };
    await spendClosely(chain, chain.borealis.account, chain.calls.decide([partly])[0], 1.6);
    await chain.anvil.rpc('evm_increaseTime', 10_000);
    await chain.anvil.mine();
    await spendClosely(
      chain,
      chain.borealis.account,
      decide((signed) => [bits(signed, 0, 8n)]),
      6,
    );
  });
});

describe('the limit of settle', () => {
  it.each(decisions)('is close for %s', async (_, count, of) => {
    const chain = await openChain();
    const { sign } = await scene(chain);
    const signed = await sign(count);
    await spendClosely(chain, chain.borealis.account, chain.calls.settle(signed, of(signed)));
  });

  it('is enough while all keys are being rotated out, for the first batch of a lane', async () => {
    const chain = await openChain();
    await rotate(chain);
    const signed = await chain.sign({ count: 4096 });
    const all = words(4096).map((word) => bits(signed, word, 5n, 2n));
    await spendClosely(chain, chain.borealis.account, chain.calls.settle(signed, all, { careful: true }));
  });
});

describe('the limit of attest', () => {
  const attest = async (chain: TestChain, { id: operator }: TestOperator, of: readonly SignedBatch[], digest: string) =>
    chain.calls.attest(
      operator,
      of.map(({ batchId }) => ({ batchId, executedDigest: id(`${digest} ${batchId}`) as Hash })),
    )[0];
  const decided = async (chain: TestChain, count: number): Promise<readonly SignedBatch[]> => {
    const { sign } = await scene(chain);
    const batches: SignedBatch[] = [];
    for (let n = 0; n < count; n += 1) {
      const signed = await sign();
      await spend(chain, chain.borealis.account, chain.calls.settle(signed, [whole(signed, 0)]));
      batches.push(signed);
    }
    return batches;
  };

  it.each([1, 6])(
    'is close for the first of two and where both differ, and enough where they agree: %i',
    async (count) => {
      const chain = await openChain();
      const { aurora, borealis } = chain;
      const batches = await decided(chain, 2 * count);
      const [same, other] = [batches.slice(0, count), batches.slice(count)];
      await spendClosely(chain, aurora.account, await attest(chain, aurora, same, 'executed'));
      await spendClosely(chain, borealis.account, await attest(chain, borealis, same, 'executed'), 3);
      await rotate(chain);
      await spendClosely(chain, borealis.account, await attest(chain, borealis, other, 'executed'));
      await spendClosely(chain, aurora.account, await attest(chain, aurora, other, 'something else'));
    },
  );
});

describe('the limits of the AuditLog', () => {
  it('are close for statements, discharges and answers, and enough while keys are being rotated out', async () => {
    const { chain, AuditLog } = await openAuditLog();
    const { aurora, borealis, stranger, authority } = chain;
    const calls = { ...statementCalls(AuditLog), ...auditLogCalls(AuditLog) };
    const domain = { chainId: BigInt(chain.network.chainId), contract: AuditLog };
    const signed = ({ signer }: TestOperator, digest: Hash): Hex => signer.signingKey.sign(digest).serialized as Hex;
    const settle = async (name: string, care: Care = {}): Promise<void> => {
      const [statement, reference] = [id(name) as Hash, id(`paid ${name}`) as Hash];
      const digest = statementToSign(domain, aurora.id, borealis.id, statement);
      const [signatureA, signatureB] = [signed(aurora, digest), signed(borealis, digest)];
      const anchored = { operatorA: aurora.id, operatorB: borealis.id, statement, signatureA, signatureB };
      await spendClosely(chain, stranger, calls.anchorStatement(anchored, care));
      const signature = signed(aurora, dischargeToSign(domain, aurora.id, statement, reference));
      await spendClosely(chain, stranger, calls.discharge({ payee: aurora.id, statement, reference, signature }));
    };
    const file = (name: string, args: readonly unknown[], from = stranger) =>
      chain.act(from, AuditLog, auditLogInterface.encodeFunctionData(name, args));
    await file('admitAuditor', [stranger.address, stranger.address, 'Supervisor'], authority);
    for (const request of [1, 2]) await file('requestDisclosure', [1, aurora.id, id(`asked ${request}`), 2 ** 40 - 1]);
    await settle('a window');
    await spendClosely(chain, aurora.account, calls.answer(aurora.id, 1, id('handed over') as Hash));
    await rotate(chain, aurora);
    await settle('another window');
    await rotate(chain, borealis);
    await settle('a third window', { careful: true });
    await spendClosely(chain, aurora.account, calls.answer(aurora.id, 2, id('handed over') as Hash));
  });
});

describe('an empty transaction', () => {
  it('has what it uses as its limit', async () => {
    const chain = await openChain();
    await spendClosely(chain, chain.stranger, emptyCall(chain.stranger.address), 1);
  });
});

describe('what a key keeps back for a batch', () => {
  it('is enough for it', () => {
    const calls = settlementCalls(`0x${'5e'.repeat(20)}`);
    const signature = `0x${'11'.repeat(65)}` as Hex;
    const batch = { initiator: 1, acceptor: 2, sequence: 1, deadline: 2 ** 40 - 1, count: 1024, root: id('root') };
    const signed = {
      batchId: id('batch'),
      batch,
      initiatorSignature: signature,
      acceptorSignature: signature,
    } as never;
    expect(calls.prepare(signed).gasLimit).toBeLessThanOrEqual(reserveGas.carry);
    expect(calls.settle(signed, [bits(signed, 0, 1n, 2n)]).gasLimit).toBeLessThanOrEqual(reserveGas.decide);
    const attestation = { batchId: id('batch'), executedDigest: id('digest') } as never;
    expect(calls.attest(1 as never, [attestation])[0]?.gasLimit).toBeLessThanOrEqual(reserveGas.attest);
  });
});
