/**
 * An evidence bundle as an SD-JWT (RFC 9901): the same disclosures in an envelope that other software reads. `terms` and
 * `operation` have their digests in `_sd`, sorted as the RFC asks, and beside it in `tandem` what the RFC has no place
 * for: the order of the schema, so that the record commitment recomputes. The rest of the bundle is in `evidence`, so
 * that the bundle comes back byte for byte and everything that is checked of one is checked of the other.
 */
import { createPrivateKey, createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseDisclosure } from '../commitment/disclosure.ts';
import { operationCommitmentOf, termsCommitmentOf } from '../commitment/record.ts';
import { operationFields, operationTag, termsFields, termsTag } from '../commitment/schema.ts';
import { parseJson } from '../json.ts';
import { isHash, type Hash, type Leg } from '../model/ids.ts';
import { bundleSchema, encodeBundle, isDigest, maxBundleBytes, parseBundle, type EvidenceBundle } from './format.ts';

/** Of the claim `vct`: which kind of credential it is. */
const sdJwtVct = 'urn:tandem:evidence:1';
const sdJwtType = 'tandem-evidence+sd-jwt';

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const jsonPart = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const digestOf = (disclosure: string): string => hash('sha256', disclosure, 'base64url');
const toDigest = (entry: string): string =>
  isDigest(entry) ? Buffer.from(entry.slice(2), 'hex').toString('base64url') : digestOf(entry);
const toHash = (digest: string): Hash => `0x${Buffer.from(digest, 'base64url').toString('hex')}` as Hash;

/** SHA-256 of the key's SubjectPublicKeyInfo: what the registry has as an operator's pin (protocol §6). */
const pinOfKey = (key: KeyObject): Hash =>
  `0x${hash('sha256', key.export({ type: 'spki', format: 'der' }), 'hex')}` as Hash;

type Origin = Pick<EvidenceBundle, 'chainId' | 'contract' | 'batch'>;

const operatorOf = ({ batch }: Origin, leg: Leg): number => (leg === 'first' ? batch.initiator : batch.acceptor);

/** An operator as a URI: its number in the consortium of that chain and contract. */
const issuerOf = ({ chainId, contract }: Origin, operator: number): string =>
  `urn:tandem:${chainId}:${contract}:${operator}`;

interface RecordClaim {
  readonly _sd: readonly string[];
  readonly tandem: { readonly tag: string; readonly order: readonly number[]; readonly commitment: Hash };
}

function claimOf(
  tag: string,
  entries: readonly string[],
  commitmentOf: (digests: readonly Hash[]) => Hash,
): RecordClaim {
  const digests = entries.map(toDigest);
  const sorted = [...digests].sort();
  return {
    _sd: sorted,
    tandem: {
      tag,
      order: digests.map((digest) => sorted.indexOf(digest)),
      commitment: commitmentOf(digests.map(toHash)),
    },
  };
}

/**
 * @param key The operator's TLS key (P-256, PKCS #8 PEM): its pin was in the registry at the batch's block.
 * @param leg Whose operation; a bundle on us has two, and one SD-JWT has one.
 * @param issuedAt Unix seconds; by default when the pair was decided.
 * @throws {RangeError} for a bundle without that record.
 */
