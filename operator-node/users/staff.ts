/**
 * What staff does for users: customers come, money comes in and goes out. Each is one write, and stands in the journal.
 */
import type { GoodsDomain } from '../domains/goods/goods.ts';
import { folded } from '../domains/goods/records.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import type { Engine, Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { Amount, Asset, Msisdn, UserId } from '../model/ids.ts';
import { differencesOf, otherContent, stockId, type NewUser } from './particulars.ts';
import { createKeys } from './keys.ts';
import { numberTable, userByNumber, userTable, type User } from './user.ts';

export interface StaffParts {
  readonly engine: Engine;
  readonly payments: PaymentsDomain;
  readonly goods: GoodsDomain;
  readonly assets: ReadonlySet<string>;
  readonly languages: readonly string[];
}

/** Money in or out of a user's account, by staff. The same id and content again has no second effect. */
export interface CashMovement {
  readonly id: string;
  readonly number: Msisdn;
  readonly asset: Asset;
  readonly amount: Amount;
  readonly reason: string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export class Staff {
  readonly #parts: StaffParts;

  constructor(parts: StaffParts) {
    this.#parts = parts;
  }

  /** A known number with the same particulars is left as it is; with any other one it is a `conflict` that names it. */
  async createUser(user: NewUser): Promise<{ readonly number: Msisdn; readonly created: boolean }> {
    this.#check(user);
    return this.#parts.engine.run((work) => {
      const known = userByNumber(work, user.number);
      if (known !== undefined) {
        const differences = differencesOf(work, known, user, this.#parts.goods);
        if (differences.length > 0) throw otherContent(user.number, differences);
        return { number: user.number, created: false };
      }
      this.#open(work, user);
      return { number: user.number, created: true };
    });
  }

  #check({ assets, goods, language }: NewUser): void {
    const unknown = [...assets, ...goods.map(({ asset }) => asset)].find((asset) => !this.#parts.assets.has(asset));
    if (assets.length === 0) throw new TandemError('unprocessable', 'A user needs at least one account.');
    if (unknown !== undefined) {
      const known = [...this.#parts.assets].join(', ');
      throw new TandemError('unprocessable', `This operator has no asset ${unknown}; it has ${known}.`);
    }
    const [twice] = [...Map.groupBy(goods, ({ item }) => folded(item)).values()].filter(({ length }) => length > 1);
    if (twice !== undefined) {
      const names = twice.map(({ item }) => `"${item}"`).join(' and ');
      throw new TandemError('unprocessable', `${names} look like one item to a buyer: give each item its own code.`);
    }
    if (!this.#parts.languages.includes(language)) {
      const known = this.#parts.languages.join(', ');
      throw new TandemError('unprocessable', `The catalogue has no language ${language}; it has ${known}.`);
    }
  }

  #open(work: Work, { number, name, language, kind, assets, joined, autoAccept, goods }: NewUser): void {
    const { random } = this.#parts.engine;
    const id = `u_${hex(random.bytes(12))}` as UserId;
    const user: User = {
      id,
      number,
      name,
      language,
      kind,
      assets,
      joined,
      enrolled: joined,
      autoAccept,
      since: work.now,
    };
    createKeys(work, random, id);
    work.put(userTable, id, user);
    work.put(numberTable, number, id);
    for (const asset of assets) this.#parts.payments.openAccount(work, id, asset);
    for (const { item, label, asset, price, codes } of goods) {
      this.#parts.goods.putItem(work, { user: id, item, label, asset, price });
      if (codes.length > 0) this.#parts.goods.addStock(work, { id: stockId(id, item), user: id, item, codes });
    }
    work.journal('staff', { did: 'create-user', user: id, number }, id);
  }

  async move(
    kind: 'deposit' | 'withdraw',
    movement: CashMovement,
  ): Promise<{ readonly asset: Asset; readonly balance: Amount }> {
    const { engine, payments } = this.#parts;
    return engine.run((work) => {
      const user = userByNumber(work, movement.number);
      if (user === undefined)
        throw new TandemError('not-found', `${movement.number} is not a customer of this operator.`);
      const { id, asset, amount, reason } = movement;
      const result = payments[kind](work, { id, user: user.id, asset, amount, reason }, work.now);
      work.journal('staff', { did: kind, id, user: user.id, asset, amount, reason }, user.id);
      return { asset: result.asset, balance: result.balance as Amount };
    });
  }
}
