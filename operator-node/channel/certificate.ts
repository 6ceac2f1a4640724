/**
 * A node's TLS key and certificate. No authority vouches for it: what counts is the pin of its key in the operator
 * registry (protocol §6), so the certificate is self-signed and only its dates are read beside the key.
 */
import { hash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TandemError } from '../errors.ts';
import type { Hash, UnixMillis } from '../model/ids.ts';
import { readSecretFile } from '../secret-file.ts';

/** SHA-256 of the certificate's SubjectPublicKeyInfo; the argument is PEM, DER or the parsed certificate. */
export function pinOf(certificate: string | Buffer | X509Certificate): Hash {
  const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return `0x${hash('sha256', parsed.publicKey.export({ type: 'spki', format: 'der' }), 'hex')}` as Hash;
}

export interface Certificate {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** X.509, PEM. */
  readonly cert: string;
  readonly pin: Hash;
}

export interface CertificateOptions {
  /** The operator's handle: the subject's common name, for people who look at it. */
  readonly handle: string;
  readonly now: UnixMillis;
  /** Default 730. It begins an hour before `now`, for peers whose clock is behind. */
  readonly days?: number;
}

const hourMillis = 3_600_000;

/** A new EC P-256 key with its self-signed certificate. */
export async function makeCertificate({ handle, now, days = 730 }: CertificateOptions): Promise<Certificate> {
  // Loaded here, and in this order: the X.509 library needs the polyfill, and a running node needs neither.
  await import('reflect-metadata');
  const { PemConverter, X509CertificateGenerator } = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [handle] }],
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - hourMillis),
    notAfter: new Date(now + days * 24 * hourMillis),
  });
  const cert = `${certificate.toString('pem')}\n`;
  const key = `${PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`;
  return { key, cert, pin: pinOf(cert) };
}

/**
 * Makes a certificate and writes `<dir>/tls-key.pem` (mode 0600) and `<dir>/tls-cert.pem`. Existing files are never
 * overwritten: a key whose pin is on chain would be lost.
 *
 * @throws {Error} `EEXIST` when one of the files is there.
 */
export async function writeCertificate(
  dir: string,
  options: CertificateOptions,
): Promise<{ readonly keyFile: string; readonly certFile: string; readonly pin: Hash }> {
  const { key, cert, pin } = await makeCertificate(options);
  const keyFile = join(dir, 'tls-key.pem');
  const certFile = join(dir, 'tls-cert.pem');
  await mkdir(dir, { recursive: true });
  await writeFile(keyFile, key, { mode: 0o600, flag: 'wx' });
  await writeFile(certFile, cert, { flag: 'wx' });
  return { keyFile, certFile, pin };
}

/** @throws {TandemError} `config-invalid` for a file that cannot be read, or a key that others can read. */
export function readCertificate({ keyFile, certFile }: { readonly keyFile: string; readonly certFile: string }): {
  readonly key: string;
  readonly cert: string;
} {
  const read = (what: string, file: string, reader: (file: string) => string): string => {
    try {
      return reader(file);
    } catch (cause) {
      throw new TandemError('config-invalid', `Cannot use the TLS ${what} ${file}: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  return {
    key: read('key', keyFile, readSecretFile),
    cert: read('certificate', certFile, (file) => readFileSync(file, 'utf8')),
  };
}
