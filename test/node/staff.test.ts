/** What staff does for users: the same content again is the same answer, and any other content is said to be other. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { NewUser } from '../../operator-node/users/particulars.ts';
import { createGoods, type GoodsDomain } from '../../operator-node/domains/goods/goods.ts';
import { createPayments } from '../../operator-node/domains/payments/payments.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import type { Amount, Asset, Msisdn, OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { openMemoryStore } from '../../operator-node/store/memory.ts';
import { Staff, type CashMovement } from '../../operator-node/users/staff.ts';
import { userByNumber, userTable } from '../../operator-node/users/user.ts';

const number = '+46700000077' as Msisdn;
const [sek, eur] = ['SEK' as Asset, 'EUR' as Asset];
const item = { item: 'zone-a', label: 'Zone A', asset: sek, price: '3900' as Amount, codes: ['A1', 'A2'] };
const other = { item: 'zone-b', label: 'Zone B', asset: sek, price: '5200' as Amount, codes: [] };
const user: NewUser = {
  number,
  name: 'Tickets, platform 2',
  language: 'sv',
  kind: 'machine',
  assets: [sek, eur],
  joined: true,
  autoAccept: true,
  goods: [item, other],
};

let engine: Engine;
let goods: GoodsDomain;
let staff: Staff;
beforeEach(() => {
  const store = openMemoryStore(undefined, { freeze: true });
  const payments = createPayments({ operator: 1 as OperatorId, limits: {} });
  goods = createGoods(payments);
  const clock = { now: () => Date.UTC(2026, 10, 23) as UnixMillis, after: () => () => {} };
  engine = new Engine({ store, clock, random: systemRandom, onEvent: () => {}, onFailure: () => {} });
  staff = new Staff({ engine, payments, goods, assets: new Set([sek, eur]), languages: ['en', 'sv'] });
});

const found = () => {
  const known = userByNumber(engine.newest, number);
  if (known === undefined) throw new Error('the user is not there');
  return known;
};

describe('createUser', () => {
  it('answers the same content again as what is there already', async () => {
    expect(await staff.createUser(user)).toEqual({ number, created: true });
    expect(await staff.createUser(structuredClone(user))).toEqual({ number, created: false });
    // Items in another order, and a code written otherwise, are the same goods.
    const again = { ...user, goods: [other, { ...item, item: 'Zone-A' }] };
    expect(await staff.createUser(again)).toEqual({ number, created: false });
  });

  const person: NewUser = { ...user, kind: 'person', name: 'Alice', goods: [], joined: false, autoAccept: false };

  it.each<[field: string, first: NewUser, changes: Partial<NewUser>, said: string]>([
    ['name', user, { name: 'Tickets' }, 'name is "Tickets, platform 2", not "Tickets"'],
    ['language', user, { language: 'en' }, 'language is "sv", not "en"'],
    ['kind', user, { kind: 'person' }, 'kind is "machine", not "person"'],
    ['an account more', { ...user, assets: [sek] }, { assets: [sek, eur] }, 'assets is ["SEK"], not ["SEK","EUR"]'],
    ['an account less', user, { assets: [sek] }, 'assets is ["SEK","EUR"], not ["SEK"]'],
    ['the first account', user, { assets: [eur, sek] }, 'assets is ["SEK","EUR"], not ["EUR","SEK"]'],
    ['joined', person, { joined: true }, 'joined is false, not true'],
    ['not joined', user, { joined: false }, 'joined is true, not false'],
    ['autoAccept', person, { autoAccept: true }, 'autoAccept is false, not true'],
    ['a price', user, { goods: [{ ...item, price: '4200' as Amount }, other] }, 'costs 3900 SEK, not 4200 SEK'],
    ['a currency', user, { goods: [{ ...item, asset: eur }, other] }, 'costs 3900 SEK, not 3900 EUR'],
    ['a label', user, { goods: [{ ...item, label: 'Zone A+' }, other] }, 'is called "Zone A", not "Zone A+"'],
    ['more codes', user, { goods: [{ ...item, codes: ['A1', 'A2', 'A3'] }, other] }, '"zone-a" came with other codes'],
    ['codes where none were', user, { goods: [item, { ...other, codes: ['B1'] }] }, '"zone-b" came with other codes'],
    ['no codes any more', user, { goods: [{ ...item, codes: [] }, other] }, '"zone-a" came with other codes'],
    ['an item more', { ...user, goods: [item] }, {}, 'goods "zone-b" is not among its goods'],
    ['an item less', user, { goods: [item] }, 'goods "zone-b" is missing'],
    ['no goods', user, { goods: [] }, 'goods "zone-a" is missing; goods "zone-b" is missing'],
  ])('refuses another %s, says what differs, and changes nothing', async (field, first, changes, said) => {
    await staff.createUser(first);
    const before = [found(), goods.items(engine.newest, found().id)];
    const asked = field === 'an item more' ? user : { ...first, ...changes };
    const refused = staff.createUser(asked);
    await expect(refused).rejects.toMatchObject({ code: 'conflict' });
    await expect(refused).rejects.toThrow(said);
    await expect(refused).rejects.toThrow('Nothing was changed.');
    expect([found(), goods.items(engine.newest, found().id)]).toEqual(before);
  });

  it('names every difference', async () => {
    await staff.createUser(user);
    await expect(staff.createUser({ ...user, name: 'X', goods: [] })).rejects.toThrow(
      'name is "Tickets, platform 2", not "X"; goods "zone-a" is missing; goods "zone-b" is missing.',
    );
  });

  it('is not confused by what the customer has done since', async () => {
    await staff.createUser(user);
    await engine.run((work) => work.put(userTable, found().id, { ...found(), joined: false }));
    // As it was given, and as it is now.
    for (const joined of [true, false]) {
      expect(await staff.createUser({ ...user, joined })).toEqual({ number, created: false });
    }
  });

  it('refuses two codes that are one item to a buyer, rather than keeping the last', async () => {
    const twice = {
      ...user,
      goods: [item, { ...item, item: ' ZONE-A', label: 'Zone A, again', price: '1' as Amount }],
    };
    await expect(staff.createUser(twice)).rejects.toMatchObject({ code: 'unprocessable' });
    expect(userByNumber(engine.newest, number)).toBeUndefined();
  });
});

describe('move', () => {
  const till: CashMovement = { id: 'till-1', number, asset: sek, amount: '500' as Amount, reason: 'cash desk' };

  it.each<[string, 'deposit' | 'withdraw', Partial<CashMovement>]>([
    ['amount', 'deposit', { amount: '501' as Amount }],
    ['asset', 'deposit', { asset: eur }],
    ['reason', 'deposit', { reason: 'a present' }],
    ['direction', 'withdraw', {}],
    ['customer', 'deposit', { number: '+46700000078' as Msisdn }],
  ])('refuses a known id with another %s', async (_what, kind, changes) => {
    await staff.createUser(user);
    await staff.createUser({ ...user, number: '+46700000078' as Msisdn });
    expect(await staff.move('deposit', till)).toEqual({ asset: sek, balance: '500' });
    expect(await staff.move('deposit', till)).toEqual({ asset: sek, balance: '500' });
    await expect(staff.move(kind, { ...till, ...changes })).rejects.toMatchObject({ code: 'conflict' });
    expect(await staff.move('deposit', till)).toEqual({ asset: sek, balance: '500' });
  });
});
