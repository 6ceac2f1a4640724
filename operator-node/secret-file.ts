/**
 * Files with secrets in them: keys, tokens, the webhook's secret. One that others can read is refused rather than read, as
 * ssh does: whoever has an account on the machine would have what is in it, and nobody would notice.
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

/** Octal, as `chmod` wants it. */
const shown = (mode: number): string => (mode & 0o777).toString(8).padStart(3, '0');

/** What is in the file. Windows has no such modes: there its own permissions are the machine's matter. @throws {Error} */
export function readSecretFile(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const { mode } = fstatSync(descriptor);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new Error(`it holds secrets, but others can read or write it (mode ${shown(mode)}): chmod 600 ${file}`);
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}
