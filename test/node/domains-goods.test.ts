import { beforeEach, describe, expect, it } from 'vitest';
import type { HoldOutcome, Operation } from '../../operator-node/domains/domain.ts';
import { checkBooks } from '../../operator-node/domains/payments/books.ts';
import type { NewItem, NewStock } from '../../operator-node/domains/goods/stock.ts';
import type { Asset, OperatorId, UserId } from '../../operator-node/model/ids.ts';
import { domainBehavior } from './domains.behavior.ts';
import { ada, amount, eur, makeWorld, now, operation, pairId, sale, sek, shop } from './domains.fixture.ts';
import type { World } from './domains.fixture.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});

const hold = (given: Operation): Promise<HoldOutcome> => world.store.transact((tx) => world.goods.hold(tx, given, now));
const commit = (given: Operation): Promise<boolean> =>
  world.store.transact((tx) => world.goods.commit(tx, given, now).withoutHold);
const release = ({ pair, leg }: Operation): Promise<void> =>
  world.store.transact((tx) => world.goods.release(tx, pair, leg, now));
const putItem = (changes: Partial<NewItem> = {}): Promise<void> =>
  world.store.transact((tx) =>
    world.goods.putItem(tx, { user: shop, item: '13', label: 'Crisps', asset: sek, price: amount(15), ...changes }),
  );
const addStock = (changes: Partial<NewStock> = {}): Promise<{ inStock: number }> =>
  world.store.transact((tx) =>
    world.goods.addStock(tx, { id: 's2', user: shop, item: '12', codes: ['C2'], ...changes }),
  );
const items = (): unknown => world.goods.items(world.store.newest, shop);
const left = (): number | undefined => world.goods.items(world.store.newest, shop)[0]?.inStock;
const balance = (): string | undefined => world.payments.balances(world.store.newest, shop)[0]?.balance;
const sell = (n: number): Operation => sale({ pair: pairId(n) });
const delivers = (code: string): unknown => ({ ok: true, account: 'shop/SEK', delivers: code });

describe('goods as a domain: sell', () => {
  domainBehavior(async () => {
    const { store, payments, goods } = await makeWorld();
    return {
      store,
      domain: goods,
      state: () => [payments.balances(store.newest, shop), goods.items(store.newest, shop)],
    };
  }, sale());
});

describe('hold', () => {
  it('refuses what is no sale', async () => {
    expect(await hold(sale({ action: 'credit' }))).toMatchObject({ ok: false, code: 'not-supported' });
  });

  it('refuses an item that the seller does not have, or has at another price', async () => {
    expect(await hold(sale({ item: '99' }))).toMatchObject({ ok: false, code: 'unknown-item' });
    expect(await hold(sale({ user: ada }))).toMatchObject({ ok: false, code: 'unknown-item' });
    const { item: _item, ...without } = sale();
    expect(await hold(without)).toMatchObject({ ok: false, code: 'unknown-item' });
    expect(await hold(sale({ amount: amount(19) }))).toEqual({
      ok: false,
      code: 'unknown-item',
      facts: { item: '12', price: '20 SEK', offered: '19 SEK' },
    });
    expect(await hold(sale({ asset: eur }))).toMatchObject({ ok: false, code: 'unknown-item' });
  });

  it('refuses when the seller’s account would, and takes nothing out of stock', async () => {
    await world.store.transact((tx) => world.payments.closeAccount(tx, shop, sek));
    expect(await hold(sale())).toMatchObject({ ok: false, code: 'account-closed' });
    expect(left()).toBe(2);
  });

  it('refuses when sold out, and leaves nothing on hold in payments', async () => {
    await hold(sell(1));
    await hold(sell(2));
    expect(await hold(sell(3))).toEqual({ ok: false, code: 'sold-out', facts: { item: '12' } });
    expect(world.payments.payment(world.store.newest, pairId(3), 'second')).toBeUndefined();
  });

  it('hands out the codes in their order, one a sale, whatever the item is called', async () => {
    expect(await hold(sale({ pair: pairId(1), item: 'COLA' }))).toEqual(delivers('C0'));
    expect(await hold(sell(2))).toEqual(delivers('C1'));
    expect(await hold(sale({ pair: pairId(1), item: 'COLA' }))).toEqual(delivers('C0'));
    expect(left()).toBe(0);
    expect(balance()).toBe('1000');
  });
});

describe('check', () => {
  const check = (given: Operation): HoldOutcome => world.goods.check(world.store.newest, given, now);

  it('refuses as hold would', async () => {
    expect(check(sale({ action: 'issue' }))).toMatchObject({ code: 'not-supported' });
    expect(check(sale({ item: '99' }))).toMatchObject({ code: 'unknown-item' });
    await hold(sell(1));
    await hold(sell(2));
    expect(check(sell(3))).toMatchObject({ code: 'sold-out' });
  });

  it('promises no code before there is a hold', async () => {
    expect(check(sale())).toEqual({ ok: true, account: 'shop/SEK' });
    await hold(sale());
    expect(check(sale())).toEqual(delivers('C0'));
  });
});

