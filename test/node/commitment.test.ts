import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { SigningKey, TypedDataEncoder, Wallet } from 'ethers';
import { describe, expect, it } from 'vitest';
import { fromHex, toHash, toHex } from '../../operator-node/commitment/bytes.ts';
import { disclose, disclosureDigest, parseDisclosure } from '../../operator-node/commitment/disclosure.ts';
import {
  executedBitmap,
  executedDigest,
  maskWords,
  totalsText,
  wordHex,
} from '../../operator-node/commitment/executed.ts';
import { hmac, macSalt, setKey } from '../../operator-node/commitment/hmac.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import {
  discloseOperation,
  discloseTerms,
  operationCommitment,
  operationCommitmentOf,
  subjectDigest,
  termsCommitment,
  termsCommitmentOf,
} from '../../operator-node/commitment/record.ts';
import { operationFields, termsFields } from '../../operator-node/commitment/schema.ts';
import { batchSecret, operationSecret, termsSecret } from '../../operator-node/commitment/secrets.ts';
import { batchIdOf, recoverSigner, signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { BatchId, Hash, Hex, PairId } from '../../operator-node/model/ids.ts';
import type { Batch, OperationRecord, Terms } from '../../operator-node/model/records.ts';

const pair = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b' as PairId;
const key = Buffer.alloc(32, 7);
const secret = toHash(Buffer.alloc(32, 9));
const batchTypes = {
  Batch: [
    { name: 'initiator', type: 'uint32' },
    { name: 'acceptor', type: 'uint32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'deadline', type: 'uint40' },
    { name: 'count', type: 'uint16' },
    { name: 'root', type: 'bytes32' },
  ],
};
const text = fc.string({ unit: 'grapheme' });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

const record = <Field extends string>(fields: readonly Field[]) =>
  fc.record(Object.fromEntries(fields.map((field) => [field, text])));
const anyTerms = record(termsFields).map((value) => value as unknown as Terms);
const anyOperation = record(operationFields).map((value) => value as unknown as OperationRecord);

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('hmac', () => {
  it('refuses a key that has not 32 bytes, and a message above 64', () => {
    expect(() => hmac(Buffer.alloc(31), Buffer.alloc(1))).toThrow(RangeError);
    expect(() => hmac(key, Buffer.alloc(65))).toThrow(RangeError);
  });

  it('is HMAC-SHA-256, as the platform has it', () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 64 }), (secretKey, message) => {
        expect(hmac(secretKey, message)).toBe(`0x${createHmac('sha256', secretKey).update(message).digest('hex')}`);
      }),
    );
  });

  it('makes salts of its first 16 bytes, for each name under the key that was set', () => {
    for (const secretKey of [key, Buffer.alloc(32, 8)]) {
      setKey(toHash(secretKey));
      for (const name of ['pair', 'counterparty', 'leg']) {
        const mac = createHmac('sha256', secretKey).update(name).digest();
        expect(macSalt(name)).toBe(mac.subarray(0, 16).toString('base64url'));
      }
    }
  });
});

describe('secrets', () => {
  it('refuse a pairId that is no UUID', () => {
    expect(() => termsSecret(key, 'no-uuid' as PairId)).toThrow(RangeError);
  });

  it('are as protocol §4 derives them', () => {
    const id = Buffer.from(pair.replaceAll('-', ''), 'hex');
    const mac = (...parts: (Buffer | string)[]) => {
      const made = createHmac('sha256', key);
      for (const part of parts) made.update(part);
      return `0x${made.digest('hex')}`;
    };
    expect(termsSecret(key, pair)).toBe(mac(id));
    expect(operationSecret(key, pair, 'first')).toBe(mac(id, 'first'));
    expect(operationSecret(toHash(key), pair, 'second')).toBe(mac(id, 'second'));
    const digest = createHash('sha256').update('tandem/batch-secret/1\0').update(key).update(Buffer.alloc(32, 9));
    expect(batchSecret([toHash(key), secret])).toBe(`0x${digest.digest('hex')}`);
  });
});