export function sdJwtOf(
  bundle: EvidenceBundle,
  key: string,
  leg: Leg,
  issuedAt: number = bundle.decision.block.timestamp,
): string {
  const { records, ...evidence } = bundle;
  const operation = records[leg];
  if (operation === undefined) throw new RangeError(`the bundle has no record of the ${leg} operation`);
  const privateKey = createPrivateKey(key);
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  const header = { alg: 'ES256', typ: sdJwtType, jwk: { kty, crv, x, y } };
  const payload = {
    iss: issuerOf(bundle, operatorOf(bundle, leg)),
    iat: issuedAt,
    vct: sdJwtVct,
    _sd_alg: 'sha-256',
    terms: claimOf(termsTag, records.terms, termsCommitmentOf),
    operation: claimOf(operationTag, operation, operationCommitmentOf),
    leg,
    evidence,
  };
  const signed = `${jsonPart(header)}.${jsonPart(payload)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const disclosures = [...records.terms, ...operation].filter((entry) => !isDigest(entry));
  return [`${signed}.${base64url(signature)}`, ...disclosures, ''].join('~');
}

const digest = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected the base64url of 32 bytes');
const claim = (tag: string, fields: number) =>
  z.strictObject({
    _sd: z.array(digest).length(fields),
    tandem: z.strictObject({
      tag: z.literal(tag),
      order: z
        .array(
          z
            .number()
            .int()
            .min(0)
            .max(fields - 1),
        )
        .length(fields),
      commitment: z.string().refine(isHash, 'expected 0x and 64 lower-case hex digits'),
    }),
  });

const headerSchema = z.strictObject({
  alg: z.literal('ES256'),
  typ: z.literal(sdJwtType),
  jwk: z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: digest, y: digest }),
});
const payloadSchema = z.strictObject({
  iss: z.string().max(200),
  iat: z.number().int().min(0),
  vct: z.literal(sdJwtVct),
  _sd_alg: z.literal('sha-256'),
  terms: claim(termsTag, termsFields.length),
  operation: claim(operationTag, operationFields.length),
  leg: z.enum(['first', 'second']),
  evidence: bundleSchema.omit({ records: true }),
});

export type SdJwtFault =
  | 'form'
  | 'signature'
  | 'sd-unsorted'
  | 'order'
  | 'disclosure-malformed'
  | 'disclosure-twice'
  | 'disclosure-unreferenced'
  | 'disclosure-misplaced'
  | 'commitment'
  | 'issuer'
  | 'bundle';

export type OpenedSdJwt =
  | {
      readonly ok: true;
      /** The pin of the key that signed; compare it with the registry at the batch's block. */
      readonly pin: Hash;
      /** The bundle's text, for `verifyBundle`. */
      readonly bundle: string;
      readonly operator: number;
      readonly leg: Leg;
    }
  | { readonly ok: false; readonly fault: SdJwtFault; readonly found: string };

class Refused extends Error {
  readonly fault: SdJwtFault;

  constructor(fault: SdJwtFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

function decoded<T>(schema: z.ZodType<T>, part: string, what: string): T {
  let value: unknown;
  try {
    value = parseJson(Buffer.from(part, 'base64url').toString());
  } catch {
    throw new Refused('form', `the ${what} is not the base64url of JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refused('form', `the ${what}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
}

/** The record's entries in the order of its schema: a field's disclosure where there is one, else its digest. */
function entriesOf(
  name: string,
  { _sd, tandem }: RecordClaim,
  fields: readonly string[],
  disclosures: Map<string, string>,
): string[] {
  if (_sd.some((each, at) => at > 0 && each <= (_sd[at - 1] ?? ''))) {
    throw new Refused('sd-unsorted', `_sd of ${name} is not sorted, or has a digest twice`);
  }
  if (new Set(tandem.order).size !== fields.length) throw new Refused('order', `order of ${name} names a place twice`);
  return tandem.order.map((place, at) => {
    const found = _sd[place] ?? '';
    const disclosure = disclosures.get(found);
    if (disclosure === undefined) return toHash(found);
    disclosures.delete(found);
    const parsed = parseDisclosure(disclosure);
    if (!parsed.ok) throw new Refused('disclosure-malformed', `a disclosure of ${name}: ${parsed.reason}`);
    if (parsed.value.name !== fields[at]) {
      throw new Refused(
        'disclosure-misplaced',
        `${name}.${fields[at] ?? ''} is disclosed by a disclosure of ${JSON.stringify(parsed.value.name)}`,
      );
    }
    return disclosure;
  });
}

/**
 * Reads an SD-JWT of evidence more strictly than the RFC asks: libraries let a disclosure pass that belongs nowhere, and
 * know nothing of the order of fields. Says nothing of the chain: that is for `verifyBundle` with the bundle given back.
 */
export function openSdJwt(text: string): OpenedSdJwt {
  try {
    if (text.length > 2 * maxBundleBytes) throw new Refused('form', `it has ${text.length} characters`);
    const [jwt = '', ...rest] = text.split('~');
    const [head = '', body = '', signature = '', ...more] = jwt.split('.');
    if (more.length > 0 || rest.pop() !== '')
      throw new Refused('form', 'it is no SD-JWT without key binding: <jwt>~<disclosure>~…~');
    const header = decoded(headerSchema, head, 'header');
    const payload = decoded(payloadSchema, body, 'payload');
    const key = createPublicKey({ key: header.jwk, format: 'jwk' });
    const good = verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!good) throw new Refused('signature', 'the signature is not of the key in the header');
    const disclosures = new Map(rest.map((disclosure) => [digestOf(disclosure), disclosure]));
    if (disclosures.size !== rest.length) throw new Refused('disclosure-twice', 'a disclosure is there twice');
    const { terms, operation, leg, evidence } = payload;
    const termsEntries = entriesOf('terms', terms, termsFields, disclosures);
    const operationEntries = entriesOf('operation', operation, operationFields, disclosures);
    const [stray] = disclosures.values();
    if (stray !== undefined)
      throw new Refused('disclosure-unreferenced', `a disclosure has its digest in no _sd: ${stray.slice(0, 60)}`);
    const commitments = [
      [
        'terms',
        termsCommitmentOf(termsEntries.map((entry) => toHash(toDigest(entry)))),
        terms.tandem.commitment,
        evidence.leaf.terms,
      ],
      [
        'operation',
        operationCommitmentOf(operationEntries.map((entry) => toHash(toDigest(entry)))),
        operation.tandem.commitment,
        evidence.leaf[leg],
      ],
    ] as const;
    for (const [name, computed, told, anchored] of commitments) {
      if (computed !== told || computed !== anchored) {
        throw new Refused(
          'commitment',
          `${name} in the order told commits to ${computed}; it says ${told}, the leaf ${anchored}`,
        );
      }
    }
    const bundle = encodeBundle({ ...evidence, records: { terms: termsEntries, [leg]: operationEntries } });
    const parsed = parseBundle(bundle);
    if (!parsed.ok) throw new Refused('bundle', parsed.reason);
    const operator = operatorOf(evidence, leg);
    if (payload.iss !== issuerOf(evidence, operator)) {
      throw new Refused('issuer', `iss is ${payload.iss}; the ${leg} operation is of ${issuerOf(evidence, operator)}`);
    }
    return { ok: true, pin: pinOfKey(key), bundle, operator, leg };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, fault: error.fault, found: error.message };
    if (error instanceof TypeError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_') === true) {
      return { ok: false, fault: 'form', found: `the key in the header is none: ${(error as Error).message}` };
    }
    throw error;
  }
}
