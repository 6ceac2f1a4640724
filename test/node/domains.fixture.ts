/** A node's domains on a simulated disk, and the names that their tests use. */
import { createGoods, type GoodsDomain } from '../../operator-node/domains/goods/goods.ts';
import type { Operation } from '../../operator-node/domains/domain.ts';
import type { Limits } from '../../operator-node/domains/payments/limits.ts';
import { createPayments, type PaymentsDomain } from '../../operator-node/domains/payments/payments.ts';
import type { Amount, Asset, OperatorId, PairId, UnixMillis, UserId } from '../../operator-node/model/ids.ts';
import { openMemoryStore } from '../../operator-node/store/memory.ts';
import type { Store } from '../../operator-node/store/store.ts';

export const own = 1 as OperatorId;
export const peer = 2 as OperatorId;
export const ada = 'ada' as UserId;
export const shop = 'shop' as UserId;
export const sek = 'SEK' as Asset;
export const eur = 'EUR' as Asset;
export const amount = (value: number | bigint): Amount => value.toString() as Amount;

/** 2026-11-23T10:00:00Z */
export const now = Date.UTC(2026, 10, 23, 10) as UnixMillis;
export const later = (seconds: number): UnixMillis => (now + seconds * 1000) as UnixMillis;

export const pairId = (n: number): PairId => `019aaaaa-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as PairId;

export const operation = (changes: Partial<Operation> = {}): Operation => ({
  pair: pairId(1),
  leg: 'first',
  service: 'pay',
  action: 'debit',
  user: ada,
  asset: sek,
  amount: amount(120),
  fee: amount(0),
  counterparty: peer,
  ...changes,
});

export const sale = (changes: Partial<Operation> = {}): Operation =>
  operation({ leg: 'second', service: 'buy', action: 'sell', user: shop, amount: amount(20), item: '12', ...changes });

export interface World {
  readonly store: Store;
  readonly payments: PaymentsDomain;
  readonly goods: GoodsDomain;
}

/** Ada and the shop have 1000 SEK each; the shop sells item 12, Cola, at 20 SEK, with codes C0 and C1. */
export async function makeWorld(limits: Limits = {}): Promise<World> {
  const store = openMemoryStore(undefined, { freeze: true });
  const payments = createPayments({ operator: own, limits });
  const goods = createGoods(payments);
  await store.transact((tx) => {
    for (const user of [ada, shop]) {
      payments.openAccount(tx, user, sek);
      const movement = { id: `opening-${user}`, user, asset: sek, amount: amount(1000), reason: 'opening' };
      payments.deposit(tx, movement, now);
    }
    goods.putItem(tx, { user: shop, item: '12', label: 'Cola', asset: sek, price: amount(20) });
    goods.addStock(tx, { id: 'opening', user: shop, item: '12', codes: ['C0', 'C1'] });
  });
  return { store, payments, goods };
}