describe('parseDisclosure', () => {
  const salt = 'AAECAwQFBgcICQoLDA0ODw';
  const refused = (disclosure: string): string => {
    const result = parseDisclosure(disclosure);
    return result.ok ? 'accepted' : result.reason;
  };

  it.each([
    ['no base64url', '%%%', 'not the base64url of JSON'],
    ['JSON that is no array', encode({ salt }), 'not an array of three strings'],
    ['a fourth string', encode([salt, 'amount', '1', '2']), 'not an array of three strings'],
    ['a number as value', encode([salt, 'amount', 1]), 'not an array of three strings'],
    ['a space in the JSON', Buffer.from(`["${salt}", "amount","1"]`).toString('base64url'), 'another text'],
    [
      'an escape that JSON.stringify does not make',
      Buffer.from(`["${salt}","amount","\\u0031"]`).toString('base64url'),
      'another text',
    ],
    ['padding', `${encode([salt, 'detail', 'ab'])}=`, 'another text'],
    [
      'the other base64 alphabet',
      Buffer.from(JSON.stringify([salt, 'detail', '???>>>~~'])).toString('base64'),
      'another text',
    ],
    ['unused bits that are not zero', encode([salt, 'detail', 'ab']).replace(/Q$/, 'R'), 'another text'],
    [
      'bytes that are not UTF-8',
      Buffer.concat([Buffer.from(`["${salt}","detail","`), Buffer.of(0xff), Buffer.from('"]')]).toString('base64url'),
      'another text',
    ],
    ['a short salt', encode([salt.slice(1), 'amount', '1']), 'salt'],
    ['a salt with unused bits that are not zero', encode([`${salt.slice(0, -1)}x`, 'amount', '1']), 'salt'],
    ['a lone surrogate', encode([salt, 'detail', '\ud800']), 'surrogate'],
  ])('refuses %s', (_, disclosure, reason) => {
    expect(refused(disclosure)).toContain(reason);
  });

  it('reads back what disclose wrote, whatever the value', () => {
    fc.assert(
      fc.property(bytes32, fc.constantFrom(...operationFields), text, (secretKey, name, value) => {
        const disclosure = disclose(toHash(secretKey), name, value);
        const expectedSalt = createHmac('sha256', secretKey)
          .update(name)
          .digest()
          .subarray(0, 16)
          .toString('base64url');
        expect(parseDisclosure(disclosure)).toEqual({ ok: true, value: { salt: expectedSalt, name, value } });
        expect(disclosure).toBe(encode([expectedSalt, name, value]));
      }),
    );
  });
});

describe('record commitments', () => {
  const reference = (tag: string, disclosures: readonly string[]): string => {
    const digests = disclosures.map((disclosure) => createHash('sha256').update(disclosure, 'ascii').digest());
    return `0x${createHash('sha256')
      .update(Buffer.concat([Buffer.from(tag), Buffer.of(0), ...digests]))
      .digest('hex')}`;
  };

  it('refuse another number of digests', () => {
    expect(() => termsCommitmentOf([])).toThrow(RangeError);
    expect(() => operationCommitmentOf(Array.from({ length: 13 }, () => secret))).toThrow(RangeError);
  });

  it('are the hash of tag, zero and the digests in the order of the schema', () => {
    fc.assert(
      fc.property(bytes32.map(toHash), anyTerms, anyOperation, (secretKey, terms, operation) => {
        const ofTerms = discloseTerms(secretKey, terms);
        const ofOperation = discloseOperation(secretKey, operation);
        expect(termsCommitment(secretKey, terms)).toBe(reference('tandem/terms/1', ofTerms));
        expect(termsCommitmentOf(ofTerms.map(disclosureDigest))).toBe(reference('tandem/terms/1', ofTerms));
        expect(operationCommitment(secretKey, operation)).toBe(reference('tandem/operation/1', ofOperation));
        expect(operationCommitmentOf(ofOperation.map(disclosureDigest))).toBe(
          reference('tandem/operation/1', ofOperation),
        );
      }),
    );
  });

  it('name another subject digest for each secret', () => {
    const digest = subjectDigest(secret, '+46701234567');
    expect(digest).toBe(
      createHash('sha256')
        .update(disclose(secret, 'subject', '+46701234567'))
        .digest('base64url'),
    );
    expect(subjectDigest(toHash(key), '+46701234567')).not.toBe(digest);
  });
});

describe('encodeLeaf', () => {
  it('puts pairId, T, C1 and C2 after one another', () => {
    const [terms, first, second] = [1, 2, 3].map((byte) => toHash(Buffer.alloc(32, byte))) as [Hash, Hash, Hash];
    expect(encodeLeaf({ pair, terms, first, second }).toString('hex')).toBe(
      `0190a1b2c3d47e5f8a9b0c1d2e3f4a5b${'01'.repeat(32)}${'02'.repeat(32)}${'03'.repeat(32)}`,
    );
  });
});

