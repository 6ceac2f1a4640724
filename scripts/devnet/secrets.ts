/** Key and token files: made once, readable by their owner only, never overwritten. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const ownerOnly = 0o600;

export const randomKey = (): string => `0x${randomBytes(32).toString('hex')}`;
export const randomToken = (): string => randomBytes(24).toString('base64url');

/** The values of a secrets file, which is made with `make` for each name where it is not there yet. */
export function secretsFile<Name extends string>(
  file: string,
  names: readonly Name[],
  make: () => string,
): Readonly<Record<Name, string>> {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    const values = Object.fromEntries(names.map((name) => [name, make()]));
    writeFileSync(file, `${JSON.stringify(values, undefined, 2)}\n`, { mode: ownerOnly, flag: 'wx' });
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Record<Name, string>;
}

/** A token in a file of its own, which is made where it is not there yet. */
export function tokenFile(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomToken()}\n`, { mode: ownerOnly, flag: 'wx' });
  return readFileSync(file, 'utf8').trim();
}
