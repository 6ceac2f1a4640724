/**
 * Whether this node begins anything new, and if not, why: one ordered list of checks. `/readyz` tells what they find, and
 * the same function decides whether an order or a proposal is taken, so that what is said is what is done. What is open
 * goes on whatever they find. A new reason to begin nothing is an entry here and nowhere else.
 */
import type { NoticeKey } from './analysis/analysis.ts';
import type { PeerRegistry } from './chain/chain.ts';
import { maxRegistryAgeMillis, type RegistryStatus } from './chain/peers.ts';
import type { ChainView } from './flow/context.ts';
import type { Gas } from './flow/gas.ts';
import type { OperatorId } from './model/ids.ts';
import type { Room } from './store/room.ts';

/** What the checks look at, each as it is now. */
export interface NodeState {
  readonly self: OperatorId;
  readonly recovering: boolean;
  readonly halted: boolean;
  readonly room: Pick<Room, 'short' | 'freeBytes' | 'minFreeBytes'>;
  /** What waits for the chain has waited too long (`flow/overload.ts`). */
  readonly overloaded: boolean;
  readonly chain: Pick<ChainView, 'stalled' | 'caughtUp' | 'ageMillis'>;
  /** Why the last look at the chain did not succeed; undefined when it did. */
  readonly trouble: string | undefined;
  /** What a final block has that cannot be read; undefined where there is none. */
  readonly unreadable: string | undefined;
  /** The watcher walks the chain; it stops for good when a final block was replaced. */
  readonly watching: boolean;
  readonly peers: Pick<PeerRegistry, 'get' | 'all'> & { readonly status: RegistryStatus };
  readonly gas: Pick<Gas, 'trouble'>;
}

interface CheckEntry {
  /** Undefined where all is well, else what is wrong and what to do. Cheap: it is asked at every order. */
  readonly look: (state: NodeState) => string | undefined;
  /** What staff should know of it where all is well. */
  readonly note?: (state: NodeState) => string | undefined;
  /** What a user is told whose order is not taken for it. */
  readonly notice: NoticeKey;
  /** What is begun already cannot be settled either: nobody is asked, and no batch is made or signed. */
  readonly stopsSettling: boolean;
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 / 1024)} MiB`;

const checks = {
  recovery: {
    look: ({ recovering }) => (recovering ? 'the store may be behind: tandem recover' : undefined),
    notice: 'cannot-settle',
    stopsSettling: true,
  },
  store: {
    look: ({ room: { short, freeBytes = 0, minFreeBytes } }) =>
      short
        ? `${mebibytes(freeBytes)} free on its disk, orders are taken again at more than ${mebibytes(minFreeBytes)}: free some space`
        : undefined,
    notice: 'out-of-room',
    stopsSettling: false,
  },
  halt: {
    look: ({ halted }) => (halted ? 'halted, since the chain has what this node never made: tandem resume' : undefined),
    notice: 'cannot-settle',
    stopsSettling: true,
  },
  chain: { look: chainCheck, notice: 'chain-stalled', stopsSettling: true },
  // Nobody is asked what could not be decided then.
  gas: { look: ({ gas }) => gas.trouble, notice: 'cannot-settle', stopsSettling: true },
  registry: {
    look: registryCheck,
    note: ({ peers }) => {
      const found = peers
        .all()
        .flatMap(({ id, unreadable = [] }) => (unreadable.length === 0 ? [] : [{ id, unreadable }]));
      const of = found.map(({ id, unreadable }) => `of operator ${id} cannot be read: ${unreadable.join(', ')}`);
      return of.length === 0 ? undefined : `ok, but ${of.join('; ')}`;
    },
    notice: 'cannot-settle',
    stopsSettling: true,
  },
  load: {
    look: ({ overloaded }) =>
      overloaded
        ? 'batches or decisions have waited too long for the chain: orders are taken again when it has become better by half'
        : undefined,
    notice: 'busy',
    stopsSettling: false,
  },
} as const satisfies Readonly<Record<string, CheckEntry>>;

function registryCheck({ self, peers }: NodeState): string | undefined {
  const status = peers.get(self)?.status ?? 'unknown';
  if (status !== 'active') return `operator ${self} is ${status} in the registry`;
  const { ageMillis, trouble } = peers.status;
  if (ageMillis <= maxRegistryAgeMillis) return undefined;
  return `not read for ${Math.round(ageMillis / 1000)} s${trouble === undefined ? '' : `: ${trouble}`}`;
}

function chainCheck({ watching, chain, trouble, unreadable }: NodeState): string | undefined {
  if (!watching) return 'stopped: see the log';
  if (unreadable !== undefined) return unreadable;
  const because = trouble === undefined ? '' : `: ${trouble}`;
  if (chain.stalled) {
    const age = chain.ageMillis;
    return age === undefined ? `not read yet${because}` : `no block for ${Math.round(age / 1000)} s${because}`;
  }
  return chain.caughtUp ? undefined : `catching up${because}`;
}

export type CheckName = keyof typeof checks;
const order = Object.keys(checks) as readonly CheckName[];

export interface Check {
  readonly name: CheckName;
  readonly ok: boolean;
  /** `ok`, or what is wrong. */
  readonly detail: string;
}

export interface Blocking {
  readonly name: CheckName;
  readonly detail: string;
  readonly notice: NoticeKey;
}

export class Readiness {
  readonly #state: () => NodeState;

  constructor(state: () => NodeState) {
    this.#state = state;
  }

  /** The store may be behind: nothing at all is taken. */
  get recovering(): boolean {
    return this.#state().recovering;
  }

  /** The last look at the chain did not succeed. */
  get troubled(): boolean {
    return this.#state().trouble !== undefined;
  }

  /** Every check, in their order. */
  checks(): readonly Check[] {
    const state = this.#state();
    return order.map((name) => {
      const { look, note }: CheckEntry = checks[name];
      const found = look(state);
      return { name, ok: found === undefined, detail: found ?? note?.(state) ?? 'ok' };
    });
  }

  /** Undefined where orders are taken; otherwise the first check that stands in the way. */
  blocking(): Blocking | undefined {
    return this.#first(() => true);
  }

  /** Undefined where what is begun can be brought to its end; otherwise what stands in the way of that. */
  notSettling(): Blocking | undefined {
    return this.#first((name) => checks[name].stopsSettling);
  }

  #first(counts: (name: CheckName) => boolean): Blocking | undefined {
    const state = this.#state();
    for (const name of order) {
      const detail = counts(name) ? checks[name].look(state) : undefined;
      if (detail !== undefined) return { name, detail, notice: checks[name].notice };
    }
    return undefined;
  }
}
