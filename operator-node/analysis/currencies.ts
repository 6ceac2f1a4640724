/** The operator's assets by the words that people use for them. */
import { TandemError } from '../errors.ts';
import type { Asset } from '../model/ids.ts';

export interface AssetInfo {
  readonly asset: Asset;
  /** Decimals of the asset: 2 for SEK, 0 for JPY. */
  readonly exponent: number;
}

export interface CurrencyRules {
  /** Another word for an asset, `kr: SEK`. Of an asset that the operator does not keep: a currency that it does not know. */
  readonly aliases: Readonly<Record<string, string>>;
  /** ISO 4217 codes that are also words: in small letters they are no currency (`pay 120 all of it`). */
  readonly words: readonly string[];
}

/** What a word is: an asset, surely a currency but none of this operator, or no currency. */
export type CurrencyReading =
  { readonly kind: 'asset'; readonly asset: Asset } | { readonly kind: 'unknown' } | { readonly kind: 'none' };

const none: CurrencyReading = { kind: 'none' };
const unknown: CurrencyReading = { kind: 'unknown' };

export class Currencies {
  readonly #exponents: ReadonlyMap<string, number>;
  readonly #labels: ReadonlyMap<string, string>;
  /** By the word in capitals. */
  readonly #words: ReadonlyMap<string, CurrencyReading>;
  readonly #alsoWords: ReadonlySet<string>;

  constructor(assets: readonly AssetInfo[], rules: CurrencyRules) {
    this.#exponents = new Map(assets.map(({ asset, exponent }) => [asset, exponent]));
    const bare = (asset: string): string => asset.slice(asset.indexOf(':') + 1);
    const owners = Map.groupBy(assets, ({ asset }) => bare(asset));
    const isUnique = (asset: string): boolean => owners.get(bare(asset))?.length === 1;
    this.#labels = new Map(assets.map(({ asset }) => [asset, isUnique(asset) ? bare(asset) : asset]));

    const words = new Map<string, CurrencyReading>();
    for (const code of Intl.supportedValuesOf('currency')) words.set(code, unknown);
    for (const { asset } of assets) {
      words.set(asset, { kind: 'asset', asset });
      if (isUnique(asset)) words.set(bare(asset), { kind: 'asset', asset });
    }
    for (const [alias, target] of Object.entries(rules.aliases)) {
      words.set(alias.toUpperCase(), words.get(target) ?? unknown);
    }
    this.#words = words;
    this.#alsoWords = new Set(rules.words.map((word) => word.toUpperCase()));
  }

  read(word: string): CurrencyReading {
    const upper = word.toUpperCase();
    const reading = this.#words.get(upper) ?? none;
    return reading.kind === 'unknown' && word !== upper && this.#alsoWords.has(upper) ? none : reading;
  }

  isKnown(asset: Asset): boolean {
    return this.#exponents.has(asset);
  }

  /** @throws {TandemError} `internal` for an asset that is not configured: orders in one are refused before. */
  exponent(asset: Asset): number {
    const exponent = this.#exponents.get(asset);
    if (exponent === undefined) {
      const message = `No exponent for ${asset}: it is not among the assets of the configuration`;
      throw new TandemError('internal', message, { facts: { asset } });
    }
    return exponent;
  }

  /** What a text calls the asset: `SEK`; `POINTS` for `7:POINTS` unless another issuer has points too. */
  label(asset: Asset): string {
    return this.#labels.get(asset) ?? asset;
  }
}
