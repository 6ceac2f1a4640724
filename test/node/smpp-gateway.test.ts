import { describe, expect, it } from 'vitest';
import type { Msisdn, Timestamp } from '../../operator-node/model/ids.ts';
import { decodeText, plainGsm } from '../../operator-node/smpp/alphabet.ts';
import { readHeader } from '../../operator-node/smpp/header.ts';
import { fromPhone, phone, rig, service, until } from './smpp.fixture.ts';
import type { Ids } from './smsc.fixture.ts';

const plain = (octets: Buffer | undefined): string =>
  octets === undefined ? '' : (decodeText(octets, 'gsm', plainGsm) ?? '');

describe('a message to a phone', () => {
  it('is submitted with its numbers, its alphabet and a request for a receipt', async () => {
    const { smsc, send } = await rig();
    await send({ text: 'Svara JA 5778. 5 € [åäö]' });
    await until(() => smsc.submitted.length === 1);
    const [{ pdu, octets } = { pdu: {} as Record<string, unknown>, octets: Buffer.alloc(0) }] = smsc.submitted;
    expect(pdu).toMatchObject({
      ...{ source_addr: '46700000001', source_addr_ton: 1, source_addr_npi: 1 },
      ...{ destination_addr: '46701234567', dest_addr_ton: 1, dest_addr_npi: 1 },
      ...{ data_coding: 0, registered_delivery: 1, esm_class: 0, priority_flag: 0 },
    });
    expect(plain(octets)).toBe('Svara JA 5778. 5 € [åäö]');
  });

  it('goes in UCS-2 with data_coding 8 where the GSM alphabet lacks a character', async () => {
    const { smsc, send } = await rig();
    await send({ text: 'Добрый день 😀' });
    await until(() => smsc.submitted.length === 1);
    expect(smsc.submitted[0]?.pdu['data_coding']).toBe(8);
    expect(decodeText(smsc.submitted[0]?.octets ?? Buffer.alloc(0), 'ucs2', plainGsm)).toBe('Добрый день 😀');
  });

  it('is valid until its deadline, and a question has priority', async () => {
    const { smsc, send } = await rig();
    const deadline = `${new Date(Date.now() + 600_000).toISOString().slice(0, 19)}Z` as Timestamp;
    await send({ deadline, priority: 'question' });
    await until(() => smsc.submitted.length === 1);
    expect(smsc.submitted[0]?.pdu).toMatchObject({ priority_flag: 1 });
    expect(smsc.submitted[0]?.pdu['validity_period']).toMatch(/^00000000(09\d\d|1000)000R$/);
  });

  it('is not sent after its deadline, and its outcome says so', async () => {
    const { smsc, send, outcome } = await rig();
    await send({ id: 'late', deadline: '2026-01-01T00:00:00Z' as Timestamp });
    await until(async () => (await outcome('late')) === 'expired');
    expect(smsc.submitted).toEqual([]);
  });

  it('uses the short code that the centre knows for the service', async () => {
    const addresses = [{ number: service, address: '71111', ton: 3, npi: 0 }];
    const { smsc, node, send } = await rig({ route: { addresses } });
    await send({});
    await until(() => smsc.submitted.length === 1);
    expect(smsc.submitted[0]?.pdu).toMatchObject({ source_addr: '71111', source_addr_ton: 3, source_addr_npi: 0 });
    await smsc.deliver(fromPhone('JA', { dest_addr_ton: 3, destination_addr: '71111' }));
    await until(() => node.taken.size === 1);
    expect(node.posts[0]).toMatchObject({ from: phone, to: service, text: 'JA' });
  });

  it('is sent once, however often the node posts it, also after a restart', async () => {
    const { smsc, send, outcome, restart } = await rig();
    await send({ id: 'one' }, { id: 'one' });
    await send({ id: 'one' });
    await until(async () => (await outcome('one')) === 'delivered');
    await restart();
    await send({ id: 'one' }, { id: 'two' });
    await until(async () => (await outcome('two')) === 'delivered');
    expect(smsc.submitted).toHaveLength(2);
  });

  it('is refused where its text has no end, and with it the whole group', async () => {
    const { smsc, send } = await rig();
    await expect(send({ id: 'short' }, { text: 'å'.repeat(100_000) })).rejects.toMatchObject({
      facts: { status: 422 },
    });
    await send({});
    await until(() => smsc.submitted.length === 1);
  });

  it('is refused with another secret', async () => {
    const { gateway } = await rig();
    const answer = await fetch(`http://127.0.0.1:${gateway().port}/messages`, {
      method: 'POST',
      body: '{"messages":[]}',
    });
    expect(answer.status).toBe(401);
  });

  it('goes after the one before it to the same phone, and a question overtakes other phones', async () => {
    const { smsc, send } = await rig({ smsc: { answerMillis: 30 }, route: { window: 1 } });
    const other = (index: number): Msisdn => `+4670999000${index}` as Msisdn;
    await send(
      ...[1, 2, 3].map((index) => ({ to: other(index), text: `other ${index}` })),
      ...[1, 2, 3].map((index) => ({
        text: `mine ${index}`,
        ...(index === 3 ? { priority: 'question' as const } : {}),
      })),
    );
    await until(() => smsc.submitted.length === 6);
    expect(smsc.windowSeen).toBe(1);
    const texts = smsc.submitted.map(({ octets }) => plain(octets));
    expect(texts.filter((text) => text.startsWith('mine'))).toEqual(['mine 1', 'mine 2', 'mine 3']);
    expect(texts.indexOf('mine 3')).toBeLessThan(texts.indexOf('other 3'));
  });

  it.each(['udh8', 'udh16', 'sar', 'payload'])(
    'of several parts goes by %s, and its outcome is that of all',
    async (concatenation) => {
      const { smsc, send, outcome } = await rig({ route: { concatenation } });
      const text = `${'long €'.repeat(60)}!`;
      await send({ id: 'long', text });
      await until(async () => (await outcome('long')) === 'delivered');
      const parts = smsc.submitted.map(({ pdu, octets }) => {
        const data = (Number(pdu['esm_class']) & 0x40) === 0 ? undefined : readHeader(octets);
        const index = data?.concatenation?.index ?? Number(pdu['sar_segment_seqnum'] ?? 1);
        return { index, text: plain(data === undefined ? octets : data.text) };
      });
      expect(parts).toHaveLength(concatenation === 'payload' ? 1 : 3);
      expect(
        parts
          .sort((a, b) => a.index - b.index)
          .map((part) => part.text)
          .join(''),
      ).toBe(text);
    },
  );
});

