/** Who gives way when there are too many connections, and what is written of it. */
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { addressGroup, isAddressOrNetwork, sharedAddresses } from '../../operator-node/connections/address.ts';
import { Connections, type ConnectionBounds, type Cut } from '../../operator-node/connections/connections.ts';
import { LogDigest } from '../../operator-node/connections/digest.ts';
import { ManualClock } from './chain.fixture.ts';

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['2001:0DB8::', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, ''],
  ])('%s counts as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });

  it('is shared where the list has it, or a network that it is in', () => {
    const shared = sharedAddresses(['127.0.0.0/8', '10.1.2.3', '2001:db8::/32', '::1']);
    for (const one of ['127.3.2.1', '::ffff:127.0.0.1', '10.1.2.3', '2001:db8:ffff::1', '::1']) {
      expect([one, shared(one)]).toEqual([one, true]);
    }
    for (const one of ['128.0.0.1', '10.1.2.4', '2001:db9::1', '::2', 'nonsense', undefined]) {
      expect([one, shared(one)]).toEqual([one, false]);
    }
  });

  it.each(['10.0.0.0/33', '10.0.0', 'example.org', '::1/129', '10.0.0.1/8/8', '10.0.0.1/', '10.0.0.1/-1', ''])(
    'that is none is told apart: "%s"',
    (entry) => {
      expect(isAddressOrNetwork(entry)).toBe(false);
      expect(() => sharedAddresses([entry])).toThrow(`"${entry}" is neither an address nor a network`);
    },
  );
});

const small: ConnectionBounds = {
  total: 8,
  unproven: 4,
  unprovenPerAddress: 2,
  perParty: 3,
  partyRate: { burst: 5, perSecond: 1 },
  failures: { burst: 3, perSecond: 1 },
  rememberMillis: 60_000,
};

function crowd(change: Partial<ConnectionBounds> = {}, shared: readonly string[] = [], proofExpected = true) {
  const clock = new ManualClock();
  const cuts: Cut[] = [];
  const connections = new Connections({
    bounds: { ...small, ...change },
    shared: sharedAddresses(shared),
    now: () => clock.now(),
    proofExpected,
    onCut: (cut) => cuts.push(cut),
  });
  let port = 1000;
  /** A socket of that address, as the operating system would hand it over. */
  const open = (address: string): Socket => {
    const socket = new Socket();
    port += 1;
    for (const [name, value] of Object.entries({ remoteAddress: address, remotePort: port })) {
      Object.defineProperty(socket, name, { value });
    }
    connections.admit(socket);
    return socket;
  };
  const closed = (...sockets: readonly Socket[]): boolean[] => sockets.map(({ destroyed }) => destroyed);
  return { clock, cuts, connections, open, closed };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('too many connections', () => {
  it('of one address: its own oldest that has proved nothing is closed, and nobody else’s', () => {
    const { open, closed, cuts } = crowd();
    const other = open('192.0.2.1');
    const [first, second, third] = [open('192.0.2.9'), open('192.0.2.9'), open('192.0.2.9')];
    expect(closed(other, first, second, third)).toEqual([false, true, false, false]);
    expect(cuts).toMatchObject([
      { reason: 'address-crowded', remote: expect.stringMatching(/^192\.0\.2\.9:/) as string },
    ]);
  });

  it('of one IPv6 network count as one address', () => {
    const { open, closed } = crowd();
    const sockets = ['2001:db8::1', '2001:db8::2', '2001:db8::3'].map(open);
    expect(closed(...sockets)).toEqual([true, false, false]);
  });

  it('in all: the oldest goes first, and whoever comes from where somebody has proved itself lately goes last', async () => {
    const { open, closed, connections, cuts } = crowd();
    const peer = open('192.0.2.1');
    expect(connections.prove(peer, 'borealis')).toBe(true);
    const known = open('192.0.2.1');
    const strangers = ['192.0.2.11', '192.0.2.12', '192.0.2.13', '192.0.2.14', '192.0.2.15'].map(open);
    expect(closed(peer, known, ...strangers)).toEqual([false, false, true, true, false, false, false]);
    expect(cuts.map(({ reason }) => reason)).toEqual(['crowded', 'crowded']);
    await settled();
    expect(connections.counts).toEqual({ proven: 1, unproven: 4 });
  });

  it('never cost one that has proved who it is its place', () => {
    const { open, closed, connections } = crowd();
    const peers = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].map((address) => {
      const socket = open(address);
      connections.prove(socket, address);
      return socket;
    });
    for (let index = 0; index < 200; index += 1) open(`198.51.100.${index}`);
    expect(closed(...peers)).toEqual([false, false, false, false]);
    expect(connections.counts).toEqual({ proven: 4, unproven: 4 });
  });

  it('that have all proved themselves: the party with the most gives one up, an idle one', () => {
    const { open, closed, connections } = crowd({ total: 4 });
    const of = (party: string): Socket => {
      const socket = open(`192.0.2.${party.length}`);
      connections.prove(socket, party);
      return socket;
    };
    const [busy, idle, third, other] = [of('greedy'), of('greedy'), of('greedy'), of('peer')];
    const end = connections.begin(busy);
    const fresh = open('192.0.2.200');
    expect(closed(busy, idle, third, other, fresh)).toEqual([false, true, false, false, false]);
    end();
  });

  it('of one party: its own idle one is closed; and it cannot open new ones without end', () => {
    const { open, closed, connections, cuts } = crowd();
    const sockets = Array.from({ length: 6 }, () => {
      const socket = open('192.0.2.1');
      connections.prove(socket, 'borealis');
      return socket;
    });
    // Three are kept; the sixth is more than its rate.
    expect(closed(...sockets)).toEqual([true, true, false, false, false, true]);
    expect(cuts.map(({ reason, party }) => [reason, party])).toEqual([
      ['party-crowded', 'borealis'],
      ['party-crowded', 'borealis'],
      ['party-rate', undefined],
    ]);
  });

  it('come through a proxy: one who misbehaves there shuts nobody out who comes the same way', () => {
    const { open, closed, connections } = crowd({}, ['192.0.2.1']);
    for (let index = 0; index < 500; index += 1) open('192.0.2.1');
    const peer = open('192.0.2.1');
    expect(connections.prove(peer, 'borealis')).toBe(true);
    for (let index = 0; index < 500; index += 1) open('192.0.2.1');
    expect(closed(peer)).toEqual([false]);
  });
});

