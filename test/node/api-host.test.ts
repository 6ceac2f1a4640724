/** What needs no token is told only to those who ask by an address or by a name of this node. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ApiAccess } from '../../operator-node/api/access.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { adminToken, asStaff, gatewayToken, routes, serve } from './api.fixture.ts';

const tokens = { gatewayToken, adminToken };
const misdirected = (host: string, access: ApiAccess): boolean => {
  try {
    access.checkHost(host);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'misdirected', status: 421 });
    expect(error).toBeInstanceOf(TandemError);
    return true;
  }
};

describe('the Host of a request', () => {
  it.each([
    'localhost',
    'LOCALHOST:7400',
    'localhost.',
    '127.0.0.1',
    '127.0.0.1:7400',
    '10.1.2.3:80',
    '[::1]',
    '[fd00::1]:7400',
    'node.example',
    'Node.Example.:443',
    'aurora:9100',
  ])('%s is this node', (host) => {
    expect(misdirected(host, new ApiAccess({ ...tokens, host: 'node.example', names: ['aurora'] }))).toBe(false);
  });

  it.each([
    'evil.example',
    'evil.example:7400',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'node.example.evil.example',
    'evilnode.example',
    'sub.node.example',
    'sub.localhost',
    'aurora.evil.example',
    'evil.example@127.0.0.1',
    '127.0.0.1/',
    '127.0.0.1#',
    '127.0.0.1?a',
    'localhost:port',
    'local host',
    '',
    '.',
    '[::1',
    '\u0000',
  ])('%j is not', (host) => {
    expect(misdirected(host, new ApiAccess({ ...tokens, host: 'node.example', names: ['aurora'] }))).toBe(true);
  });

  it('may be absent, as in HTTP/1.0, which no browser speaks', () => {
    expect(() => new ApiAccess(tokens).checkHost(undefined)).not.toThrow();
  });

  it('counts by the names of now', () => {
    const access = new ApiAccess({ ...tokens, names: ['old.example'] });
    access.replace({ ...tokens, names: ['new.example'] });
    expect(misdirected('new.example', access)).toBe(false);
    expect(misdirected('old.example', access)).toBe(true);
  });
});

/** As a browser would whose page has its own name mean this address. */
const asked = (port: number, path: string, host: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { host, ...headers } }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });

describe('a page of another name', () => {
  it.each(['/metrics', '/openapi.json'])('reads nothing at %s', async (path) => {
    const { api } = await serve();
    const own = await asked(api.port, path, `127.0.0.1:${api.port}`);
    expect(own.status).toBe(200);
    const other = await asked(api.port, path, `evil.example:${api.port}`);
    expect([other.status, (JSON.parse(other.body) as { error: { code: string } }).error.code]).toEqual([
      421,
      'misdirected',
    ]);
    // Staff’s token makes no name of this node’s.
    expect((await asked(api.port, path, 'evil.example', asStaff)).status).toBe(421);
  });

  it('is told whether the process serves, and nothing else without a token', async () => {
    const { api } = await serve();
    const open = routes.filter(({ token }) => token === 'none');
    expect(open.filter(({ hostChecked }) => hostChecked !== true).map(({ path }) => path)).toEqual([
      '/healthz',
      '/readyz',
    ]);
    expect((await asked(api.port, '/healthz', 'balancer.example')).body).toBe('{"status":"ok"}');
  });

  it('does not matter where a token is asked for: a page has none', async () => {
    const { api } = await serve();
    expect((await asked(api.port, '/v1/positions', 'node.example', asStaff)).status).toBe(200);
    expect((await asked(api.port, '/v1/positions', 'evil.example')).status).toBe(401);
  });

  it('HTTP/1.0 without a Host is answered', async () => {
    const { api } = await serve();
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(api.port, '127.0.0.1', () => socket.end('GET /metrics HTTP/1.0\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});
