/** The salted digests of a settlement window (docs/protocol.md §4): what both operators sign, and what the payee signs. */
import { hash } from 'node:crypto';
import { fromHex } from './bytes.ts';
import { hmac } from './hmac.ts';
import type { Asset, Hash } from '../model/ids.ts';
import type { SettlementDomain, WindowContent } from '../model/records.ts';

const saltBytes = 16;

/** The salt of one asset's statement, different for every asset and window. */
const windowSalt = (secret: Hash, asset: Asset): Buffer =>
  fromHex(hmac(secret, Buffer.from(asset))).subarray(0, saltBytes);

function salted(tag: string, salt: Uint8Array, text: string): Hash {
  return `0x${hash('sha256', Buffer.concat([Buffer.from(`${tag}\0`), salt, Buffer.from(text)]), 'hex')}` as Hash;
}

/**
 * `SHA-256(UTF-8("tandem/window/1") || 0x00 || salt (16) || UTF-8(JSON))` of one asset. The JSON names the whole window, so
 * that none of its assets can be left out. `auditLog`: where the statement is to be anchored.
 */
export function statementDigest(auditLog: SettlementDomain, content: WindowContent, asset: Asset): Hash {
  const { operatorA, operatorB, number, aToB, bToA, nets, secret } = content;
  const text = JSON.stringify([
    auditLog.chainId.toString(),
    auditLog.contract.toLowerCase(),
    operatorA,
    operatorB,
    number,
    [aToB.from, aToB.to],
    [bToA.from, bToA.to],
    nets.map((each) => [each.asset, each.net]),
    asset,
  ]);
  return salted('tandem/window/1', windowSalt(secret, asset), text);
}

/** `SHA-256(UTF-8("tandem/reference/1") || 0x00 || salt (16) || UTF-8(reference))`; `salt` is hex without `0x`. */
export const referenceDigest = (salt: string, reference: string): Hash =>
  salted('tandem/reference/1', Buffer.from(salt, 'hex'), reference);