describe('commit', () => {
  it('sells: credit and item in one', async () => {
    await hold(sell(1));
    expect(await commit(sell(1))).toBe(false);
    expect(balance()).toBe('1020');
    expect(left()).toBe(1);
    expect(world.goods.sale(world.store.newest, pairId(1), 'second')).toMatchObject({ state: 'committed', code: 'C0' });
  });

  it('after release sells the same code again, if nobody has it', async () => {
    await hold(sell(1));
    await release(sell(1));
    expect(await commit(sell(1))).toBe(true);
    expect(left()).toBe(1);
    expect(await hold(sell(2))).toEqual(delivers('C1'));
  });

  it('after release takes no code from another buyer', async () => {
    await hold(sell(1));
    await release(sell(1));
    expect(await hold(sell(2))).toEqual(delivers('C0'));
    expect(await commit(sell(1))).toBe(true);
    expect(balance()).toBe('1020');
    expect(left()).toBe(1);
    expect(world.goods.sale(world.store.newest, pairId(1), 'second')).toEqual({
      state: 'committed',
      seller: shop,
      item: '12',
      toldTo: sell(1).counterparty,
    });
  });

  it('without a hold credits the seller and leaves the stock alone, known item or not', async () => {
    expect(await commit(sell(1))).toBe(true);
    expect(await commit(sale({ pair: pairId(2), item: 'gone' }))).toBe(true);
    expect(balance()).toBe('1040');
    expect(left()).toBe(2);
    expect((await checkBooks(world.store)).faults).toEqual([]);
  });
});

describe('release', () => {
  it('gives a code that one operator has seen to no customer of another', async () => {
    const elsewhere = 77 as OperatorId;
    await hold(sell(1));
    await release(sell(1));
    expect(await hold({ ...sell(2), counterparty: elsewhere })).toEqual(delivers('C1'));
    expect(await hold({ ...sell(3), counterparty: elsewhere })).toMatchObject({ code: 'sold-out' });
    expect(await hold(sell(4))).toEqual(delivers('C0'));
  });

  it('puts the item back: its code is the next to go out', async () => {
    await hold(sell(1));
    await hold(sell(2));
    await release(sell(2));
    await release(sell(1));
    await addStock();
    expect(left()).toBe(3);
    expect(await hold(sell(3))).toEqual(delivers('C0'));
    expect(await hold(sell(4))).toEqual(delivers('C1'));
    expect(await hold(sell(5))).toEqual(delivers('C2'));
  });
});

describe('quote', () => {
  const quote = (item: string, user = shop): unknown => world.goods.quote?.(world.store.newest, user, item);

  it('has none for what is not sold', () => {
    expect(quote('99')).toBeUndefined();
    expect(quote('Cola', ada)).toBeUndefined();
  });

  it.each(['12', 'Cola', 'cola', ' COLA '])('finds "%s" by code or name, upper or lower case', (item) => {
    expect(quote(item)).toEqual({ asset: sek, amount: '20', label: 'Cola' });
  });

  it('reads composed and decomposed letters as the same', async () => {
    await putItem({ item: 'å1', label: 'Räksmörgås  stor' });
    expect(quote('ra\u0308ksmo\u0308rga\u030as STOR')).toMatchObject({ label: 'Räksmörgås  stor' });
    expect(quote('A\u030a1')).toMatchObject({ label: 'Räksmörgås  stor' });
  });
});

describe('putItem', () => {
  it('refuses what cannot be sold', async () => {
    const bad: Partial<NewItem>[] = [
      { item: ' ' },
      { label: '' },
      { item: '1/2' },
      { price: amount(0) },
      { asset: 'sek' as Asset },
    ];
    for (const changes of bad) await expect(putItem(changes)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('refuses a name or a code that means another item already', async () => {
    await expect(putItem({ label: 'COLA' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(putItem({ label: '12' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(putItem({ item: 'cola' })).rejects.toMatchObject({ code: 'conflict' });
    await putItem({ user: ada, label: 'Cola' });
  });

  it('changes name and price of an item, and keeps its stock', async () => {
    await hold(sell(1));
    await putItem({ item: '12', label: 'Cola Zero', price: amount(25) });
    expect(items()).toEqual([{ item: '12', label: 'Cola Zero', asset: sek, price: '25', inStock: 1 }]);
    expect(world.goods.quote?.(world.store.newest, shop, 'Cola')).toBeUndefined();
    await putItem({ item: '13', label: 'Cola' });
    expect(await commit(sell(1))).toBe(false);
    await release(sell(1));
    expect(balance()).toBe('1020');
  });
});

describe('addStock', () => {
  it('refuses an item that is not on sale, and codes that are none', async () => {
    await expect(addStock({ item: '99' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(addStock({ codes: ['C2', ''] })).rejects.toMatchObject({ code: 'bad-request' });
    await expect(addStock({ codes: ['C\n2'] })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('refuses a known id with other content', async () => {
    await putItem();
    await addStock();
    await expect(addStock({ codes: ['C3'] })).rejects.toMatchObject({ code: 'conflict' });
    await expect(addStock({ item: '13' })).rejects.toMatchObject({ code: 'conflict' });
    expect(left()).toBe(3);
  });

  it('adds once an id', async () => {
    expect(await addStock()).toEqual({ inStock: 3 });
    expect(await addStock()).toEqual({ inStock: 3 });
    expect(left()).toBe(3);
  });
});

describe('a refund', () => {
  it('pays back and returns no goods', async () => {
    await hold(sell(1));
    await commit(sell(1));
    const refund = operation({ pair: pairId(2), service: 'refund', user: shop, amount: amount(20), item: '12' });
    await world.store.transact((tx) => {
      expect(world.payments.hold(tx, refund, now)).toMatchObject({ ok: true });
      world.payments.commit(tx, refund, now);
    });
    expect(balance()).toBe('1000');
    expect(left()).toBe(1);
  });
});

describe('items', () => {
  it('are listed in the order in which they came on sale', async () => {
    await putItem();
    expect(items()).toEqual([
      { item: '12', label: 'Cola', asset: sek, price: '20', inStock: 2 },
      { item: '13', label: 'Crisps', asset: sek, price: '15', inStock: 0 },
    ]);
    expect(world.goods.items(world.store.newest, 'nobody' as UserId)).toEqual([]);
  });
});
