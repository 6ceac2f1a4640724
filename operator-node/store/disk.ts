/**
 * What the store needs of a disk: reads at once, atomic synced writes, ordered snapshots. Adapters: LevelDB (`level.ts`)
 * and a simulated disk (`memory.ts`). Keys are in the order of their UTF-8 bytes, values are JSON text.
 */
export type DiskOp =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

export interface DiskRange {
  readonly gte: string;
  readonly lt: string;
  readonly reverse: boolean;
  /** −1: no limit. */
  readonly limit: number;
}

export interface Disk {
  get(key: string): string | undefined;
  /** All of it or nothing; resolves when it is synced. One write at a time. */
  write(ops: DiskOp[]): Promise<void>;
  /** A snapshot as of the first `next()`. */
  entries(range: DiskRange): AsyncIterable<readonly [key: string, text: string]>;
  /** Takes what was deleted or replaced under these prefixes off the disk itself, where the disk keeps such things. */
  purge?(prefixes: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
