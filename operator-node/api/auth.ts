/** Bearer tokens, compared in constant time. */
import { hash, timingSafeEqual } from 'node:crypto';
import { TandemError } from '../errors.ts';

const digest = (text: string) => hash('sha256', text, 'buffer');

/** The token of the header. @throws {TandemError} `unauthorized` where there is none */
export function tokenOf(authorization: string | undefined): string {
  if (authorization === undefined) throw new TandemError('unauthorized', 'A bearer token is required.');
  // The scheme is case-insensitive (RFC 9110 §11.1).
  const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (given === undefined) throw new TandemError('unauthorized', 'The token is not valid for this route.');
  return given;
}

/** A check for one token; hashing first makes the compared lengths equal. */
export function bearer(expected: string): (authorization: string | undefined) => void {
  const wanted = digest(expected);
  return (authorization) => {
    if (!timingSafeEqual(digest(tokenOf(authorization)), wanted)) {
      throw new TandemError('unauthorized', 'The token is not valid for this route.');
    }
  };
}