describe('an address whose connections prove nothing, again and again', () => {
  it('is not listened to for a while; others are', async () => {
    const { clock, open, closed, connections } = crowd();
    for (let index = 0; index < 3; index += 1) {
      open('192.0.2.9').destroy();
      await settled();
    }
    expect(closed(open('192.0.2.9'), open('192.0.2.1'))).toEqual([true, false]);
    clock.advance(1_000);
    const again = open('192.0.2.9');
    expect(connections.prove(again, 'borealis')).toBe(true);
    expect(closed(again)).toEqual([false]);
  });

  it('is left alone where no proof is expected: probes have no token', async () => {
    const { open, closed } = crowd({}, [], false);
    for (let index = 0; index < 50; index += 1) {
      open('192.0.2.9').destroy();
      await settled();
    }
    expect(closed(open('192.0.2.9'))).toEqual([false]);
  });
});

describe('the log', () => {
  it('has the first lines of a kind, and then how many more there were', () => {
    const clock = new ManualClock();
    const lines: unknown[] = [];
    const digest = new LogDigest((entry) => lines.push(entry), clock);
    for (let index = 0; index < 10_000; index += 1) digest.note('refused 192.0.2.9', { remote: index });
    digest.note('refused 192.0.2.1', { remote: 'other' });
    expect(lines).toEqual([...[0, 1, 2, 3, 4].map((remote) => ({ remote })), { remote: 'other' }]);
    clock.advance(60_000);
    digest.flush();
    expect(lines.slice(6)).toEqual([{ remote: 9_999, notWritten: 9_995, inSeconds: 60 }]);
    digest.note('refused 192.0.2.9', { remote: 'again' });
    expect(lines.at(-1)).toEqual({ remote: 'again' });
  });

  it('grows with kinds to a bound: a million of them are a few hundred lines', () => {
    const lines: unknown[] = [];
    const digest = new LogDigest((entry) => lines.push(entry), new ManualClock());
    for (let index = 0; index < 100_000; index += 1) digest.note(`refused ${index}`, { remote: index });
    expect(lines.length).toBeLessThan(600);
    digest.flush(true);
    expect(lines.at(-1)).toMatchObject({ notWritten: expect.any(Number) as number });
  });
});
