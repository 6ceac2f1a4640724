/** Items on sale and their stock: put there by staff, taken one a sale, in order. */
import { hash } from 'node:crypto';
import { TandemError } from '../../errors.ts';
import { isAmount, isAsset, type Amount, type Asset, type OperatorId, type UserId } from '../../model/ids.ts';
import type { Tx, View } from '../../store/store.ts';
import { codeKey, codeTable, folded, itemKey, itemListTable, itemNameTable, itemTable, stockTable } from './records.ts';
import type { Item, StockRecord } from './records.ts';

export interface NewItem {
  readonly user: UserId;
  /** Number code that a buyer can write: `12`, `A1`. */
  readonly item: string;
  /** Name that a person reads, and can write too. */
  readonly label: string;
  readonly asset: Asset;
  readonly price: Amount;
}

export interface NewStock {
  /** Given by staff: the key of idempotency. */
  readonly id: string;
  readonly user: UserId;
  readonly item: string;
  /** Handed out one a sale, in this order. */
  readonly codes: readonly string[];
}

/** By number code first, then by name; upper and lower case are the same. */
export function itemOf(view: View, user: UserId, name: string): Item | undefined {
  const byCode = view.get(itemTable, itemKey(user, name));
  if (byCode !== undefined) return byCode;
  const item = view.get(itemNameTable, itemKey(user, name));
  return item === undefined ? undefined : view.get(itemTable, itemKey(user, item));
}

/** What there is for customers of that operator; without one, what there is at all. */
export const inStock = ({ next, end, returned }: Item, buyer?: OperatorId): number =>
  end - next + returned.filter(({ toldTo }) => buyer === undefined || toldTo === buyer).length;

/**
 * Puts an item on sale, or changes its label and price; its stock stays.
 * @throws {TandemError} `bad-request` when the item cannot be sold so, `conflict` when its name is another item's.
 */
export function putItem(tx: Tx, { user, item, label, asset, price }: NewItem): void {
  if (folded(item) === '' || folded(label) === '' || /[/!]/.test(item)) {
    throw new TandemError('bad-request', `Item "${item}" needs a code without "/" and "!" and a name, got "${label}"`);
  }
  if (!isAsset(asset) || !isAmount(price) || price === '0') {
    throw new TandemError(
      'bad-request',
      `Item "${item}" needs a price above zero in minor units, got ${price} ${asset}`,
    );
  }
  const before = tx.get(itemTable, itemKey(user, item));
  const named = itemOf(tx, user, label);
  if (named !== undefined && folded(named.item) !== folded(item)) {
    throw new TandemError('conflict', `"${label}" is already item ${named.item}; give item ${item} another name`);
  }
  if (before === undefined) {
    const other = tx.get(itemNameTable, itemKey(user, item));
    if (other !== undefined) {
      throw new TandemError('conflict', `"${item}" is already the name of item ${other}; use another code`);
    }
    tx.put(itemListTable, user, [...(tx.get(itemListTable, user) ?? []), item]);
  } else {
    tx.del(itemNameTable, itemKey(user, before.label));
  }
  tx.put(itemNameTable, itemKey(user, label), item);
  const stock = before ?? { next: 0, end: 0, returned: [] };
  tx.put(itemTable, itemKey(user, item), { ...stock, item: before?.item ?? item, label, asset, price });
}

const recordOf = ({ user, item, codes }: NewStock): StockRecord => ({
  user,
  item: folded(item),
  hash: hash('sha256', JSON.stringify(codes)),
});

const isSame = (known: StockRecord, { user, item, hash: digest }: StockRecord): boolean =>
  known.user === user && known.item === item && known.hash === digest;

export function isStock(view: View, stock: NewStock): boolean {
  const known = view.get(stockTable, stock.id);
  return known === undefined ? stock.codes.length === 0 : isSame(known, recordOf(stock));
}

/**
 * @throws {TandemError} `conflict` for a known id with other content, `not-found` without the item, `bad-request` for
 * an empty code.
 */
