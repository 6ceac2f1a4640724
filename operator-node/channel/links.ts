/** This node's connections to its peers. */
import type { PeerRegistry } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import { channelLimits, type ChannelLimits } from './limits.ts';
import { Link } from './link.ts';
import { OwnCertificate } from './own-certificate.ts';
import { maySpeak } from './trust.ts';

export interface LinksOptions {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
  /** In place of both, where they can be replaced while the channel is open. */
  readonly certificate?: OwnCertificate;
  readonly peers: PeerRegistry;
  readonly now: () => UnixMillis;
  readonly limits?: Partial<ChannelLimits>;
}

/** `https://host:port`, nothing behind it. */
function isEndpoint(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(endpoint);
  return protocol === 'https:' && pathname === '/' && `${search}${hash}${username}${password}` === '';
}

/** One link a peer, to where the registry says that the peer is. */
export class Links {
  readonly #options: LinksOptions;
  readonly #limits: ChannelLimits;
  readonly #own: OwnCertificate;
  readonly #links = new Map<OperatorId, Link>();
  #closed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#limits = { ...channelLimits, ...options.limits };
    this.#own = options.certificate ?? new OwnCertificate(options, options.now());
    options.peers.onChange(() => {
      this.#recheck();
    });
  }

  /** A link to where the peer was before is cut. */
  to(peer: OperatorId): Link {
    const { peers, now } = this.#options;
    const entry = peers.get(peer);
    if (this.#closed) throw new TandemError('peer-unavailable', 'This node’s channel is closed');
    if (entry === undefined || (entry.status !== 'active' && entry.status !== 'suspended')) {
      const found = entry === undefined ? 'unknown' : entry.status;
      throw new TandemError('peer-unavailable', `Operator ${peer} is ${found} in the registry`, { facts: { peer } });
    }
    const { endpoint } = entry;
    const known = this.#links.get(peer);
    if (known?.endpoint === endpoint) return known;
    known?.close();
    this.#links.delete(peer);
    if (!isEndpoint(endpoint)) {
      throw new TandemError(
        'peer-unavailable',
        `The endpoint of operator ${peer} in the registry is "${endpoint}", not https://host:port`,
        { facts: { peer } },
      );
    }
    const trusts = (pin: Hash): boolean => maySpeak(peers, peer, pin);
    const secureContext = () => this.#own.context;
    const link = new Link({ peer, endpoint, secureContext, trusts, now, limits: this.#limits });
    this.#links.set(peer, link);
    return link;
  }

  #recheck(): void {
    for (const [peer, link] of this.#links) {
      if (this.#options.peers.get(peer)?.endpoint === link.endpoint) link.recheck();
      else {
        link.close();
        this.#links.delete(peer);
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }
}
