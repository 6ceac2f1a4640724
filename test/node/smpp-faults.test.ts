import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { WebhookGateway } from '../../operator-node/messaging/webhook.ts';
import { storm } from '../../scripts/sms/storm.ts';
import { makeCertificate } from '../../operator-node/channel/certificate.ts';
import type { Msisdn, Timestamp, UnixMillis } from '../../operator-node/model/ids.ts';
import { plainGsm, decodeText } from '../../operator-node/smpp/alphabet.ts';
import { encodePdu } from '../../operator-node/smpp/pdu.ts';
import { afterTest, FakeNode, fromPhone, phone, rig, secret, service, until } from './smpp.fixture.ts';
import { Smsc, u32 } from './smsc.fixture.ts';

const numberOf = (index: number): Msisdn => `+46701${100_000 + index}` as Msisdn;
/** Its sm_length says 99. */
function longerThanItIs(pdu: Buffer): Buffer {
  pdu[pdu.length - 4] = 99;
  return pdu;
}
const texts = ({ submitted }: Smsc): string[] =>
  submitted.map(({ octets }) => decodeText(octets, 'gsm', plainGsm) ?? '');

describe('a centre that fails', () => {
  it('and comes back, at twenty moments, loses nothing and is told nothing twice that it had answered', async () => {
    const { smsc, node, send, metric } = await rig({ smsc: { answerMillis: 3, receiptMillis: 3 } });
    const count = 20;
    const delivered: Promise<number>[] = [];
    for (let moment = 0; moment < count; moment += 1) {
      await send(...[0, 1, 2].map((index) => ({ to: numberOf(moment * 3 + index), text: `m ${moment} ${index}` })));
      delivered.push(smsc.deliver(fromPhone(`from ${moment}`, { source_addr: numberOf(moment).slice(1) })));
      await new Promise((resolve) => setTimeout(resolve, moment));
      await smsc.kill();
      if (moment % 2 === 1) smsc.forgetCounters();
      await smsc.start();
    }
    await Promise.all(delivered);
    await until(async () => (await metric('outcomes_total{route="main",outcome="delivered"}')) === count * 3, 25_000);
    await until(() => node.taken.size === count);
    expect(node.texts.sort()).toEqual(Array.from({ length: count }, (_, index) => `from ${index}`).sort());
    const all = texts(smsc);
    expect(new Set(all).size).toBe(count * 3);
    // What was taken and never answered can have gone twice, where no receipt had said so in time: nothing else.
    expect(all.length - new Set(all).size).toBeLessThanOrEqual(await metric('sent_again_total{route="main"}'));
  }, 60_000);

  it('after taking a message without an answer is not sent it again, once its receipt has come', async () => {
    const { smsc, send, outcome, metric } = await rig({ smsc: { onSubmit: (_, count) => (count === 1 ? 'drop' : 0) } });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    expect(smsc.submitted).toHaveLength(1);
    expect(await metric('sent_again_total{route="main"}')).toBe(0);
  });

  it('after taking a message without an answer is sent it again, where no receipt comes in time', async () => {
    let receipts = 0;
    const outcomeOf = (): string | undefined => ((receipts += 1) === 1 ? undefined : 'DELIVRD');
    const { smsc, send, outcome, metric } = await rig({
      smsc: { onSubmit: (_, count) => (count === 1 ? 'drop' : 0), outcome: outcomeOf },
    });
    await send({ id: 'm' }, { id: 'n' });
    await until(async () => (await outcome('n')) === 'delivered');
    expect(smsc.submitted).toHaveLength(3);
    expect(await metric('sent_again_total{route="main"}')).toBe(1);
    expect(await outcome('m')).toBe('delivered');
  });

  it('and repeats an old receipt does not make a message in doubt look delivered', async () => {
    let drop = false;
    const { smsc, send, outcome, metric } = await rig({ smsc: { onSubmit: () => (drop ? 'drop' : 0) } });
    await send({ id: 'first' });
    await until(async () => (await outcome('first')) === 'delivered');
    const [first] = smsc.submitted;
    drop = true;
    smsc.options.outcome = () => undefined;
    await send({ id: 'second' });
    await until(() => smsc.submitted.length === 2);
    const text = `id:${first?.id ?? ''} sub:001 dlvrd:001 stat:DELIVRD err:000 text:`;
    await smsc.deliver(fromPhone('', { esm_class: 4, short_message: Buffer.from(text) }));
    expect(await outcome('second')).toBe('under-way');
    drop = false;
    smsc.options.outcome = () => 'DELIVRD';
    await until(async () => (await outcome('second')) === 'delivered');
    expect(await metric('sent_again_total{route="main"}')).toBe(1);
  });

  it('that does not answer in time is given up, and bound again', async () => {
    const { smsc, send, outcome, logged } = await rig({
      smsc: { onSubmit: (_, count) => (count === 1 ? 'lose' : 0) },
      route: { responseSeconds: 1 },
    });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    expect(logged.some(({ reason }) => reason === 'no answer within 1 s')).toBe(true);
    await until(() => smsc.binds.length === 2);
  });

  it('that throttles gets less for a while, and every message once', async () => {
    const { smsc, send, metric } = await rig({
      smsc: { onSubmit: (_, count) => (count > 3 && count < 8 ? 0x58 : 0), answerMillis: 2 },
      route: { window: 5 },
    });
    await send(...Array.from({ length: 20 }, (_, index) => ({ to: numberOf(index), text: `t ${index}` })));
    await until(async () => (await metric('outcomes_total{route="main",outcome="delivered"}')) === 20);
    expect(await metric('submits_total{route="main",status="ESME_RTHROTTLED"}')).toBe(4);
    expect(smsc.submitted).toHaveLength(20);
    expect(smsc.windowSeen).toBeLessThanOrEqual(5);
  });

  it('that refuses one message for good says so in its outcome, and holds up no other', async () => {
    const { send, outcome } = await rig({ smsc: { onSubmit: (_, count) => (count === 1 ? 0x0b : 0) } });
    await send({ id: 'bad' }, { id: 'good' });
    await until(async () => (await outcome('good')) === 'delivered');
    expect(await outcome('bad')).toBe('undeliverable');
  });

  it('that refuses a message for now is asked again', async () => {
    const { smsc, send, outcome } = await rig({ smsc: { onSubmit: (_, count) => (count === 1 ? 0x08 : 0) } });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    expect(smsc.submits).toBe(2);
  });

  it('that refuses the bind is tried again, and its reason is logged once', async () => {
    let refusals = 4;
    const { smsc, send, outcome, logged } = await rig({ smsc: { bindStatus: () => (refusals-- > 0 ? 0x0e : 0) } });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    expect(smsc.binds).toHaveLength(5);
    expect(logged.filter(({ type }) => type === 'bind-down')).toEqual([
      expect.objectContaining({ reason: 'the centre has refused the bind: ESME_RINVPASWD' }),
    ]);
  });

  it('that garbles an answer loses that answer, and not the connection', async () => {
    const { smsc, send, outcome, metric } = await rig({
      smsc: { onSubmit: (_, count) => (count === 1 ? 'garble' : 0) },
    });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    expect(await metric('faults_total{route="main",kind="malformed-pdu"}')).toBe(1);
    expect(smsc.binds).toHaveLength(1);
  });

  it.each([
    [
      'a PDU whose text is longer than it',
      () => longerThanItIs(encodePdu('deliver_sm', 9001, { short_message: Buffer.from('abc') })),
    ],
    ['a command that nobody knows', () => Buffer.concat([u32(16), u32(0x7777), u32(0), u32(7)])],
    ['an answer to nothing', () => Buffer.concat([u32(16), u32(0x80000004), u32(0), u32(777)])],
    ['a PDU without its fields', () => Buffer.concat([u32(17), u32(5), u32(0), u32(8), Buffer.from([65])])],
  ])('that sends %s costs that PDU, and not the connection', async (_what, octets) => {
    const { smsc, node } = await rig();
    await until(() => smsc.binds.length === 1);
    await smsc.deliver(fromPhone('before'));
    smsc.raw(octets());
    await smsc.deliver(fromPhone('after'));
    await until(() => node.taken.size === 2);
    expect(smsc.binds).toHaveLength(1);
  });

  it.each([
    ['far too long', u32(0x7fffffff)],
    ['too short', u32(3)],
    ['nothing', u32(0)],
  ])('that sends a length that is %s is bound again, and loses nothing', async (_what, octets) => {
    const { smsc, node, send, outcome } = await rig();
    await smsc.deliver(fromPhone('before'));
    smsc.raw(Buffer.concat([octets, Buffer.alloc(40, 7)]));
    await until(() => smsc.binds.length === 2);
    await smsc.deliver(fromPhone('after'));
    await send({ id: 'm' });
    await until(async () => node.taken.size === 2 && (await outcome('m')) === 'delivered');
  });

  it('and is slow slows its own route only', async () => {
    const slow = await new Smsc({ answerMillis: 1_500 }).start();
    afterTest(() => slow.kill());
    const other = {
      name: 'slow',
      host: '127.0.0.1',
      port: slow.port,
      systemId: 'x',
      password: 'y',
      prefixes: ['+47'],
      window: 1,
    };
    const { send, metric } = await rig({ routes: [other] });
    await send(...Array.from({ length: 20 }, (_, index) => ({ to: `+4790000${100 + index}` as Msisdn })));
    await send(...Array.from({ length: 20 }, (_, index) => ({ to: numberOf(index) })));
    await until(async () => (await metric('outcomes_total{route="main",outcome="delivered"}')) === 20, 5_000);
    expect(await metric('outcomes_total{route="slow",outcome="delivered"}')).toBeLessThan(5);
  });

  it('has messages only when both its binds are up', async () => {
    let refused = true;
    const { smsc, send, outcome } = await rig({
      smsc: { bindStatus: () => (refused && smsc.binds.at(-1) === 'bind_receiver' ? 0x0d : 0) },
      route: { bind: 'separate' },
    });
    await send({ id: 'm' });
    await until(() => smsc.binds.includes('bind_transmitter') && smsc.binds.length > 3);
    expect(smsc.submitted).toEqual([]);
    refused = false;
    await until(async () => (await outcome('m')) === 'delivered');
  });
});

