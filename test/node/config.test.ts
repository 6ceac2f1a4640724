/** What a node and its staff read from files: secrets that others can read are refused, and the API is found where it listens. */
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readCertificate, writeCertificate } from '../../operator-node/channel/certificate.ts';
import { main } from '../../operator-node/cli/main.ts';
import { nodeOf, urlOf } from '../../operator-node/cli/which-node.ts';
import { loadConfig } from '../../operator-node/config.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { loadKeys } from '../../operator-node/keys.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';
import { readSecretFile } from '../../operator-node/secret-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tandem-config-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const tokens = { gatewayToken: 'gateway-token-0001', adminToken: 'admin-token-000001' };

function configFile(api: { readonly host?: string; readonly port: number } = { port: 7400 }): string {
  const file = join(dir, 'config.yaml');
  const config = {
    operator: { id: 1, handle: 'aurora', serviceNumber: '+46701740605' },
    dataDir: 'data',
    api: { ...api, ...tokens },
    channel: { port: 7401, certFile: 'tls-cert.pem', keyFile: 'tls-key.pem' },
    gateway: { webhook: { url: 'http://127.0.0.1:1/', secret: 'a-secret-of-the-webhook' } },
    chain: { networkFile: 'network.json', rpcUrls: ['http://127.0.0.1:1'], keysFile: 'keys.json' },
    assets: [{ asset: 'SEK', exponent: 2 }],
    catalogueFile: 'services.yaml',
    directoryFile: 'directory.yaml',
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

function keysFile(): string {
  const file = join(dir, 'keys.json');
  const keys = Object.fromEntries(
    ['signer', 'account', 'carrier', 'operatorKey'].map((name, at) => [name, `0x${`0${at + 1}`.repeat(32)}`]),
  );
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  return file;
}

const certificate = () => ({ keyFile: join(dir, 'tls-key.pem'), certFile: join(dir, 'tls-cert.pem') });

describe('a file with secrets', () => {
  const readers: Readonly<Record<string, () => Promise<{ file: string; read: () => unknown }>>> = {
    'the configuration': () => {
      const file = configFile();
      return Promise.resolve({ file, read: () => loadConfig(file) });
    },
    'the keys': () => {
      const file = keysFile();
      return Promise.resolve({ file, read: () => loadKeys(file) });
    },
    'the TLS key': async () => {
      await writeCertificate(dir, { handle: 'aurora', now: Date.now() as UnixMillis });
      return { file: certificate().keyFile, read: () => readCertificate(certificate()) };
    },
  };

  it.runIf(process.platform !== 'win32').each(Object.entries(readers))(
    'is refused where others can read or write it: %s',
    async (_what, make) => {
      const { file, read } = await make();
      expect(read()).toBeDefined();
      for (const mode of [0o640, 0o604, 0o644, 0o660, 0o602, 0o620, 0o777]) {
        chmodSync(file, mode);
        const octal = mode.toString(8);
        expect(read, octal).toThrow(TandemError);
        expect(read, octal).toThrow(`others can read or write it (mode ${octal})`);
        expect(read, octal).toThrow(`chmod 600 ${file}`);
      }
      for (const mode of [0o600, 0o400, 0o700]) {
        chmodSync(file, mode);
        expect(read(), mode.toString(8)).toBeDefined();
      }
    },
  );

  it('that is not there is said to be so', () => {
    expect(() => readSecretFile(join(dir, 'none'))).toThrow('ENOENT');
    expect(() => readCertificate(certificate())).toThrow(/^Cannot use the TLS key .*ENOENT/);
    expect(() => loadConfig(join(dir, 'none'))).toThrow(/^Cannot read .*ENOENT/);
  });

  it('is made so by what makes one', async () => {
    await writeCertificate(dir, { handle: 'aurora', now: Date.now() as UnixMillis });
    expect(statSync(certificate().keyFile).mode & 0o077).toBe(0);
  });
});

describe('staff’s commands', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:7400'],
    ['localhost', 'http://localhost:7400'],
    ['node.example', 'http://node.example:7400'],
    ['::1', 'http://[::1]:7400'],
    ['0:0:0:0:0:0:0:1', 'http://[::1]:7400'],
    ['[::1]', 'http://[::1]:7400'],
    ['fd00::17', 'http://[fd00::17]:7400'],
    ['::ffff:127.0.0.1', 'http://[::ffff:7f00:1]:7400'],
    ['0.0.0.0', 'http://127.0.0.1:7400'],
    ['0', 'http://127.0.0.1:7400'],
    ['::', 'http://[::1]:7400'],
    ['0::0', 'http://[::1]:7400'],
    ['[::]', 'http://[::1]:7400'],
  ])('ask a node at %s at %s', (host, url) => {
    expect(nodeOf({ config: configFile({ host, port: 7400 }) }).access.apiUrl).toBe(url);
  });

  it('say so where the configuration has no address for them', () => {
    expect(() => urlOf('c.yaml', { host: '127.0.0.1', port: 0 })).toThrow('c.yaml: api.port is 0');
    expect(() => urlOf('c.yaml', { host: 'fe80::1%eth0', port: 7400 })).toThrow('c.yaml: api.host "fe80::1%eth0"');
    expect(() => urlOf('c.yaml', { host: 'a host', port: 7400 })).toThrow('c.yaml: api.host "a host"');
  });

  it.each(['::1', '::', '0.0.0.0'])('reach a node that listens at %s', async (host) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.host}`);
      const error = { code: 'not-ready', message: 'Not now.' };
      response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    const config = configFile({ host, port });
    try {
      const commands = [
        ['doubt'],
        ['set-aside'],
        ['doctor'],
        ['backup'],
        ['erase', '--list'],
        ['recover'],
        ['resume'],
        ['set-aside', '--send', 'm-1'],
      ];
      for (const [name = '', ...rest] of commands) {
        let stderr = '';
        const out = { stdout: { write: () => true }, stderr: { write: (text: string) => ((stderr += text), true) } };
        expect(await main([name, '--config', config, ...rest], out), name).toBe(1);
        expect(stderr).toBe(`tandem ${name}: Not now. (not-ready)\n`);
      }
      expect(asked).toHaveLength(commands.length);
      const reached = host === '0.0.0.0' ? '127.0.0.1' : '[::1]';
      expect(asked[0]).toBe(`GET /v1/doubt ${reached}:${port}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
