import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, numberOf, routeFor } from '../../operator-node/smpp/smsc-address.ts';
import { alphabetOf, decodeGsm, decodeText, plainGsm } from '../../operator-node/smpp/alphabet.ts';
import { AwaitedParts } from '../../operator-node/smpp/awaited.ts';
import { readHeader } from '../../operator-node/smpp/header.ts';
import { Lanes } from '../../operator-node/smpp/lanes.ts';
import { decodePdu, encodePdu, FrameReader, LengthFault, messageOf } from '../../operator-node/smpp/pdu.ts';
import { receiptOf } from '../../operator-node/smpp/receipt.ts';
import { split, type Part, type SplitRules } from '../../operator-node/smpp/split.ts';
import { validityPeriod } from '../../operator-node/smpp/validity.ts';
import type { Msisdn, UnixMillis } from '../../operator-node/model/ids.ts';

const rules: SplitRules = { concatenation: 'udh8', defaultAlphabet: 'gsm', languages: [] };

/** What a phone makes of the parts. */
function read(parts: readonly Part[]): string {
  const texts = parts.map(({ octets, esmClass, coding }) => {
    const data = (esmClass & 0x40) === 0 ? { text: octets, gsm: plainGsm } : readHeader(octets);
    return decodeText(data?.text ?? Buffer.alloc(0), alphabetOf(coding, 'gsm'), data?.gsm ?? plainGsm);
  });
  return texts.join('');
}

/** Octets of the network: septets are packed behind the header. */
const packed = ({ octets, esmClass, coding }: Part): number => {
  const header = (esmClass & 0x40) === 0 ? 0 : 1 + (octets[0] ?? 0);
  if (coding === 8) return octets.length;
  return Math.ceil(((Math.ceil((header * 8) / 7) + octets.length - header) * 7) / 8);
};

