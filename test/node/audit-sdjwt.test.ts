/** Evidence as an SD-JWT: read by another implementation, and refused here where that one lets it pass. */
import { createHash, createPublicKey, randomBytes, sign, verify, type JsonWebKey } from 'node:crypto';
import { SDJwtInstance } from '@sd-jwt/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtInPolicies } from '../../operator-node/audit/disclosures/policies.ts';
import { parseBundle, type EvidenceBundle } from '../../operator-node/audit/format.ts';
import { openSdJwt, sdJwtOf, type SdJwtFault } from '../../operator-node/audit/sd-jwt.ts';
import { verifyBundle } from '../../operator-node/audit/verify.ts';
import { makeCertificate } from '../../operator-node/channel/certificate.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import type { Hash, UnixMillis } from '../../operator-node/model/ids.ts';
import { makeCase, network } from './audit.fixture.ts';

let key: string;
let pin: Hash;
let text: string;
let bundle: EvidenceBundle;
const made = makeCase({ input: { policy: builtInPolicies['regulator-minimum'] } });

beforeAll(async () => {
  ({ key, pin } = await makeCertificate({ handle: 'aurora', now: 1_790_000_000_000 as UnixMillis }));
  const parsed = parseBundle(made.text);
  if (!parsed.ok) throw new Error(parsed.reason);
  bundle = parsed.bundle;
  text = sdJwtOf(bundle, key, 'first');
});

interface Claims {
  terms: { _sd: string[]; tandem: { order: number[]; commitment: string } };
  operation: { _sd: string[]; tandem: { order: number[]; commitment: string } };
  evidence: { leaf: Record<string, string> };
}

const decode = <T>(part: string | undefined): T => JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as T;
const claimsOf = (sdJwt: string): Claims => decode(sdJwt.split('.')[1]);

/** The same with other claims or disclosures, signed again by the same key: what a lying operator can make. */
function forged(change: { claims?: (claims: Claims) => void; disclosures?: (list: string[]) => string[] }): string {
  const [jwt = '', ...rest] = text.split('~');
  const [head = '', body = ''] = jwt.split('.');
  const claims = decode<Claims>(body);
  change.claims?.(claims);
  const signed = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const list = rest.slice(0, -1);
  return [`${signed}.${signature}`, ...(change.disclosures?.(list) ?? list), ''].join('~');
}

