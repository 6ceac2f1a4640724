/**
 * What the API takes and gives, once: requests are checked with these, and openapi.json is generated from them.
 * A schema says everything that JSON Schema can say; what it cannot (lone surrogates) stands in its description.
 */
import { z } from 'zod';
import { alarmCodes } from '../alarms/catalogue.ts';
import {
  amountPattern,
  assetPattern,
  msisdnPattern,
  pairIdPattern,
  timestampPattern,
  type Amount,
  type Asset,
  type Msisdn,
  type PairId,
  type Timestamp,
  hashPattern,
  type BatchId,
} from '../model/ids.ts';

/** UTF-8 bytes of a `POST /v1/messages` body: the longest text, escaped, and the rest fit four times into half of it. */
export const maxMessageBodyBytes = 65_536;
/** A merchant's price list with its codes comes in one body. */
export const maxStaffBodyBytes = 1_048_576;
/** Unicode code points, as JSON Schema counts. */
export const maxTextCharacters = 4_096;

const say = (what: string) => (issue: { readonly input: unknown }) =>
  issue.input === undefined ? 'is missing' : `must be ${what}`;

const codePoints = (text: string) => (text.length <= maxTextCharacters ? text.length : [...text].length);

/** A field with a format of its own; the pattern is the one that makes the branded type (model/ids.ts). */
const format = <T extends string>(pattern: RegExp, what: string, example: string): z.ZodType<T, string> =>
  z
    .string({ error: say('a string') })
    .regex(pattern, `must be ${what}`)
    .meta({ description: what, examples: [example] }) as unknown as z.ZodType<T, string>;

/** Text that people wrote or will read: no lone surrogate, since it could not be hashed as UTF-8 (protocol §4). */
const prose = (min: number, max: number) =>
  z
    .string({ error: say('a string') })
    .refine((text) => text.isWellFormed(), {
      error: 'has a lone surrogate: send well-formed Unicode',
      abort: true,
    })
    .refine((text) => text.length >= min, `must have at least ${min} character`)
    .refine((text) => text.length <= max || codePoints(text) <= max, {
      error: (issue) => `must have at most ${max} characters, has ${codePoints(String(issue.input))}`,
    })
    .meta({ minLength: min, maxLength: max, description: 'Well-formed Unicode; a lone surrogate is refused.' });

export const msisdn = format<Msisdn>(msisdnPattern, 'a number in E.164 with its plus sign', '+46701234567');
export const pairId = format<PairId>(
  pairIdPattern,
  'a UUIDv7, lower-case with hyphens',
  '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77',
);
const asset = format<Asset>(assetPattern, 'an ISO 4217 code or <operatorId>:<CODE>', 'SEK');
const amount = format<Amount>(amountPattern, 'an amount in minor units as decimal text', '12000');
const positiveAmount = format<Amount>(
  /^[1-9][0-9]{0,37}$/,
  'an amount above 0 in minor units as decimal text',
  '12000',
);
/** A balance that can be below zero: a position, or an account after an execution without a hold (rule 4). */
const signed = (what: string) =>
  z
    .string()
    .regex(/^(?:0|-?[1-9][0-9]{0,37})$/)
    .meta({ description: `Minor units; ${what}.` });
const balance = signed('below zero only after an execution without a hold');
const timestamp = format<Timestamp>(timestampPattern, 'RFC 3339 in UTC with seconds', '2026-11-23T10:00:00Z');
const id = format<string>(/^[\x20-\x7e]{1,128}$/, '1 to 128 printable ASCII characters', 'sms-000017');
const operatorId = z.number().int().min(1).max(0xffffffff);
const language = format<string>(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'a language tag', 'en');
const kind = z.enum(['person', 'machine'], { error: say('"person" or "machine"') });
const flag = z.boolean({ error: say('true or false') });

export const errorBody = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) });

export const inboundMessage = z.strictObject({ id, from: msisdn, to: msisdn, text: prose(0, maxTextCharacters) });
export const disposition = z.strictObject({ id, disposition: z.enum(['forwarded', 'intercepted', 'answered']) });

export const byNumber = z.strictObject({ number: msisdn });
const userId = z.string().regex(/^u_[0-9a-f]{24}$/, 'a user id');

export const byPair = z.strictObject({ id: pairId });

