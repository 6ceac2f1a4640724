/** A node's secrets, from a file that only its user can read, and the signer made of them. */
import { computeAddress } from 'ethers';
import { z } from 'zod';
import { fromHex } from './commitment/bytes.ts';
import { recoverSigner, signDigest } from './commitment/typed-data.ts';
import type { Random } from './engine/clock.ts';
import { TandemError } from './errors.ts';
import type { BatchSigner } from './flow/context.ts';
import { parseJson } from './json.ts';
import { isHex, type Hex } from './model/ids.ts';
import { readSecretFile } from './secret-file.ts';
import type { Codec } from './store/codec.ts';
import { personalCodec } from './store/personal.ts';

const secret = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, '0x and 64 lower-case hex digits')
  .refine(isHex);

const schema = z.strictObject({
  /** Signs batches. */
  signer: secret,
  /** Sends decisions and attestations. */
  account: secret,
  /** Carries batches to the chain. */
  carrier: secret,
  /** Terms secrets and local digests hang on it: never changed. */
  operatorKey: secret,
});

export type Keys = z.output<typeof schema>;

/** @throws {TandemError} `config-invalid` for a file that others can read, or that is not of the form. */
export function loadKeys(file: string): Keys {
  let input: unknown;
  try {
    input = parseJson(readSecretFile(file));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('config-invalid', `Cannot use the keys file ${file}: ${reason}`, { cause });
  }
  const result = schema.safeParse(input);
  if (result.success) return Object.freeze(result.data);
  // Names only: a value here is a secret.
  const fields = result.error.issues.map(({ path, message }) => `${path.join('.') || '(top)'}: ${message}`);
  throw new TandemError('config-invalid', `The keys file ${file} is not valid:\n  ${fields.join('\n  ')}`);
}

/** What is personal in this operator's store is sealed under its users' keys, and numbers are looked up by their MAC. */
export const codecOf = ({ operatorKey }: Keys, random: Random): Codec =>
  personalCodec({ indexKey: fromHex(operatorKey), random });

/** The address of a secret, lower case. */
export const addressOf = (secret: Hex): string => computeAddress(secret).toLowerCase();

/** Signs with the key in the file; believes a signature that is by one of the addresses among the signers. */
export function localSigner({ signer }: Keys): BatchSigner {
  return {
    sign: (digest) => signDigest(signer, digest),
    verify: (digest, signature, signers) => {
      const by = recoverSigner(digest, signature);
      return Promise.resolve(by !== undefined && signers.some((known) => known === by));
    },
  };
}
