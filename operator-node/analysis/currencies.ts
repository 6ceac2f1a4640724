/** The operator's assets by the words that people use for them. */
import { TandemError } from '../errors.ts';
import { plainForm } from './digits.ts';
import { core, withoutElision } from './words.ts';
import { normaliseKeyword } from './vocabulary.ts';
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

/** `unclear`: a currency with something at it that may change what is meant (`EUR?`, `EUR/person`, `EUR,lunch`). */
export type WrittenCurrency = CurrencyReading | { readonly kind: 'unclear' };

const none: CurrencyReading = { kind: 'none' };
const unknown: CurrencyReading = { kind: 'unknown' };

/** A sign of any currency, alone or with letters: `₹`, `US$`, `R$`. */
const signed = /^[\p{L}.]*\p{Sc}+\p{L}*$/u;
const leading = /^(?:[\p{L}\p{M}]+|\p{Sc}+)/u;
/** Pictures of banknotes with a currency's sign on them. */
export const banknotes = /[\u{1f4b4}-\u{1f4b7}]/u;
/** Marks at a currency that say more than that it ends there. */
const telling = /[?\u00bf\u037e\u061f*/%+=~\\^<>|#&-]/;

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
      words.set(normaliseKeyword(alias), words.get(target) ?? unknown);
    }
    this.#words = words;
    this.#alsoWords = new Set(rules.words.map((word) => word.toUpperCase()));
  }

  /** A word that is a currency and nothing more. */
  read(word: string): CurrencyReading {
    const key = normaliseKeyword(word);
    const reading = this.#words.get(key) ?? (signed.test(word) ? unknown : none);
    return reading.kind === 'unknown' && word !== word.toUpperCase() && this.#alsoWords.has(key) ? none : reading;
  }

  /** A code that is a word of ordinary notes too. */
  isAlsoWord(word: string): boolean {
    return this.#alsoWords.has(word.toUpperCase());
  }

  /** A word as it stands in a message, with what people leave around a currency: `(EUR)`, `"EUR"`, `kr.`, `EUR👍`. */
  readWritten(written: string): WrittenCurrency {
    const word = plainForm(written);
    const bare = core(word);
    if (bare === '') return banknotes.test(word) ? { kind: 'unclear' } : none;
    const exact = this.read(bare);
    if (exact.kind !== 'none')
      return bare !== word && telling.test(word.replace(bare, '')) ? { kind: 'unclear' } : exact;
    const lead = leading.exec(bare)?.[0] ?? '';
    const elided = withoutElision(bare);
    if (elided !== bare && this.read(elided).kind !== 'none') return { kind: 'unclear' };
    const isCurrency = (lead !== '' && lead !== bare && this.read(lead).kind !== 'none') || /\p{Sc}/u.test(bare);
    return isCurrency ? { kind: 'unclear' } : none;
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
