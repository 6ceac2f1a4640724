/**
 * What a restore puts back of persons: their keys, from where keys are kept, and without those who were erased since the
 * backup was made. Tombstones are looked for wherever this node leaves them.
 */
import { existsSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import { TandemError } from '../errors.ts';
import { toHash } from '../commitment/bytes.ts';
import type { UnixMillis, UserId } from '../model/ids.ts';
import type { UserKeys } from '../store/codec.ts';
import type { DiskOp } from '../store/disk.ts';
import { isKeyRecord } from '../store/personal.ts';
import { readKeyBackup, readKeyLog } from './key-backup.ts';
import { erasureKey, type ErasureState } from './state.ts';
import { readTombstones, type FoundTombstone } from './tombstones.ts';

type Places = Pick<Config, 'dataDir' | 'backup'>;

/** Where a node leaves its tombstones. */
export const tombstoneFolders = ({ dataDir, backup }: Places): readonly string[] => [
  `${dataDir}.erased`,
  ...[backup.dir, backup.followDir].flatMap((dir) => (dir === undefined ? [] : [join(dir, 'erased')])),
];

/** Beside the followed copy, unless the configuration names another folder. */
export const followKeysDirOf = (backup: Config['backup']): string | undefined =>
  backup.followDir === undefined ? undefined : (backup.followKeysDir ?? `${backup.followDir}.keys`);

export interface PersonsSource {
  readonly config: Places & Pick<Config, 'operator'>;
  /** The ordinary backup. */
  readonly from: string;
  /** A key backup; without one the followed copy's own folder is read, where there is one. */
  readonly keys?: string;
  /** More folders that may hold tombstones. */
  readonly tombstones?: readonly string[];
  readonly now: UnixMillis;
  readonly network: { readonly chainId: string; readonly settlement: string };
}

const idOf = (key: string): string => key.slice(key.indexOf('!') + 1);
const put = (key: string, value: unknown): DiskOp => ({ type: 'put', key, value: JSON.stringify(value) });

export class RestoredPersons {
  readonly #keys: ReadonlyMap<string, string>;
  readonly #tombstones: readonly FoundTombstone[];
  readonly #erased: ReadonlySet<string>;
  readonly #users = new Set<string>();

  private constructor(keys: ReadonlyMap<string, string>, tombstones: readonly FoundTombstone[]) {
    this.#keys = keys;
    this.#tombstones = tombstones;
    this.#erased = new Set(tombstones.flatMap(({ tombstone: { what, user } }) => (what === 'all' ? [user] : [])));
  }

  /** @throws {TandemError} `unprocessable` for keys of another operator or that have expired, `store-damaged` */
  static async read(source: PersonsSource): Promise<RestoredPersons> {
    const { config, from, tombstones = [] } = source;
    const beside = existsSync(join(from, 'erased')) ? join(from, 'erased') : join(dirname(from), 'erased');
    return new RestoredPersons(
      await keysOf(source),
      await readTombstones([...tombstoneFolders(config), beside, ...tombstones]),
    );
  }

  /** The part of a change from the ordinary backup that goes into the new store. */
  take(op: DiskOp): DiskOp | undefined {
    if (isKeyRecord(op.key)) return undefined;
    if (!op.key.startsWith('user!')) return op;
    const user = idOf(op.key);
    if (op.type === 'del') this.#users.delete(user);
    else if (this.#erased.has(user)) return undefined;
    else this.#users.add(user);
    return op;
  }

  get erased(): number {
    return this.#erased.size;
  }

  /** After the last change. @throws {TandemError} `unprocessable` where a user that is not erased has no key */
  *rest(): Generator<DiskOp> {
    const missing = [...this.#users].filter((user) => !this.#keys.has(`user-key!${user}`));
    if (missing.length > 0) {
      throw new TandemError(
        'unprocessable',
        `${missing.length} users of the backup have no key (${missing.slice(0, 3).join(', ')}): name a key backup that was made with it or later (--keys FILE).`,
        { facts: { missing: missing.length } },
      );
    }
    for (const [key, text] of this.#keys) {
      const user = key.startsWith('alias!') ? String(JSON.parse(text)) : idOf(key);
      if (this.#erased.has(user)) continue;
      yield key.startsWith('user-key!')
        ? put(key, this.#current(user, JSON.parse(text) as UserKeys))
        : putText(key, text);
    }
    for (const { tombstone, records } of this.#tombstones) {
      const { user, what, at, generation } = tombstone;
      for (const [key, entries] of records) yield put(`written-out!${key}`, entries);
      const state: ErasureState = {
        user: user satisfies UserId,
        what,
        phase: 'purged',
        begun: at,
        erased: at,
        records: records.length,
        ...(generation === undefined ? {} : { generation }),
      };
      yield put(`erasure!${erasureKey(state)}`, state);
    }
  }

  /** A messages key that was deleted since is not put back: a new one takes its place. */
  #current(user: string, keys: UserKeys): UserKeys {
    const gone = this.#tombstones.flatMap(({ tombstone: { what, user: of, generation = 0 } }) =>
      what === 'messages' && of === user ? [generation] : [],
    );
    const last = Math.max(0, ...gone);
    if (keys.generation > last) return keys;
    return { ...keys, messages: toHash(randomBytes(32)), generation: last + 1 };
  }
}

const putText = (key: string, value: string): DiskOp => ({ type: 'put', key, value });

async function keysOf({ config, from, keys, now, network }: PersonsSource): Promise<ReadonlyMap<string, string>> {
  if (keys === undefined) {
    const own = config.backup.followDir === from ? followKeysDirOf(config.backup) : undefined;
    const folder = [own, `${from}.keys`].find((dir) => dir !== undefined && existsSync(join(dir, 'keys.tandem')));
    return folder === undefined ? new Map() : readKeyLog(folder);
  }
  if (!existsSync(keys)) throw new TandemError('unprocessable', `Key backup ${keys} does not exist.`);
  const { header, records } = await readKeyBackup(keys);
  const found = `operator ${header.operator} of contract ${header.settlement} on chain ${header.chainId}`;
  const expected = `operator ${config.operator.id} of contract ${network.settlement} on chain ${network.chainId}`;
  if (found !== expected) {
    throw new TandemError('unprocessable', `${keys} holds keys of ${found}; the configuration is of ${expected}`);
  }
  if (header.expires <= now) {
    throw new TandemError(
      'unprocessable',
      `${keys} expired on ${new Date(header.expires).toISOString()}: it may hold keys of users who were erased since.`,
    );
  }
  return records;
}
