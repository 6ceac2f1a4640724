/**
 * Messages of people, made up, by a generator that knows what it wrote: which money is to whom, and whether that can be
 * read at all. What it draws decides everything, so a seed is a message.
 */
import { languageWords, type LanguageWords } from './words.ts';

/** A whole number below `n`, at random. */
export type Draw = (n: number) => number;

export interface Meant {
  readonly service: 'pay' | 'request';
  readonly asset: string;
  /** Minor units. */
  readonly amount: string;
  readonly to: string;
}

export interface MadeMessage {
  readonly text: string;
  readonly language: string;
  /** Of the writer's first account. */
  readonly asset: string;
  readonly toService: boolean;
  readonly meant: Meant;
  /** `read`: must be read as meant; `refused`: must be refused; `either`: read as meant, or refused. */
  readonly must: 'read' | 'refused' | 'either';
}

export const writer = '+46701740611';
export const addressee = '+46701740651';
export const serviceNumber = '+46701740605';
const stranger = '+46701740652';

/** The operator's assets; only the first two have words of their own in each language. */
export const assets = [
  { asset: 'SEK', exponent: 2 },
  { asset: 'EUR', exponent: 2 },
  { asset: 'JPY', exponent: 0 },
  { asset: 'KWD', exponent: 3 },
] as const;
type AssetInfo = (typeof assets)[number];

type Must = MadeMessage['must'];
/** A part of a message, and what it does to the whole. */
interface Part {
  readonly text: string;
  readonly must: Must;
}

const read = (text: string): Part => ({ text, must: 'read' });
const refused = (text: string): Part => ({ text, must: 'refused' });

class Maker {
  readonly #draw: Draw;
  readonly #words: LanguageWords;

  constructor(draw: Draw, words: LanguageWords) {
    this.#draw = draw;
    this.#words = words;
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.#draw(list.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.#draw(n) === 0;
  }

