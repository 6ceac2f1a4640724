/**
 * What a scan leaves for the next one: the last block that it saw, and where the lanes were. `earlier.ts` has the
 * pairs.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { TandemError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { isHash } from '../../model/ids.ts';
import { writeWholeText } from '../../store/whole-file.ts';

const hash = z.string().refine(isHash, 'expected 0x and 64 lower-case hex digits');
const uint = z.number().int().min(0);

const schema = z.strictObject({
  format: z.literal('tandem/scan-state/2'),
  chainId: z.string(),
  contract: z.string(),
  /** Checked first by the next scan: this block must still be there. */
  last: z.strictObject({ number: uint, hash }),
  /** Where the next scan begins: the block of the oldest batch that had not ended, or the one after `last`. */
  next: uint,
  /** The last batch of each lane before `next`. */
  lanes: z.array(z.strictObject({ initiator: uint, acceptor: uint, sequence: uint })),
});

export type ScanState = z.output<typeof schema>;

/** Undefined where there is no such file yet. @throws {TandemError} `config-invalid` */
export function readState(file: string): ScanState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new TandemError('config-invalid', `${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TandemError(
    'config-invalid',
    `${file} is not a state file of a scan: ${parsed.error.issues[0]?.message ?? ''}`,
  );
}

export function writeState(file: string, state: ScanState): void {
  writeWholeText(file, `${JSON.stringify(state, null, 2)}\n`, 0o644);
}
