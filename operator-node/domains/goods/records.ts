/** What the goods domain keeps: items on sale, their codes one a record, and sales. */
import type { Amount, Asset, Leg, OperatorId, PairId, UserId } from '../../model/ids.ts';
import { table } from '../../store/store.ts';

export interface Item {
  readonly item: string;
  readonly label: string;
  readonly asset: Asset;
  readonly price: Amount;
  /** Index of the next code that was never handed out. */
  readonly next: number;
  /** Index after the last code. */
  readonly end: number;
  /** Codes that came back, by index. Who has seen one could use it: it goes out again to customers of the same operator only. */
  readonly returned: readonly Returned[];
}

export interface Returned {
  readonly index: number;
  /** The operator that the code was told to. */
  readonly toldTo: OperatorId;
}

/** One leg of a pair that sells. The money's part is in the payments ledger under the same (pair, leg). */
export interface Sale {
  /** As in the payments ledger. `committed` without a code: nothing was on hold, or its code has gone to another. */
  readonly state: 'held' | 'committed' | 'released';
  readonly seller: UserId;
  /** The item's own number code, whatever the buyer wrote. */
  readonly item: string;
  readonly index?: number;
  /** What the buyer receives. */
  readonly code?: string;
  /** The buyer's operator, which has been told the code. */
  readonly toldTo: OperatorId;
}

export interface StockRecord {
  readonly user: UserId;
  readonly item: string;
  /** SHA-256 of the codes as JSON: the codes themselves are in `item-code`. */
  readonly hash: string;
}

export const itemTable = table<Item>('item');
export const itemNameTable = table<string>('item-name');
export const itemListTable = table<readonly string[]>('item-list');
export const codeTable = table<string>('item-code');
export const saleTable = table<Sale>('sale');
export const stockTable = table<StockRecord>('stock');

/** What is the same item to a person: without regard to case, spacing and composition of accents. */
export const folded = (name: string): string => name.normalize('NFC').trim().replace(/\s+/gu, ' ').toLowerCase();

export const itemKey = (user: UserId, item: string): string => `${user}/${folded(item)}`;
export const codeKey = (user: UserId, item: string, index: number): string => `${itemKey(user, item)}/${index}`;
export const saleKey = (pair: PairId, leg: Leg): string => `${pair}/${leg}`;
