/**
 * The messages between operators, version 1: the one definition. JSON Schemas are generated from it
 * (`docs/protocol/schemas`), recorded examples are replayed against it. Every object is closed: an unknown field is
 * refused. A list of answers has the order of the list of questions.
 */
import { z } from 'zod';
import {
  amountPattern,
  assetPattern,
  hashPattern,
  hexPattern,
  msisdnPattern,
  pairIdPattern,
  timestampPattern,
  type Amount,
  type Asset,
  type BatchId,
  type Hash,
  type Hex,
  type Msisdn,
  type OperatorId,
  type PairId,
  type Timestamp,
  type UnixSeconds,
} from '../model/ids.ts';

/** Text of one format as its brand. The type is asserted rather than refined: the JSON Schema shows the same pattern, and each value is tested once. */
const format = <T extends string>(pattern: RegExp, what: string) =>
  z.string().regex(pattern, what).meta({ description: what }) as unknown as z.ZodType<T, string>;

const numeric = <T extends number>(min: number, max: number) =>
  z.number().int().min(min).max(max) as unknown as z.ZodType<T, number>;

/** Length in code points, as JSON Schema's `maxLength` counts; a string of at most `max` code units needs no counting. */
function fits(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  return [...text].length <= max;
}

/** Free text of at most `max` code points, without lone surrogates (protocol §4). */
const text = (max: number, min = 0) =>
  z
    .string()
    .refine((value) => value.length >= min && fits(value, max) && value.isWellFormed(), `${min} to ${max} characters`)
    .meta({ ...(min === 0 ? {} : { minLength: min }), maxLength: max, pattern: '^[^\\ud800-\\udfff]*$' });

const pairId = format<PairId>(pairIdPattern, 'a UUIDv7, lower-case, hyphenated');
const batchId = format<BatchId>(hashPattern, '0x and 64 lower-case hex digits');
const hash = format<Hash>(hashPattern, '0x and 64 lower-case hex digits');
/** ERC-7913: 65 bytes of an EOA; an ERC-1271 wallet or a verifier may need more, at most 1 KiB. */
const signature = z
  .string()
  .max(2 + 2 * 1024)
  .regex(hexPattern, '0x and lower-case hex digits') as unknown as z.ZodType<Hex, string>;
const msisdn = format<Msisdn>(msisdnPattern, 'a number in E.164 with its plus sign');
const asset = format<Asset>(assetPattern, 'an ISO 4217 code or <operatorId>:<CODE>');
const amount = format<Amount>(amountPattern, 'an amount in minor units, decimal');
const timestamp = format<Timestamp>(timestampPattern, 'RFC 3339 UTC with seconds');
const operatorId = numeric<OperatorId>(1, 0xffffffff);
const decimal = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/, 'decimal digits');
const unixSeconds = numeric<UnixSeconds>(0, 2 ** 40 - 1);
/** base64url of 32 bytes, no padding. */
const digest = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'base64url of 32 bytes');
/** At most 1 KiB of ciphertext (protocol §3, rule 10). */
const sealed = z
  .string()
  .max(1366)
  .regex(/^[A-Za-z0-9_-]*$/, 'base64url');
const name = text(80);
const note = text(160);
const item = text(80);
/** The sending gateway's id of a message: any text. */
const messageId = text(128, 1);

const termsSchema = z.strictObject({
  pair: pairId,
  service: z.string().regex(/^[a-z]{1,16}$/),
  firstAsset: asset,
  firstAmount: amount,
  secondAsset: asset,
  secondAmount: amount,
  initiator: decimal,
  acceptor: decimal,
  created: timestamp,
  deadline: decimal,
  reverses: format<PairId | ''>(new RegExp(`${pairIdPattern.source}|^$`), 'a pairId, or nothing'),
});

const sequence = (min: number) => z.number().int().min(min).max(Number.MAX_SAFE_INTEGER);

