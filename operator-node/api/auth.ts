/** Bearer tokens, compared in constant time. */
import { hash, timingSafeEqual } from 'node:crypto';
import { TandemError } from '../errors.ts';

const digest = (text: string) => hash('sha256', text, 'buffer');

/** A check for one token; hashing first makes the compared lengths equal. */
export function bearer(expected: string): (authorization: string | undefined) => void {
  const wanted = digest(expected);
  return (authorization) => {
    if (authorization === undefined) throw new TandemError('unauthorized', 'A bearer token is needed.');
    // The scheme is case-insensitive (RFC 9110 §11.1).
    const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) {
      throw new TandemError('unauthorized', 'The token is not the one for this route.');
    }
  };
}
