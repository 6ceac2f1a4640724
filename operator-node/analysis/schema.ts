/**
 * The shape of the catalogue file, made for the languages that it names: what comes out has its grammars parsed and its
 * texts compiled. What takes two places to see is checked in `catalogue.ts`.
 */
import { z } from 'zod';
import { isAmount, isAsset, type Amount } from '../model/ids.ts';
import { wordKinds } from './lexicon.ts';
import { parseGrammar, type Grammar } from './grammar.ts';
import { noticePlaceholders, servicePlaceholders } from './placeholders.ts';
import { compile, type Template } from './template.ts';

/** The part that the rest of the schema depends on; everything else about it is unchecked here. */
export const languagesSchema = z.looseObject({
  languages: z.record(z.string().regex(/^[a-z]{2,3}$/, 'a language tag such as "en"'), z.unknown()),
});

/** Minor units: digits in quotes, or a plain whole number. */
const amountMessage = 'expected an amount in minor units, such as "500000"';
const amount = z
  .union([z.string(), z.int().nonnegative().transform(String)], { error: amountMessage })
  .refine((value): value is Amount => isAmount(value), amountMessage);

const asset = z.string().refine(isAsset, 'expected an ISO 4217 code or <operatorId>:<CODE>');

const operation = z.strictObject({
  domain: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected the name of a private domain'),
  action: z.enum(['debit', 'credit', 'sell', 'issue', 'redeem']),
});

const grammar = z.string().transform((source, context): Grammar => {
  const parsed = parseGrammar(source);
  if (parsed.ok) return parsed.grammar;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

const text = (allowed: readonly string[]) =>
  z.string().transform((source, context): Template => {
    const compiled = compile(source, allowed);
    if (compiled.ok) return compiled.template;
    for (const problem of compiled.problems) context.addIssue(problem);
    return z.NEVER;
  });

const objectOf = <K extends string, T extends z.ZodType>(keys: readonly K[], value: (key: K) => T) =>
  z.strictObject(Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, T>);

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => Object.keys(record) as K[];

/** One word, in the letters that it is compared in; a value stands for it where the kind has one. */
const amountWord = z.string().regex(/^\S+$/, 'expected one word');
const listOf = (kind: (typeof wordKinds)[number]) =>
  kind === 'size' || kind === 'number'
    ? z.record(amountWord, z.int().positive('expected what the word stands for, a whole number'))
    : z.array(amountWord);

export function catalogueSchema(languages: readonly string[]) {
  const keywords = objectOf(languages, () => z.array(z.string()).min(1, 'expected at least one keyword'));
  const texts = <K extends string>(allowed: Readonly<Record<K, readonly string[]>>) =>
    objectOf(keysOf(allowed), (key) => objectOf(languages, () => text(allowed[key])));

  const service = z.strictObject({
    keywords,
    grammar,
    first: operation,
    second: operation,
    authoriser: z.enum(['first', 'second']),
    /** Largest order by asset. */
    maxAmount: z.record(asset, amount).default({}),
    /** For the paying user, by asset; an asset without a rule costs nothing. */
    fee: z
      .record(asset, z.strictObject({ flat: amount.optional(), permille: z.int().min(0).max(1000).optional() }))
      .default({}),
    texts: texts(servicePlaceholders),
  });

  return z.strictObject({
    version: z.literal(1),
    languages: z.record(z.string(), z.strictObject({ decimalSign: z.enum(['.', ',']) })),
    currencies: z.strictObject({
      aliases: z.record(z.string().regex(/^[^\s0-9.,]+$/, 'expected one word without digits'), asset).default({}),
      words: z.array(z.string().regex(/^[a-z]{3}$/, 'expected a currency code in small letters')).default([]),
    }),
    /** Other languages may have lists too: a user may write any. */
    amountWords: objectOf(wordKinds, (kind) => objectOf(languages, () => listOf(kind)).catchall(listOf(kind))),
    answers: objectOf(['yes', 'no'], () => keywords),
    commands: objectOf(['cancel', 'join', 'stop', 'balance', 'history', 'help'], () => keywords),
    services: z.record(z.string().regex(/^[a-z]{1,16}$/, 'expected a name of up to 16 small letters'), service),
    notices: texts(noticePlaceholders),
  });
}

export type CatalogueData = z.output<ReturnType<typeof catalogueSchema>>;
export type ServiceData = CatalogueData['services'][string];
export type TextData = ServiceData['texts']['pending'];

const looseKeywords = z.record(z.string(), z.array(z.string()));

/** Keywords alone, so that clashes are found also in a file with other problems. */
export const keywordsSchema = z.looseObject({
  answers: z.record(z.string(), looseKeywords),
  commands: z.record(z.string(), looseKeywords),
  services: z.record(z.string(), z.looseObject({ keywords: looseKeywords })),
});

export type KeywordData = z.output<typeof keywordsSchema>;
