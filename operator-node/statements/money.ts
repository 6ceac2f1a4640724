/** Amounts as ISO 20022 has them: decimal, with the fraction digits of the currency. */
import { TandemError } from '../errors.ts';
import type { Asset } from '../model/ids.ts';
import { decimalOf } from '../model/money.ts';

/** The most digits of an amount in ISO 20022 (`ActiveCurrencyAndAmount`). */
const maxDigits = 18;
const maxFraction = 5;

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws {TandemError} `unprocessable` for an asset that ISO 20022 has no currency code for */
export function checkCurrency(asset: Asset, exponent: number): void {
  if (!currencies.has(asset)) {
    throw new TandemError(
      'unprocessable',
      `${asset} is not an ISO 4217 currency, so ISO 20022 cannot express it: use CSV instead.`,
      { facts: { asset } },
    );
  }
  if (exponent > maxFraction) {
    throw new TandemError(
      'unprocessable',
      `${asset} is configured with ${exponent} decimals; an amount in ISO 20022 has at most ${maxFraction}.`,
      { facts: { asset, exponent } },
    );
  }
}

/** The size of an amount, without its sign. @throws {TandemError} `unprocessable` for one of more than 18 digits */
export function isoAmount(minor: bigint, exponent: number): string {
  const size = minor < 0n ? -minor : minor;
  if (size.toString().length > maxDigits) {
    throw new TandemError('unprocessable', `${size} minor units have more than the ${maxDigits} digits of ISO 20022.`);
  }
  return decimalOf(size, exponent);
}