describe('split', () => {
  it.each([
    ['a text of 160 septets', 'x'.repeat(160), 1, 0],
    ['161 septets', 'x'.repeat(161), 2, 0],
    ['306 septets, which fill two parts', 'x'.repeat(306), 2, 0],
    ['307 septets', 'x'.repeat(307), 3, 0],
    ['80 characters with an escape each', '€'.repeat(80), 1, 0],
    ['81 of them', '€'.repeat(81), 2, 0],
    ['70 characters of UCS-2', 'ж'.repeat(70), 1, 8],
    ['71 of them', 'ж'.repeat(71), 2, 8],
    ['135 of them', 'ж'.repeat(135), 3, 8],
    ['nothing', '', 1, 0],
  ])('makes of %s that many parts', (_what, text, parts, coding) => {
    const made = split(text, 1, rules) ?? [];
    expect([made.length, made[0]?.coding]).toEqual([parts, coding]);
    expect(read(made)).toBe(text);
  });

  it('cuts no escape and no surrogate pair in two, and fits into 140 octets, for any text', () => {
    const concatenations = fc.constantFrom<SplitRules['concatenation']>('udh8', 'udh16', 'sar');
    const texts = fc.string({
      unit: fc.constantFrom('a', 'å', '€', '[', 'ж', '😀', ' ', '\n', 'ş', 'ã'),
      maxLength: 500,
    });
    fc.assert(
      fc.property(texts, concatenations, fc.subarray(['tr', 'es', 'pt'] as const), (text, concatenation, languages) => {
        const parts = split(text, 77, { concatenation, defaultAlphabet: 'gsm', languages }) ?? [];
        expect(read(parts)).toBe(text);
        for (const part of parts) {
          expect(packed(part)).toBeLessThanOrEqual(140);
          if (part.coding === 8) expect(part.octets.toString('hex')).not.toMatch(/d[89ab]..$/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['tr', 'Şimdi öde: ığĞİ'],
    ['es', 'Págalo, Ángel: sí, ¿cuánto?'],
    ['pt', 'Não é já às três, õ?'],
  ] as const)('uses the national tables of %s where they are known, and UCS-2 where not', (language, word) => {
    const text = word.repeat(8);
    const national = split(text, 1, { ...rules, languages: [language] }) ?? [];
    const plain = split(text, 1, rules) ?? [];
    expect([national[0]?.coding, plain[0]?.coding]).toEqual([0, 8]);
    expect(national.length).toBeLessThan(plain.length);
    expect([read(national), read(plain)]).toEqual([text, text]);
  });

  it('refuses a text of more parts than can be numbered', () => {
    expect(split('x'.repeat(153 * 255), 1, rules)).toHaveLength(255);
    expect(split('x'.repeat(153 * 255 + 1), 1, rules)).toBeUndefined();
  });

  it('writes Latin-1 where the centre reads that, and UCS-2 for what it lacks', () => {
    const latin = { ...rules, defaultAlphabet: 'latin1' as const };
    expect(split('åäö', 1, latin)?.[0]?.octets).toEqual(Buffer.from('åäö', 'latin1'));
    expect(split('5 €', 1, latin)?.[0]?.coding).toBe(8);
  });
});

describe('alphabetOf', () => {
  it.each([
    [0, 'gsm'],
    [1, 'ascii'],
    [3, 'latin1'],
    [6, 'iso-8859-5'],
    [7, 'iso-8859-8'],
    [8, 'ucs2'],
    [0x10, 'gsm'],
    [0x18, 'ucs2'],
    [0xf1, 'gsm'],
    [0xf5, 'unknown'],
    [2, 'unknown'],
    [4, 'unknown'],
    [0x14, 'unknown'],
    [0xc0, 'unknown'],
  ])('reads data_coding %i as %s', (coding, alphabet) => {
    expect(alphabetOf(coding, 'gsm')).toBe(alphabet);
  });

  it('reads what the extension lacks as the table has it, and an escape at the end as a space', () => {
    expect(decodeGsm(Buffer.from([0x1b, 0x41, 0x1b, 0x65, 0x1b]), plainGsm)).toBe('A€ ');
    expect(decodeGsm(Buffer.from([0x41]), { locking: 6, single: 0 })).toBeUndefined();
  });
});

describe('readHeader', () => {
  it.each(['05', '0500030102', '060003010201', '02000301'])('refuses %s, which does not fit', (hex) => {
    expect(readHeader(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it('ignores a part that cannot be one of so many, and elements that it does not know', () => {
    expect(readHeader(Buffer.from('050003010203414243', 'hex'))?.concatenation).toBeUndefined();
    expect(readHeader(Buffer.from('0a0504000000000003090201', 'hex'))).toBeUndefined();
    expect(readHeader(Buffer.from('0b05040000000000030902024142', 'hex'))).toMatchObject({
      concatenation: { kind: 'udh8', ref: 9, total: 2, index: 2 },
    });
  });
});

describe('validityPeriod', () => {
  const now = Date.UTC(2026, 10, 30, 23, 59, 30) as UnixMillis;
  it.each([
    [90_000, 'relative', '000000000130000R'],
    [2 * 86_400_000 + 3_661_000, 'relative', '000002010101000R'],
    [400 * 86_400_000, 'relative', '000030000000000R'],
    [10, 'relative', '000000000001000R'],
    [90_000, 'absolute', '261201000100000+'],
  ] as const)('writes %i ms from now, %s, as %s', (millis, form, text) => {
    expect(validityPeriod((now + millis) as UnixMillis, now, form)).toBe(text);
  });
});

describe('numbers', () => {
  const own = {
    addresses: [{ number: '+46700000001' as Msisdn, address: 'Aurora', ton: 5, npi: 0 }],
    numbers: { ton: 1, npi: 1, plus: false },
  };
  it('are written as the centre has them', () => {
    expect(addressOf('+46700000001' as Msisdn, own)).toMatchObject({ address: 'Aurora', ton: 5 });
    expect(addressOf('+46701234567' as Msisdn, own)).toEqual({ address: '46701234567', ton: 1, npi: 1 });
  });

  it('that are none, or national without a country, are not read', () => {
    const of = (ton: number, address: string) => numberOf({ ton, npi: 1, address }, own);
    expect([of(5, 'Bank'), of(2, '0701234567'), of(1, '12'), of(1, '4670123456789012345'), of(1, '')]).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
    expect(of(5, 'Aurora')).toBe('+46700000001');
  });

  it('go by the route with the longest beginning', () => {
    const routes = [{ prefixes: ['+46'] }, { prefixes: ['+467', '+47'] }, { prefixes: ['+'] }];
    expect(
      ['+46701', '+4681', '+4790', '+4911'].map((number) =>
        routes.findIndex((route) => route === routeFor(number, routes)),
      ),
    ).toEqual([1, 0, 1, 2]);
    expect(routeFor('+49', [{ prefixes: ['+46'] }])).toBeUndefined();
  });
});

describe('AwaitedParts.find', () => {
  const never = () => false;
  it('does not take an id in another form for that of somebody else', () => {
    const awaited = new AwaitedParts<{ number: string }>();
    const [mine, other] = [{ number: '+46701111111' }, { number: '+46702222222' }];
    awaited.add('10', other);
    awaited.add('a', mine);
    // Decimal 10 is hex a: the number says which is meant.
    expect(awaited.find(['10'], ['46701111111'], never)).toBe(mine);
    expect(awaited.find(['16'], ['46701111111'], never)).toBeUndefined();
  });

  it('tells by number between two messages to which a restarted centre gave one id', () => {
    const awaited = new AwaitedParts<{ number: string }>();
    const [old, young] = [{ number: '+46701111111' }, { number: '+46702222222' }];
    awaited.add('17', old);
    awaited.add('17', young);
    expect(awaited.find(['17'], ['46702222222'], never)).toBe(young);
    awaited.remove('17', young);
    expect(awaited.find(['17'], ['no number'], never)).toBe(old);
  });

  it('does not read an id in another form that has had its receipt as it stands', () => {
    const awaited = new AwaitedParts<{ number: string }>();
    awaited.add('10', { number: '+46701111111' });
    expect(awaited.find(['16'], ['46701111111'], (id) => id === '16')).toBeUndefined();
  });
});

describe('Lanes', () => {
  const entry = (lane: string, urgent = false) => ({ lane, urgent, over: false });
  it('keeps the order of a phone, whatever is tried again', () => {
    const lanes = new Lanes<{ lane: string; urgent: boolean; over: boolean }>();
    const [a1, a2, b1] = [entry('a'), entry('a', true), entry('b')];
    for (const one of [b1, a1, a2]) lanes.add(one);
    // The question of a is second in its lane: the lane goes first, in its order.
    expect([lanes.next(), lanes.next(), lanes.next()]).toEqual([a1, b1, undefined]);
    lanes.again(a1);
    expect(lanes.next()).toBe(a1);
    lanes.done(a1);
    expect(lanes.next()).toBe(a2);
    lanes.done(a2);
    lanes.done(b1);
    expect([lanes.next(), lanes.length]).toEqual([undefined, 0]);
  });
});

describe('PDUs of any octets', () => {
  /** Repeatable without a library: the same octets each time. */
  function* chance(seed: number): Generator<number> {
    for (let state = seed; ;) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      yield state >>> 8;
    }
  }

  it('are read, or refused, and never throw', () => {
    const draw = chance(17);
    const next = (below: number): number => (draw.next().value ?? 0) % below;
    const good = encodePdu('deliver_sm', 7, {
      ...{
        source_addr: '46701234567',
        destination_addr: '71111',
        short_message: Buffer.from('05000301020168656a', 'hex'),
        esm_class: 0x40,
      },
      ...{
        receipted_message_id: 'abc',
        message_state: 2,
        sar_msg_ref_num: 3,
        sar_total_segments: 2,
        sar_segment_seqnum: 1,
      },
    });
    let refused = 0;
    for (let turn = 0; turn < 5_000; turn += 1) {
      const octets =
        turn % 3 === 0 ? Buffer.from(Array.from({ length: 16 + next(120) }, () => next(256))) : Buffer.from(good);
      if (turn % 3 === 1) for (let at = 0; at < 1 + next(6); at += 1) octets[16 + next(octets.length - 16)] = next(256);
      const frame = turn % 3 === 2 ? octets.subarray(0, 16 + next(octets.length - 16)) : octets;
      frame.writeUInt32BE(frame.length, 0);
      if (turn % 3 === 0) frame.writeUInt32BE([5, 0x103, 4, 0x15, 0x80000004][next(5)] ?? 5, 4);
      const pdu = decodePdu(frame);
      if (pdu === undefined) refused += 1;
      else if (pdu.command === 'deliver_sm') receiptOf(messageOf(pdu));
    }
    expect(refused).toBeGreaterThan(1_000);
    expect(refused).toBeLessThan(5_000);
  });

  it('come out of a stream whole, however it is cut, and a length that no PDU has ends it', () => {
    const pdus = [1, 2, 3].map((sequence) => encodePdu('enquire_link', sequence));
    const stream = Buffer.concat([...pdus, Buffer.from('00000003', 'hex')]);
    for (let size = 1; size < stream.length; size += 1) {
      const reader = new FrameReader();
      const found: Buffer[] = [];
      expect(() => {
        for (let at = 0; at < stream.length; at += size) {
          for (const frame of reader.push(stream.subarray(at, at + size))) found.push(Buffer.from(frame));
        }
      }).toThrow(LengthFault);
      expect(found).toEqual(pdus);
    }
  });
});