  /** Up to nine digits before the decimals, short ones more often. */
  amount({ exponent }: AssetInfo): { whole: string; decimals: string } {
    let whole = String(1 + this.#draw(9));
    const more = this.#draw(3) === 0 ? this.#draw(9) : this.#draw(4);
    for (let count = 0; count < more; count += 1) whole += String(this.#draw(10));
    const length = exponent > 0 && this.#draw(2) === 0 ? 1 + this.#draw(Math.min(exponent, 2)) : 0;
    let decimals = '';
    for (let count = 0; count < length; count += 1) decimals += String(this.#draw(10));
    return { whole, decimals };
  }

  /** The amount as a person may write it. */
  written(whole: string, decimals: string): Part {
    const { decimal } = this.#words;
    const tail = decimals === '' ? '' : `${decimal}${decimals}`;
    const other = decimal === '.' ? ',' : '.';
    switch (this.#draw(14)) {
      case 0:
        return read(`${grouped(whole, 3, this.pick(["'", '’', '\u00a0', '\u202f', '\u2009', '\u2007', '٬']))}${tail}`);
      case 1:
        return whole.length > 6 || (whole.length > 3 && decimals !== '')
          ? read(`${grouped(whole, 3, other)}${tail}`)
          : read(`${whole}${tail}`);
      case 2:
        return whole.length > 5 ? read(`${grouped(whole, 2, other)}${tail}`) : read(`${whole}${tail}`);
      case 3:
        return whole.length > 3 && whole.length < 7
          ? refused(`${grouped(whole, 3, decimals === '' ? this.pick([',', '.']) : decimal)}${tail}`)
          : read(`${whole}${tail}`);
      case 4:
        return whole.length > 3 ? refused(`${grouped(whole, 3, ' ')}${tail}`) : read(`${whole}${tail}`);
      case 5:
        return decimals === '' ? read(whole) : refused(`${whole}${other}${decimals}`);
      case 6:
      case 7:
        return read(inScript(`${whole}${tail}`, this.pick(scripts)));
      case 8:
        return decimals === '' ? read(`${whole}${this.pick([':-', ',-', '.-', ':–'])}`) : read(`${whole}${tail}`);
      case 9:
        return refused(`${this.pick(['-', '+', '~', '(', '−', '0'])}${whole}${tail}`);
      case 10:
        return refused(`${whole}${tail}${this.pick(['?', '-', '…', '%', 'O', 'e3', '/2', 'x2', '½', '²', '*3'])}`);
      default:
        return read(`${whole}${tail}`);
    }
  }

  /** Digits with the currency, as one text; none is needed where it is the writer's. Behind it a note may begin with a number. */
  money(digits: Part, { asset }: AssetInfo, isOwn: boolean): Part & { hasCurrency: boolean } {
    const names = this.#namesOf(asset);
    const isClean = !/[:.,]\p{Pd}$/u.test(digits.text);
    const join = (text: string, must: Must, isBehind = true): Part & { hasCurrency: boolean } => ({
      text,
      must: worst(digits.must, must),
      hasCurrency: isBehind,
    });
    if (isOwn && this.once(2)) return { ...digits, hasCurrency: false };
    const name = this.pick(names);
    switch (this.#draw(12)) {
      case 0:
        return join(`${digits.text}${isClean ? '' : ' '}${name}`, 'read');
      case 1:
        return asset === 'EUR' && isClean
          ? join(`€${digits.text}`, 'read', false)
          : join(`${digits.text} ${name}`, 'read');
      case 2:
        return join(`${asset} ${digits.text}`, 'read', false);
      case 3:
        return join(
          `${digits.text} ${this.pick(['(', '"', '“', '['])}${asset}${this.pick([')', '"', '”', ']'])}`,
          'read',
        );
      case 4:
        return join(`${digits.text} ${name}${this.pick(['.', ',', '!', '…', '👍', ':'])}`, 'read');
      case 5:
        return join(`${digits.text} ${name}${this.pick(['?', '/person', '/2', '+', '-30', '*2', '%'])}`, 'refused');
      case 6:
        return join(`${digits.text} ${name} ${this.pick(this.#namesOf(asset === 'SEK' ? 'EUR' : 'SEK'))}`, 'refused');
      default:
        return join(`${digits.text} ${name}`, 'read');
    }
  }

  #namesOf(asset: AssetInfo['asset']): readonly string[] {
    return asset === 'SEK' || asset === 'EUR' ? this.#words.currency[asset] : [asset, asset.toLowerCase()];
  }

  /** What follows the money. */
  rest(hasCurrency: boolean): Part {
    const words = this.#words;
    switch (this.#draw(18)) {
      case 0:
        return refused(this.pick(words.sizes));
      case 1:
        return refused(this.pick(words.parts));
      case 2:
        return refused(this.pick(words.otherCurrencies));
      case 3:
        return refused(this.pick(words.quantities));
      case 4:
      case 5:
        return refused(this.pick(words.times));
      case 6:
        return refused(this.pick(words.numbers));
      case 7:
        return refused(`${this.pick(words.joins)} ${this.pick(['30', '30 kr', '5', '٣٠', this.pick(words.sizes)])}`);
      case 8:
        return refused(`${this.pick(words.notes)} ${this.pick(['30 kr', '€5', '5 EUR', 'SEK 30', '30 USD', '2 öre'])}`);
      case 9:
        return read(this.pick(words.marked));
      case 10:
        return this.once(2)
          ? read(this.pick(words.fillers))
          : refused(`${this.pick(words.fillers)} ${this.pick(words.times)}`);
      case 11:
        return hasCurrency ? read('305 Main Street') : read('');
      case 12:
        return { text: this.#anything(), must: 'either' };
      case 13:
      case 14:
        return read('');
      default:
        return read(this.pick(words.notes));
    }
  }

  /** Words of any list in any order, and letters of any script. */
  #anything(): string {
    const all = Object.values(languageWords).flatMap(({ notes, marked, fillers, times, quantities, joins, sizes }) => [
      ...notes,
      ...marked,
      ...fillers,
      ...times,
      ...quantities,
      ...joins,
      ...sizes,
    ]);
    const letters = (): string =>
      String.fromCodePoint(...Array.from({ length: 1 + this.#draw(6) }, () => 0xa1 + this.#draw(0xd700)));
    return Array.from({ length: 1 + this.#draw(4) }, () => (this.once(4) ? letters() : this.pick(all))).join(' ');
  }

  /** The addressee's number, as people write, paste and print it. */
  number(): string {
    return this.pick([
      addressee,
      addressee,
      '0701740651',
      '070-174 06 51',
      '070-1740651',
      '070\u2011174\u00a006\u00a051',
      '070–174 06 51',
      '+46 70 174 06 51',
      '+46 (0)70-174 06 51',
      '+46.70.174.06.51',
      'tel:+46701740651',
      '(+46) 70 174 06 51',
      '\u2066+46701740651\u2069',
      '0046701740651',
      inScript('0701740651', this.pick(scripts)),
    ]);
  }
}

/** Zeros of scripts whose digits people type. */
const scripts = ['٠', '۰', '०', '০', '０', '๐', '၀', '០', '߀', '𞥐', '𝟎'];

function inScript(text: string, zero: string): string {
  const first = zero.codePointAt(0) ?? 0x30;
  return text.replace(/[0-9]/g, (digit) => String.fromCodePoint(first + Number(digit)));
}

/** Three digits at the end, and groups of `size` before them. */
function grouped(whole: string, size: 2 | 3, mark: string): string {
  if (whole.length <= 3) return whole;
  const groups: string[] = [whole.slice(-3)];
  for (let end = whole.length - 3; end > 0; end -= size) groups.unshift(whole.slice(Math.max(0, end - size), end));
  return groups.join(mark);
}

const severity: readonly Must[] = ['read', 'either', 'refused'];
const worst = (...each: readonly Must[]): Must =>
  severity[Math.max(...each.map((must) => severity.indexOf(must)))] ?? 'refused';

function minorOf(whole: string, decimals: string, exponent: number): string {
  return `${whole}${decimals.padEnd(exponent, '0')}`.replace(/^0+(?=[0-9])/, '');
}

/** One message, all of it from `draw`. */
export function makeMessage(draw: Draw): MadeMessage {
  const language = (['en', 'sv', 'fr', 'ar'] as const)[draw(4)] ?? 'en';
  const words = languageWords[language];
  const maker = new Maker(draw, words);
  const own = maker.pick(assets);
  const info = maker.once(3) ? maker.pick(assets) : own;
  const { whole, decimals } = maker.amount(info);
  const service = maker.once(5) ? 'request' : 'pay';
  const keyword = `${maker.pick(words[service])}${maker.once(8) ? ':' : ''}`;
  const money = maker.money(maker.written(whole, decimals), info, info.asset === own.asset);
  const rest = maker.rest(money.hasCurrency);
  const toService = maker.once(3);
  const meant: Meant = { service, asset: info.asset, amount: minorOf(whole, decimals, info.exponent), to: addressee };
  const must = worst(money.must, rest.must);
  const parts = toService
    ? withNumber(maker, money.text, rest.text)
    : { words: [money.text, rest.text], must: 'read' as const };
  const space = maker.once(12) ? maker.pick(['  ', '\t', '\n', '\u00a0 ']) : ' ';
  const text = [keyword, ...parts.words].filter((part) => part !== '').join(space);
  return { text, language, asset: own.asset, toService, meant, must: worst(must, parts.must) };
}

/** The number before the money, behind it, or at the end of the message, and now and then a second one. */
function withNumber(maker: Maker, money: string, rest: string): { words: readonly string[]; must: Must } {
  const number = maker.number();
  if (maker.once(10))
    return { words: [money, number, maker.pick(['or', 'eller', '']), stranger, rest], must: 'refused' };
  if (maker.once(10)) return { words: [money, rest === '' ? 'cake' : rest, stranger, number], must: 'refused' };
  switch (maker.pick([0, 1, 1, 2])) {
    case 0:
      return { words: [number, money, rest], must: /^\+?[0-9]+$/.test(number) ? 'read' : 'either' };
    case 1:
      return { words: [money, number, rest], must: /^[\p{L}\p{P}\u2066]|^$/u.test(rest) ? 'read' : 'either' };
    default:
      return { words: [money, rest, number], must: rest === '' || /\p{L}$/u.test(rest) ? 'read' : 'either' };
  }
}
