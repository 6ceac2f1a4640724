/**
 * The connections of a server, and who has to give way when there are too many. One that has proved who it is (a peer's key,
 * a token) is never cut for one that has not. Of the others the oldest goes first: whoever means to prove itself does so
 * at once, and only then is old.
 */
import type { Server, Socket } from 'node:net';
import { Buckets, type BucketSize } from '../engine/bucket.ts';
import type { UnixMillis } from '../model/ids.ts';
import { addressGroup, type SharedAddresses } from './address.ts';

export interface ConnectionBounds {
  /** All of them. */
  readonly total: number;
  /** The most unauthenticated connections, over all addresses. */
  readonly unproven: number;
  /** Likewise, of one address that is not shared. */
  readonly unprovenPerAddress: number;
  /** The most connections of one authenticated party. */
  readonly perParty: number;
  /** New connections of one party. */
  readonly partyRate: BucketSize;
  /** Proofs that failed, of one address that is not shared: while it has none left, its connections are closed unread. */
  readonly failures: BucketSize;
  /** An address from which somebody has proved itself is preferred for so long. */
  readonly rememberMillis: number;
}

/**
 * `address-failing`, `party-rate`: the new connection was closed. The others: an older one was, to make room.
 */
export type CutReason = 'address-failing' | 'address-crowded' | 'crowded' | 'full' | 'party-crowded' | 'party-rate';

export interface Cut {
  readonly reason: CutReason;
  readonly remote: string;
  /** Undefined where it had proved nothing. */
  readonly party?: string;
}

export interface ConnectionsOptions {
  readonly bounds: ConnectionBounds;
  readonly shared: SharedAddresses;
  readonly now: () => UnixMillis;
  /** To close a connection before any proof is a failed proof. */
  readonly proofExpected: boolean;
  readonly onCut: (cut: Cut) => void;
}

/** A connection by its two ends: a TLS socket stands for the TCP socket that it reads from. */
export type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>;

interface Known {
  readonly name: string;
  readonly address: string;
  readonly remote: string;
  readonly shared: boolean;
  party: string | undefined;
  /** Requests that are worked on: such a connection is cut last. */
  requests: number;
}

const maxAddresses = 10_000;

export const remoteOf = ({ remoteAddress = '(gone)', remotePort }: Ends): string =>
  `${remoteAddress}:${remotePort ?? ''}`;
const nameOf = (ends: Ends): string => `${remoteOf(ends)} ${ends.localAddress ?? ''}:${ends.localPort ?? ''}`;