export const phoneQuery = z.strictObject({
  after: z
    .string({ error: say('given once') })
    .max(64, 'must be a cursor that an earlier answer gave')
    .default('')
    .meta({ description: 'The cursor of the answer before; without it from the first message.' }),
});
export const phoneMessages = z.strictObject({
  messages: z.array(
    z.strictObject({ id, from: msisdn, to: msisdn, text: z.string(), pair: pairId.optional(), at: timestamp }),
  ),
  cursor: z.string(),
});

export const byMessage = z.strictObject({ id });
export const setAside = z.strictObject({
  messages: z.array(
    z.strictObject({
      id,
      to: msisdn,
      text: z.string(),
      pair: pairId.optional(),
      at: timestamp,
      tries: z.number().int().min(1),
      reason: z.string(),
    }),
  ),
});

export const pairView = z.strictObject({
  id: pairId,
  legs: z.array(
    z.strictObject({
      leg: z.enum(['first', 'second']),
      role: z.enum(['initiator', 'acceptor']),
      state: z.string(),
      reason: z.string().optional(),
      peer: operatorId,
      service: z.string(),
      asset,
      amount,
      user: msisdn,
      created: timestamp,
      deadline: timestamp.meta({ description: 'Until when the second user can accept, by the time of blocks.' }),
      batchId: z.string().optional(),
      index: z.number().int().min(0).max(4095).optional(),
      told: z.boolean(),
    }),
  ),
});

/** Only that it is an object: the bundle is the verifier's format (docs/protocol.md), served byte for byte. */
export const evidenceBundle = z.looseObject({});

const policy = format<string>(/^[a-z][a-z0-9-]{0,31}$/, 'the name of a disclosure policy', 'regulator-minimum');
/** Who asks and why: they go into the journal. */
const disclosing = {
  policy,
  recipient: prose(1, 200),
  reason: prose(1, 400),
};
export const evidenceQuery = z.strictObject({
  policy: policy.default('shared'),
  recipient: disclosing.recipient.default('staff'),
  reason: disclosing.reason.default('not given'),
});
export const journalQuery = z.strictObject({
  policy: policy.default('dispute'),
  recipient: disclosing.recipient,
  reason: disclosing.reason,
});
const blockNumber = z.number().int().min(0);
export const disclosureRequest = z.strictObject({
  from: blockNumber,
  to: blockNumber,
  ...disclosing,
  after: z
    .string()
    .max(64)
    .regex(/^[!-~]*$/, 'must be what an earlier answer gave')
    .default('')
    .meta({ description: 'The `after` that the page before ended with; without it from the first.' }),
});

const requestPattern = /^[1-9][0-9]{0,14}$/;
const filed = format<string>(requestPattern, 'the number of a request in the AuditLog', '17').optional();
export const auditRequest = disclosureRequest.omit({ recipient: true }).extend({
  filed,
});
export const auditJournalRequest = z.strictObject({ pair: pairId, policy, reason: disclosing.reason, filed });
export const auditScope = z.strictObject({
  auditor: z.string(),
  operator: operatorId,
  counterparties: z.array(operatorId).optional().meta({ description: 'Absent: pairs with everybody.' }),
  fromBlock: blockNumber,
  toBlock: blockNumber.optional(),
  policies: z.array(policy),
  expires: timestamp,
  requestsPerMinute: z.number().int().min(1),
  finalBlock: blockNumber.optional().meta({ description: 'The last block that can be asked for now.' }),
});

