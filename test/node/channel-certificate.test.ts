import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificate, pinOf, writeCertificate } from '../../operator-node/channel/certificate.ts';
import { dayMillis, now } from './channel.fixture.ts';

describe('makeCertificate', () => {
  test('makes another key each time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => makeCertificate({ handle: 'aurora', now: now() })));
    expect(one?.pin).not.toBe(other?.pin);
  });

  test('makes a self-signed certificate of a P-256 key, valid from an hour ago for the days asked', async () => {
    const { cert } = await makeCertificate({ handle: 'aurora', now: now(), days: 30 });
    const certificate = new X509Certificate(cert);
    expect(certificate.subject).toBe('CN=aurora');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.validFromDate.getTime()).toBe(now() - 3_600_000);
    expect(certificate.validToDate.getTime()).toBe(now() + 30 * dayMillis);
  });
});

describe('pinOf', () => {
  /** DER: the TLV at `offset`, with where its content begins and where it ends. */
  function tlv(der: Buffer, offset: number): { start: number; end: number } {
    const first = der.readUInt8(offset + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
    const start = offset + 2 + lengthBytes;
    return { start, end: start + length };
  }

  test('is the SHA-256 of the SubjectPublicKeyInfo as it stands in the certificate, from PEM, DER or parsed', async () => {
    const { cert, pin } = await makeCertificate({ handle: 'aurora', now: now() });
    const parsed = new X509Certificate(cert);
    const der = parsed.raw;
    // Certificate → TBSCertificate: version, serial, algorithm, issuer, validity, subject, then the key (RFC 5280 §4.1).
    let offset = tlv(der, tlv(der, 0).start).start;
    for (let field = 0; field < 6; field += 1) offset = tlv(der, offset).end;
    const spki = der.subarray(offset, tlv(der, offset).end);
    expect(pin).toBe(`0x${createHash('sha256').update(spki).digest('hex')}`);
    expect([pinOf(cert), pinOf(der), pinOf(parsed)]).toEqual([pin, pin, pin]);
  });
});

describe('writeCertificate', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tandem-certificate-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true });
  });

  test('overwrites nothing', async () => {
    const { keyFile } = await writeCertificate(dir, { handle: 'aurora', now: now() });
    const before = await readFile(keyFile, 'utf8');
    await expect(writeCertificate(dir, { handle: 'aurora', now: now() })).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(keyFile, 'utf8')).toBe(before);
  });

  test('writes key and certificate into a new folder, the key for its owner only', async () => {
    const { keyFile, certFile, pin } = await writeCertificate(join(dir, 'tls'), { handle: 'aurora', now: now() });
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(pinOf(await readFile(certFile, 'utf8'))).toBe(pin);
    expect(
      new X509Certificate(await readFile(certFile)).checkPrivateKey(createPrivateKey(await readFile(keyFile))),
    ).toBe(true);
  });
});
