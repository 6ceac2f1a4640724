/**
 * Every table of the node's store: the format of its keys, the module that declares and writes it, what a record is.
 * A key on disk is `<table>!<key>`. A test compares this list with the declarations in the source, both ways.
 */
export interface TableEntry {
  readonly key: string;
  /** Module under `operator-node/`. */
  readonly owner: string;
  readonly holds: string;
}

const users = 'users/user.ts';
const payments = 'domains/payments/records.ts';
const goods = 'domains/goods/records.ts';

export const tables: Readonly<Record<string, TableEntry>> = {
  user: { key: '<userId>', owner: users, holds: 'a customer of this operator' },
  number: { key: '<msisdn>', owner: users, holds: 'the user id that a phone number is an alias of' },

  account: { key: '<userId>/<asset>', owner: payments, holds: 'balance, what is held, what was spent on the day' },
  'account-list': { key: '<userId>', owner: payments, holds: 'the assets of a user’s accounts' },
  payment: { key: '<pairId>/<leg>', owner: payments, holds: 'an operation: its state and its journal entries' },
  position: { key: '<operatorId>/<asset>', owner: payments, holds: 'what is owed to a counterparty, and on hold' },
  'position-list': { key: 'all', owner: payments, holds: 'the keys of all positions' },
  internal: {
    key: 'fees/<asset>, cash/<asset>',
    owner: payments,
    holds: 'balance of an account of the operator’s own',
  },
  cash: { key: '<movement id>', owner: payments, holds: 'a deposit or withdrawal with its journal entry' },

  item: { key: '<userId>/<item>', owner: goods, holds: 'what a seller sells, its price, what is in stock' },
  'item-name': { key: '<userId>/<label>', owner: goods, holds: 'the item that a name means' },
  'item-list': { key: '<userId>', owner: goods, holds: 'a seller’s items' },
  'item-code': { key: '<userId>/<item>/<index>', owner: goods, holds: 'the code of one piece in stock' },
  sale: { key: '<pairId>/<leg>', owner: goods, holds: 'the item of a sale and its code' },
  stock: { key: '<stock id>', owner: goods, holds: 'that a delivery has been added' },
};
