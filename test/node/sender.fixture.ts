/** A sender with keys of its own on a real chain; looks and time pass when the test says so. */
import { Wallet, id } from 'ethers';
import { expect, onTestFinished, vi } from 'vitest';
import { emptyCall } from '../../operator-node/chain/calls.ts';
import type { ChainWriter, ContractCall, TransactionOutcome } from '../../operator-node/chain/chain.ts';
import { sentTable, type SentTransaction } from '../../operator-node/chain/sent.ts';
import { ChainSender, type SenderAlarm, type SenderOptions } from '../../operator-node/chain/sender.ts';
import { localTransactionSigner } from '../../operator-node/chain/signing.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import { SimulatedDisk, openMemoryStore } from '../../operator-node/store/memory.ts';
import type { Tx } from '../../operator-node/store/store.ts';
import { chainId } from './anvil.ts';
import { ManualClock, type TestChain } from './chain.fixture.ts';

const resendMillis = 3_000;
export const depth = (blocks: number) => ({ mode: 'depth', depth: blocks }) as const;
/** Anvil with fees, so that a transaction can be too cheap. */
export const feeChain = ['--accounts', '0', '--base-fee', '1000000000'] as const;

export const accountWallet = new Wallet(id('sending account'));
const carrierWallet = new Wallet(id('sending carrier'));
export const account = accountWallet.address.toLowerCase();

interface Options extends Partial<SenderOptions<Tx>> {
  readonly disk?: SimulatedDisk;
  readonly funded?: boolean;
  /** Looks of this sender may fail, as the test wants it. */
  readonly mayFail?: boolean;
}

export async function openSender(
  chain: TestChain,
  { disk = new SimulatedDisk(), funded = true, mayFail = false, ...options }: Options = {},
) {
  if (funded) for (const { address } of [accountWallet, carrierWallet]) await chain.fund(address);
  const clock = new ManualClock();
  const store = openMemoryStore(disk);
  const reader = chain.reader();
  const real = chain.writer();
  const broadcasts: Hex[] = [];
  const hooks: { broadcast: ChainWriter['broadcast']; fees: ChainWriter['fees'] } = {
    broadcast: (raw) => real.broadcast(raw),
    fees: () => real.fees(),
  };
  const writer: ChainWriter = {
    broadcast: (raw) => {
      broadcasts.push(raw);
      return hooks.broadcast(raw);
    },
    receipt: (hash) => real.receipt(hash),
    nonce: (address, at) => real.nonce(address, at),
    fees: () => hooks.fees(),
    balance: (address) => real.balance(address),
    userOf: (address, nonce, upTo) => real.userOf(address, nonce, upTo),
    revertReason: (raw, block) => real.revertReason(raw, block),
  };
  const outcomes: TransactionOutcome[] = [];
  const alarms: SenderAlarm[] = [];
  const troubles: unknown[] = [];
  const sender = new ChainSender({
    reader,
    writer,
    store,
    transact: (body) => store.transact(body),
    clock,
    chainId: BigInt(chainId),
    signers: {
      account: localTransactionSigner(accountWallet.privateKey as Hex),
      carrier: localTransactionSigner(carrierWallet.privateKey as Hex),
    },
    onOutcome: (_tx, outcome) => outcomes.push(outcome),
    onAlarm: (alarm) => alarms.push(alarm),
    onTrouble: (trouble) => troubles.push(trouble),
    resendMillis,
    ...options,
  });
  let crashed = false;
  onTestFinished(async () => {
    const stopped = sender.stop();
    // Nothing of a dead process goes on, so its last look may never end.
    if (!crashed) await stopped;
    if (!mayFail) expect(troubles).toEqual([]);
  });
  const stored = async (): Promise<SentTransaction[]> => {
    const rows: SentTransaction[] = [];
    for await (const [, row] of store.scan(sentTable)) rows.push(row);
    return rows;
  };
  return {
    sender,
    clock,
    store,
    disk,
    broadcasts,
    outcomes,
    alarms,
    troubles,
    hooks,
    stored,
    start: async () => {
      sender.start();
      await sender.idle();
    },
    /** Stores one and waits until it was handed over. */
    send: async (call: ContractCall = emptyCall(chain.stranger.address), tag = 'a call'): Promise<Hash> => {
      const before = broadcasts.length;
      const hash = await store.transact((tx) => sender.send(tx, 'account', call, tag));
      await vi.waitFor(() => {
        expect(broadcasts.length).toBeGreaterThan(before);
      });
      await sender.idle();
      return hash;
    },
    /** The process is gone, with all that was not on disk. */
    crash: () => {
      crashed = true;
      disk.crash();
    },
    /** What the watcher does at a new block. */
    head: async () => {
      const [newest, final] = await Promise.all([reader.head(), reader.finalHead()]);
      sender.onHead({ newest, final, ageMillis: 0 });
      await sender.idle();
    },
    /** Time for another attempt. */
    later: async () => {
      clock.advance(resendMillis);
      await sender.idle();
    },
  };
}

export const inPool = async (chain: TestChain, hash: Hash): Promise<boolean> => {
  const pool =
    await chain.anvil.rpc<Record<string, Record<string, Record<string, { readonly hash: Hash }>>>>('txpool_content');
  return Object.values(pool)
    .flatMap((senders) => Object.values(senders))
    .flatMap((nonces) => Object.values(nonces))
    .some((transaction) => transaction.hash === hash);
};