export class Connections {
  readonly #options: ConnectionsOptions;
  /** In order of age. */
  readonly #all = new Map<Socket, Known>();
  readonly #byName = new Map<string, Socket>();
  readonly #unproven = new Set<Socket>();
  readonly #ofAddress = new Map<string, Set<Socket>>();
  readonly #ofParty = new Map<string, Set<Socket>>();
  readonly #failures: Buckets<string>;
  readonly #rates: Buckets<string>;
  /** When somebody last proved itself from there; in order of that. */
  readonly #provenAddresses = new Map<string, UnixMillis>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#failures = new Buckets(options.bounds.failures, maxAddresses);
    this.#rates = new Buckets(options.bounds.partyRate, maxAddresses);
  }

  get counts(): { readonly proven: number; readonly unproven: number } {
    return { proven: this.#all.size - this.#unproven.size, unproven: this.#unproven.size };
  }

  /** From now on the server sees only what is admitted. Before any other listener of its connections is added. */
  guard(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!this.admit(socket)) return;
      for (const listener of listeners) listener.call(server, socket);
    });
  }

  /** A new connection. False: it has been closed, and nothing is to be read from it. */
  admit(socket: Socket): boolean {
    const { bounds, shared, now } = this.#options;
    const { remoteAddress } = socket;
    const address = addressGroup(remoteAddress);
    const known: Known = {
      ...{ name: nameOf(socket), address, remote: remoteOf(socket), shared: shared(remoteAddress) },
      ...{ party: undefined, requests: 0 },
    };
    if (!known.shared && this.#failures.of(address, now()).left(now()) < 1) {
      this.#cut(socket, known, 'address-failing');
      return false;
    }
    const same = this.#ofAddress.get(address) ?? new Set<Socket>();
    if (!known.shared && same.size >= bounds.unprovenPerAddress) this.#cutFirst(same, 'address-crowded');
    if (this.#unproven.size >= bounds.unproven) this.#cutFirst(this.#worst(), 'crowded');
    if (this.#all.size >= bounds.total) this.#makeRoom();
    this.#all.set(socket, known);
    this.#byName.set(known.name, socket);
    this.#unproven.add(socket);
    this.#ofAddress.set(address, same.add(socket));
    socket.once('close', () => {
      if (this.#options.proofExpected) this.#failed(this.#all.get(socket));
      this.#forget(socket);
    });
    return true;
  }

  /** It has proved to be `party`. False: that one opens too many, and this one has been closed. */
  prove(ends: Ends, party: string): boolean {
    const { bounds, now } = this.#options;
    const socket = this.#byName.get(nameOf(ends));
    const known = socket === undefined ? undefined : this.#all.get(socket);
    if (socket === undefined || known === undefined) return false;
    if (known.party !== undefined) return true;
    if (!this.#rates.of(party, now()).take(1, now())) {
      this.#cut(socket, known, 'party-rate');
      return false;
    }
    this.#provenAddresses.delete(known.address);
    this.#provenAddresses.set(known.address, now());
    if (this.#provenAddresses.size > maxAddresses) {
      const [oldest] = this.#provenAddresses.keys();
      if (oldest !== undefined) this.#provenAddresses.delete(oldest);
    }
    this.#leaveUnproven(socket, known);
    known.party = party;
    const same = this.#ofParty.get(party) ?? new Set<Socket>();
    if (same.size >= bounds.perParty) this.#cutFirst(this.#idleFirst(same), 'party-crowded');
    this.#ofParty.set(party, same.add(socket));
    return true;
  }

  /** A request of it is worked on, until the function that is returned is called. */
  begin(ends: Ends): () => void {
    const socket = this.#byName.get(nameOf(ends));
    const known = socket === undefined ? undefined : this.#all.get(socket);
    if (known !== undefined) known.requests += 1;
    return () => {
      if (known !== undefined) known.requests -= 1;
    };
  }

  #failed(known: Known | undefined): void {
    if (known === undefined || known.party !== undefined || known.shared) return;
    const now = this.#options.now();
    this.#failures.of(known.address, now).charge(1, now);
  }

  *sockets(): Iterable<Socket> {
    yield* this.#all.keys();
  }

  #isKnownAddress(address: string): boolean {
    const { bounds, now } = this.#options;
    const at = this.#provenAddresses.get(address);
    return at !== undefined && now() - at < bounds.rememberMillis;
  }

  /**
   * The unproven ones in the order in which they give way: first those of addresses from which nobody has proved itself
   * lately.
   */
  *#worst(): Iterable<Socket> {
    for (const socket of this.#unproven) {
      if (!this.#isKnownAddress(this.#all.get(socket)?.address ?? '')) yield socket;
    }
    yield* this.#unproven;
  }

  *#idleFirst(sockets: Iterable<Socket>): Iterable<Socket> {
    for (const socket of sockets) if (this.#all.get(socket)?.requests === 0) yield socket;
    yield* sockets;
  }

  /** All are taken: an unproven one goes, else one of the party that has the most. */
  #makeRoom(): void {
    if (this.#cutFirst(this.#worst(), 'full')) return;
    const [most] = [...this.#ofParty.values()].toSorted((a, b) => b.size - a.size);
    if (most !== undefined) this.#cutFirst(this.#idleFirst(most), 'full');
  }

  #cutFirst(sockets: Iterable<Socket>, reason: CutReason): boolean {
    for (const socket of sockets) {
      const known = this.#all.get(socket);
      if (known === undefined) continue;
      this.#failed(known);
      this.#forget(socket);
      this.#cut(socket, known, reason);
      return true;
    }
    return false;
  }

  #cut(socket: Socket, { remote, party }: Known, reason: CutReason): void {
    socket.destroy();
    this.#options.onCut({ reason, remote, ...(party === undefined ? {} : { party }) });
  }

  #leaveUnproven(socket: Socket, { address }: Known): void {
    this.#unproven.delete(socket);
    const same = this.#ofAddress.get(address);
    same?.delete(socket);
    if (same?.size === 0) this.#ofAddress.delete(address);
  }

  #forget(socket: Socket): void {
    const known = this.#all.get(socket);
    if (known === undefined) return;
    this.#all.delete(socket);
    this.#byName.delete(known.name);
    this.#leaveUnproven(socket, known);
    if (known.party === undefined) return;
    const same = this.#ofParty.get(known.party);
    same?.delete(socket);
    if (same?.size === 0) this.#ofParty.delete(known.party);
  }
}
