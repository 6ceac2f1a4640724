/**
 * Goods: a sale is one operation of two parts in the same transaction, the credit of the seller's payment account and the
 * release of one item, whose code the buyer receives. The money's part says what state the operation is in; the table
 * is that of `payments.ts`, with the item beside it:
 *
 * - hold takes one code out of stock, commit keeps it out, release puts it back; the buyer's operator has seen the code,
 *   so it goes out again to that operator's customers only;
 * - commit after release takes the same code again if nobody else has it; commit of what was never held takes none,
 *   since nothing was promised to the buyer from here. Both are `withoutHold`, which staff is told.
 *
 * To give a sale's money back is a payment; it returns no goods.
 */
import type { Amount, Asset, UserId } from '../../model/ids.ts';
import type { Tx, View } from '../../store/store.ts';
import type { HoldOutcome, Operation, PrivateDomain } from '../domain.ts';
import { goodsKind } from '../kinds.ts';
import { refuse, type Refusal } from '../payments/limits.ts';
import { itemKey, itemListTable, itemTable, saleKey, saleTable, type Item, type Sale } from './records.ts';
import {
  addStock,
  inStock,
  isStock,
  itemOf,
  putBack,
  putItem,
  takeBack,
  takeCode,
  type NewItem,
  type NewStock,
} from './stock.ts';

export interface ItemView {
  readonly item: string;
  readonly label: string;
  readonly asset: Asset;
  readonly price: Amount;
  readonly inStock: number;
}

export interface GoodsDomain extends PrivateDomain {
  /** See `stock.ts` for what is refused. */
  putItem(tx: Tx, item: NewItem): void;
  addStock(tx: Tx, stock: NewStock): { readonly inStock: number };
  /** Whether that stock came with these codes; without any, whether none came under its id. */
  isStock(view: View, stock: NewStock): boolean;
  /** What `user` sells, in the order in which it came on sale. */
  items(view: View, user: UserId): readonly ItemView[];
  sale(view: View, pair: Operation['pair'], leg: Operation['leg']): Sale | undefined;
}

/** @param payments the domain that the seller's account is in. */
export function createGoods(payments: PrivateDomain): GoodsDomain {
  return {
    ...goodsKind,

    check: (view, operation, now) => {
      if (operation.action !== 'sell') return refuse('not-supported', { action: operation.action });
      const credited = payments.check(view, creditOf(operation), now);
      if (!credited.ok) return credited;
      const sale = saleOf(view, operation);
      if (sale !== undefined) return promised(credited, sale);
      const item = offered(view, operation);
      if ('code' in item) return item;
      return inStock(item, operation.counterparty) === 0 ? soldOut(item) : credited;
    },

    hold: (tx, operation, now) => {
      if (operation.action !== 'sell') return refuse('not-supported', { action: operation.action });
      const sale = saleOf(tx, operation);
      if (sale === undefined) {
        // Before anything is set aside: a refusal leaves nothing behind.
        const item = offered(tx, operation);
        if ('code' in item) return item;
        if (inStock(item, operation.counterparty) === 0) return soldOut(item);
      }
      const credited = payments.hold(tx, creditOf(operation), now);
      if (!credited.ok) return credited;
      return promised(credited, sale ?? reserve(tx, operation));
    },

    commit: (tx, operation, now) => {
      const outcome = payments.commit(tx, creditOf(operation), now);
      const sale = saleOf(tx, operation);
      if (sale?.state !== 'committed')
        tx.put(saleTable, saleKey(operation.pair, operation.leg), sold(tx, operation, sale));
      return outcome;
    },

    release: (tx, pair, leg, now) => {
      payments.release(tx, pair, leg, now);
      const sale = tx.get(saleTable, saleKey(pair, leg));
      if (sale?.state !== 'held') return;
      if (sale.index !== undefined) putBack(tx, sale.seller, sale.item, sale.index, sale.toldTo);
      tx.put(saleTable, saleKey(pair, leg), { ...sale, state: 'released' });
    },

    posting: (view, pair, leg) => payments.posting(view, pair, leg),

    quote: (view, user, name) => {
      const item = itemOf(view, user, name);
      return item === undefined ? undefined : { asset: item.asset, amount: item.price, label: item.label };
    },

    putItem,
    addStock,
    isStock,
    items: (view, user) =>
      (view.get(itemListTable, user) ?? []).flatMap((name) => {
        const item = view.get(itemTable, itemKey(user, name));
        if (item === undefined) return [];
        return [{ item: item.item, label: item.label, asset: item.asset, price: item.price, inStock: inStock(item) }];
      }),
    sale: (view, pair, leg) => view.get(saleTable, saleKey(pair, leg)),
  };
}

const creditOf = (operation: Operation): Operation => ({ ...operation, action: 'credit' });

const saleOf = (view: View, { pair, leg }: Operation): Sale | undefined => view.get(saleTable, saleKey(pair, leg));

function promised(credited: HoldOutcome & { ok: true }, { code }: Sale): HoldOutcome {
  return code === undefined ? credited : { ...credited, delivers: code };
}

/** The item, if the seller has it at the price of the operation. */
function offered(view: View, { user, item: name, asset, amount }: Operation): Item | Refusal {
  const item = name === undefined ? undefined : itemOf(view, user, name);
  if (item === undefined) return refuse('unknown-item', { item: name ?? '' });
  if (item.asset !== asset || item.price !== amount) {
    return refuse('unknown-item', {
      item: item.item,
      price: `${item.price} ${item.asset}`,
      offered: `${amount} ${asset}`,
    });
  }
  return item;
}

const soldOut = ({ item }: Item): Refusal => refuse('sold-out', { item });

function reserve(tx: Tx, operation: Operation): Sale {
  const { pair, leg, user, item: name = '' } = operation;
  const item = itemOf(tx, user, name);
  const taken = item === undefined ? undefined : takeCode(tx, user, item, operation.counterparty, operation.delivers);
  const sale: Sale = {
    state: 'held',
    seller: user,
    item: item?.item ?? name,
    toldTo: operation.counterparty,
    ...taken,
  };
  tx.put(saleTable, saleKey(pair, leg), sale);
  return sale;
}

function sold(tx: Tx, { user, item = '', counterparty: toldTo }: Operation, before: Sale | undefined): Sale {
  if (before === undefined) {
    return { state: 'committed', seller: user, item: itemOf(tx, user, item)?.item ?? item, toldTo };
  }
  const again =
    before.state === 'held' || (before.index !== undefined && takeBack(tx, user, before.item, before.index));
  return again
    ? { ...before, state: 'committed' }
    : { state: 'committed', seller: before.seller, item: before.item, toldTo };
}