describe('recoverSigner', () => {
  const wallet = new Wallet(toHex(key));
  const domain = { chainId: 31337n, contract: '0x00000000000000000000000000000000000000aa' };
  const batch = { initiator: 1, acceptor: 2, sequence: 1, deadline: 1_790_000_000, count: 1, root: secret } as Batch;
  const batchId = batchIdOf(domain, batch);
  const signature = signDigest(wallet.privateKey, batchId);

  it('refuses a short signature, a v of 0, and the twin with the other s', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = BigInt(`0x${signature.slice(66, 130)}`);
    const twin = `${signature.slice(0, 66)}${(order - s).toString(16).padStart(64, '0')}${signature.endsWith('1b') ? '1c' : '1b'}`;
    const v0 = `${signature.slice(0, 130)}${signature.endsWith('1b') ? '00' : '01'}`;
    for (const other of [signature.slice(0, 130), v0, twin, '0x']) {
      expect(recoverSigner(batchId, other as Hex)).toBeUndefined();
    }
    // The twin is a signature of the same key for a reader that is less strict.
    expect(SigningKey.recoverPublicKey(batchId, signature)).toBe(wallet.signingKey.publicKey);
  });

  it('finds the address that signed, and another one for another batch, chain or contract', () => {
    expect(recoverSigner(batchId, signature)).toBe(wallet.address.toLowerCase());
    const others: BatchId[] = [
      batchIdOf({ ...domain, chainId: 1n }, batch),
      batchIdOf({ ...domain, contract: `${domain.contract.slice(0, -1)}b` }, batch),
      batchIdOf(domain, { ...batch, sequence: 2 }),
    ];
    for (const other of others) expect(recoverSigner(other, signature)).not.toBe(wallet.address.toLowerCase());
  });

  it('agrees with the typed-data signature of a wallet', async () => {
    const typedDomain = { name: 'Tandem', version: '1', chainId: domain.chainId, verifyingContract: domain.contract };
    expect(await wallet.signTypedData(typedDomain, batchTypes, batch)).toBe(signature);
  });
});

describe('batchIdOf', () => {
  const domain = { chainId: 31337n, contract: '0x00000000000000000000000000000000000000aa' };
  const batch = { initiator: 1, acceptor: 2, sequence: 1, deadline: 1_790_000_000, count: 1, root: secret } as Batch;

  it('refuses what the types have no room for', () => {
    const wrong: Partial<Record<keyof Batch, unknown>>[] = [
      { initiator: 2 ** 32 },
      { acceptor: -1 },
      { sequence: 2n ** 64n },
      { sequence: -1 },
      { sequence: 1.5 },
      { deadline: 2 ** 40 },
      { count: 65_536 },
      { count: Number.NaN },
      { root: secret.slice(0, -2) },
      { root: `${secret}00` },
      { root: `0x${'zz'.repeat(32)}` },
    ];
    for (const change of wrong) {
      expect(() => batchIdOf(domain, { ...batch, ...change } as Batch), JSON.stringify(Object.keys(change))).toThrow();
    }
  });

  it('is the EIP-712 digest that the library makes, whatever was hashed before', () => {
    const typedDomain = { name: 'Tandem', version: '1', chainId: domain.chainId, verifyingContract: domain.contract };
    const anyBatch = fc.record({
      initiator: fc.nat({ max: 2 ** 32 - 1 }),
      acceptor: fc.nat({ max: 2 ** 32 - 1 }),
      sequence: fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      deadline: fc.nat({ max: 2 ** 40 - 1 }),
      count: fc.nat({ max: 65_535 }),
      root: bytes32.map(toHash),
    });
    fc.assert(
      fc.property(anyBatch, (any) => {
        const expected = TypedDataEncoder.hash(typedDomain, batchTypes, any);
        expect(batchIdOf(domain, any as unknown as Batch)).toBe(expected);
      }),
    );
  });
});

describe('executed', () => {
  it('marks pair i at byte ⌊i/8⌋ and in word ⌊i/256⌋', () => {
    const set = new Set([0, 9, 255, 256, 260]);
    const bitmap = executedBitmap(261, (index) => set.has(index));
    expect(bitmap.length).toBe(33);
    expect([bitmap[0], bitmap[1], bitmap[31], bitmap[32]]).toEqual([1, 2, 128, 17]);
    expect(maskWords(261, (index) => set.has(index))).toEqual([1n | (1n << 9n) | (1n << 255n), 17n]);
    expect(maskWords(256, () => false).map(wordHex)).toEqual([`0x${'0'.repeat(64)}`]);
  });

  it('has one word for each 256 pairs begun, equal to the bitmap read from its end', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 600 }), (committed) => {
        const is = (index: number) => committed[index] ?? false;
        const words = maskWords(committed.length, is);
        expect(words.length).toBe(Math.ceil(committed.length / 256));
        committed.forEach((bit, index) => {
          expect((((words[index >>> 8] ?? 0n) >> BigInt(index & 255)) & 1n) === 1n).toBe(bit);
        });
      }),
    );
  });

  it('sums each leg by asset, and attests to secret, batch, bitmap and totals', () => {
    const totals = totalsText([
      { leg: 'second', asset: 'USD', amount: 5n },
      { leg: 'first', asset: 'SEK', amount: 2n ** 70n },
      { leg: 'first', asset: 'SEK', amount: 1n },
    ]);
    expect(totals).toBe('[["SEK","1180591620717411303425","0"],["USD","0","5"]]');
    const batchId = secret as string as BatchId;
    const expected = createHash('sha256')
      .update(
        Buffer.concat([Buffer.from('tandem/executed/1\0'), key, fromHex(batchId), Buffer.of(1), Buffer.from(totals)]),
      )
      .digest('hex');
    expect(executedDigest(toHash(key), batchId, Buffer.of(1), totals)).toBe(`0x${expected}`);
  });
});