const batchSchema = z.strictObject({
  initiator: operatorId,
  acceptor: operatorId,
  sequence: sequence(1),
  deadline: unixSeconds,
  count: z.number().int().min(1).max(4096),
  root: hash,
});

/** Minor units, below zero with `-`. */
const signedAmount = z.string().regex(/^(?:0|-?[1-9][0-9]{0,37})$/, 'an amount in minor units, decimal');
/** Batches of a lane; none where `to` is one less than `from`. */
const laneRange = z.strictObject({ from: sequence(1), to: sequence(0) });

const maxWindowAssets = 1000;
export const maxComparedRanges = 64;

export const windowSchema = z.strictObject({
  number: sequence(1),
  operatorA: operatorId,
  operatorB: operatorId,
  aToB: laneRange,
  bToA: laneRange,
  nets: z
    .array(z.strictObject({ asset, net: signedAmount }))
    .min(1)
    .max(maxWindowAssets),
  secret: hash,
});

const hello = z.strictObject({
  version: z.literal(1),
  operator: operatorId,
  chainId: decimal,
  settlement: z.string().regex(/^0x[0-9a-f]{40}$/),
  assets: z.array(z.strictObject({ asset, exponent: z.number().int().min(0).max(18) })).max(1000),
  /** The most that either of the two may owe the other, as the one who says it sees it; an absent asset has no bound. */
  caps: z.array(z.strictObject({ asset, cap: amount })).max(1000),
});

const proposal = z.strictObject({
  terms: termsSchema,
  /** Salts of the terms: lets the acceptor recompute T, and both the executed digest. */
  termsSecret: hash,
  from: msisdn,
  fromName: name,
  to: msisdn,
  note,
  /** What is bought; `""` where the service sells nothing. */
  item,
  /** Digest of the first operation's `subject` disclosure: the `counterparty` of the second. */
  firstSubject: digest,
  sealed,
});

/** Never a balance, never a limit (protocol §3). */
const quoteRefusal = z.enum(['unknown-addressee', 'not-available', 'terms', 'busy', 'cannot-settle']);
/** `foreign-number`: the acceptor's directory does not give `from` to the initiator. */
const refusal = z.enum([...quoteRefusal.options, 'foreign-number']);

const proposalAnswer = z.discriminatedUnion('answer', [
  z.strictObject({
    pair: pairId,
    answer: z.literal('held'),
    secondCommitment: hash,
    secondSubject: digest,
    toName: name,
    /** What the first user receives on commit; inert until the seller's domain has committed. `""` for nothing. */
    delivers: text(128),
    sealed,
  }),
  z.strictObject({ pair: pairId, answer: z.literal('refused'), reason: refusal }),
  /** This pair was withdrawn before: for ever. */
  z.strictObject({ pair: pairId, answer: z.literal('given-up') }),
]);

/** Empty where the one who answers cannot open it any more: a user of the pair is erased. */
const numberOrErased = format<Msisdn>(
  new RegExp(`${msisdnPattern.source}|^$`),
  'a number in E.164 with its plus sign, or nothing',
);
const digestOrErased = z.string().regex(/^(?:[A-Za-z0-9_-]{43})?$/, 'base64url of 32 bytes, or nothing');

/** A pair of a batch as both operators know it. */
const sealedPair = z.strictObject({
  terms: termsSchema,
  termsSecret: hash,
  from: numberOrErased,
  fromName: name,
  to: numberOrErased,
  toName: name,
  note,
  item,
  delivers: text(128),
  firstSubject: digestOrErased,
  secondSubject: digestOrErased,
  firstCommitment: hash,
  secondCommitment: hash,
  /** As the one who asks had sealed it; `""` where there is none. */
  sealed,
});

/**
 * What came of the question to the second user: `late` is a yes that the chain did not take in time. `later`: the pair is
 * not over here yet.
 */
const outcomeWord = z.enum(['unanswered', 'late', 'no', 'cancelled', 'not-asked', 'unknown-pair', 'later']);

