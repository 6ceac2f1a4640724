/** Planted faults of the books are found by the decision on chain and the terms. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  discrepanciesOf,
  discrepancyList,
  type Discrepancy,
  type DiscrepancyContext,
} from '../../operator-node/api/discrepancy-routes.ts';
import type { Block } from '../../operator-node/chain/chain.ts';
import { executedBitmap, executedDigest, totalsText } from '../../operator-node/commitment/executed.ts';
import { batchSecret } from '../../operator-node/commitment/secrets.ts';
import { paymentTable, type PaymentRecord } from '../../operator-node/domains/payments/records.ts';
import { createDomains } from '../../operator-node/domains/registry.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import { batchStateTable, createBatch, type BatchState } from '../../operator-node/flow/batch.ts';
import { createSide, type Side } from '../../operator-node/flow/pair.ts';
import {
  toTimestamp,
  type BatchId,
  type Hash,
  type Msisdn,
  type OperatorId,
  type PairId,
  type Role,
  type UnixSeconds,
} from '../../operator-node/model/ids.ts';
import type { BatchOutcome } from '../../operator-node/model/outcome.ts';
import {
  ada,
  amount,
  later,
  makeWorld,
  now,
  operation,
  own,
  pairId,
  peer,
  sek,
  type World,
} from './domains.fixture.ts';

const batchId = `0x${'5f'.repeat(32)}` as BatchId;
const block = { number: 9, hash: `0x${'99'.repeat(32)}` as Hash } as Block;
const secretOf = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;
const count = 260;

/** Everything is committed but the pairs 2 (aborted) and 3 (no decision). */
const isCommitted = (index: number): boolean => index !== 2 && index !== 3;
const words = (set: (index: number) => boolean): bigint[] =>
  [0, 1].map((word) => {
    let mask = 0n;
    for (let bit = 0; bit < 256 && word * 256 + bit < count; bit += 1)
      if (set(word * 256 + bit)) mask |= 1n << BigInt(bit);
    return mask;
  });
const outcome: BatchOutcome = {
  prepared: true,
  deadline: 0 as UnixSeconds,
  count,
  commitWords: words(isCommitted),
  abortWords: words((index) => index === 2),
};

const operationOf = (index: number, minor = 120) => operation({ pair: pairId(index), amount: amount(minor) });

function sideOf(index: number, acceptor: OperatorId): Side {
  const pair = pairId(index);
  return {
    pair,
    leg: 'first',
    role: 'initiator',
    peer: acceptor,
    service: 'pay',
    terms: {
      pair,
      service: 'pay',
      firstAsset: sek,
      firstAmount: amount(120),
      secondAsset: sek,
      secondAmount: amount(120),
      initiator: `${own}`,
      acceptor: `${acceptor}`,
      created: toTimestamp(now),
      deadline: '1795428600',
      reverses: '',
    },
    termsSecret: secretOf(index),
    termsCommitment: secretOf(0),
    user: ada,
    userNumber: '+46701234567' as Msisdn,
    userName: 'Ada',
    otherNumber: '+46707654321' as Msisdn,
    otherName: 'Bo',
    note: '',
    item: '',
    domain: 'payments',
    operation: operationOf(index),
    debits: true,
    heldAt: now,
    deadline: 1_795_428_600 as UnixSeconds,
    delivers: '',
    ref: 'ABCD',
  };
}

/** What books give that are as decided. */
const sound = executedDigest(
  batchSecret(Array.from({ length: count }, (_, index) => secretOf(index))),
  batchId,
  executedBitmap(count, isCommitted),
  totalsText(
    Array.from({ length: count - 2 }, () => [
      { leg: 'first' as const, asset: 'SEK', amount: 120n },
      { leg: 'second' as const, asset: 'SEK', amount: 120n },
    ]).flat(),
  ),
);

let world: World;
let flow: DiscrepancyContext;
let chainReads: unknown[];
beforeEach(async () => {
  world = await makeWorld();
  chainReads = [];
  flow = {
    engine: new Engine({
      store: world.store,
      clock: { now: () => later(60), after: () => () => {} },
      random: systemRandom,
      onEvent: () => {},
      onFailure: () => {},
    }),
    domains: createDomains([world.payments, world.goods]),
    chain: {
      finalHead: () => Promise.resolve(block),
      batchOutcome: (...asked) => {
        chainReads.push(asked);
        return Promise.resolve(outcome);
      },
    },
  };
  await world.store.transact((tx) => {
    for (let index = 0; index < count; index += 1) createSide(tx, now, sideOf(index, peer));
    const pairs = Array.from({ length: count }, (_, index) => pairId(index));
    const batch = {
      initiator: own,
      acceptor: peer,
      sequence: 17,
      deadline: 1_795_428_600 as UnixSeconds,
      count,
      root: secretOf(1),
    };
    createBatch(tx, now, { batchId, role: 'initiator', peer, batch, pairs }, { state: 'countersigned' });
  });
});

