/** Amounts as people write them on the command line, and tables. */
import { UsageError } from './devnet-file.ts';

/** Decimals that the command line assumes of an asset: ISO 4217 currencies of two. */
const exponent = 2;

/** `12.5` → `1250`. @throws {UsageError} */
export function minorUnits(text: string): string {
  const match = /^([0-9]{1,30})(?:\.([0-9]{1,2}))?$/.exec(text);
  const minor = match === null ? 0n : BigInt(`${match[1]}${(match[2] ?? '').padEnd(exponent, '0')}`);
  if (minor === 0n) throw new UsageError(`"${text}" is no amount: write it as 120 or 120.50.`);
  return minor.toString();
}

/** `1250` → `12.50`. */
export function decimalText(minor: string): string {
  const digits = minor.replace('-', '').padStart(exponent + 1, '0');
  return `${minor.startsWith('-') ? '-' : ''}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** Columns as wide as their widest cell; `right` are those of numbers. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
