/**
 * PDUs of chance at a gateway: mutated, cut, of any octets, and now and then a length that no PDU has. Between them good
 * messages from phones, each with a text of its own: all of them have to be acknowledged.
 */
import { encodePdu } from '../../operator-node/smpp/pdu.ts';
import type { Smsc } from '../../test/node/smsc.fixture.ts';

/** Repeatable: the same numbers for the same seed. */
function drawer(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

const commands = [0x05, 0x103, 0x04, 0x15, 0x06, 0x80000004, 0x80000015, 0x80000000, 0x0b, 0x102, 0x7777];
/** Numbers that no good message has, so that nobody's answer is taken for another's. */
const firstSequence = 0x40000000;
const betweenGood = 100;

const seeds = (sequence: number): Buffer[] => [
  encodePdu('deliver_sm', sequence, {
    ...{ source_addr_ton: 1, source_addr: '46701234567', dest_addr_ton: 1, destination_addr: '46700000001' },
    ...{ esm_class: 0x40, short_message: Buffer.from('05000301020168656a', 'hex') },
  }),
  encodePdu('deliver_sm', sequence, {
    ...{ source_addr_ton: 1, source_addr: '46701234567', destination_addr: '46700000001', esm_class: 4 },
    ...{ short_message: Buffer.from('id:77 stat:DELIVRD err:000'), receipted_message_id: '4d', message_state: 2 },
  }),
  encodePdu('data_sm', sequence, {
    source_addr: '46701234567',
    message_payload: Buffer.alloc(300, 65),
    data_coding: 8,
  }),
  encodePdu('submit_sm_resp', sequence, { message_id: 'abc' }),
];

function pduOfChance(draw: (below: number) => number, sequence: number): Buffer {
  const all = seeds(sequence);
  const kind = draw(3);
  if (kind === 0) {
    const octets = Buffer.from(Array.from({ length: 16 + draw(120) }, () => draw(256)));
    octets.writeUInt32BE(commands[draw(commands.length)] ?? 5, 4);
    return framed(octets, sequence);
  }
  const octets = Buffer.from(all[draw(all.length)] ?? Buffer.alloc(16));
  if (kind === 2) return framed(octets.subarray(0, 16 + draw(octets.length - 16)), sequence);
  for (let count = 1 + draw(6); count > 0; count -= 1) octets[16 + draw(octets.length - 16)] = draw(256);
  return framed(octets, sequence);
}

function framed(octets: Buffer, sequence: number): Buffer {
  octets.writeUInt32BE(octets.length, 0);
  // An unbind ends the connection as it should: that is not what is tried here.
  if (octets.readUInt32BE(4) === 0x06) octets.writeUInt32BE(0x15, 4);
  octets.writeUInt32BE(sequence, 12);
  return octets;
}

export interface Storm {
  readonly smsc: Smsc;
  readonly pdus: number;
  readonly seed: number;
  /** One length in so many lies. */
  readonly lengthEvery: number;
  readonly progress?: (sent: number) => void;
}

/** The texts of the good messages, each of which was acknowledged. */
export async function storm({ smsc, pdus, seed, lengthEvery, progress }: Storm): Promise<string[]> {
  const draw = drawer(seed);
  const texts: string[] = [];
  for (let sent = 0; sent < pdus; sent += betweenGood) {
    const group = Array.from({ length: betweenGood }, (_, index) => {
      const pdu = pduOfChance(draw, firstSequence + sent + index);
      if (draw(lengthEvery) === 0) pdu.writeUInt32BE([0, 3, 0x7fffffff, 17][draw(4)] ?? 0, 0);
      return pdu;
    });
    smsc.raw(Buffer.concat(group));
    const text = `good ${sent}`;
    texts.push(text);
    const status = await smsc.deliver({
      ...{ source_addr_ton: 1, source_addr: `4679${String(sent).padStart(8, '0')}`, dest_addr_ton: 1 },
      ...{ destination_addr: '46700000001', short_message: Buffer.from(text) },
    });
    if (status !== 0) throw new Error(`${text} was refused with 0x${status.toString(16)}`);
    progress?.(sent + betweenGood);
  }
  return texts;
}
