/**
 * What of the store is personal, in one list, and the codec that seals it under its user's key (protocol §4, Erasure).
 * Amounts, assets, ids and times stay in the clear: counts, sums and proofs are made of them. Deleting a user's keys
 * erases every copy of what they sealed; a record that cannot be opened any more reads as one whose texts are empty.
 */
import { hash } from 'node:crypto';
import { hmac } from '../commitment/hmac.ts';
import { TandemError } from '../errors.ts';
import { derivedKeys, openText, sealText, type DataKind } from './at-rest.ts';
import { sealedOpening, type Codec, type UserKeys } from './codec.ts';
import { table } from './store.ts';

/** Keys of users, by their ids. With `alias`, nothing of it is in a backup or in the followed copy. */
export const userKeyTable = table<UserKeys>('user-key');

/** Tables that are kept apart from everything else: without them a copy of the store says nothing of a person. */
export const keyTables: readonly string[] = ['alias', 'user-key'];

const keyPrefixes = keyTables.map((name) => `${name}!`);

/** Whether a key on disk is of one of those. */
export const isKeyRecord = (full: string): boolean => keyPrefixes.some((prefix) => full.startsWith(prefix));

type Fields = Readonly<Record<string, unknown>>;

interface Rule {
  readonly kind: DataKind | ((value: Fields) => DataKind);
  /** Whose it is; undefined where the record is of nobody. */
  readonly owner: (value: Fields, key: string) => unknown;
  /** What is sealed, `a` or `a.b`; without any, the whole value. */
  readonly fields?: readonly string[];
  /** What stands there when it cannot be opened any more; without it, nothing. */
  readonly erased?: unknown;
}

const beforeSlash = (key: string): string => key.slice(0, key.indexOf('/'));
const ofUser = ({ user }: Fields): unknown => user;
const ofKey = (_value: Fields, key: string): string => beforeSlash(key);

/** What was said to users and by them; the rest of the journal is of the ledger's kind. */
const said: ReadonlySet<unknown> = new Set(['order', 'question', 'answer', 'confirmation', 'receipt']);
export const kindOfEntry = (journalKind: string): DataKind => (said.has(journalKind) ? 'messages' : 'ledger');

export const personalTables: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['user', { kind: 'ledger', owner: (_value, key) => key, fields: ['number', 'name'], erased: '' }],
  [
    'side',
    {
      kind: 'ledger',
      owner: ofUser,
      fields: [
        'userNumber',
        'userName',
        'otherNumber',
        'otherName',
        'note',
        'item',
        'delivers',
        'operation.item',
        'record.account',
        'record.subject',
        'record.counterparty',
        'record.detail',
      ],
      erased: '',
    },
  ],
  [
    'payment',
    { kind: 'ledger', owner: ({ content }) => (content as Fields)['user'], fields: ['content.item'], erased: '' },
  ],
  ['cash', { kind: 'ledger', owner: ofUser, fields: ['reason'], erased: '' }],
  ['item', { kind: 'ledger', owner: ofKey, fields: ['item', 'label'], erased: '' }],
  ['item-name', { kind: 'ledger', owner: ofKey, erased: '' }],
  ['item-list', { kind: 'ledger', owner: (_value, key) => key, erased: [] }],
  ['item-code', { kind: 'ledger', owner: ofKey, erased: '' }],
  ['sale', { kind: 'ledger', owner: ({ seller }) => seller, fields: ['item', 'code'], erased: '' }],
  ['stock', { kind: 'ledger', owner: ofUser, fields: ['item', 'hash'], erased: '' }],
  ['journal', { kind: ({ kind }) => kindOfEntry(String(kind)), owner: ofUser, fields: ['payload', 'salt'] }],
  ['outbox', { kind: 'messages', owner: ofUser, fields: ['message'] }],
  ['set-aside', { kind: 'messages', owner: ofUser, fields: ['message'] }],
]);

/** Tables whose keys hold text behind `<userId>/`. */
const textInKey: ReadonlySet<string> = new Set(['item', 'item-name', 'item-code', 'stock']);

const mark = '~';

/** `["<owner>", <generation of the messages key, or 0>, "<sealed>"]`, in front of what is in the clear. */
type Envelope = readonly [owner: string, generation: number, sealed: string];

export interface PersonalParts {
  /** 32 bytes: numbers are looked up by their MAC under it. */
  readonly indexKey: Uint8Array;
  readonly random: { bytes(count: number): Uint8Array };
}

const placeOf = (full: string, owner: string, generation: number): string =>
  `tandem/at-rest/1\0${full}\0${owner}\0${generation}`;

const kindOf = ({ kind }: Rule, value: Fields): DataKind => (typeof kind === 'string' ? kind : kind(value));