/** Another implementation, that trusts the key in the header. */
async function elsewhere(sdJwt: string): Promise<Record<string, unknown>> {
  const { jwk } = decode<{ jwk: JsonWebKey }>(sdJwt.split('.')[0]);
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  const instance = new SDJwtInstance({
    signAlg: 'ES256',
    hashAlg: 'sha-256',
    hasher: (data: string | ArrayBuffer) =>
      createHash('sha256')
        .update(typeof data === 'string' ? data : Buffer.from(data))
        .digest(),
    saltGenerator: (length: number) => randomBytes(length).toString('base64url'),
    verifier: (data: string, signature: string) =>
      verify(
        'sha256',
        Buffer.from(data),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
  });
  return (await instance.verify(sdJwt)).payload as Record<string, unknown>;
}

describe('sdJwtOf', () => {
  it('refuses a leg that the bundle has not', () => {
    expect(() => sdJwtOf(bundle, key, 'second')).toThrow('no record of the second operation');
  });

  it('is verified by another implementation, which reads what is disclosed and nothing else', async () => {
    const payload = (await elsewhere(text)) as { terms: Record<string, unknown>; operation: Record<string, unknown> };
    for (const field of termsFields) expect(payload.terms[field]).toBe(made.pairs[2]?.terms[field]);
    const { record } = made.pairs[2]?.operations.first ?? {};
    const shown: readonly string[] = builtInPolicies['regulator-minimum'].operation;
    for (const field of operationFields)
      expect(payload.operation[field]).toBe(shown.includes(field) ? record?.[field] : undefined);
    expect(payload.terms['tandem']).toMatchObject({ tag: 'tandem/terms/1', commitment: bundle.leaf.terms });
  });

  it('has _sd sorted, and so in another order than the schema', () => {
    for (const { _sd, tandem } of [claimsOf(text).terms, claimsOf(text).operation]) {
      expect(_sd).toEqual([..._sd].sort());
      expect(tandem.order).not.toEqual(tandem.order.map((_, at) => at));
      expect([...tandem.order].sort((a, b) => a - b)).toEqual(tandem.order.map((_, at) => at));
    }
  });
});

describe('openSdJwt', () => {
  const swap = (list: number[], a: number, b: number): void => {
    [list[a], list[b]] = [list[b] ?? 0, list[a] ?? 0];
  };
  const stray = disclose(`0x${'11'.repeat(32)}` as Hash, 'amount', '1');
  const refusals: readonly (readonly [what: string, fault: SdJwtFault, sdJwt: () => string])[] = [
    ['what is no SD-JWT', 'form', () => 'eyJ.x.y~'],
    ['one with key binding', 'form', () => `${text}eyJ.eyJ.abc`],
    ['a claim more', 'form', () => forged({ claims: (claims) => Object.assign(claims, { admin: true }) })],
    [
      'another signature',
      'signature',
      () =>
        text.replace(
          /\.([A-Za-z0-9_-]{10})([A-Za-z0-9_-]+)~/,
          (_, start: string, rest: string) => `.${start.split('').reverse().join('')}${rest}~`,
        ),
    ],
    ['digests that are not sorted', 'sd-unsorted', () => forged({ claims: ({ terms }) => void terms._sd.reverse() })],
    [
      'an order that names a place twice',
      'order',
      () => forged({ claims: ({ terms }) => void (terms.tandem.order[0] = terms.tandem.order[1] ?? 0) }),
    ],
    [
      'a disclosure in another field’s place',
      'disclosure-misplaced',
      () => forged({ claims: ({ terms }) => swap(terms.tandem.order, 3, 5) }),
    ],
    [
      'an unreferenced disclosure: a second amount',
      'disclosure-unreferenced',
      () => forged({ disclosures: (list) => [...list, stray] }),
    ],
    [
      'a disclosure that is there twice',
      'disclosure-twice',
      () => forged({ disclosures: (list) => [...list, list[0] ?? ''] }),
    ],
    [
      'a commitment of another record',
      'commitment',
      () => forged({ claims: ({ terms }) => void (terms.tandem.commitment = `0x${'22'.repeat(32)}`) }),
    ],
    [
      'a leaf of another record',
      'commitment',
      () => forged({ claims: ({ evidence }) => void (evidence.leaf['first'] = `0x${'22'.repeat(32)}`) }),
    ],
  ];
  it.each(refusals)('refuses %s', (_, fault, sdJwt) => {
    expect(openSdJwt(sdJwt())).toMatchObject({ ok: false, fault });
  });

  it('refuses a second amount in the place of a digest, which the other implementation takes', async () => {
    const claims = ({ operation }: Claims): void => {
      const digest = createHash('sha256').update(stray).digest('base64url');
      const place = operation.tandem.order[operationFields.indexOf('detail')] ?? 0;
      const digests = operation.tandem.order.map((at) => (at === place ? digest : (operation._sd[at] ?? '')));
      operation._sd = [...digests].sort();
      operation.tandem.order = digests.map((each) => operation._sd.indexOf(each));
    };
    const lie = forged({
      claims,
      disclosures: (list) => [
        ...list.filter((each) => !Buffer.from(each, 'base64url').toString().includes('"amount"')),
        stray,
      ],
    });
    expect(((await elsewhere(lie)) as { operation: { amount: string } }).operation.amount).toBe('1');
    const opened = openSdJwt(lie);
    expect(opened).toMatchObject({ ok: false, fault: 'disclosure-misplaced' });
  });

  it('gives the bundle back byte for byte, and the pin of the key', async () => {
    const opened = openSdJwt(text);
    expect(opened).toMatchObject({ ok: true, pin, operator: 1, leg: 'first' });
    if (!opened.ok) return;
    expect(opened.bundle).toBe(made.text);
    expect((await verifyBundle(opened.bundle, { network, chain: made.chain })).verdict).toBe('PASS');
  });
});
