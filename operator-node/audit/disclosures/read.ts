/** Finds the sections of disclosure files without reading their pairs, and reads one section: of any size of file. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { TandemError } from '../../errors.ts';
import { isOperatorId, type BatchId, type OperatorId } from '../../model/ids.ts';
import { counted } from '../../model/counted.ts';
import {
  batchLineSchema,
  endSchema,
  headerSchema,
  maxLineBytes,
  parseLine,
  type BatchLine,
  type EndLine,
  type HeaderLine,
} from './lines.ts';

/** One operator's section of one batch: where its pair lines are. */
export interface Section {
  readonly file: string;
  readonly operator: OperatorId;
  readonly line: BatchLine & { readonly batchId: BatchId };
  readonly offset: number;
  /**
   * The last block whose decisions it must have: what its line says, and never less than the last block of the file, since
   * no node gives a block before it has applied it.
   */
  readonly until: number;
}

export interface DisclosureIndex {
  readonly file: string;
  readonly header: HeaderLine;
  readonly sections: readonly Section[];
  /** Absent where the file ends before its last line. */
  readonly end?: EndLine;
  /** What is wrong with the file's build; what follows is not in `sections`. */
  readonly fault?: string;
}

function readAt(descriptor: number, offset: number, length: number, buffer = Buffer.allocUnsafe(length)): Buffer {
  let filled = 0;
  while (filled < length) {
    const read = readSync(descriptor, buffer, filled, length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}

const firstReadBytes = 4096;

/** The line that begins there, without its line feed; undefined where there is no whole line. */
function lineAt(descriptor: number, offset: number): string | undefined {
  for (const length of [firstReadBytes, maxLineBytes]) {
    const bytes = readAt(descriptor, offset, length);
    const end = bytes.indexOf(10);
    if (end >= 0) return bytes.toString('latin1', 0, end);
    if (bytes.length < length) return undefined;
  }
  return undefined;
}

/** The header of a file; undefined if the file has none or does not exist. */
export function headerOf(file: string): HeaderLine | undefined {
  if (!existsSync(file)) return undefined;
  const descriptor = openSync(file, 'r');
  try {
    const header = parseLine(headerSchema, lineAt(descriptor, 0) ?? '');
    return header.ok ? header.value : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** It is not there: the one who named it is wrong, and no operator. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** What stands at a file’s beginning; no JSON begins so. */
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]).toString('latin1');

/** Why a first line is no header: first what an editor or a transfer does to a file that was one. */
function reasonAgainst(first: string | undefined, size: number, found: string): string {
  if (size === 0) return 'it is empty';
  if (first === undefined) return 'its first line has no end';
  if (first.startsWith(byteOrderMark)) return 'it begins with a byte order mark';
  if (first.endsWith('\r')) return 'its lines end with a carriage return and a line feed';
  return found;
}

/** Whose file it seems to be, where its first line can still be read. */
function operatorIn(first: string | undefined): OperatorId | undefined {
  try {
    const { operator } = JSON.parse((first ?? '').replace(byteOrderMark, '')) as { readonly operator?: unknown };
    return typeof operator === 'number' && isOperatorId(operator) ? operator : undefined;
  } catch {
    return undefined;
  }
}

/** A file that was handed in but is not a disclosure file. */
export class NoDisclosures extends TandemError {
  /** Who handed it in, as far as the file still says. */
  readonly operator: OperatorId | undefined;

  constructor(file: string, reason: string, operator?: OperatorId) {
    super('unprocessable', `${file} is not a disclosure file: ${reason}`);
    this.operator = operator;
  }
}

/** @throws {NoDisclosures}; TandemError `not-found` where nothing is there, `unprocessable` where it may not be read */
export function indexDisclosures(file: string): DisclosureIndex {
  let descriptor: number;
  try {
    // A pipe would be waited for, and a folder can be opened and not read.
    const found = statSync(file);
    if (!found.isFile())
      throw new NoDisclosures(file, found.isDirectory() ? 'it is a folder' : 'it is no regular file');
    descriptor = openSync(file, 'r');
  } catch (cause) {
    if (cause instanceof NoDisclosures) throw cause;
    const { message } = cause as Error;
    throw new TandemError(isMissing(cause) ? 'not-found' : 'unprocessable', `Cannot read ${file}: ${message}`, {
      cause,
    });
  }
  try {
    const first = lineAt(descriptor, 0);
    const header = first === undefined ? undefined : parseLine(headerSchema, first);
    if (first === undefined || header?.ok !== true) {
      const reason = reasonAgainst(first, fstatSync(descriptor).size, header?.ok === false ? header.reason : '');
      throw new NoDisclosures(file, `its first line is not a header: ${reason}`, operatorIn(first));
    }
    return { file, header: header.value, ...sectionsOf(file, descriptor, header.value, first.length + 1) };
  } finally {
    closeSync(descriptor);
  }
}

function sectionsOf(
  file: string,
  descriptor: number,
  header: HeaderLine,
  start: number,
): Pick<DisclosureIndex, 'sections' | 'end' | 'fault'> {
  const { size } = fstatSync(descriptor);
  const sections: Section[] = [];
  let pairs = 0;
  for (let offset = start; ;) {
    const text = lineAt(descriptor, offset);
    if (text === undefined) return { sections, fault: `it ends at byte ${size} without an end line` };
    if (text.endsWith('"type":"end"}')) {
      const end = parseLine(endSchema, text);
      if (!end.ok) return { sections, fault: `its end line is not valid: ${end.reason}` };
      const rest = size - offset - text.length - 1;
      if (rest !== 0) return { sections, end: end.value, fault: `${rest} bytes follow its end line` };
      const { batches, pairs: told } = end.value;
      if (batches === sections.length && told === pairs) return { sections, end: end.value };
      const found = `${counted(sections.length, 'batch', 'batches')} and ${counted(pairs, 'pair')}`;
      return {
        sections,
        end: end.value,
        fault: `its end line counts ${counted(batches, 'batch', 'batches')} and ${counted(told, 'pair')}; it has ${found}`,
      };
    }
    const line = parseLine(batchLineSchema, text);
    if (!line.ok) return { sections, fault: `at byte ${offset} there should be a batch line: ${line.reason}` };
    const body = offset + text.length + 1;
    if (line.value.prepared < header.from || line.value.prepared > header.to) {
      return {
        sections,
        fault: `batch ${line.value.batchId} is said to be of block ${line.value.prepared}, outside of the file`,
      };
    }
    const until = Math.max(line.value.asOf.number, header.to);
    sections.push({ file, operator: header.operator, line: line.value, offset: body, until });
    pairs += line.value.pairs;
    offset = body + line.value.bytes;
    if (offset > size || (line.value.bytes > 0 && readAt(descriptor, offset - 1, 1)[0] !== 10)) {
      return { sections, fault: `the section of batch ${line.value.batchId} does not end where its line says` };
    }
  }
}

const descriptors = new Map<string, number>();
/**
 * The last section’s bytes; the next one’s take their place, so that a scan does not fill memory with what it has read.
 */
let sectionBytes = Buffer.alloc(0);

/** The pair lines of a section. Files stay open: one thread reads thousands of sections of the same few. */
export function readSection({ file, offset, line }: Section): string[] {
  let descriptor = descriptors.get(file);
  if (descriptor === undefined) descriptors.set(file, (descriptor = openSync(file, 'r')));
  if (line.bytes === 0) return [];
  if (sectionBytes.length < line.bytes) sectionBytes = Buffer.alloc(line.bytes);
  const text = readAt(descriptor, offset, line.bytes, sectionBytes).toString('latin1');
  // One more than there should be shows that there are too many: a section may be nothing but line feeds.
  const lines = text.split('\n', line.pairs + 2);
  // After the last line feed.
  if (lines.length < line.pairs + 2) lines.pop();
  return lines.slice(0, line.pairs + 1);
}
