/** Who may ask what: tokens, and the names of this node. All of it is replaced at once when the configuration is read again. */
import { isIP } from 'node:net';
import { TandemError } from '../errors.ts';
import { AuditorGate } from './auditor-gate.ts';
import { bearer } from './auth.ts';
import type { BoundRoute } from './route.ts';

export interface ApiTokens {
  /** For the message gateway: `/v1/messages` and the devnet's phones. */
  readonly gatewayToken: string;
  /** For staff: everything else under `/v1`. */
  readonly adminToken: string;
  /** For auditors: `/v1/audit`. Absent: there are none. */
  readonly auditors?: AuditorGate;
  /** Where the API listens. */
  readonly host?: string;
  /** Further names that it is asked by. */
  readonly names?: readonly string[];
}

/** `node.example`, `127.0.0.1` or `[::1]`, as a URL has it; undefined for what is no name and port. */
function hostnameOf(host: string): string | undefined {
  const url = `http://${host}`;
  return /^[^/?#@\\\s]+$/.test(host) && URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined;
}

const isAddress = (hostname: string): boolean => isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;

export class ApiAccess {
  #checks: Readonly<Record<BoundRoute['token'], (authorization: string | undefined) => string>>;
  #names: ReadonlySet<string>;

  constructor(tokens: ApiTokens) {
    this.#checks = checksOf(tokens);
    this.#names = namesOf(tokens);
  }

  replace(tokens: ApiTokens): void {
    this.#checks = checksOf(tokens);
    this.#names = namesOf(tokens);
  }

  /** The name of the auditor whose token it is, "" for every other. @throws {TandemError} `unauthorized`, `forbidden`, `too-busy` */
  admit(token: BoundRoute['token'], authorization: string | undefined): string {
    return this.#checks[token](authorization);
  }

  /**
   * For what anybody may read who can reach this address. A page in a browser can have its own name mean this address for a
   * while, and then reads here as if here were its own; its requests still carry that name.
   * @throws {TandemError} `misdirected`
   */
  checkHost(host: string | undefined): void {
    // A browser always names one.
    if (host === undefined) return;
    const hostname = hostnameOf(host);
    if (hostname !== undefined && (isAddress(hostname) || this.#names.has(hostname))) return;
    throw new TandemError(
      'misdirected',
      `This is not ${JSON.stringify(host.slice(0, 200))}: use an address, localhost, or a name listed in api.names of the configuration.`,
    );
  }
}

function checksOf({ gatewayToken, adminToken, auditors }: ApiTokens) {
  const gate = auditors ?? new AuditorGate([], () => 0);
  const [gateway, admin] = [bearer(gatewayToken), bearer(adminToken)];
  return {
    gateway: (authorization: string | undefined) => (gateway(authorization), ''),
    admin: (authorization: string | undefined) => (admin(authorization), ''),
    auditor: (authorization: string | undefined) => gate.admit(authorization),
    none: () => '',
  };
}

const namesOf = ({ host, names = [] }: ApiTokens): ReadonlySet<string> =>
  new Set(['localhost', ...(host === undefined ? [] : [host]), ...names].flatMap((name) => hostnameOf(name) ?? []));
