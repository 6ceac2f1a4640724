/** A running node reads its files again: what is right counts at once, what is faulty leaves what was before. */
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import { ReplaceableAnalysis } from '../../operator-node/analysis/replaceable.ts';
import { ApiAccess } from '../../operator-node/api/access.ts';
import { AuditorGate } from '../../operator-node/api/auditor-gate.ts';
import { makeCertificate, pinOf, readCertificate } from '../../operator-node/channel/certificate.ts';
import { createHttpsChannel, startChannelServer } from '../../operator-node/channel/https.ts';
import { OwnCertificate } from '../../operator-node/channel/own-certificate.ts';
import { loadConfig, type Config } from '../../operator-node/config.ts';
import { loadDirectory } from '../../operator-node/directory/file.ts';
import { ReplaceableDirectory } from '../../operator-node/directory/replaceable.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { signatureHeader, timestampHeader, verifySignature } from '../../operator-node/messaging/signature.ts';
import { WebhookGateway } from '../../operator-node/messaging/webhook.ts';
import type { Asset, Hash, Msisdn, OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { reload, type ReloadParts } from '../../operator-node/reload.ts';
import { pairIdOf, TestRegistry } from './channel.fixture.ts';

const now = (): UnixMillis => Date.now() as UnixMillis;
const shipped = readFileSync(join(import.meta.dirname, '..', '..', 'catalogue', 'services.yaml'), 'utf8');
const bob = '+46701740651' as Msisdn;
const alice = { number: '+46701740611' as Msisdn, language: 'en', asset: 'SEK' as Asset };

let dir: string;
const closers: (() => unknown)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-reload-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(dir, { recursive: true, force: true });
});

const write = (name: string, text: string, mode = 0o600): void => {
  writeFileSync(join(dir, name), text, { mode });
};

const configuration = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  operator: { id: 1, handle: 'aurora', serviceNumber: '+46701740605' },
  dataDir: 'data',
  api: { port: 7400, gatewayToken: 'gateway-token-0001', adminToken: 'admin-token-000001' },
  channel: { port: 7401, certFile: 'tls-cert.pem', keyFile: 'tls-key.pem' },
  gateway: { webhook: { url: 'http://127.0.0.1:1/', secret: 'the-first-secret-1' } },
  chain: { networkFile: 'network.json', rpcUrls: ['http://127.0.0.1:1'], keysFile: 'keys.json' },
  assets: [{ asset: 'SEK', exponent: 2 }],
  catalogueFile: 'services.yaml',
  directoryFile: 'directory.yaml',
  ...changes,
});

const auditor = (name: string, token: string) => ({
  name,
  tokenHash: hash('sha256', token, 'hex'),
  policies: ['regulator-minimum'],
  expires: '2099-12-31T00:00:00Z',
  requestsPerMinute: 2,
});

async function renew(): Promise<Hash> {
  const { key, cert, pin } = await makeCertificate({ handle: 'aurora', now: now() });
  write('tls-key.pem', key);
  write('tls-cert.pem', cert, 0o644);
  return pin;
}

/** A node's parts as they are put together, with files of their own; `served` is what a peer sees. */
async function node(
  options: { readonly auditors?: readonly unknown[]; readonly openServices?: readonly string[] } = {},
) {
  const pin = await renew();
  const pins: Hash[] = [pin];
  write('services.yaml', shipped);
  write('directory.yaml', "ranges:\n  - { prefix: '+4670', operator: 2 }\n");
  write('config.yaml', stringify(configuration({ auditors: options.auditors ?? [] })));
  const file = join(dir, 'config.yaml');
  let config: Config = loadConfig(file);
  const certificate = new OwnCertificate(readCertificate(config.channel), now());
  const alarms = new Map<string, string>();
  const logged: Readonly<Record<string, unknown>>[] = [];
  const auditors = new AuditorGate(config.auditors, now);
  const { webhook: target } = config.gateway;
  if (target === undefined) throw new Error('there is a webhook');
  const webhook = new WebhookGateway({ ...target, timeoutMillis: 5_000, now });
  const parts: ReloadParts = {
    file,
    running: () => config,
    reconfigure: (next) => {
      config = next;
    },
    analysis: new ReplaceableAnalysis(loadCatalogue(config.catalogueFile, { assets: config.assets })),
    fits: ({ services }) => {
      const missing = (options.openServices ?? []).filter((service) => !services.includes(service));
      if (missing.length > 0) throw new TandemError('catalogue-invalid', `no service ${missing.join()}`);
    },
    directory: new ReplaceableDirectory(loadDirectory(config.directoryFile)),
    certificate,
    pins: () => pins,
    access: new ApiAccess({ ...config.api, auditors }),
    auditors,
    webhook,
    alarms: {
      set: (...[code, active, facts, subject]) => {
        expect(code).toBe('reload-failed');
        if (active) alarms.set(String(subject), String(facts?.detail));
        else alarms.delete(String(subject));
      },
    },
    now,
    log: (entry) => logged.push(entry),
  };
  closers.push(() => webhook.close());
  return {
    ...{ parts, pins, pin, alarms, logged, certificate },
    config: () => config,
    reload: () => reload(parts),
    read: (text: string) => parts.analysis.read({ from: alice, to: bob, text }, false).kind,
    change: (changes: Record<string, unknown>) => write('config.yaml', stringify(configuration(changes))),
  };
}