const sha256 = format<string>(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 lower-case hex digits', '4d'.repeat(32));
const requestNumber = z.number().int().min(1);
export const requestView = z.strictObject({
  request: requestNumber,
  auditor: z.number().int().min(1).meta({ description: 'The auditor’s number in the AuditLog.' }),
  state: z.enum(['open', 'ordered', 'answered']),
  late: z.boolean().meta({ description: 'Not answered by its due time, or answered after it.' }),
  digest: z.string().meta({ description: 'Salted, of what is asked: told outside of the chain.' }),
  madeAt: timestamp,
  filedAt: timestamp,
  due: timestamp,
  confidential: z.boolean(),
  fetched: z.number().int().min(0).meta({ description: 'Texts that the auditor has fetched under it.' }),
  ordered: z.string().optional().meta({ description: 'The salted digest that staff has answered with.' }),
  files: z.array(sha256).optional(),
  answer: z.string().optional().meta({ description: 'The salted digest in a final block.' }),
  answeredAt: timestamp.optional(),
});
export const requestsQuery = z.strictObject({
  after: z
    .string({ error: say('given once') })
    .regex(/^(?:0|[1-9][0-9]{0,11})$/, 'must be the `after` of an earlier answer')
    .default('0')
    .transform(Number)
    .meta({ description: 'The `after` of the answer before; without it from the first request.' }),
});
export const requests = z.strictObject({
  requests: z.array(requestView),
  after: z.number().int().min(1).optional().meta({ description: 'Where to go on; absent: these were the last.' }),
});
export const answerRequest = z.strictObject({ request: requestNumber, files: z.array(sha256).max(10_000).default([]) });
export const byRequest = z.strictObject({
  request: z
    .string({ error: say('a number') })
    .regex(requestPattern, 'must be the number of a request in the AuditLog')
    .transform(Number),
});

export const accounts = z.strictObject({
  accounts: z.array(z.strictObject({ asset, balance, held: amount })),
});

export const assets = z.strictObject({
  assets: z.array(z.strictObject({ asset, exponent: z.number().int().min(0).max(18) })),
});

export const positions = z.strictObject({
  positions: z.array(
    z.strictObject({
      operator: operatorId,
      asset,
      balance: signed('positive: this operator owes the counterparty'),
    }),
  ),
});

const counterparty = format<string>(
  /^(?:[1-9][0-9]{0,9}|[a-z][a-z0-9-]{1,31})$/,
  'the id or the handle of an operator',
  'borealis',
);
export const statementQuery = z.strictObject({
  counterparty,
  asset,
  from: timestamp,
  to: timestamp,
});

export const paymentQuery = statementQuery.extend({
  pair: pairId.optional().meta({ description: 'The payment of this pair alone, booked in the period.' }),
});

const batchId = format<BatchId>(hashPattern, '0x and 64 lower-case hex digits', `0x${'5f'.repeat(32)}`);
const agreedLine = { asset, amount: signed('above zero: into the customer’s account') };
export const discrepancyQuery = z.strictObject({
  batch: batchId.optional().meta({ description: 'Without it all batches that have a discrepancy on chain.' }),
});
export const discrepancies = z.strictObject({
  batches: z.array(
    z.strictObject({
      batchId,
      role: z.enum(['initiator', 'acceptor']),
      peer: operatorId,
      sequence: z.string(),
      count: z.number().int().min(1).max(4096),
      reconciled: z.enum(['reconciled', 'discrepancy', 'open']),
      expected: z.string().meta({ description: 'The executed digest of books that are as decided.' }),
      attested: z.string().optional(),
      attestation: z
        .enum(['as-decided', 'otherwise', 'none'])
        .meta({ description: 'What this operator attested, against `expected`.' }),
      pairs: z.array(
        z.strictObject({
          pair: pairId,
          leg: z.enum(['first', 'second']),
          index: z.number().int().min(0).max(4095),
          fault: z.enum(['missing', 'doubled', 'amount', 'against-decision']),
          decided: z.enum(['commit', 'abort', 'none']),
          agreed: z.strictObject(agreedLine),
          booked: z.array(z.strictObject({ booked: timestamp, ...agreedLine })),
        }),
      ),
    }),
  ),
});

const laneRange = z
  .strictObject({ from: z.number().int().min(1), to: z.number().int().min(0) })
  .meta({ description: 'Sequences of a lane; none where `to` is one less than `from`.' });
const hash = z.string().meta({ description: '0x and 64 hex digits' });
const windowNumber = z.number().int().min(1);
export const windowView = z.strictObject({
  counterparty: operatorId,
  number: windowNumber,
  role: z.enum(['proposer', 'answerer']),
  state: z.enum(['proposed', 'differs', 'signed', 'anchored', 'discharged']),
  overdue: z.boolean(),
  opened: timestamp,
  since: timestamp,
  refusal: z.string().optional().meta({ description: 'Why the other operator has not signed.' }),
  operatorA: operatorId,
  operatorB: operatorId,
  aToB: laneRange,
  bToA: laneRange,
  secret: hash,
  lines: z.array(
    z.strictObject({
      asset,
      net: signed('above zero: A owes B'),
      owed: signed('above zero: this operator pays'),
      payee: operatorId.optional(),
      statement: hash,
      endToEndId: z.string(),
      anchoredBlock: blockNumber.optional(),
      reference: z.string().optional(),
      referenceSalt: z.string().optional(),
      referenceDigest: hash.optional(),
      dischargedBlock: blockNumber.optional(),
      booked: timestamp.optional(),
    }),
  ),
});
export const windowsQuery = z.strictObject({ counterparty: counterparty.optional() });
export const windows = z.strictObject({ windows: z.array(windowView) });
export const closeRequest = z.strictObject({ counterparty });
export const dischargeRequest = z.strictObject({
  counterparty,
  number: windowNumber,
  asset,
  reference: prose(1, 140),
});
export const windowPaymentQuery = z.strictObject({
  counterparty,
  number: z
    .string({ error: say('a number') })
    .regex(/^[1-9][0-9]{0,14}$/, 'must be the number of a window')
    .transform(Number),
  asset,
});
export const windowComparison = z.strictObject({
  differences: z.array(
    z.strictObject({
      pair: pairId,
      role: z.enum(['initiator', 'acceptor']),
      batchId,
      sequence: z.number().int().min(1),
      index: z.number().int().min(0).max(4095),
      own: z
        .enum(['as-agreed', 'otherwise'])
        .meta({ description: 'Whether these books are as decision and terms say.' }),
    }),
  ),
  batches: z.number().int().min(0),
  more: z.boolean(),
});
export const caps = z.strictObject({
  caps: z.array(
    z.strictObject({
      operator: operatorId,
      asset,
      own: amount.optional(),
      peer: amount.optional(),
      agreed: amount.optional().meta({ description: 'The lower of the two; absent: no bound.' }),
      mayOwe: z.string(),
      mayBeOwed: z.string(),
    }),
  ),
});
export const capRequest = z.strictObject({
  counterparty,
  asset,
  cap: format<Amount | ''>(new RegExp(`${amountPattern.source}|^$`), 'minor units, or "" for no bound', '5000000'),
});
export const capAnswer = z.strictObject({ operator: operatorId, asset, agreed: amount.optional() });

export const users = z.strictObject({
  users: z.array(
    z.strictObject({
      id: userId,
      number: msisdn,
      name: z.string(),
      language: z.string(),
      kind: z.string(),
      joined: z.boolean(),
    }),
  ),
});

export const erasureRequest = z.strictObject({
  user: format<string>(
    new RegExp(`^u_[0-9a-f]{24}$|${msisdnPattern.source}`),
    'a user’s id, or its number in E.164 with its plus sign',
    '+46701234567',
  ),
  what: z
    .enum(['all', 'messages'], { error: say('"all" or "messages"') })
    .default('all')
    .meta({ description: '`messages`: only what was said to and by the user, who stays.' }),
});
export const erasure = z.strictObject({
  user: userId,
  what: z.enum(['all', 'messages']),
  phase: z.enum(['begun', 'erased', 'purged']),
  begun: z.number().int(),
  generation: z.number().int().optional(),
  erased: z.number().int().optional(),
  records: z.number().int().optional(),
  told: z.array(operatorId).optional(),
});
export const erasures = z.strictObject({ erasures: z.array(erasure) });
export const nothing = z.strictObject({});
export const madeKeyBackup = z.strictObject({ file: z.string(), records: z.number().int(), expires: z.number().int() });

export const doubtQuery = z.strictObject({
  signed: z
    .enum(['true', 'false'], { error: say('"true" or "false"') })
    .default('false')
    .meta({ description: 'As the signed file, one line of canonical JSON.' }),
});
export const backupRequest = z.strictObject({ kind: z.enum(['file', 'follow'], { error: say('"file" or "follow"') }) });
export const madeBackup = z.strictObject({
  file: z.string(),
  mark: z.strictObject({ store: z.string(), write: z.number().int().min(0) }),
  records: z.number().int().min(0),
  bytes: z.number().int().min(0),
});
export const recoverRequest = z.strictObject({ without: z.array(operatorId).min(1).max(100) });
export const recoveryStatus = z.strictObject({
  why: z.enum(['restored', 'loss-accepted', 'unknown-batch']).optional(),
  step: z.enum(['keys', 'chain', 'copies', 'done']),
  says: z.string(),
  lost: z.array(
    z.strictObject({
      what: z.enum(['batch', 'pair']),
      id: z.string(),
      peer: operatorId,
      batchId: z.string().optional(),
      says: z.string(),
    }),
  ),
});
export const haltStatus = z.strictObject({
  halted: z.boolean(),
  what: z.string().optional(),
  batchId: z.string().optional(),
  since: z.string().optional(),
  holds: z.array(z.string()).meta({ description: 'What has to be done before the node is released.' }),
  says: z.string(),
});
export const releaseOrder = z.strictObject({
  by: z.string().trim().min(1).max(200),
  because: z.string().trim().min(1).max(2000),
  keysAreSafe: z.boolean().default(false),
});
export const alarms = z.strictObject({
  alarms: z.array(
    z.strictObject({
      code: z.enum(alarmCodes),
      severity: z.enum(['critical', 'warning']),
      subject: z.string().meta({ description: 'Whom it is about where there are several: an operator, an endpoint.' }),
      active: z
        .boolean()
        .meta({ description: 'A condition that holds now, or an event that nobody has acknowledged.' }),
      since: timestamp,
      last: timestamp,
      over: timestamp.optional().meta({ description: 'When a condition that holds no more ended.' }),
      count: z.number().int().min(1),
      facts: z
        .looseObject({})
        .meta({ description: 'Ids, numbers of blocks and the like, each a text, a number or a boolean.' }),
      text: z.string(),
      remedy: z.string(),
    }),
  ),
});
export const acknowledgement = z.strictObject({
  code: z.string().max(100),
  subject: z.string().max(500).optional(),
  by: z.string().trim().min(1).max(200),
  because: z.string().trim().min(1).max(2000),
});
export const diagnosis = z.strictObject({
  findings: z.array(z.strictObject({ part: z.enum(['store', 'chain', 'peers']), says: z.string() })),
  looked: z.record(z.string(), z.number().int().min(0)),
});
/** The formats are those of recovery/doubt.ts; docs/operations.md tells them. */
export const doubt = z.looseObject({
  format: z.literal('tandem/doubt/1'),
  operator: operatorId,
  batches: z.array(z.looseObject({ batchId: z.string() })),
  pairs: z.array(z.looseObject({ pair: pairId, next: z.string() })),
});

const distinct = <T>(list: readonly T[], key: (entry: T) => unknown) => new Set(list.map(key)).size === list.length;

export const newUser = z.strictObject({
  number: msisdn,
  name: prose(1, 80),
  language,
  kind: kind.default('person'),
  assets: z
    .array(asset, { error: say('a list of assets') })
    .min(1, 'must name at least one asset')
    .max(16, 'must name at most 16 assets')
    .refine((list) => distinct(list, (entry) => entry), 'must not name an asset twice')
    .meta({ uniqueItems: true, description: 'The first is what an amount without a currency is in.' }),
  joined: flag.default(false),
  autoAccept: flag
    .optional()
    .meta({ description: 'Accepts credits and sales without asking; absent: a machine does, a person does not.' }),
  goods: z
    .array(
      z.strictObject({
        item: prose(1, 32),
        label: prose(1, 80),
        asset,
        price: positiveAmount,
        codes: z.array(prose(1, 128)).max(10_000, 'must have at most 10000 codes'),
      }),
      { error: say('a list of goods') },
    )
    .max(100, 'must have at most 100 items')
    .refine((list) => distinct(list, (entry) => entry.item), 'must not name an item twice')
    .default([]),
});
export const createdUser = z.strictObject({ number: msisdn, created: z.boolean() });

export const cashMovement = z.strictObject({
  id,
  number: msisdn,
  asset,
  amount: positiveAmount,
  reason: prose(1, 200),
});
export const movedCash = z.strictObject({ id, asset, balance });

export const noQuery = z.strictObject({});
export const health = z.strictObject({ status: z.literal('ok') });
export const readiness = z.strictObject({
  ready: z.boolean(),
  checks: z.record(z.string(), z.string()).meta({ description: 'One entry a part: "ok", or what is wrong.' }),
  error: errorBody.shape.error.optional().meta({ description: 'Only while not ready, with code `not-ready`.' }),
});
export const openapiDocument = z.looseObject({ openapi: z.string() });
