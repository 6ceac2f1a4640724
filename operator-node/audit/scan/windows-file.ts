/** A file of settlement windows (`tandem window export`): its format, and how it is read. */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { windowSchema } from '../../channel/messages.ts';
import { TandemError } from '../../errors.ts';
import { assetPattern, isAsset } from '../../model/ids.ts';
import { parseBounded } from '../bounded.ts';
import { isMissing } from '../disclosures/read.ts';
import type { Findings } from './findings.ts';

export const windowsFormat = 'tandem/windows/1';

export const windowsFileSchema = z.strictObject({
  format: z.literal(windowsFormat),
  windows: z.array(
    z.strictObject({
      window: windowSchema,
      /** What the file's operator knows of the payments to it. */
      references: z.array(
        z.strictObject({
          asset: z.string().refine(isAsset, 'expected an asset').meta({ pattern: assetPattern.source }),
          reference: z.string().max(1000),
          salt: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hex digits'),
        }),
      ),
    }),
  ),
});

export type DisclosedWindow = z.output<typeof windowsFileSchema>['windows'][number];

/** Some hundred thousand windows. */
const maxWindowsBytes = 67_108_864;
const maxWindowsValues = 3_000_000;

/** What a file has, or why it is none: then it is a finding, and the other files are judged. */
export function readWindows(file: string, findings: Findings): readonly DisclosedWindow[] {
  let value: unknown;
  try {
    const found = statSync(file);
    if (!found.isFile()) throw new TypeError(found.isDirectory() ? 'it is a folder' : 'it is no regular file');
    const { size } = found;
    if (size > maxWindowsBytes) throw new RangeError(`it has ${size} bytes; at most ${maxWindowsBytes} are read`);
    value = parseBounded(readFileSync(file, 'utf8'), maxWindowsValues);
  } catch (error) {
    if (isMissing(error)) throw new TandemError('not-found', `Cannot read ${file}: ${(error as Error).message}`);
    const code = (error as NodeJS.ErrnoException).syscall === undefined ? 'file-malformed' : 'not-checked';
    findings.add(code, `${file} is no file of windows: ${(error as Error).message}`, { file });
    return [];
  }
  const parsed = windowsFileSchema.safeParse(value);
  if (parsed.success) return parsed.data.windows;
  const [issue] = parsed.error.issues;
  const why = `${issue?.path.join('.') || '(top)'}: ${issue?.message ?? ''}`;
  findings.add('file-malformed', `${file} is no file of windows: ${why}`, { file });
  return [];
}