export function addStock(tx: Tx, stock: NewStock): { readonly inStock: number } {
  const { id, user, item, codes } = stock;
  const known = tx.get(stockTable, id);
  const existing = tx.get(itemTable, itemKey(user, item));
  const record = recordOf(stock);
  if (known !== undefined) {
    if (!isSame(known, record) || existing === undefined) {
      throw new TandemError('conflict', `Stock ${id} already exists with other content; use a new id`, {
        facts: { id },
      });
    }
    return { inStock: inStock(existing) };
  }
  if (existing === undefined) throw new TandemError('not-found', `${user} has no item "${item}"; put it on sale first`);
  if (codes.some((code) => code === '' || code.includes('\n'))) {
    throw new TandemError('bad-request', `A code of item "${item}" is empty or has more than one line`);
  }
  for (const [offset, code] of codes.entries()) tx.put(codeTable, codeKey(user, item, existing.end + offset), code);
  const after = { ...existing, end: existing.end + codes.length };
  tx.put(itemTable, itemKey(user, item), after);
  tx.put(stockTable, id, record);
  return { inStock: inStock(after) };
}

/**
 * The first code in stock for customers of `buyer`, out of it; undefined when sold out. `told`: that one, if it is
 * there.
 */
export function takeCode(
  tx: Tx,
  user: UserId,
  item: Item,
  buyer: OperatorId,
  told?: string,
): { readonly index: number; readonly code: string } | undefined {
  if (told !== undefined && told !== '') return takeTold(tx, user, item, buyer, told);
  const back = item.returned.find(({ toldTo }) => toldTo === buyer);
  if (back === undefined && item.next >= item.end) return undefined;
  const index = back?.index ?? item.next;
  const after =
    back === undefined
      ? { ...item, next: item.next + 1 }
      : { ...item, returned: item.returned.filter((one) => one !== back) };
  tx.put(itemTable, itemKey(user, item.item), after);
  return { index, code: codeAt(tx, user, item.item, index) };
}

/**
 * A code that has gone out before. Those before it may have gone out too, to whom nobody knows: they are kept for
 * `buyer`.
 */
function takeTold(
  tx: Tx,
  user: UserId,
  item: Item,
  buyer: OperatorId,
  told: string,
): { readonly index: number; readonly code: string } | undefined {
  const { next, end, returned } = item;
  const fresh = Array.from({ length: end - next }, (_, offset) => next + offset);
  const index = [...returned.map((one) => one.index), ...fresh].find((at) => codeAt(tx, user, item.item, at) === told);
  if (index === undefined) return undefined;
  const passed = fresh.filter((at) => at < index).map((at) => ({ index: at, toldTo: buyer }));
  const left = [...returned, ...passed].filter((one) => one.index !== index).sort((a, b) => a.index - b.index);
  tx.put(itemTable, itemKey(user, item.item), { ...item, next: Math.max(next, index + 1), returned: left });
  return { index, code: told };
}

/** The code of a released sale, if nobody else has it since. */
export function takeBack(tx: Tx, user: UserId, name: string, index: number): boolean {
  const item = tx.get(itemTable, itemKey(user, name));
  if (item?.returned.some((one) => one.index === index) !== true) return false;
  tx.put(itemTable, itemKey(user, name), { ...item, returned: item.returned.filter((one) => one.index !== index) });
  return true;
}

export function putBack(tx: Tx, user: UserId, name: string, index: number, toldTo: OperatorId): void {
  const item = tx.get(itemTable, itemKey(user, name));
  if (item === undefined) throw new TandemError('internal', `Item ${itemKey(user, name)} of a sale is gone`);
  const returned = [...item.returned, { index, toldTo }].sort((a, b) => a.index - b.index);
  tx.put(itemTable, itemKey(user, name), { ...item, returned });
}

function codeAt(view: View, user: UserId, item: string, index: number): string {
  const code = view.get(codeTable, codeKey(user, item, index));
  if (code === undefined) throw new TandemError('internal', `Code ${codeKey(user, item, index)} is missing`);
  return code;
}
