import { randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import { readBooks, type Books } from '../../scripts/devnet/checks.ts';
import { makeCertificate } from '../../operator-node/channel/certificate.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

let net: TestNet;
let opening: Books;
let aurora: NodeClient;

beforeAll(async () => {
  net = await TestNet.start({
    overrides: { limits: { perOrder: { SEK: '450000' }, perUserDay: {}, perCounterparty: {} } },
  });
  opening = await readBooks(net.file, net.devnet.clients);
  aurora = net.devnet.operator('aurora');
});

afterAll(async () => {
  expect(net.deaths).toEqual([]);
  await net.stop();
});

const body = (changes: Record<string, unknown> = {}): string =>
  JSON.stringify({
    id: randomUUID(),
    from: net.user('anna').number,
    to: net.user('elin').number,
    text: 'Hello',
    ...changes,
  });

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

describe('POST /v1/messages', () => {
  it('refuses a missing or wrong token', async () => {
    const wrong = nodeClient({ ...aurora.access, gatewayToken: 'not-the-token-at-all' });
    expect((await aurora.raw('POST', '/v1/messages', 'none', body())).status).toBe(401);
    expect((await wrong.raw('POST', '/v1/messages', 'gateway', body())).status).toBe(401);
    wrong.close();
  });

  it('refuses the staff’s token, and staff’s routes refuse the gateway’s', async () => {
    expect((await aurora.raw('POST', '/v1/messages', 'admin', body())).status).toBeGreaterThanOrEqual(401);
    expect((await aurora.raw('GET', '/v1/positions', 'gateway')).status).toBeGreaterThanOrEqual(401);
  });

  it.each([
    ['malformed JSON', '{"id":'],
    ['a field too few', '{"id":"1","from":"+46701740611","to":"+46701740651"}'],
    ['a number that is none', '{"id":"1","from":"0701740611","to":"+46701740651","text":"x"}'],
    ['a lone surrogate', '{"id":"1","from":"+46701740611","to":"+46701740651","text":"\\ud800"}'],
  ])('refuses %s with 400 and says why', async (_, text) => {
    const { status, body: answer } = await aurora.raw('POST', '/v1/messages', 'gateway', text);
    expect(status).toBe(400);
    const { error } = JSON.parse(answer) as Refusal;
    expect(error.code).toMatch(/^bad-/);
    expect(error.message.length).toBeGreaterThan(10);
  });

  it('refuses a sender who is not this operator’s customer', async () => {
    const { status } = await aurora.raw('POST', '/v1/messages', 'gateway', body({ from: '+46701999999' }));
    expect(status).toBe(404);
  });

  it('answers the same id and body the same, with one effect, and the same id with another body with 409', async () => {
    const since = net.received.length;
    const text = body({ text: `Once only ${randomUUID()}` });
    const first = await aurora.raw('POST', '/v1/messages', 'gateway', text);
    const second = await aurora.raw('POST', '/v1/messages', 'gateway', text);
    expect(first.status).toBe(202);
    expect(second).toEqual(first);
    const { id, text: said } = JSON.parse(text) as { id: string; text: string };
    const other = await aurora.raw('POST', '/v1/messages', 'gateway', body({ id, text: 'Something else' }));
    expect(other.status).toBe(409);
    await net.arrived('elin', new RegExp(said), since);
    // A later message to the same phone has arrived: a second copy of the first would have come before it.
    const mark = randomUUID();
    await net.send('anna', 'elin', mark);
    await net.arrived('elin', new RegExp(mark), since);
    expect(net.received.slice(since).filter((message) => message.text === said)).toHaveLength(1);
    expect(net.received.slice(since).filter((message) => message.text === 'Something else')).toEqual([]);
  });
});

describe('a message that is no order', () => {
  it.each([
    ['an order word before no digit', 'Pay attention!'],
    ['emoji', '🎉🎊 grattis 🎂'],
    ['2,000 characters', 'x'.repeat(2000)],
    ['a keyword alone', 'PAY'],
    ['a keyword in a sentence', 'Request denied'],
    ['a purchase in words', 'buy milk'],
  ])('passes through unchanged: %s', async (_, text) => {
    const since = net.received.length;
    expect(await net.send('anna', 'elin', text)).toBe('forwarded');
    const { message } = await net.arrived('elin', /[\s\S]/, since);
    expect(message.text).toBe(text);
    expect(message.from).toBe(net.user('anna').number);
  });
});

describe('an order that cannot be', () => {
  it.each([
    ['anna', 'elin', 'PAY 12,5O', /No amount could be read in "12,5O"/],
    ['anna', 'elin', 'PAY 1.200', /can be read in two ways/],
    ['anna', 'elin', 'PAY 1,200', /can be read in two ways/],
    ['björn', 'elin', 'BETALA 1.200', /kan läsas på två sätt/],
    ['anna', 'elin', 'PAY 0', /amount is zero/],
    ['anna', 'elin', 'PAY 10 GBP', /GBP cannot be used/],
    ['anna', 'george', 'PAY 4000 EUR', /do not have enough money/],
    ['anna', 'elin', 'PAY 4600', /over a limit/],
    ['björn', 'elin', 'BETALA 1500,01', /inte nog med pengar/],
    ['anna', 'anna', 'PAY 10', /your own number/],
    ['anna', '+46709999999', 'PAY 10', /Nobody can be reached/],
    ['anna', 'service', 'YES 4821', /no open question/],
    ['anna', 'service', 'CANCEL', /nothing to cancel/],
    ['anna', 'service', 'REFUND', /no payment to you/],
    ['anna', 'service', 'abracadabra', /not understood/],
    ['björn', 'service', 'BETALA 10', /Till vem\?/],
  ])('%s → %s "%s" is answered to the sender alone', async (from, to, text, reply) => {
    const since = net.received.length;
    expect(await net.send(from, to, text)).toBe('answered');
    await net.arrived(from, reply, since);
    await net.readPhones();
    expect(net.received.slice(since).map(({ to: phone }) => phone)).toEqual([net.user(from).number]);
  });

  // Only the addressee's operator knows these: the sender is told as soon as it has said so.
  it.each([
    ['anna', '+46701999998', 'PAY 10', /^Nobody can be reached for this at \+46701999998/],
    ['anna', '+46702999998', 'PAY 10', /^Nobody can be reached for this at \+46702999998/],
    ['elin', '+46701999997', 'BETALA 10', /^Ingen kan nås för detta på \+46701999997/],
    ['anna', 'platform', 'BUY 99', /^"99" is not for sale/],
    ['george', 'platform', 'BUY 99', /^"99" is not for sale/],
  ])('%s → %s "%s" is refused to the sender alone, once', async (from, to, text, reply) => {
    const since = net.received.length;
    expect(await net.send(from, to, text)).not.toBe('forwarded');
    await net.arrived(from, reply, since);
    const mark = randomUUID();
    await net.send('björn', from, mark);
    await net.arrived(from, new RegExp(mark), since);
    const others = net.received
      .slice(since)
      .filter((message) => message.text !== mark && !/^Buying/.test(message.text));
    expect(others.map(({ to: phone }) => phone)).toEqual([net.user(from).number]);
  });

  it('leaves every balance as it was, and no hold', async () => {
    const books = await until(
      async () => {
        const found = await readBooks(net.file, net.devnet.clients);
        return found.held === 0n ? found : undefined;
      },
      { timeoutMillis: 10_000, failure: () => 'holds stay' },
    );
    expect(books.balances).toEqual(opening.balances);
    expect([...books.positions.values()].filter((balance) => balance !== 0n)).toEqual([]);
  });
});

describe('an answer', () => {
  it('is refused without its code where it takes money, with a wrong code, and by someone else; three tries', async () => {
    const since = net.received.length;
    expect(await net.send('anna', 'ida', 'REQUEST 20 coffee')).toBe('intercepted');
    const { match } = await net.arrived('ida', /begär 20,00 SEK.*JA (\w+)/, since);
    const code = match[1] ?? '';
    const wrong = code === '1111' ? '2222' : '1111';

    expect(await net.send('ida', 'service', 'JA')).toBe('answered');
    await net.arrived('ida', /Skriv frågans kod också/, since);
    expect(await net.send('elin', 'service', `JA ${code}`)).toBe('answered');
    await net.arrived('elin', /ingen öppen fråga|Ingen öppen fråga/, since);
    // Answers count only at the service number: to a person this is an ordinary message.
    expect(await net.send('ida', 'anna', `JA ${code}`)).toBe('forwarded');
    for (let tries = 0; tries < 3; tries += 1) expect(await net.send('ida', 'service', `JA ${wrong}`)).toBe('answered');
    await net.arrived('ida', /För många fel koder/, since);
    expect(await net.send('ida', 'service', `JA ${code}`)).toBe('answered');
    expect((await net.balances('ida'))['SEK']).toEqual({ balance: '30000', held: '0' });
  });

  it('counts once', async () => {
    const since = net.received.length;
    expect(await net.send('anna', 'elin', 'PAY 5 fika')).toBe('intercepted');
    const { match } = await net.arrived('elin', /betala dig 5,00 SEK.*JA (\w+)/, since);
    expect(await net.send('elin', 'service', `JA ${match[1]}`)).toBe('intercepted');
    expect(await net.send('elin', 'service', `NEJ ${match[1]}`)).toBe('answered');
    await net.arrived('anna', /^You paid Elin Falk 5\.00 SEK/, since);
  });
});

describe('a refund', () => {
  it('is refused above what is left of the original', async () => {
    const since = net.received.length;
    expect(await net.send('anna', 'café', 'PAY 10 bun')).toBe('intercepted');
    const { match } = await net.arrived('café', /betalade dig 10,00 SEK\. Ref (\w+)/, since);
    expect(await net.send('café', 'service', `ÅTERBETALA ${match[1]} 10,01`)).toBe('answered');
    await net.arrived('café', /10,00 SEK är kvar/, since);
  });
});

describe('the secure channel', () => {
  it('refuses a caller without a certificate, and one whose key is nobody’s pin', async () => {
    const port = net.devnet.layout.operators[0].channelPort;
    const stranger = await makeCertificate({ handle: 'stranger', now: Date.now() as UnixMillis });
    for (const identity of [{}, { key: stranger.key, cert: stranger.cert }]) {
      const answer = await new Promise<string>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...identity });
        let said = '';
        socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
        socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
        socket.on('error', () => {});
        socket.on('close', () => resolve(said));
      });
      expect(answer).toBe('');
    }
  });
});
