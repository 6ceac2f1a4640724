/**
 * The signature of a webhook: `Tandem-Timestamp` (unix seconds) and `Tandem-Signature: v1=<hex>`, where
 * hex = HMAC-SHA-256(secret, timestamp "." body). A receiver checks it over the bytes as received, before it reads them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const timestampHeader = 'tandem-timestamp';
export const signatureHeader = 'tandem-signature';

/** Seconds that a receiver's clock may be off; a message sent again inside them is known by its id. */
export const defaultToleranceSeconds = 300;

export type SignatureVerdict =
  { readonly ok: true } | { readonly ok: false; readonly code: 'missing' | 'malformed' | 'stale' | 'mismatch' };

const mac = (secret: string, timestamp: string, body: Buffer | string) =>
  createHmac('sha256', secret).update(timestamp).update('.').update(body).digest();

export function sign(secret: string, timestamp: string, body: Buffer | string): string {
  return `v1=${mac(secret, timestamp, body).toString('hex')}`;
}

export interface Signed {
  /** Value of `Tandem-Timestamp`. */
  readonly timestamp: string | undefined;
  /** Value of `Tandem-Signature`: one `v1=<hex>`, or several with commas while a secret is being changed. */
  readonly signature: string | undefined;
  /** The body as received. */
  readonly body: Buffer | string;
}

/** For receivers. `nowSeconds` is the receiver's clock. */
export function verifySignature(
  secret: string,
  { timestamp, signature, body }: Signed,
  nowSeconds: number,
  toleranceSeconds = defaultToleranceSeconds,
): SignatureVerdict {
  if (timestamp === undefined || signature === undefined) return { ok: false, code: 'missing' };
  if (!/^[0-9]{1,12}$/.test(timestamp)) return { ok: false, code: 'malformed' };
  const given = signature.split(',').flatMap((part) => /^v1=([0-9a-f]{64})$/.exec(part.trim())?.[1] ?? []);
  if (given.length === 0) return { ok: false, code: 'malformed' };
  const wanted = mac(secret, timestamp, body);
  if (!given.some((hex) => timingSafeEqual(Buffer.from(hex, 'hex'), wanted))) return { ok: false, code: 'mismatch' };
  if (Math.abs(nowSeconds - Number(timestamp)) > toleranceSeconds) return { ok: false, code: 'stale' };
  return { ok: true };
}
