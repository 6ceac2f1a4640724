/** Amounts on the command line: written and shown with the decimals that the node keeps each asset with. */
import { decimalOf, minorOf } from '../model/money.ts';
import type { NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';

export interface Money {
  /** `12.50`, without the asset. Minor units, and said so, of an asset that the node no longer keeps. */
  readonly text: (minor: string, asset: string) => string;
  /** In minor units. @throws {UsageError} for what is no amount of that asset, or an asset that the node does not keep */
  readonly read: (text: string, asset: string) => string;
}

/** Refuses what is no amount above 0 in any asset, before a node is asked. @throws {UsageError} */
export function checkAboveZero(text: string): void {
  const minor = minorOf(text, 18);
  if (minor === undefined) throw new UsageError(`"${text}" is not an amount: write it as 120 or 120.50.`);
  if (minor === '0') throw new UsageError(`"${text}" is not an amount: it must be above 0.`);
}

/** As the node that `client` talks to keeps its assets. */
export async function moneyOf(client: NodeClient): Promise<Money> {
  const exponents = new Map<string, number>(
    (await client.assets()).assets.map(({ asset, exponent }) => [asset, exponent]),
  );
  return {
    text(minor, asset) {
      const exponent = exponents.get(asset);
      return exponent === undefined ? `${minor} minor units` : decimalOf(minor, exponent);
    },
    read(text, asset) {
      const exponent = exponents.get(asset);
      if (exponent === undefined) {
        throw new UsageError(`This operator has no accounts in ${asset}. It has: ${[...exponents.keys()].join(', ')}.`);
      }
      const minor = minorOf(text, exponent);
      if (minor !== undefined) return minor;
      const example = exponent === 0 ? '120' : `120 or 120.${'50'.padEnd(exponent, '0').slice(0, exponent)}`;
      throw new UsageError(`"${text}" is not an amount of ${asset}: write it as ${example}.`);
    },
  };
}
