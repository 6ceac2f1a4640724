/**
 * Whether a customer was added with the same content: what is sent again must be all that it was, or nothing of it may be
 * taken for done. What has changed since by the customer's own doing (JOIN, STOP, codes that were sold) is no difference.
 */
import type { GoodsDomain } from '../domains/goods/goods.ts';
import { folded } from '../domains/goods/records.ts';
import { TandemError } from '../errors.ts';
import type { Amount, Asset, Msisdn } from '../model/ids.ts';
import type { View } from '../store/store.ts';
import type { User } from './user.ts';

export interface NewUser {
  readonly number: Msisdn;
  readonly name: string;
  readonly language: string;
  readonly kind: 'person' | 'machine';
  readonly assets: readonly Asset[];
  readonly joined: boolean;
  readonly autoAccept: boolean;
  /** Goods on sale, for merchants and machines; `codes` are handed out one a sale, in order. */
  readonly goods: readonly {
    readonly item: string;
    readonly label: string;
    readonly asset: Asset;
    readonly price: Amount;
    readonly codes: readonly string[];
  }[];
}

/** Where `given` differs from what the customer has, one sentence for each difference. */
export function differencesOf(view: View, known: User, given: NewUser, goods: GoodsDomain): readonly string[] {
  const found: string[] = [];
  const compare = (field: string, has: unknown, asked: unknown): void => {
    if (JSON.stringify(has) !== JSON.stringify(asked)) {
      found.push(`${field} is ${JSON.stringify(has)}, not ${JSON.stringify(asked)}`);
    }
  };
  compare('name', known.name, given.name);
  compare('language', known.language, given.language);
  compare('kind', known.kind, given.kind);
  compare('assets', known.assets, given.assets);
  if (given.joined !== known.enrolled) compare('joined', known.joined, given.joined);
  compare('autoAccept', known.autoAccept, given.autoAccept);
  return [...found, ...differentGoods(view, known, given, goods)];
}

function* differentGoods(view: View, known: User, given: NewUser, goods: GoodsDomain): Generator<string> {
  const left = new Map(goods.items(view, known.id).map((item) => [folded(item.item), item]));
  for (const { item, label, asset, price, codes } of given.goods) {
    const has = left.get(folded(item));
    left.delete(folded(item));
    const name = `goods "${item}"`;
    if (has === undefined) yield `${name} is not among its goods`;
    else if (has.label !== label) yield `${name} is called "${has.label}", not "${label}"`;
    else if (has.asset !== asset || has.price !== price) {
      yield `${name} costs ${has.price} ${has.asset}, not ${price} ${asset} (minor units)`;
    } else if (!goods.isStock(view, { id: stockId(known.id, has.item), user: known.id, item, codes })) {
      yield `${name} came with other codes`;
    }
  }
  for (const { item } of left.values()) yield `goods "${item}" is missing`;
}

/** The id of the stock of codes that an item came with. */
export const stockId = (user: string, item: string): string => `${user}/${item}`;

export const otherContent = (number: Msisdn, differences: readonly string[]): TandemError =>
  new TandemError(
    'conflict',
    `${number} is already a customer, with other data: ${differences.join('; ')}. ` +
      'Nothing was changed. This request only adds customers: send the same data, or use another number ' +
      'for a customer with other goods or accounts; JOIN and STOP at the service number change joined.',
    { facts: { number, differences } },
  );
