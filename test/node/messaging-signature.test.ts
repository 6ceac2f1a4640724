import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sign, verifySignature } from '../../operator-node/messaging/signature.ts';

const secret = 'a-secret-of-the-gateway';
const now = 1_795_428_000;
const timestamp = String(now);
const body = Buffer.from('{"messages":[{"text":"åäö"}]}');
const signature = sign(secret, timestamp, body);
const good = { timestamp, signature, body };

describe('sign', () => {
  it('is v1= and the HMAC-SHA-256 of timestamp, full stop and body', () => {
    const hmac = createHmac('sha256', secret).update(Buffer.concat([Buffer.from(`${timestamp}.`), body]));
    expect(signature).toBe(`v1=${hmac.digest('hex')}`);
  });
});

describe('verifySignature', () => {
  it.each([
    ['no timestamp', { ...good, timestamp: undefined }, 'missing'],
    ['no signature', { ...good, signature: undefined }, 'missing'],
    ['a timestamp that is no number', { ...good, timestamp: `${timestamp} ` }, 'malformed'],
    ['a negative timestamp', { ...good, timestamp: '-5' }, 'malformed'],
    ['an empty signature', { ...good, signature: '' }, 'malformed'],
    ['a signature of another version only', { ...good, signature: signature.replace('v1=', 'v2=') }, 'malformed'],
    ['half a signature', { ...good, signature: signature.slice(0, 40) }, 'malformed'],
    ['a signature in upper case', { ...good, signature: `v1=${signature.slice(3).toUpperCase()}` }, 'malformed'],
    ['another body', { ...good, body: Buffer.from('{"messages":[]}') }, 'mismatch'],
    ['the same text in another form', { ...good, body: Buffer.concat([body, Buffer.from('\n')]) }, 'mismatch'],
    ['another timestamp', { ...good, timestamp: String(now + 1) }, 'mismatch'],
    [
      'a digit moved from timestamp to body',
      { timestamp: '1', signature: sign(secret, '12', '3'), body: '2.3' },
      'mismatch',
    ],
    ['the signature of another secret', { ...good, signature: sign(`${secret}2`, timestamp, body) }, 'mismatch'],
  ])('refuses %s', (_what, signed, code) => {
    expect(verifySignature(secret, signed, now)).toEqual({ ok: false, code });
  });

  it.each([
    [now + 301, 300],
    [now - 301, 300],
    [now + 11, 10],
  ])('refuses a replay: received at %i with %i s of tolerance', (receivedAt, tolerance) => {
    expect(verifySignature(secret, good, receivedAt, tolerance)).toEqual({ ok: false, code: 'stale' });
  });

  it.each([now - 300, now, now + 300])('accepts what was signed five minutes from %i', (receivedAt) => {
    expect(verifySignature(secret, good, receivedAt)).toEqual({ ok: true });
  });

  it('accepts one right signature of several, while a secret is being changed', () => {
    const both = `${sign('the-secret-to-come', timestamp, body)}, ${signature}, v2=00`;
    expect(verifySignature(secret, { ...good, signature: both }, now)).toEqual({ ok: true });
  });

  it('accepts a body given as text', () => {
    expect(verifySignature(secret, { ...good, body: body.toString() }, now)).toEqual({ ok: true });
  });
});