export function personalCodec({ indexKey, random }: PersonalParts): Codec {
  return {
    key(name, key, keysOf) {
      if (name === 'alias') return hmac(indexKey, Buffer.from(`tandem/alias/1\0${key}`)).slice(2);
      // What staff chose as an id may have a number in it.
      if (name === 'cash') return hmac(indexKey, hash('sha256', `tandem/cash/1\0${key}`, 'buffer')).slice(2);
      if (!textInKey.has(name)) return key;
      const owner = beforeSlash(key);
      const keys = owner === '' ? undefined : keysOf(owner);
      if (keys === undefined) return key;
      const { blinding } = derivedKeys(keys, 'ledger');
      return `${owner}/${hmac(blinding, hash('sha256', `${name}\0${key}`, 'buffer')).slice(2)}`;
    },

    encode(full, value, keysOf) {
      const cut = full.indexOf('!');
      const rule = personalTables.get(full.slice(0, cut));
      if (rule === undefined) return JSON.stringify(value);
      const fields = value as Fields;
      const owner = rule.owner(fields, full.slice(cut + 1));
      if (typeof owner !== 'string' || owner === '') return JSON.stringify(value);
      const { open, personal } = rule.fields === undefined ? { open: {}, personal: value } : split(fields, rule.fields);
      if (personal === undefined) return JSON.stringify(value);
      const keys = keysOf(owner);
      if (keys === undefined) {
        // What happens about an erased user all the same (a decision that came late) is kept without its texts.
        if (full !== `user!${owner}`) return JSON.stringify(withoutText(rule, open));
        throw new TandemError('not-found', `User ${owner} has no key: the user was erased.`);
      }
      const kind = kindOf(rule, fields);
      const generation = kind === 'messages' ? keys.generation : 0;
      const { sealing } = derivedKeys(keys, kind);
      const place = placeOf(full, owner, generation);
      const sealed = sealText(sealing, random.bytes(12), place, JSON.stringify(personal));
      const rest = JSON.stringify(open);
      return `${sealedOpening}["${owner}",${generation},"${sealed}"]${rest === '{}' ? '}' : `,${rest.slice(1)}`}`;
    },

    decode(full, text, keysOf) {
      if (!text.startsWith(sealedOpening)) return JSON.parse(text) as unknown;
      const rule = personalTables.get(full.slice(0, full.indexOf('!')));
      const { [mark]: envelope, ...open } = JSON.parse(text) as Fields;
      if (rule === undefined) return { [mark]: envelope, ...open };
      const [owner, generation, sealed] = envelope as Envelope;
      const kind = kindOf(rule, open);
      const keys = keysOf(owner);
      if (keys === undefined || (kind === 'messages' && keys.generation !== generation)) return withoutText(rule, open);
      let personal: unknown;
      try {
        personal = JSON.parse(openText(derivedKeys(keys, kind).sealing, placeOf(full, owner, generation), sealed));
      } catch (cause) {
        throw new TandemError('store-damaged', `The record ${full} was not sealed for its place by this operator`, {
          cause,
          facts: { key: full },
        });
      }
      return rule.fields === undefined ? personal : join(open, rule.fields, personal as readonly unknown[]);
    },
  };
}

/** A copy without the personal fields, and those in their order; undefined where there is none or all are empty. */
function split(value: Fields, names: readonly string[]): { open: Fields; personal: readonly unknown[] | undefined } {
  const open: Record<string, unknown> = { ...value };
  const personal = names.map((name) => {
    const cut = name.indexOf('.');
    const last = name.slice(cut + 1);
    const inner = cut < 0 ? open : (open[name.slice(0, cut)] as Fields | undefined);
    const found = inner?.[last];
    if (found === undefined) return null;
    // Undefined is not written: cheaper than a copy without the field.
    if (cut < 0) open[last] = undefined;
    else open[name.slice(0, cut)] = { ...inner, [last]: undefined };
    return found;
  });
  return { open, personal: personal.some((found) => found !== null && found !== '') ? personal : undefined };
}

function join(open: Fields, names: readonly string[], personal: readonly unknown[]): Fields {
  const value: Record<string, unknown> = { ...open };
  names.forEach((name, at) => {
    const found = personal[at];
    // JSON has null for what was absent.
    if (found == null) return;
    const cut = name.indexOf('.');
    if (cut < 0) value[name] = found;
    else (value[name.slice(0, cut)] as Record<string, unknown>)[name.slice(cut + 1)] = found;
  });
  return value;
}

function withoutText({ fields, erased }: Rule, open: Fields): unknown {
  if (fields === undefined) return erased;
  if (erased === undefined) return open;
  return join(
    open,
    fields.filter((name) => !name.includes('.') || open[name.slice(0, name.indexOf('.'))] !== undefined),
    fields.map(() => erased),
  );
}
