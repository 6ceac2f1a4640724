/**
 * Lines of a backup: eight hex digits of CRC-32, a space, JSON. A value of the store is JSON text without a line end
 * already and stands in its line as it is; reading it back gives the same text, since `JSON.stringify` made it.
 */
import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { TandemError } from '../errors.ts';
import type { DiskOp } from './disk.ts';

const chunkBytes = 1024 * 1024;

const sumOf = (text: string): string => crc32(text).toString(16).padStart(8, '0');

export const lineOf = (json: string): string => `${sumOf(json)} ${json}\n`;

/** `["key",value]`, or `["key"]` for a deletion. */
export const opText = (op: DiskOp): string =>
  op.type === 'put' ? `[${JSON.stringify(op.key)},${op.value}]` : `[${JSON.stringify(op.key)}]`;

export function opOf(value: unknown): DiskOp {
  if (!Array.isArray(value) || typeof value[0] !== 'string') throw new TypeError('no record');
  const key = value[0];
  return value.length === 1 ? { type: 'del', key } : { type: 'put', key, value: JSON.stringify(value[1]) };
}

/** The JSON of a line without its end; undefined where the line is not as it was written. */
export function openLine(line: string): string | undefined {
  const json = line.slice(9);
  return line[8] === ' ' && sumOf(json) === line.slice(0, 8) ? json : undefined;
}

export const damagedBackup = (file: string, what: string): TandemError =>
  new TandemError('store-damaged', `${file} cannot be restored from: ${what}`, { facts: { file } });

/**
 * Every line of the file, opened; what follows the last line end was not finished and is left out. (Not by `readline`, which
 * also splits at U+2028.) @throws {TandemError} `store-damaged`
 */
export async function* readLines(file: string): AsyncGenerator<unknown> {
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    let offset = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, offset)) {
      number += 1;
      const json = openLine(bytes.toString('utf8', offset, end));
      if (json === undefined) throw damagedBackup(file, `line ${number} is not as it was written`);
      yield JSON.parse(json);
      offset = end + 1;
    }
    rest = bytes.subarray(offset);
  }
}