describe('receipts', () => {
  it.each<Ids>(['same', 'hex-decimal', 'decimal-hex', 'upper', 'zeros', 'tlv', 'tlv-hex'])(
    'with ids in the form %s are matched, every one',
    async (ids) => {
      const { smsc, send, metric } = await rig({ smsc: { ids } });
      await send(
        ...Array.from({ length: 40 }, (_, index) => ({
          to: `+4670123${1000 + index}` as Msisdn,
          text: 'x'.repeat(170),
        })),
      );
      await until(async () => (await metric('outcomes_total{route="main",outcome="delivered"}')) === 40);
      expect(smsc.submitted).toHaveLength(80);
      expect(await metric('faults_total{route="main",kind="receipt-for-nobody"}')).toBe(0);
    },
  );

  it.each([
    ['DELIVRD', 'delivered'],
    ['EXPIRED', 'expired'],
    ['UNDELIV', 'undeliverable'],
    ['REJECTD', 'undeliverable'],
    ['DELETED', 'undeliverable'],
  ])('of %s say that a message is %s', async (word, outcome) => {
    const { send, outcome: of } = await rig({ smsc: { outcome: () => word } });
    await send({ id: 'm' });
    await until(async () => (await of('m')) === outcome);
  });

  it('that leave before the answer to their message are kept for it', async () => {
    const { send, outcome, smsc } = await rig({ smsc: { receiptFirst: true, answerMillis: 100 } });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'delivered');
    await until(() => smsc.acknowledged === 1);
  });

  it('for nobody are acknowledged, counted and logged once', async () => {
    const { smsc, metric, logged } = await rig();
    for (const id of ['1', '2', '3']) {
      const text = `id:${id} sub:001 dlvrd:001 stat:DELIVRD err:000 text:`;
      expect(await smsc.deliver(fromPhone('', { esm_class: 4, short_message: Buffer.from(text) }))).toBe(0);
    }
    expect(await metric('faults_total{route="main",kind="receipt-for-nobody"}')).toBe(3);
    expect(logged.filter(({ type }) => type === 'receipt-for-nobody')).toHaveLength(1);
  });

  it('cannot be written by a phone: the same text without the mark is a message', async () => {
    const { smsc, node, send, outcome } = await rig({ smsc: { outcome: () => undefined } });
    await send({ id: 'm' });
    await until(() => smsc.submitted.length === 1);
    const text = `id:${smsc.submitted[0]?.id ?? ''} sub:001 dlvrd:001 stat:DELIVRD err:000 text:`;
    await smsc.deliver(fromPhone(text));
    await until(() => node.taken.size === 1);
    expect(await outcome('m')).toBe('under-way');
  });

  it('are not waited for where the centre gives none', async () => {
    const { send, outcome } = await rig({ route: { receipts: false } });
    await send({ id: 'm' });
    await until(async () => (await outcome('m')) === 'accepted');
  });
});