const everything = ['configuration', 'catalogue', 'directory', 'certificate'];
const refused = (check: () => unknown): string => {
  try {
    check();
    return '';
  } catch (error) {
    return (error as TandemError).code;
  }
};
const bearerOf = (token: string): string => `Bearer ${token}`;

describe('reload', () => {
  it('takes what is right, and says what', async () => {
    const { reload: again, read, parts, alarms, logged } = await node();
    expect([read('PAY 120'), read('BEZAHLE 120')]).toEqual(['order', 'pass']);
    write('services.yaml', shipped.replace('en: [PAY], sv: [BETALA]', 'en: [PAY, BEZAHLE], sv: [BETALA]'));
    write('directory.yaml', "ranges:\n  - { prefix: '+4670', operator: 3, machines: true }\n");
    expect(again()).toEqual({ reloaded: everything, failed: [], restartNeeded: [] });
    expect([read('PAY 120'), read('BEZAHLE 120')]).toEqual(['order', 'order']);
    expect([parts.directory.find(bob), parts.directory.isMachine(bob)]).toEqual([3, true]);
    expect([...alarms]).toEqual([]);
    expect(logged).toEqual([{ level: 'info', type: 'reloaded', parts: everything, failed: [] }]);
  });

  it.each<[part: string, file: string, text: string, says: RegExp]>([
    [
      'catalogue',
      'services.yaml',
      shipped.replace("'no': {", "'nope': {"),
      /services\.yaml:\d+: answers\.nope: unknown key/,
    ],
    ['catalogue', 'services.yaml', 'services: [', /services\.yaml:1: /],
    ['directory', 'directory.yaml', "ranges:\n  - { prefix: '4670', operator: 2 }\n", /directory\.yaml:2: /],
    ['directory', 'directory.yaml', '', /directory\.yaml/],
    ['configuration', 'config.yaml', 'operator: {\n', /config\.yaml:\d+: /],
    ['configuration', 'config.yaml', 'operator: 1\nnonsense: 2\n', /config\.yaml: [^]*line 2: \(top\): /],
    ['certificate', 'tls-cert.pem', 'nonsense', /tls-cert\.pem is not a certificate/],
    ['certificate', 'tls-key.pem', 'nonsense', /not readable PEM/],
  ])('keeps the %s of before where %s is faulty, and says file and place', async (part, file, text, says) => {
    const { reload: again, read, parts, alarms, logged, certificate, pin } = await node();
    const right = readFileSync(join(dir, file), 'utf8');
    write(file, text);
    // A fault of one part keeps no other from being read.
    if (part !== 'directory') write('directory.yaml', "ranges:\n  - { prefix: '+4670', operator: 7 }\n");
    expect(again()).toMatchObject({ failed: [part], reloaded: everything.filter((each) => each !== part) });
    expect(read('PAY 120')).toBe('order');
    expect(certificate.pin).toBe(pin);
    expect(parts.directory.find(bob)).toBe(part === 'directory' ? 2 : 7);
    expect(alarms.get(part)).toMatch(says);
    expect(logged[0]).toMatchObject({ level: 'error', type: 'reload-failed', part });
    expect(refused(() => parts.access.admit('admin', bearerOf('admin-token-000001')))).toBe('');
    // Mended: the alarm is over.
    write(file, right);
    expect(again().failed).toEqual([]);
    expect([...alarms]).toEqual([]);
  });

  it('keeps a catalogue that pairs under way need, and a file that is not there is one that is faulty', async () => {
    const { reload: again, read, alarms, change, config } = await node({ openServices: ['buy'] });
    const [before, behind] = shipped.split(/^ {2}buy:\n[^]*?(?=^ {2}\S|^ {2}# )/m);
    write('services.yaml', `${before ?? ''}${behind ?? ''}`);
    expect(again().failed).toEqual(['catalogue']);
    expect(alarms.get('catalogue')).toBe('no service buy');
    change({ catalogueFile: 'other.yaml', directoryFile: 'none.yaml' });
    expect(again().failed).toEqual(['catalogue', 'directory']);
    expect(read('PAY 120')).toBe('order');
    expect(config()).toMatchObject({
      catalogueFile: join(dir, 'services.yaml'),
      directoryFile: join(dir, 'directory.yaml'),
    });
    write('other.yaml', shipped);
    write('none.yaml', 'ranges: []\n');
    expect(again()).toMatchObject({ failed: [], restartNeeded: [] });
    expect(config()).toMatchObject({ catalogueFile: join(dir, 'other.yaml'), directoryFile: join(dir, 'none.yaml') });
  });

  it('still has the words for a service that a catalogue without it has taken away', async () => {
    const { reload: again, parts } = await node();
    const text = () => parts.analysis.serviceText('buy', 'first-cancelled', 'en', { to: 'Ida', item: 'cola' });
    const was = text();
    const [before, behind] = shipped.split(/^ {2}buy:\n[^]*?(?=^ {2}\S|^ {2}# )/m);
    write('services.yaml', `${before ?? ''}${behind ?? ''}`);
    expect(again().failed).toEqual([]);
    expect(parts.analysis.plan('buy')).toBeUndefined();
    expect(text()).toBe(was);
    expect(() => parts.analysis.serviceText('never', 'ask', 'en', {})).toThrow('No service "never"');
  });

  it('takes new tokens and auditors, and the old ones count no more', async () => {
    const {
      parts,
      reload: again,
      change,
      config,
    } = await node({
      auditors: [auditor('one', 'token-of-one'), auditor('two', 'token-of-two')],
    });
    const { access } = parts;
    access.admit('auditor', bearerOf('token-of-one'));
    access.admit('auditor', bearerOf('token-of-one'));
    change({
      api: { port: 7400, gatewayToken: 'gateway-token-0002', adminToken: 'admin-token-000002', names: ['aurora'] },
      auditors: [auditor('one', 'new-token-of-one'), auditor('three', 'token-of-three')],
    });
    expect(again()).toEqual({ reloaded: everything, failed: [], restartNeeded: [] });
    for (const token of ['gateway', 'admin'] as const) {
      const [old, next] =
        token === 'gateway'
          ? ['gateway-token-0001', 'gateway-token-0002']
          : ['admin-token-000001', 'admin-token-000002'];
      expect(refused(() => access.admit(token, bearerOf(old)))).toBe('unauthorized');
      expect(refused(() => access.admit(token, bearerOf(next)))).toBe('');
    }
    expect(refused(() => access.admit('auditor', bearerOf('token-of-two')))).toBe('unauthorized');
    expect(access.admit('auditor', bearerOf('token-of-three'))).toBe('three');
    // Who has asked too often is not let in again by a reload.
    expect(refused(() => access.admit('auditor', bearerOf('new-token-of-one')))).toBe('too-busy');
    expect(refused(() => access.checkHost('aurora'))).toBe('');
    expect(config().auditors.map(({ name }) => name)).toEqual(['one', 'three']);
  });

  it('signs for the gateway with the new secret, at the new address', async () => {
    const { parts, reload: again, change } = await node();
    const got: { readonly body: string; readonly headers: IncomingHttpHeaders }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        got.push({ body, headers: request.headers });
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => (server.closeAllConnections(), server.close()));
    const secret = 'the-second-secret-2';
    change({ gateway: { webhook: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, secret } } });
    expect(again()).toMatchObject({ failed: [], restartNeeded: [] });
    await parts.webhook?.deliver([]);
    await parts.webhook?.deliver([{ id: 'm-1', from: bob, to: bob, text: 'x', at: '2026-11-23T10:00:00Z' as never }]);
    const [{ body, headers } = { body: '', headers: {} }] = got;
    const [timestamp, signature] = [headers[timestampHeader], headers[signatureHeader]];
    const given = { timestamp: String(timestamp), signature: String(signature), body };
    const seconds = Math.floor(Date.now() / 1000);
    expect(verifySignature(secret, given, seconds)).toEqual({ ok: true });
    expect(verifySignature('the-first-secret-1', given, seconds)).toEqual({ ok: false, code: 'mismatch' });
  });

  it('names what has changed and counts from the next start, without its values', async () => {
    const { reload: again, change, logged, config } = await node();
    change({
      dataDir: 'elsewhere',
      api: { port: 7500, gatewayToken: 'gateway-token-0001', adminToken: 'admin-token-000001' },
      chain: { networkFile: 'network.json', rpcUrls: ['http://user:secret@rpc.example'], keysFile: 'keys.json' },
      gateway: { phonesDir: 'phones' },
      limits: { perOrder: { SEK: '100' } },
    });
    const restartNeeded = [
      'dataDir',
      'api.port',
      'gateway.webhook',
      'gateway.phonesDir',
      'chain.rpcUrls',
      'limits.perOrder.SEK',
    ];
    expect(again().restartNeeded.toSorted()).toEqual(restartNeeded.toSorted());
    expect(logged[0]).toMatchObject({ level: 'warn', type: 'reloaded' });
    expect(JSON.stringify(logged)).not.toMatch(/secret|elsewhere/);
    expect(config().dataDir).toBe(join(dir, 'data'));
  });
});

describe('a new certificate', () => {
  const peers = { get: () => undefined, byPin: () => [], onChange: () => {} };

  /** The pin that a peer sees which connects now, and its connection. */
  const seen = (port: number): Promise<{ pin: Hash; socket: TLSSocket }> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3' }, () => {
        const certificate = socket.getPeerX509Certificate();
        if (certificate === undefined) reject(new Error('no certificate'));
        else resolve({ pin: pinOf(certificate), socket });
      });
      socket.on('error', reject);
      closers.push(() => socket.destroy());
    });

  async function served() {
    const running = await node();
    const { certificate } = running;
    const server = await startChannelServer({
      ...{ operator: 1 as OperatorId, host: '127.0.0.1', port: 0, ...certificate.pem, certificate },
      ...{ peers: peers as never, handlers: {} as never, now },
    });
    closers.push(() => server.close());
    return { ...running, port: server.port };
  }

  it('is shown to who connects from then on, where the registry has its key', async () => {
    const { port, pin, pins, certificate, reload: again } = await served();
    expect((await seen(port)).pin).toBe(pin);
    const next = await renew();
    pins.push(next);
    expect(again().failed).toEqual([]);
    expect([certificate.pin, (await seen(port)).pin]).toEqual([next, next]);
  });

  it('is shown to those that this node connects to from then on', async () => {
    const { certificate, pins, pin, reload: again } = await node();
    const shown: Hash[] = [];
    const other = await makeCertificate({ handle: 'borealis', now: now() });
    const server = createTlsServer(
      { key: other.key, cert: other.cert, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' },
      (socket) => {
        const presented = socket.getPeerX509Certificate();
        if (presented !== undefined) shown.push(pinOf(presented));
        socket.destroy();
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => server.close());
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const registry = new TestRegistry();
    registry.set(2 as OperatorId, { pins: [other.pin], endpoint });
    const channel = createHttpsChannel({
      ...{ operator: 1 as OperatorId, ...certificate.pem, certificate, peers: registry, now },
    });
    closers.push(() => channel.close());
    await expect(channel.call(2 as OperatorId, 'cancel', { pair: pairIdOf(1) })).rejects.toThrow('No answer');
    const next = await renew();
    pins.push(next);
    expect(again().failed).toEqual([]);
    await expect(channel.call(2 as OperatorId, 'cancel', { pair: pairIdOf(1) })).rejects.toThrow('No answer');
    expect([shown[0], shown.at(-1)]).toEqual([pin, next]);
  });

  it('is refused while the registry has not its key, which every peer would refuse', async () => {
    const { port, pin, pins, certificate, alarms, reload: again } = await served();
    const next = await renew();
    expect(again().failed).toEqual(['certificate']);
    expect(alarms.get('certificate')).toContain(`${next}, is not a pin of this operator in the registry`);
    expect([certificate.pin, (await seen(port)).pin]).toEqual([pin, pin]);
    pins.push(next);
    expect(again().failed).toEqual([]);
    expect((await seen(port)).pin).toBe(next);
  });

  it('is refused where key and certificate are of two pairs, or out of date', async () => {
    const { pin, pins, certificate, alarms, reload: again } = await served();
    const other = await makeCertificate({ handle: 'aurora', now: now() });
    pins.push(other.pin);
    write('tls-cert.pem', other.cert, 0o644);
    expect(again().failed).toEqual(['certificate']);
    expect(alarms.get('certificate')).toContain('is not the key of its certificate');
    const old = await makeCertificate({ handle: 'aurora', now: (now() - 10 * 86_400_000) as UnixMillis, days: 5 });
    pins.push(old.pin);
    write('tls-key.pem', old.key);
    write('tls-cert.pem', old.cert, 0o644);
    expect(again().failed).toEqual(['certificate']);
    expect(alarms.get('certificate')).toContain('expired at');
    expect(certificate.pin).toBe(pin);
  });

  it('is refused where others can read its key', async () => {
    const { pin, pins, certificate, alarms, reload: again } = await served();
    rmSync(join(dir, 'tls-key.pem'));
    const { key, cert, pin: next } = await makeCertificate({ handle: 'aurora', now: now() });
    write('tls-key.pem', key, 0o644);
    write('tls-cert.pem', cert, 0o644);
    pins.push(next);
    expect(again().failed).toEqual(['certificate']);
    expect(alarms.get('certificate')).toContain('chmod 600');
    expect(certificate.pin).toBe(pin);
  });
});