const laterReason = z.enum(['sequence', 'chain-behind', 'busy']);
const batchRefusal = z.enum([
  'root',
  'count',
  'deadline',
  'sequence-taken',
  'pair-unknown',
  'pair-twice',
  'terms',
  'lane',
]);

/** `form`: it is no window of these two. `lanes`: the last one ended elsewhere. `audit-log`: it has no AuditLog to anchor in. */
const windowRefusal = z.enum(['form', 'lanes', 'audit-log']);
/** `previous`: the one before is not anchored. `own`: it has proposed this number itself. */
const windowLater = z.enum(['number', 'previous', 'own', 'not-final', 'busy']);
const comparedBatch = format<BatchId | ''>(new RegExp(`${hashPattern.source}|^$`), 'a batchId, or nothing');

export const maxProposals = 512;
const maxBatchPairs = 4096;

export const methods = {
  /** Who is there, on which chain, with which assets. First on every connection; changes nothing. */
  hello: { request: hello, answer: hello },
  /** What an item costs and what its seller is called. Changes nothing, promises nothing. */
  quote: {
    request: z.strictObject({ to: msisdn, item }),
    answer: z.discriminatedUnion('answer', [
      z.strictObject({ answer: z.literal('quoted'), asset, amount, label: name, toName: name }),
      z.strictObject({ answer: z.literal('refused'), reason: quoteRefusal }),
    ]),
  },
  propose: {
    request: z.strictObject({ proposals: z.array(proposal).min(1).max(maxProposals) }),
    answer: z.strictObject({ answers: z.array(proposalAnswer).max(maxProposals) }),
  },
  /** An unsigned batch of held pairs; the answer carries the acceptor's signature. */
  offer: {
    request: z.strictObject({
      batch: batchSchema,
      pairs: z
        .array(z.strictObject({ pair: pairId, firstCommitment: hash }))
        .min(1)
        .max(maxBatchPairs),
    }),
    answer: z.discriminatedUnion('answer', [
      z.strictObject({ answer: z.literal('signed'), batchId, signature }),
      /** For good: the batch is malformed. */
      z.strictObject({ answer: z.literal('refused'), batchId, reason: batchRefusal }),
      /** No refusal: ask again. */
      z.strictObject({ answer: z.literal('later'), batchId, reason: laterReason }),
    ]),
  },
  /** The initiator's signature of a batch that the acceptor has signed. */
  countersign: {
    request: z.strictObject({ batchId, signature }),
    answer: z.strictObject({ batchId, answer: z.enum(['stored', 'unknown-batch', 'wrong-signature', 'later']) }),
  },
  /** Pairs given up before their batch left. */
  withdraw: {
    request: z.strictObject({ pairs: z.array(pairId).min(1).max(maxProposals) }),
    answer: z.strictObject({
      answers: z.array(z.strictObject({ pair: pairId, answer: z.enum(['given-up', 'in-batch']) })).max(maxProposals),
    }),
  },
  /** The first user wants a pair back whose batch has left: the acceptor sets the abort bit if nobody has accepted. */
  cancel: {
    request: z.strictObject({ pair: pairId }),
    answer: z.strictObject({ pair: pairId, answer: z.enum(['declined', 'too-late', 'unknown-pair']) }),
  },
  /** After its time: what the second user had said, for what the first is told. It decides nothing. */
  outcome: {
    request: z.strictObject({ pairs: z.array(pairId).min(1).max(maxProposals) }),
    answer: z.strictObject({
      answers: z.array(z.strictObject({ pair: pairId, answer: outcomeWord })).max(maxProposals),
    }),
  },
  /** What moved between the two since their last window, to be signed by the one that is asked. */
  window: {
    request: z.strictObject({ window: windowSchema }),
    answer: z.discriminatedUnion('answer', [
      /** The window that it has signed under this number, with a signature for each of its assets, in their order. */
      z.strictObject({
        answer: z.literal('signed'),
        number: sequence(1),
        window: windowSchema,
        signatures: z.array(signature).min(1).max(maxWindowAssets),
      }),
      /** Its postings make other nets. Nothing is signed. */
      z.strictObject({ answer: z.literal('differs'), number: sequence(1) }),
      z.strictObject({ answer: z.literal('refused'), number: sequence(1), reason: windowRefusal }),
      /** No refusal: ask again. */
      z.strictObject({ answer: z.literal('later'), number: sequence(1), reason: windowLater }),
    ]),
  },
  /** Digests of what moved in ranges of batches of a lane, or of pairs of a batch: finds where two operators differ. */
  compare: {
    request: z.strictObject({
      initiator: operatorId,
      acceptor: operatorId,
      /** `""`: the ranges are of sequences of the lane; otherwise of leaves of this batch. */
      batchId: comparedBatch,
      /** Both ends included. */
      ranges: z
        .array(z.strictObject({ from: sequence(0), to: sequence(0) }))
        .min(1)
        .max(maxComparedRanges),
    }),
    answer: z.discriminatedUnion('answer', [
      z.strictObject({
        answer: z.literal('digests'),
        batchId: comparedBatch,
        digests: z.array(hash).max(maxComparedRanges),
      }),
      /** A batch that is not there, or not final, or not of these two. */
      z.strictObject({ answer: z.literal('unknown'), batchId: comparedBatch }),
    ]),
  },
  /** A user of the asking operator is erased: what was told of it beside these pairs is to be forgotten. */
  erased: {
    request: z.strictObject({
      at: unixSeconds,
      pairs: z
        .array(z.strictObject({ pair: pairId, leg: z.enum(['first', 'second']) }))
        .min(1)
        .max(maxProposals),
      signature,
    }),
    answer: z.strictObject({ answer: z.enum(['erased', 'wrong-signature', 'later']) }),
  },
  /** After a loss: a batch of a lane as the other side has it, with the copies that the one who asks had sealed. */
  sealed: {
    request: z.strictObject({
      role: z.enum(['initiator', 'acceptor']),
      sequence: sequence(1),
      first: z.number().int().min(0).max(4095),
    }),
    answer: z.discriminatedUnion('answer', [
      z.strictObject({
        answer: z.literal('batch'),
        sequence: sequence(1),
        batchId,
        batch: batchSchema,
        /** As far as the one who answers has them; `0x` for none. */
        initiatorSignature: signature,
        acceptorSignature: signature,
        pairs: z.array(sealedPair).max(maxProposals),
        /** Pairs after these. */
        left: z.number().int().min(0).max(4096),
      }),
      z.strictObject({ answer: z.literal('none'), sequence: sequence(1) }),
    ]),
  },
  /** An ordinary message, passed on unchanged; its text is kept nowhere. */
  forward: {
    request: z.strictObject({ id: messageId, from: msisdn, to: msisdn, text: text(4096) }),
    answer: z.strictObject({ id: messageId, answer: z.enum(['delivered', 'not-mine']) }),
  },
} as const;

/** What an answer other than 200 carries, whatever the method. */
export const errorAnswer = z.strictObject({
  error: z.strictObject({ code: z.string().regex(/^[a-z][a-z-]{0,63}$/, 'a code'), message: text(1000) }),
});

export type Method = keyof typeof methods;
export type Request<M extends Method> = z.output<(typeof methods)[M]['request']>;
export type Answer<M extends Method> = z.output<(typeof methods)[M]['answer']>;
export type Proposal = z.output<typeof proposal>;
export type ProposalAnswer = z.output<typeof proposalAnswer>;
export type ProposalRefusal = z.output<typeof refusal>;
export type OutcomeWord = z.output<typeof outcomeWord>;
export type WindowRefusal = z.output<typeof windowRefusal>;
export type SealedPair = z.output<typeof sealedPair>;
export type BatchRefusal = z.output<typeof batchRefusal>;