describe('a message from a phone', () => {
  it('is handed to the node with numbers in E.164, and acknowledged', async () => {
    const { smsc, node } = await rig();
    expect(await smsc.deliver(fromPhone('BETALA 120 lunch 😀'))).toBe(0);
    await until(() => node.taken.size === 1);
    expect(node.posts[0]).toMatchObject({ from: phone, to: service, text: 'BETALA 120 lunch 😀' });
  });

  it.each([
    ['national, type 2', { source_addr_ton: 2, source_addr: '0701234567' }],
    ['unknown type with a zero', { source_addr_ton: 0, source_addr: '0701234567' }],
    ['unknown type with two zeros', { source_addr_ton: 0, source_addr: '0046701234567' }],
    ['unknown type with a plus', { source_addr_ton: 0, source_addr: '+46701234567' }],
  ])('has its number read where it is %s', async (_what, address) => {
    const { smsc, node } = await rig({ route: { numbers: { country: '+46' } } });
    await smsc.deliver(fromPhone('SALDO', address));
    await until(() => node.taken.size === 1);
    expect(node.posts[0]?.from).toBe(phone);
  });

  it('is refused for good where its sender is a name, or its text in nothing known', async () => {
    const { smsc, node, metric } = await rig();
    expect(await smsc.deliver(fromPhone('', { source_addr_ton: 5, source_addr: 'Bank' }))).toBe(0x0a);
    expect(await smsc.deliver(fromPhone('', { data_coding: 4 }))).toBe(0x65);
    expect(await smsc.deliver(fromPhone('', { data_coding: 0xf6 }))).toBe(0x65);
    const hindi = Buffer.from('0325010648656a', 'hex');
    expect(await smsc.deliver(fromPhone('', { esm_class: 0x40, data_coding: 0, short_message: hindi }))).toBe(0x65);
    expect(node.posts).toEqual([]);
    expect(await metric('faults_total{route="main",kind="unknown-encoding"}')).toBe(3);
  });

  const header = (ref: number, total: number, index: number): Buffer => Buffer.from([5, 0, 3, ref, total, index]);
  const part = (ref: number, total: number, index: number, text: Buffer, more: object = {}): object =>
    fromPhone('', { esm_class: 0x40, short_message: Buffer.concat([header(ref, total, index), text]), ...more });

  it('of several parts is joined, in whatever order they come, also where a character is cut in two', async () => {
    const { smsc, node } = await rig();
    const text = 'Hej 😀 på dig, här är en lång text';
    const octets = Buffer.from(text, 'utf16le').swap16();
    const cuts = [0, 10, 41, octets.length];
    const parts = [1, 2, 3].map((index) => part(9, 3, index, octets.subarray(cuts[index - 1], cuts[index])));
    for (const index of [2, 0, 1]) await smsc.deliver(parts[index] ?? {});
    await until(() => node.taken.size === 1);
    expect(node.texts).toEqual([text]);
  });

  it('of several parts is joined by SAR, and by message_payload', async () => {
    const { smsc, node } = await rig();
    const sar = (index: number) => ({ sar_msg_ref_num: 700, sar_total_segments: 2, sar_segment_seqnum: index });
    await smsc.deliver(fromPhone('första ', sar(1)));
    await smsc.deliver(fromPhone('andra', sar(2)));
    await until(() => node.taken.size === 1);
    const long = 'lång '.repeat(120);
    await smsc.deliver(
      fromPhone('', { short_message: Buffer.alloc(0), message_payload: Buffer.from(long, 'utf16le').swap16() }),
    );
    await until(() => node.taken.size === 2);
    expect(node.texts).toEqual(['första andra', long]);
  });

  it('of several parts survives a restart between them', async () => {
    const { smsc, node, restart } = await rig();
    await smsc.deliver(part(3, 2, 1, Buffer.from('PAY 1'), { data_coding: 1 }));
    await restart();
    await smsc.deliver(part(3, 2, 2, Buffer.from('20 lunch'), { data_coding: 1 }));
    await until(() => node.taken.size === 1);
    expect(node.texts).toEqual(['PAY 120 lunch']);
  });

  it('of which parts never come is told of, and its sender too', async () => {
    const incompleteText = 'Your message has not arrived whole.';
    const { smsc, node, metric } = await rig({ route: { partsSeconds: 1, incompleteText } });
    await smsc.deliver(part(3, 2, 1, Buffer.from('PAY 1'), { data_coding: 1 }));
    await until(() => smsc.submitted.length === 1, 15_000);
    expect(smsc.submitted[0]?.to).toBe(phone.slice(1));
    expect(plain(smsc.submitted[0]?.octets)).toBe(incompleteText);
    expect(await metric('faults_total{route="main",kind="parts-missing"}')).toBe(1);
    expect(node.posts).toEqual([]);
  });

  it('waits while the node is away or busy, in the order of its phone', async () => {
    const { smsc, node } = await rig();
    node.script.push({ status: 503, code: 'not-ready' }, 'cut', { status: 429, code: 'too-busy' });
    for (const text of ['one', 'two', 'three']) await smsc.deliver(fromPhone(text));
    await until(() => node.taken.size === 3);
    expect(node.texts).toEqual(['one', 'two', 'three']);
    expect(new Set(node.posts.map(({ id }) => id)).size).toBe(3);
  });

  it('that the node refuses for good is counted, and holds up no other', async () => {
    const { smsc, node, metric } = await rig();
    node.script.push({ status: 404, code: 'unknown-sender' });
    await smsc.deliver(fromPhone('not a customer'));
    await smsc.deliver(fromPhone('next'));
    await until(() => node.taken.size === 1);
    expect(await metric('faults_total{route="main",kind="refused-by-node"}')).toBe(1);
  });

  it('reaches the node after a restart, where it could not before', async () => {
    const { smsc, node, restart } = await rig();
    node.script.push(...Array.from({ length: 3 }, () => ({ status: 503, code: 'not-ready' })));
    await smsc.deliver(fromPhone('kept'));
    await restart();
    await until(() => node.taken.size === 1);
    expect(node.texts).toEqual(['kept']);
  });
});
