/** This node's own TLS key and certificate: checked, and replaced while connections stand, which keep what they began with. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { toUnixSeconds, type Hash, type UnixMillis, type UnixSeconds } from '../model/ids.ts';
import { pinOf } from './certificate.ts';
import { checkOwnCertificate } from './trust.ts';

export interface OwnPem {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

interface Loaded extends OwnPem {
  readonly context: SecureContext;
}

function load({ key, cert }: OwnPem, now: UnixMillis): Loaded {
  checkOwnCertificate(key, cert, now);
  return { key, cert, context: createSecureContext({ key, cert, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }) };
}

export class OwnCertificate {
  #loaded: Loaded;
  readonly #onReplace = new Set<(pem: OwnPem) => void>();

  /** @throws {TandemError} `config-invalid` when key and certificate do not fit, or are out of date. */
  constructor(pem: OwnPem, now: UnixMillis) {
    this.#loaded = load(pem, now);
  }

  get pem(): OwnPem {
    return { key: this.#loaded.key, cert: this.#loaded.cert };
  }

  /** For connections to others. */
  get context(): SecureContext {
    return this.#loaded.context;
  }

  get pin(): Hash {
    return pinOf(this.#loaded.cert);
  }

  get ends(): UnixSeconds {
    return toUnixSeconds(new X509Certificate(this.#loaded.cert).validToDate.getTime());
  }

  /** New connections have it from now on. @throws {TandemError} as the constructor; then the old one stays */
  replace(pem: OwnPem, now: UnixMillis): void {
    this.#loaded = load(pem, now);
    for (const told of this.#onReplace) told(this.pem);
  }

  onReplace(told: (pem: OwnPem) => void): void {
    this.#onReplace.add(told);
  }
}
