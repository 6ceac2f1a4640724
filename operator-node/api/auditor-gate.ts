/** Who may use the routes for auditors, and how often: tokens are known by their hashes alone. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Config } from '../config.ts';
import { TandemError } from '../errors.ts';
import { tokenOf } from './auth.ts';

export type Auditor = Config['auditors'][number];

const minuteMillis = 60_000;

/** A bucket that holds a minute's requests and fills up evenly. */
interface Bucket {
  left: number;
  at: number;
}

export class AuditorGate {
  #auditors: readonly { readonly auditor: Auditor; readonly digest: Buffer; readonly bucket: Bucket }[] = [];
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(auditors: readonly Auditor[], now: () => number) {
    this.#now = now;
    this.replace(auditors);
  }

  /** Others from now on; one that stays goes on with what it has left of its minute. */
  replace(auditors: readonly Auditor[]): void {
    const before = this.#auditors;
    this.#auditors = auditors.map((auditor) => ({
      auditor,
      digest: Buffer.from(auditor.tokenHash, 'hex'),
      bucket: before.find((known) => known.auditor.name === auditor.name)?.bucket ?? {
        left: auditor.requestsPerMinute,
        at: this.#now(),
      },
    }));
  }

  /**
   * The name of the auditor with this token.
   * @throws {TandemError} `unauthorized`, `forbidden` once it is expired, `too-busy` beyond its requests a minute
   */
  admit(authorization: string | undefined): string {
    const given = hash('sha256', tokenOf(authorization), 'buffer');
    // Each is compared, so that the time says nothing of which one it was nearly.
    const [found] = this.#auditors.filter(({ digest }) => timingSafeEqual(digest, given));
    if (found === undefined) throw new TandemError('unauthorized', 'The token does not belong to an auditor.');
    const { auditor, bucket } = found;
    const now = this.#now();
    if (now >= Date.parse(auditor.expires)) {
      throw new TandemError('forbidden', `The access of ${auditor.name} ended at ${auditor.expires}.`);
    }
    const { requestsPerMinute } = auditor;
    const filled = bucket.left + (Math.max(0, now - bucket.at) * requestsPerMinute) / minuteMillis;
    bucket.left = Math.min(requestsPerMinute, filled);
    bucket.at = now;
    if (bucket.left < 1) {
      throw new TandemError('too-busy', `${auditor.name} may send ${requestsPerMinute} requests a minute.`);
    }
    bucket.left -= 1;
    return auditor.name;
  }
}
