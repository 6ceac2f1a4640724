/**
 * What each text can say: its placeholders, and of what kind their values are. `?` marks a value that may be missing or
 * empty: it stands in an optional part of the text, `[…]`, which is left out with it.
 */
import type { NoticeKey, ServiceTextKey } from './analysis.ts';

/**
 * How a value is shown. `money`: by the language's decimal sign; `name`, `note`, `item`: written by people, so cleaned and
 * cut to 40 characters; `word`: made by the node (numbers, refs, codes); `lines`: rendered texts, one a line.
 */
export type ValueKind = 'money' | 'name' | 'note' | 'item' | 'word' | 'lines';

export const valueKinds = {
  from: 'name',
  to: 'name',
  name: 'name',
  /** The handle of an operator. */
  operator: 'name',
  money: 'money',
  fee: 'money',
  held: 'money',
  note: 'note',
  item: 'item',
  code: 'word',
  ref: 'word',
  refs: 'word',
  original: 'word',
  delivers: 'word',
  number: 'word',
  tries: 'word',
  /** As the user wrote it. */
  amount: 'item',
  currency: 'item',
  rest: 'item',
  /** A right amount to show how, as `12.50`. */
  example: 'word',
  /** The two ways to read an ambiguous amount. */
  whole: 'word',
  decimal: 'word',
  accounts: 'lines',
  entries: 'lines',
} as const satisfies Record<string, ValueKind>;

export type Placeholder = keyof typeof valueKinds;

type Allowed = readonly (Placeholder | `${Placeholder}?`)[];

const always = ['from', 'to', 'money', 'fee?', 'item', 'note?', 'ref', 'original?'] as const satisfies Allowed;

/** `item` only in services whose grammar has one. */
export const servicePlaceholders: Readonly<Record<ServiceTextKey, Allowed>> = {
  pending: always,
  ask: [...always, 'code'],
  'first-done': [...always, 'delivers?'],
  'second-done': always,
  'first-declined': always,
  'second-declined': always,
  'first-expired': always,
  'first-late': always,
  'first-unsettled': always,
  'second-expired': always,
  'second-late': always,
  'first-cancelled': always,
  'second-cancelled': always,
};

export const noticePlaceholders: Readonly<Record<NoticeKey, Allowed>> = {
  joined: [],
  'already-joined': [],
  left: [],
  'not-joined': [],
  help: [],
  balance: ['accounts'],
  'balance-account': ['money', 'held?'],
  history: ['entries'],
  'history-in': ['money', 'name', 'note?', 'ref'],
  'history-out': ['money', 'name', 'note?', 'ref'],
  'history-empty': [],
  'not-understood': [],
  'missing-addressee': [],
  'several-numbers': [],
  'unknown-number': ['number'],
  'number-or-date': ['number'],
  'own-number': [],
  'bad-amount': ['amount?', 'example'],
  'ambiguous-amount': ['amount', 'whole', 'decimal?'],
  'zero-amount': [],
  'unclear-rest': ['rest', 'example'],
  'not-later': ['rest', 'example'],
  'unknown-currency': ['currency'],
  'no-account': ['currency'],
  'insufficient-funds': ['money?'],
  'over-limit': ['money?'],
  'not-available': ['name?'],
  'peer-unreachable': ['operator', 'name?'],
  'cannot-settle': ['operator', 'name?'],
  busy: [],
  'chain-stalled': [],
  'out-of-room': [],
  'unknown-item': ['item', 'name?'],
  'sold-out': ['item', 'name?'],
  'no-open-question': [],
  'code-needed': [],
  'wrong-code': ['tries?'],
  'code-spent': [],
  'too-late': ['ref?'],
  'already-answered': ['ref?'],
  'answer-received': ['ref?'],
  'answer-no-funds': ['money?'],
  'cancel-none': ['ref?'],
  'cancel-which': ['refs'],
  'cancel-asked': ['ref'],
  'cancel-too-late': ['ref?'],
  'refund-none': ['ref?'],
  'refund-which': ['refs'],
  'refund-too-much': ['money'],
  'refund-currency': ['ref', 'money'],
  'order-failed': ['ref?'],
  'order-lost': ['ref'],
};

/** Longest value of each kind, in characters (code points). */
export const maxCharacters: Readonly<Record<Exclude<ValueKind, 'money'>, number>> = {
  name: 40,
  note: 40,
  item: 40,
  word: 160,
  lines: 1600,
};
