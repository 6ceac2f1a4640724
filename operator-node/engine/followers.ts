/** Who keeps an index of a table in memory hears of each of its changes when it is on disk, in the order of the writes. */
import type { Table } from '../store/store.ts';

/** `value` is undefined for a record that was deleted. */
export type Follower<V> = (key: string, value: V | undefined) => void;

interface Change {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

/** What one transaction has written into tables that are followed: each key once, as it is at the end. */
export type Changes = Map<string, Change>;

export class Followers {
  readonly #followers = new Map<string, Follower<unknown>[]>();

  add<V>({ name }: Table<V>, follower: Follower<V>): void {
    const followers = this.#followers.get(name) ?? [];
    // What is written into a table is of its type.
    followers.push(follower as Follower<unknown>);
    this.#followers.set(name, followers);
  }

  note(changes: Changes, { name: table }: Table<unknown>, key: string, value: unknown): void {
    if (this.#followers.has(table)) changes.set(`${table}!${key}`, { table, key, value });
  }

  tell(changes: Changes): void {
    for (const { table, key, value } of changes.values()) {
      for (const follower of this.#followers.get(table) ?? []) follower(key, value);
    }
  }
}
