/**
 * The short way to read a pair line: one pattern for the text that `encodeLine` writes, on the path of a million pairs.
 * What it takes, the long way of `lines.ts` takes too, with the same outcome; what it does not take is left to that.
 */
import { operationFields, termsFields } from '../../commitment/schema.ts';
import { isMoment, type Hash, type Leg, type PairId } from '../../model/ids.ts';
import type { PairLine } from './lines.ts';

const digest = '"(0x[0-9a-f]{64})"';
const uuid = '"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"';
// A digest, `0x` and hex, has the letters of base64url too.
const entries = String.raw`\["([\w-]{43,}(?:","[\w-]{43,})*)"\]`;
// No quotation mark and no backslash: these JSON would escape.
const posting =
  String.raw`\{"amount":"(0|-?[1-9][0-9]{0,37})","asset":"([A-Z]{3}|[1-9][0-9]{0,9}:[A-Z0-9]{1,12})",` +
  String.raw`"booked":"([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)","id":"([!#-\[\]-~]{1,128})","leg":"(first|second)"\}`;

const pattern = new RegExp(
  String.raw`^\{(?:"first":${entries},)?"index":(0|[1-9][0-9]{0,3}),` +
    String.raw`"leaf":\{"first":${digest},"pair":${uuid},"second":${digest},"terms":${digest}\},` +
    String.raw`"postings":\[(?:${posting})?\],(?:"second":${entries},)?"terms":${entries},"type":"pair"\}$`,
);

const separator = '","';
const lastIndex = 4_095;
/** Every month has these days; of the others the calendar has to be asked. */
const lastCommonDay = '28';

/** Undefined where the long way must look: more than one posting, or a text that is not of this form. */
export function quickPairLine(text: string): PairLine | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, ofFirst, index, first, pair, second, terms, amount, asset, booked, id, leg, ofSecond, ofTerms] = match;
  const line: { -readonly [K in keyof PairLine]: PairLine[K] } = {
    type: 'pair',
    index: Number(index),
    leaf: { pair: pair as PairId, terms: terms as Hash, first: first as Hash, second: second as Hash },
    terms: (ofTerms ?? '').split(separator),
    postings:
      id === undefined ? [] : [{ leg: leg as Leg, id, booked: booked ?? '', asset: asset ?? '', amount: amount ?? '' }],
  };
  if (booked !== undefined && booked.slice(8, 10) > lastCommonDay && !isMoment(booked)) return undefined;
  if (line.index > lastIndex || line.terms.length !== termsFields.length) return undefined;
  for (const [name, record] of [
    ['first', ofFirst],
    ['second', ofSecond],
  ] as const) {
    if (record === undefined) continue;
    const split = record.split(separator);
    if (split.length !== operationFields.length) return undefined;
    line[name] = split;
  }
  return line;
}