describe('PDUs of chance', () => {
  it('over a connection cost none of the good messages between them', async () => {
    const { smsc, node, logged } = await rig();
    const texts = await storm({ smsc, pdus: 3_000, seed: 7, lengthEvery: 500 });
    await until(() => texts.every((text) => node.texts.includes(text)));
    const good = node.texts.filter((text) => text.startsWith('good '));
    expect(good).toHaveLength(texts.length);
    expect(logged.filter((entry) => 'fatal' in entry)).toEqual([]);
    expect(smsc.binds.length).toBeGreaterThan(1);
  }, 60_000);
});

describe('TLS', () => {
  it('carries messages to a centre whose certificate comes from the authority of the configuration', async () => {
    const { smsc, route } = await withCertificate(Date.now());
    const { send, outcome } = await rig({ smsc, route });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
  });

  it('is refused to a certificate that has ended, which is logged once', async () => {
    const { smsc, route } = await withCertificate(Date.now() - 20 * 86_400_000);
    const { send, logged, smsc: centre } = await rig({ smsc, route });
    await send({});
    await until(() => logged.some(({ reason }) => reason === 'CERT_HAS_EXPIRED'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(centre.binds).toEqual([]);
    expect(logged.filter(({ type }) => type === 'bind-down')).toHaveLength(1);
  });

  /** A certificate of ten days from then. */
  async function withCertificate(from: number) {
    const { cert, key } = await makeCertificate({ handle: 'smsc.example', now: from as UnixMillis, days: 10 });
    const dir = mkdtempSync(join(tmpdir(), 'tandem-smpp-tls-'));
    afterTest(() => rmSync(dir, { recursive: true, force: true }));
    const caFile = join(dir, 'ca.pem');
    writeFileSync(caFile, cert);
    return { smsc: { tls: { cert, key } }, route: { tls: { caFile, serverName: 'smsc.example' } } };
  }
});

describe('a message from a phone that comes again', () => {
  it('since its acknowledgement was lost is taken once, also from a centre that counts anew', async () => {
    const { smsc, node, metric } = await rig();
    await until(() => smsc.binds.length === 1);
    const deliveries = Array.from({ length: 5 }, (_, index) => smsc.deliver(fromPhone(`text ${index}`)));
    // The connection ends when the gateway has them, and before the centre has read that it has.
    await until(() => node.posts.length >= 1);
    smsc.cut();
    smsc.forgetCounters();
    await Promise.all(deliveries);
    await until(() => node.taken.size === 5);
    expect(node.texts.sort()).toEqual([0, 1, 2, 3, 4].map((index) => `text ${index}`));
    expect(await metric('received_total{route="main",what="message"}')).toBeGreaterThanOrEqual(5);
  });

  it('since the gateway was stopped before its acknowledgement was read is taken once', async () => {
    const { smsc, node, restart } = await rig();
    const octets = encodePdu('deliver_sm', 1, fromPhone('JA'));
    await until(() => smsc.binds.length === 1);
    // Not through the centre's queue: it would know the acknowledgement.
    smsc.raw(octets);
    await until(() => node.taken.size === 1);
    await restart();
    await until(() => smsc.binds.length === 2);
    await smsc.deliver(fromPhone('JA'));
    await smsc.deliver(fromPhone('NEJ'));
    await until(() => node.taken.size === 2);
    expect(node.texts).toEqual(['JA', 'NEJ']);
  });

  it('with the same content as one that was acknowledged is a new one', async () => {
    const { smsc, node } = await rig();
    await smsc.deliver(fromPhone('JA'));
    await smsc.deliver(fromPhone('JA'));
    await until(() => node.taken.size === 2);
    // Long enough for the gateway to know that its acknowledgements were read.
    await new Promise((resolve) => setTimeout(resolve, 500));
    smsc.cut();
    smsc.forgetCounters();
    await until(() => smsc.binds.length === 2);
    await smsc.deliver(fromPhone('JA'));
    await until(() => node.taken.size === 3);
    expect(new Set(node.posts.map(({ id }) => id)).size).toBe(3);
  });
});

describe('a gateway that is killed', () => {
  it('at any moment loses nothing, in neither direction', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tandem-smpp-kill-'));
    afterTest(() => rmSync(dir, { recursive: true, force: true }));
    const smsc = await new Smsc({ answerMillis: 2, receiptMillis: 2 }).start();
    afterTest(() => smsc.kill());
    const node = await new FakeNode().start();
    const file = join(dir, 'smpp.yaml');
    const route = {
      name: 'main',
      host: '127.0.0.1',
      port: smsc.port,
      systemId: 'a',
      password: 'b',
      doubtSeconds: 1,
      reconnectMillis: 20,
    };
    const config = {
      ...{ dataDir: 'store', listen: { port: 0, secrets: [secret] }, routes: [{ ...route, window: 20 }] },
      node: { url: node.url, token: 'the-token-of-the-gateway' },
    };
    writeFileSync(file, stringify(config), { mode: 0o600 });
    const rounds = 6;
    const arrived: Promise<number>[] = [];
    let sent = 0;
    for (let round = 0; round < rounds; round += 1) {
      const { child, port } = await startProcess(file);
      const webhook = new WebhookGateway({
        url: `http://127.0.0.1:${port}/messages`,
        secret,
        timeoutMillis: 5_000,
        now: Date.now,
      });
      const last = round === rounds - 1;
      for (let index = 0; index < 30; index += 1) {
        arrived.push(smsc.deliver(fromPhone(`from ${round} ${index}`)));
        const message = {
          id: `k-${sent}`,
          from: service,
          to: numberOf(sent),
          text: `k ${sent}`,
          at: '2026-11-30T12:00:00Z' as Timestamp,
        };
        await webhook.deliver([message]);
        sent += 1;
        if (!last && index === 5 + round * 4) break;
      }
      if (last) {
        await Promise.all(arrived);
        await until(() => new Set(texts(smsc)).size === sent && node.taken.size === arrived.length, 20_000);
        child.kill('SIGTERM');
        expect(await once(child, 'exit')).toEqual([0, null]);
      } else {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await webhook.close();
    }
    expect(new Set(node.texts).size).toBe(arrived.length);
    const again = texts(smsc).length - sent;
    // At most what was under way at a kill, and had no receipt in time.
    expect(again).toBeLessThanOrEqual(5 * 20);
  }, 90_000);

  async function startProcess(config: string): Promise<{ child: ChildProcess; port: number }> {
    const main = join(import.meta.dirname, '../../operator-node/cli/main.ts');
    const child = spawn(process.execPath, [main, 'smpp', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
    afterTest(() => void child.kill('SIGKILL'));
    let said = '';
    for await (const piece of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      said += String(piece);
      const ready = said.split('\n').find((line) => line.includes('"ready":true'));
      if (ready !== undefined) return { child, port: (JSON.parse(ready) as { port: number }).port };
    }
    throw new Error(`it ended: ${said}`);
  }
});

describe('tandem smpp', () => {
  it('refuses a configuration that others can read, or with a route twice', async () => {
    const { loadSmppConfig } = await import('../../operator-node/smpp/smpp-config.ts');
    const dir = mkdtempSync(join(tmpdir(), 'tandem-smpp-config-'));
    afterTest(() => rmSync(dir, { recursive: true, force: true }));
    const file = join(dir, 'smpp.yaml');
    const example =
      /```yaml\n([^]*?)```/.exec(readFileSync(join(import.meta.dirname, '../../docs/sms.md'), 'utf8'))?.[1] ?? '';
    writeFileSync(file, example, { mode: 0o644 });
    expect(() => loadSmppConfig(file)).toThrow(/chmod 600/);
    writeFileSync(join(dir, 'own.yaml'), example, { mode: 0o600 });
    expect(loadSmppConfig(join(dir, 'own.yaml')).routes[0]?.addresses[0]?.number).toBe('+46700000001');
    writeFileSync(
      join(dir, 'twice.yaml'),
      `${example}  - { name: main, host: a, port: 1, systemId: a, password: b }\n`,
      { mode: 0o600 },
    );
    expect(() => loadSmppConfig(join(dir, 'twice.yaml'))).toThrow(/there is another route main/);
    expect(phone).toMatch(/^\+/);
  });
});
