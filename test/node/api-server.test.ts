/** The API on a port: clients that are slow, rude or many, and an end that finishes what has begun. */
import { connect, type Socket } from 'node:net';
import { Agent, request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startApi } from '../../operator-node/api/server.ts';
import { message } from './api-node.fixture.ts';
import { adminToken, asStaff, fakeApi, gatewayToken, post, serve } from './api.fixture.ts';

/** Everything that the server says until it closes the connection. */
function conversation(port: number, ...pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.on('data', (piece) => (heard += piece.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
    for (const piece of pieces) socket.write(piece);
  });
}

const refusedWith = (code: string) =>
  new RegExp(`^HTTP/1\\.1 4\\d\\d .*\\{"error":\\{"code":"${code}","message":"[^"]+"\\}\\}$`, 's');

describe('what is no request', () => {
  it('refuses what is not HTTP', async () => {
    const { api } = await serve();
    expect(await conversation(api.port, 'PAY 120\r\n\r\n')).toMatch(refusedWith('bad-request'));
  });

  it('refuses headers that are too long', async () => {
    const { api } = await serve();
    const long = `GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(10_000)}\r\n\r\n`;
    expect(await conversation(api.port, long)).toMatch(refusedWith('too-large'));
  });

  it('refuses headers that do not come to an end', async () => {
    const { api } = await serve(fakeApi(), {}, { headersMillis: 100, requestMillis: 100 });
    expect(await conversation(api.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n')).toMatch(refusedWith('bad-request'));
  });

  it('ends a body that does not come to an end, and asks the node nothing', async () => {
    const services = fakeApi();
    const { api } = await serve(services, {}, { headersMillis: 100, requestMillis: 100 });
    const head = `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gatewayToken}\r\ncontent-length: 50\r\n\r\n`;
    expect(await conversation(api.port, head, '{"id":')).toMatch(refusedWith('bad-request'));
    expect(services.calls).toEqual([]);
  });

  it('cuts off a sender that goes on and on after its refusal', async () => {
    const { api } = await serve();
    const head = 'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\n';
    const heard = await conversation(api.port, head, ...Array.from({ length: 200 }, () => 'x'.repeat(65_536)));
    expect(heard === '' || heard.startsWith('HTTP/1.1 401 ')).toBe(true);
  });
});

describe('startApi', () => {
  it('says so when the port is taken', async () => {
    const { api } = await serve();
    const again = startApi(fakeApi().groups, { host: '127.0.0.1', port: api.port, gatewayToken, adminToken });
    await expect(again).rejects.toMatchObject({
      code: 'config-invalid',
      message: `api: cannot listen on 127.0.0.1:${api.port}: the port is in use`,
    });
  });

  it('keeps a connection for the next request', async () => {
    const { api } = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<boolean>((resolve, reject) => {
        const asked = request({ port: api.port, host: '127.0.0.1', path: '/healthz', agent }, (answer) => {
          answer.resume().on('end', () => resolve(asked.reusedSocket));
        });
        asked.on('error', reject).end();
      });
    expect(await ask()).toBe(false);
    expect(await ask()).toBe(true);
    agent.destroy();
  });
});

describe('close', () => {
  it('closes connections that are idle, at once', async () => {
    const { api } = await serve(fakeApi(), {}, { closeMillis: 60_000, keepAliveMillis: 60_000 });
    const idle = conversation(api.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    await fetch(`http://127.0.0.1:${api.port}/healthz`);
    await api.close();
    expect(await idle).toMatch(/^(HTTP\/1\.1 200 .*)?$/s);
    await expect(fetch(`http://127.0.0.1:${api.port}/healthz`)).rejects.toThrow();
  });

  it('answers what is under way, then closes that connection too', async () => {
    let answer: () => void = () => {};
    let asked: () => void = () => {};
    const underWay = new Promise<void>((resolve) => (asked = resolve));
    const held = new Promise<void>((resolve) => (answer = resolve));
    const services = fakeApi({
      receiveMessage: async ({ body: { id } }) => {
        asked();
        await held;
        return { id, disposition: 'forwarded' };
      },
    });
    const { api, url } = await serve(services, {}, { closeMillis: 60_000, keepAliveMillis: 60_000 });
    const posted = post(`${url}/v1/messages`, message);
    await underWay;
    const closed = api.close();
    answer();
    const got = await posted;
    expect([got.status, got.headers.get('connection')]).toEqual([202, 'close']);
    await closed;
  });

  it('does not wait for an answer for ever, and can be asked twice', async () => {
    let asked: () => void = () => {};
    const underWay = new Promise<void>((resolve) => (asked = resolve));
    const services = fakeApi({ positions: () => (asked(), new Promise(() => {})) });
    const { api, url } = await serve(services, {}, { closeMillis: 50 });
    const stuck = fetch(`${url}/v1/positions`, { headers: asStaff }).catch(() => 'cut');
    await underWay;
    await Promise.all([api.close(), api.close()]);
    expect(await stuck).toBe('cut');
  });
});