const key = (index: number): string => `${pairId(index)}/first`;

/** Books the batch as decided, but the pairs that `otherwise` books in another way. */
async function book(otherwise: Readonly<Record<number, () => Promise<unknown>>> = {}): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const planted = otherwise[index];
    if (planted !== undefined) await planted();
    else if (isCommitted(index)) await commit(index);
  }
}
const commit = (index: number, minor = 120): Promise<unknown> =>
  world.store.transact((tx) => world.payments.commit(tx, operationOf(index, minor), later(5)));
const twice = async (index: number): Promise<void> => {
  await commit(index);
  await world.store.transact((tx) => {
    const record = tx.get(paymentTable, key(index)) as PaymentRecord;
    tx.put(paymentTable, key(index), { ...record, entries: [...record.entries, ...record.entries] });
  });
};
const told = (change: Partial<BatchState>, role: Role = 'initiator'): Promise<void> =>
  world.store.transact((tx) => {
    const state = tx.get(batchStateTable, `${batchId}!${role}`) as BatchState;
    tx.put(batchStateTable, `${batchId}!${role}`, { ...state, ...change });
  });

const found = async (batch?: BatchId): Promise<readonly Discrepancy[]> => {
  const batches = await discrepanciesOf(flow, world.payments, batch);
  expect(discrepancyList.safeParse({ batches })).toMatchObject({ success: true });
  return batches;
};
const line = (minor: string, at = later(5)) => ({ booked: toTimestamp(at), asset: 'SEK', amount: minor });

describe('discrepanciesOf', () => {
  it('refuses a batch that is not there', async () => {
    await expect(found(`0x${'00'.repeat(32)}` as BatchId)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('asks the chain nothing while there is no discrepancy', async () => {
    await book({ 1: async () => {} });
    await told({ reconciled: 'reconciled' });
    expect(await found()).toEqual([]);
    expect(chainReads).toEqual([]);
  });

  it('finds the pair whose posting was skipped', async () => {
    await book({ 257: async () => {} });
    await told({ reconciled: 'discrepancy', attested: secretOf(7) });
    const [batch, ...more] = await found();
    expect(more).toEqual([]);
    expect(chainReads).toEqual([[batchId, block.hash]]);
    expect(batch).toMatchObject({ batchId, sequence: '17', peer, attestation: 'otherwise', expected: sound });
    expect(batch?.pairs).toEqual([
      {
        pair: pairId(257),
        leg: 'first',
        index: 257,
        fault: 'missing',
        decided: 'commit',
        agreed: { asset: 'SEK', amount: '-120' },
        booked: [],
      },
    ]);
  });

  it('finds each kind of fault, in a batch that was asked for, whatever the chain says of it', async () => {
    await book({ 0: () => commit(0, 119), 1: () => twice(1), 2: () => commit(2), 3: () => commit(3) });
    const [batch] = await found(batchId);
    expect(batch).toMatchObject({ reconciled: 'open', attestation: 'none' });
    expect(batch?.pairs.map(({ index, fault, decided, booked }) => [index, fault, decided, booked])).toEqual([
      [0, 'amount', 'commit', [line('-119')]],
      [1, 'doubled', 'commit', [line('-120'), line('-120')]],
      [2, 'against-decision', 'abort', [line('-120')]],
      [3, 'against-decision', 'none', [line('-120')]],
    ]);
  });

  it('says that the other operator’s attestation is wrong where these books and this attestation are as decided', async () => {
    await book();
    await told({ reconciled: 'discrepancy', attested: sound });
    expect(await found()).toMatchObject([{ attestation: 'as-decided', expected: sound, attested: sound, pairs: [] }]);
  });

  it('looks at both legs of a batch on us, and at the batch once', async () => {
    const onUs = `0x${'0a'.repeat(32)}` as BatchId;
    const pair: PairId = pairId(900);
    const first = { ...sideOf(900, own), operation: operation({ pair, counterparty: own }) };
    const second: Side = {
      ...first,
      leg: 'second',
      role: 'acceptor',
      debits: false,
      operation: operation({ pair, leg: 'second', action: 'credit', counterparty: own }),
    };
    await world.store.transact((tx) => {
      const batch = {
        initiator: own,
        acceptor: own,
        sequence: 1,
        deadline: 1_795_428_600 as UnixSeconds,
        count: 1,
        root: secretOf(1),
      };
      for (const side of [first, second]) {
        createSide(tx, now, side);
        createBatch(
          tx,
          now,
          { batchId: onUs, role: side.role, peer: own, batch, pairs: [pair] },
          { state: 'countersigned' },
        );
      }
      world.payments.commit(tx, first.operation, later(5));
    });
    const one = await found(onUs);
    expect(one).toHaveLength(1);
    expect(one[0]?.pairs).toMatchObject([{ leg: 'second', fault: 'missing', agreed: { amount: '120' } }]);
  });
});
