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

export const tables: Readonly<Record<string, TableEntry>> = {
  user: { key: '<userId>', owner: 'users/user.ts', holds: 'a customer of this operator' },
  number: { key: '<msisdn>', owner: 'users/user.ts', holds: 'the user id that a phone number is an alias of' },
};
