/** Amounts between minor units, in which everything is counted, and decimals, as people and banks write them. */

/** `-1250` with exponent 2 → `-12.50`; with exponent 0 the number itself. */
export function decimalOf(minor: bigint | string, exponent: number): string {
  const text = minor.toString();
  if (exponent === 0) return text;
  const digits = text.replace('-', '').padStart(exponent + 1, '0');
  return `${text.startsWith('-') ? '-' : ''}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** `12.5` with exponent 2 → `1250`, `120` with exponent 0 → `120`; undefined for what is no amount with so many decimals. */
export function minorOf(text: string, exponent: number): string | undefined {
  const [, whole, decimals = ''] = /^([0-9]{1,30})(?:\.([0-9]{1,18}))?$/.exec(text) ?? [];
  if (whole === undefined || decimals.length > exponent) return undefined;
  return BigInt(`${whole}${decimals.padEnd(exponent, '0')}`).toString();
}
