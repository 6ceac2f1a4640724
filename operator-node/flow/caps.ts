/**
 * How much two operators let each other owe, an asset each: the lower of what the two say in `hello` (docs/settlement.md).
 * Read before each hold, so it is kept in memory, ready: one look-up. What the peer said last is stored, and counts
 * until it says something else, also over a restart.
 */
import type { Config } from '../config.ts';
import type { Amount, Asset, OperatorId } from '../model/ids.ts';
import { table, type Store, type Tx } from '../store/store.ts';

/** What a peer has said last: its caps by asset. Key: `<peer>`. */
export const peerCapTable = table<Readonly<Record<string, string>>>('peer-cap');
/** Set by staff in the place of the configuration; `""`: no bound. Key: `<peer>/<asset>`. */
export const ownCapTable = table<string>('own-cap');

export interface CapView {
  readonly operator: OperatorId;
  readonly asset: Asset;
  /** Minor units; absent: no bound. */
  readonly own?: Amount;
  readonly peer?: Amount;
  readonly agreed?: Amount;
}

type Configured = Pick<Config, 'assets' | 'limits' | 'caps'>;

const keyOf = (peer: OperatorId, asset: Asset): string => `${peer}/${asset}`;

export class Caps {
  readonly #config: Configured;
  /** Set by staff; undefined inside: no bound. */
  readonly #set = new Map<string, string | undefined>();
  readonly #said = new Map<OperatorId, Readonly<Record<string, string>>>();
  /** The agreed ones, by `<peer>/<asset>`. */
  readonly #agreed = new Map<string, string | undefined>();

  constructor(config: Configured) {
    this.#config = config;
  }

  async load(store: Pick<Store, 'scan'>): Promise<void> {
    for await (const [key, cap] of store.scan(ownCapTable)) this.#set.set(key, cap === '' ? undefined : cap);
    for await (const [peer, caps] of store.scan(peerCapTable)) this.#said.set(Number(peer) as OperatorId, caps);
    this.#agreed.clear();
  }

  /** The most that either may owe the other, in minor units; undefined: no bound. */
  of(peer: OperatorId, asset: Asset): string | undefined {
    const key = keyOf(peer, asset);
    if (this.#agreed.has(key)) return this.#agreed.get(key);
    const [own, theirs] = [this.own(peer, asset), this.#said.get(peer)?.[asset]];
    const agreed = own === undefined || (theirs !== undefined && BigInt(theirs) < BigInt(own)) ? theirs : own;
    this.#agreed.set(key, agreed);
    return agreed;
  }

  /** This operator's own idea of it. */
  own(peer: OperatorId, asset: Asset): string | undefined {
    const key = keyOf(peer, asset);
    if (this.#set.has(key)) return this.#set.get(key);
    return this.#config.caps[`${peer}`]?.[asset] ?? this.#config.limits.perCounterparty[asset];
  }

  /** As `hello` says it. */
  toldTo(peer: OperatorId): { asset: Asset; cap: Amount }[] {
    return this.#config.assets.flatMap(({ asset }) => {
      const cap = this.own(peer, asset);
      return cap === undefined ? [] : [{ asset, cap: cap as Amount }];
    });
  }

  /** What the peer said is new: it has to be stored with `hear`. */
  isNews(peer: OperatorId, caps: readonly { readonly asset: Asset; readonly cap: Amount }[]): boolean {
    return JSON.stringify(this.#said.get(peer) ?? {}) !== JSON.stringify(recordOf(caps));
  }

  hear(tx: Tx, peer: OperatorId, caps: readonly { readonly asset: Asset; readonly cap: Amount }[]): () => void {
    const record = recordOf(caps);
    tx.put(peerCapTable, String(peer), record);
    return () => {
      this.#said.set(peer, record);
      this.#agreed.clear();
    };
  }

  /** By staff. @returns what to run when the write is on disk */
  change(tx: Tx, peer: OperatorId, asset: Asset, cap: Amount | undefined): () => void {
    const key = keyOf(peer, asset);
    tx.put(ownCapTable, key, cap ?? '');
    return () => {
      this.#set.set(key, cap);
      this.#agreed.clear();
    };
  }

  view(peer: OperatorId): readonly CapView[] {
    return this.#config.assets.map(({ asset }): CapView => {
      const [own, theirs, agreed] = [this.own(peer, asset), this.#said.get(peer)?.[asset], this.of(peer, asset)];
      return {
        operator: peer,
        asset,
        ...(own === undefined ? {} : { own: own as Amount }),
        ...(theirs === undefined ? {} : { peer: theirs as Amount }),
        ...(agreed === undefined ? {} : { agreed: agreed as Amount }),
      };
    });
  }
}

const recordOf = (caps: readonly { readonly asset: Asset; readonly cap: Amount }[]): Readonly<Record<string, string>> =>
  Object.fromEntries([...caps].sort((a, b) => (a.asset < b.asset ? -1 : 1)).map(({ asset, cap }) => [asset, cap]));
