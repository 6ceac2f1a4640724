/**
 * Protocol §4, as an attack: whoever has a digest tries every amount there is to 10^6. It works where the salt is known or
 * there is none, and not otherwise, whatever else was disclosed: so no salt may come twice or follow from another.
 */
import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discloseOperation, discloseTerms } from '../../operator-node/commitment/record.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import { operationSecret, termsSecret } from '../../operator-node/commitment/secrets.ts';
import type { Leg, PairId } from '../../operator-node/model/ids.ts';
import type { OperationRecord, Terms } from '../../operator-node/model/records.ts';
import { pairIdOf } from './audit-scan.fixture.ts';

const most = 1_000_000;
const keys = { operator: Buffer.alloc(32, 1), ada: Buffer.alloc(32, 2), bo: Buffer.alloc(32, 3) };

const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** The attacker's program. `textOf`: what it believes was hashed for an amount. */
function findAmount(digest: string, textOf: (amount: string) => string): string | undefined {
  for (let amount = 0; amount <= most; amount += 1) if (sha256(textOf(`${amount}`)) === digest) return `${amount}`;
  return undefined;
}

const disclosed =
  (salt: string, name: string) =>
  (amount: string): string =>
    Buffer.from(`["${salt}","${name}","${amount}"]`).toString('base64url');

const recordOf = (pair: PairId, leg: Leg, amount: string): OperationRecord =>
  ({
    pair,
    leg,
    operator: leg === 'first' ? '1' : '2',
    domain: 'payments',
    action: leg === 'first' ? 'debit' : 'credit',
    account: `usr_${leg}/SEK`,
    subject: '+46701000001',
    asset: 'SEK',
    amount,
    counterparty: 'A'.repeat(43),
    detail: 'lunch',
    heldAt: '2026-09-21T13:00:01Z',
  }) as OperationRecord;

const termsOf = (pair: PairId, amount: string): Terms =>
  ({
    pair,
    service: 'pay',
    firstAsset: 'SEK',
    firstAmount: amount,
    secondAsset: 'SEK',
    secondAmount: amount,
    initiator: '1',
    acceptor: '2',
    created: '2026-09-21T13:00:00Z',
    deadline: '1790000100',
    reverses: '',
  }) as Terms;

interface Opened {
  readonly digest: string;
  readonly salt: string;
  readonly name: string;
}

const openedOf = (disclosures: readonly string[]): Opened[] =>
  disclosures.map((text) => {
    const [salt = '', name = ''] = JSON.parse(Buffer.from(text, 'base64url').toString()) as string[];
    return { digest: sha256(text), salt, name };
  });

const operation = (key: Buffer, pair: PairId, leg: Leg, amount: string): Opened[] =>
  openedOf(discloseOperation(operationSecret(key, pair, leg), recordOf(pair, leg, amount)));
const terms = (pair: PairId, amount: string): Opened[] =>
  openedOf(discloseTerms(termsSecret(keys.operator, pair), termsOf(pair, amount)));

const field = (opened: readonly Opened[], name: string): Opened => {
  const found = opened.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

describe('an amount of at most 10^6', () => {
  const [pair, other] = [pairIdOf(1), pairIdOf(2)];
  const secret = '734159';
  const target = field(operation(keys.ada, pair, 'first', secret), 'amount');

  it('is found by who is given its salt', () => {
    expect(findAmount(target.digest, disclosed(target.salt, 'amount'))).toBe(secret);
  });

  it('is found in a digest without a salt', () => {
    expect(findAmount(sha256(secret), (amount) => amount)).toBe(secret);
    const unsalted = disclosed('', 'amount');
    expect(findAmount(sha256(unsalted(secret)), unsalted)).toBe(secret);
  });

  it('is not found otherwise, whatever else is disclosed', () => {
    const own = operation(keys.ada, pair, 'first', secret);
    const believed: Readonly<Record<string, (amount: string) => string>> = {
      'that there is no salt': disclosed('', 'amount'),
      'that the value alone was hashed': (amount) => amount,
      'the salt of another field of the record': disclosed(field(own, 'asset').salt, 'amount'),
      'the salt of the same field of the same user’s other pair': disclosed(
        field(operation(keys.ada, other, 'first', secret), 'amount').salt,
        'amount',
      ),
      'the salt of the same field of the same user’s other leg of a pair on us': disclosed(
        field(operation(keys.ada, pair, 'second', secret), 'amount').salt,
        'amount',
      ),
      'the salt of the terms': disclosed(field(terms(pair, secret), 'firstAmount').salt, 'amount'),
      'a key that is zero': disclosed(
        field(operation(Buffer.alloc(32), pair, 'first', secret), 'amount').salt,
        'amount',
      ),
    };
    for (const [what, textOf] of Object.entries(believed)) {
      expect({ what, found: findAmount(target.digest, textOf) }).toEqual({ what, found: undefined });
    }
  }, 60_000);
});

describe('salts', () => {
  it('are no two the same: of fields, legs, pairs, users, and of the terms', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('0', '1', '12000'),
        (numbers, amount) => {
          const salts = numbers.map(pairIdOf).flatMap((pair) => [
            ...terms(pair, amount),
            // Both legs of a pair of one user with itself, which no node makes, and of two users.
            ...(['first', 'second'] as const).flatMap((leg) => [
              ...operation(keys.ada, pair, leg, amount),
              ...operation(keys.bo, pair, leg, amount),
            ]),
          ]);
          expect(salts).toHaveLength(numbers.length * (termsFields.length + 4 * operationFields.length));
          expect(new Set(salts.map(({ salt }) => salt)).size).toBe(salts.length);
          for (const { salt } of salts) expect(Buffer.from(salt, 'base64url')).toHaveLength(16);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('are the same only for one record written again: what rule 9 is for', () => {
    const [one, two] = ['1', '2'].map((amount) => operation(keys.ada, pairIdOf(1), 'first', amount));
    // Two contents under one pairId would share every salt: a node refuses the second (test/e2e/audit.test.ts).
    expect(one?.map(({ salt }) => salt)).toEqual(two?.map(({ salt }) => salt));
    expect(
      (termsSecret(keys.operator, pairIdOf(1)) as string) ===
        (operationSecret(keys.operator, pairIdOf(1), 'first') as string),
    ).toBe(false);
  });
});
