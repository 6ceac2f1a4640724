/** Who is at the other end of a TLS connection. The chain is the trust store: a key counts while it is a pin there (protocol §6). */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { OperatorEntry, PeerRegistry } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import type { Hash, OperatorId, UnixMillis } from '../model/ids.ts';
import { pinOf } from './certificate.ts';

const standing = ({ status }: OperatorEntry): boolean => status === 'active' || status === 'suspended';

/**
 * Whether this key may speak for this operator now. A suspended operator may: there are open pairs to finish (protocol
 * §5); what is new the flow refuses it. That other operators name the same pin changes nothing: what counts is that this
 * one does.
 */
export function maySpeak(peers: PeerRegistry, operator: OperatorId, pin: Hash): boolean {
  const entry = peers.get(operator);
  return entry !== undefined && standing(entry) && entry.pins.includes(pin);
}

/** Whether any operator that may speak names this key: all that is known before its first request says whose it is. */
export const mayConnect = (peers: PeerRegistry, pin: Hash): boolean => peers.byPin(pin).some(standing);

export type Presented =
  { readonly ok: true; readonly pin: Hash } | { readonly ok: false; readonly pin?: Hash; readonly reason: string };

/**
 * The key of the certificate that the other end proved in the handshake, if its dates hold and `trusts` its pin.
 * TLS itself has checked that the other end has the private key; its names and its issuer mean nothing here.
 */
export function presented(socket: TLSSocket, now: UnixMillis, trusts: (pin: Hash) => boolean): Presented {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { ok: false, reason: 'no certificate was presented' };
  const pin = pinOf(certificate);
  const dates = outsideDates(certificate, now);
  if (dates !== undefined) return { ok: false, pin, reason: `the certificate ${dates}` };
  if (!trusts(pin))
    return { ok: false, pin, reason: `the key's hash ${pin} is no pin of that operator in the registry` };
  return { ok: true, pin };
}

function outsideDates(certificate: X509Certificate, now: UnixMillis): string | undefined {
  if (now < certificate.validFromDate.getTime()) {
    return `is not valid before ${certificate.validFromDate.toISOString()}; it is ${new Date(now).toISOString()} here`;
  }
  if (now > certificate.validToDate.getTime()) {
    return `expired at ${certificate.validToDate.toISOString()}; it is ${new Date(now).toISOString()} here`;
  }
  return undefined;
}

/** @throws {TandemError} `config-invalid` when this node's own key and certificate do not fit or are out of date. */
export function checkOwnCertificate(key: string, cert: string, now: UnixMillis): void {
  let certificate: X509Certificate;
  let fits: boolean;
  try {
    certificate = new X509Certificate(cert);
    fits = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new TandemError(
      'config-invalid',
      `The TLS key or certificate of this node is not readable PEM: ${String(cause)}`,
      {
        cause,
      },
    );
  }
  if (!fits) throw new TandemError('config-invalid', 'The TLS key of this node is not the key of its certificate');
  const dates = outsideDates(certificate, now);
  if (dates !== undefined) throw new TandemError('config-invalid', `The TLS certificate of this node ${dates}`);
}
