/** How many SMS segments each text of the catalogue takes, with the values that it usually has. */
import sms from 'sms-segments-calculator';
import type { Asset } from '../model/ids.ts';
import { toAmount } from '../model/ids.ts';
import type { Analysis, Money, NoticeKey, ServiceTextKey, TextParams } from './analysis.ts';
import { noticePlaceholders, servicePlaceholders } from './placeholders.ts';

export interface TextSize {
  /** `pay.pending`, `help`. */
  readonly key: string;
  readonly language: string;
  /** The text with the sample values. */
  readonly text: string;
  /** GSM-7 has 160 characters in one segment and 153 in each of several, UCS-2 70 and 67. */
  readonly encoding: 'GSM-7' | 'UCS-2';
  readonly segments: number;
}

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => Object.keys(record) as K[];

/** Values of an ordinary order: names of fifteen letters, an amount of three digits, a short note. */
function sampleParams(money: Money, analysis: Analysis, language: string): TextParams {
  const account = analysis.money(money, language);
  const base: TextParams = {
    from: 'Anna Lindqvist',
    to: 'Erik Söderberg',
    name: 'Erik Söderberg',
    operator: 'borealis',
    money,
    note: 'lunch',
    item: 'cola',
    code: '4821',
    ref: 'K7QF',
    refs: 'K7QF, M3XW',
    original: 'M3XW',
    delivers: 'CAN-48213',
    number: '+46701234567',
    tries: '2',
    amount: '1 200',
    currency: 'USD',
    rest: 'and 30',
    example: account,
    whole: '1200',
    accounts: account,
  };
  const entry = analysis.notice('history-in', language, base);
  return { ...base, entries: `${entry}\n${entry}` };
}

/** Every text in every language, with the first asset's money. */
export function textSizes(analysis: Analysis, services: readonly string[], asset: Asset): readonly TextSize[] {
  const sizes: TextSize[] = [];
  const add = (key: string, language: string, text: string): void => {
    const message = new sms.SegmentedMessage(text);
    sizes.push({ key, language, text, encoding: message.encodingName, segments: message.segmentsCount });
  };
  for (const language of analysis.languages) {
    const params = sampleParams({ asset, amount: toAmount(12_000n) }, analysis, language);
    for (const service of services) {
      for (const key of keysOf<ServiceTextKey>(servicePlaceholders)) {
        add(`${service}.${key}`, language, analysis.serviceText(service, key, language, params));
      }
    }
    for (const key of keysOf<NoticeKey>(noticePlaceholders)) add(key, language, analysis.notice(key, language, params));
  }
  return sizes;
}

/** One line a text, those of more than one segment first. */
export function sizeTable(sizes: readonly TextSize[]): string {
  const sorted = sizes.toSorted((a, b) => b.segments - a.segments);
  const rows = sorted.map(({ key, language, encoding, segments, text }) => {
    const words = text.replaceAll('\n', ' / ');
    return `${segments}  ${encoding.padEnd(5)}  ${language}  ${key.padEnd(24)}  ${words}`;
  });
  return ['SMS segments, encoding, language and key of each text, with sample values:', ...rows].join('\n');
}
