/** What the node says: texts of the catalogue with their values, in the user's language. */
import { TandemError } from '../errors.ts';
import type { Money, NoticeKey, ServiceTextKey, TextParams } from './analysis.ts';
import { decimalSignOf, knownLanguage, serviceOf, type Catalogue } from './catalogue.ts';
import { clean } from './clean.ts';
import type { Currencies } from './currencies.ts';
import { formatAmount } from './money.ts';
import { maxCharacters, valueKinds, type Placeholder } from './placeholders.ts';
import type { TextData } from './schema.ts';
import { fill } from './template.ts';

export class Renderer {
  readonly #catalogue: Catalogue;
  readonly #currencies: Currencies;

  constructor(catalogue: Catalogue, currencies: Currencies) {
    this.#catalogue = catalogue;
    this.#currencies = currencies;
  }

  /** @throws {TandemError} `internal` for a service that is not in the catalogue. */
  serviceText(service: string, key: ServiceTextKey, language: string, params: TextParams): string {
    const texts = serviceOf(this.#catalogue, service)?.texts;
    if (texts === undefined) {
      throw new TandemError('internal', `No service "${service}" in the catalogue`, { facts: { service, key } });
    }
    return this.#render(texts[key], language, params);
  }

  notice(key: NoticeKey, language: string, params: TextParams): string {
    return this.#render(this.#catalogue.notices[key], language, params);
  }

  /** @throws {TandemError} `internal` for an asset that is not configured. */
  money(money: Money, language: string): string {
    const sign = decimalSignOf(this.#catalogue, language);
    const digits = formatAmount(money.amount, this.#currencies.exponent(money.asset), sign);
    return `${digits} ${this.#currencies.label(money.asset)}`;
  }

  #render(byLanguage: TextData, language: string, params: TextParams): string {
    const known = knownLanguage(this.#catalogue, language);
    return fill(byLanguage[known] ?? [], (name) => this.#show(name, params[name], known));
  }

  /** A missing value shows as nothing: a text with a hole is better than a pair whose step can never finish. */
  #show(name: Placeholder, value: string | Money | undefined, language: string): string {
    if (value === undefined) return '';
    if (typeof value !== 'string') return value.amount === '0' && name === 'fee' ? '' : this.money(value, language);
    const kind = valueKinds[name];
    if (kind !== 'lines') return clean(value, kind === 'money' ? maxCharacters.word : maxCharacters[kind]);
    const lines = value.split('\n').map((line) => clean(line, maxCharacters.word));
    return lines.filter((line) => line !== '').join('\n');
  }
}
