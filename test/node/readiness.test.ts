import { describe, expect, it } from 'vitest';
import { Readiness, type NodeState } from '../../operator-node/readiness.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';

const self = 1 as OperatorId;
const mebibyte = 1024 * 1024;
const read = { block: undefined, ageMillis: 0, trouble: undefined };
const peersOf = (status: string | undefined): NodeState['peers'] => ({
  get: (id) => (status === undefined ? undefined : ({ id, status } as never)),
  all: () => [],
  status: read,
});
const well: NodeState = {
  self,
  recovering: false,
  halted: false,
  overloaded: false,
  room: { short: false, freeBytes: 900 * mebibyte, minFreeBytes: 512 * mebibyte },
  chain: { stalled: false, caughtUp: true, ageMillis: 900 },
  trouble: undefined,
  watching: true,
  unreadable: undefined,
  peers: peersOf('active'),
  gas: { trouble: undefined },
};
const standing = (status: string | undefined): Partial<NodeState> => ({ peers: peersOf(status) });
const room = { short: true, freeBytes: 100 * mebibyte, minFreeBytes: 512 * mebibyte };

describe('Readiness', () => {
  it('takes orders where nothing stands in the way', () => {
    const readiness = new Readiness(() => well);
    expect(readiness.blocking()).toBeUndefined();
    expect(readiness.checks().map(({ name, detail }) => [name, detail])).toEqual([
      ['recovery', 'ok'],
      ['store', 'ok'],
      ['halt', 'ok'],
      ['chain', 'ok'],
      ['gas', 'ok'],
      ['registry', 'ok'],
      ['load', 'ok'],
    ]);
  });

  it('takes orders where an operator’s entry cannot be read, and names it', () => {
    const entry = { id: 2, status: 'active', unreadable: ['endpoint'] } as never;
    const readiness = new Readiness(() => ({ ...well, peers: { ...peersOf('active'), all: () => [entry] } }));
    expect(readiness.blocking()).toBeUndefined();
    expect(readiness.checks().find(({ name }) => name === 'registry')).toEqual({
      name: 'registry',
      ok: true,
      detail: 'ok, but of operator 2 cannot be read: endpoint',
    });
  });

  it.each<[string, Partial<NodeState>, string, RegExp]>([
    ['a store that may be behind', { recovering: true }, 'recovery', /tandem recover/],
    ['a disk that is nearly full', { room }, 'store', /^100 MiB free .* more than 512 MiB/],
    ['a halt', { halted: true }, 'halt', /tandem resume/],
    [
      'no block for too long',
      { chain: { stalled: true, caughtUp: true, ageMillis: 75_400 } },
      'chain',
      /^no block for 75 s$/,
    ],
    [
      'no endpoint that answers',
      { chain: { stalled: true, caughtUp: true, ageMillis: 75_000 }, trouble: 'Nobody answers.' },
      'chain',
      /^no block for 75 s: Nobody answers\.$/,
    ],
    [
      'no look at the chain yet',
      { chain: { stalled: true, caughtUp: false, ageMillis: undefined } },
      'chain',
      /^not read yet$/,
    ],
    ['final blocks that are not applied', { chain: { ...well.chain, caughtUp: false } }, 'chain', /^catching up$/],
    [
      'keys that cannot pay',
      { gas: { trouble: 'the carrier key has nothing' } },
      'gas',
      /^the carrier key has nothing$/,
    ],
    ['a watcher that has stopped', { watching: false }, 'chain', /stopped/],
    [
      'a block that cannot be read, also where no block comes',
      { unreadable: 'Block 9 cannot be read: log 1', chain: { stalled: true, caughtUp: true, ageMillis: 75_000 } },
      'chain',
      /^Block 9 cannot be read: log 1$/,
    ],
    [
      'a registry that is not read',
      { peers: { ...peersOf('active'), status: { ...read, ageMillis: 121_000, trouble: 'Nobody answers.' } } },
      'registry',
      /^not read for 121 s: Nobody answers\.$/,
    ],
    ['its own suspension', standing('suspended'), 'registry', /^operator 1 is suspended in the registry$/],
    ['its own end', standing('retired'), 'registry', /retired/],
    ['what waits for the chain too long', { overloaded: true }, 'load', /waited too long for the chain/],
    ['a registry that does not know it', standing(undefined), 'registry', /unknown/],
  ])('takes none for %s, and says so', (_, change, name, detail) => {
    const readiness = new Readiness(() => ({ ...well, ...change }));
    expect(readiness.blocking()).toMatchObject({ name, detail: expect.stringMatching(detail) as string });
    expect(readiness.checks().filter(({ ok }) => !ok)).toMatchObject([
      { name, detail: expect.stringMatching(detail) as string },
    ]);
  });

  it('goes on over one failed look: only how long the chain has been still counts', () => {
    const readiness = new Readiness(() => ({ ...well, trouble: 'One endpoint did not answer.' }));
    expect(readiness.blocking()).toBeUndefined();
  });

  it('says the first reason to whoever orders, and every one to whoever looks', () => {
    const readiness = new Readiness(() => ({ ...well, room, ...standing('suspended') }));
    expect(readiness.blocking()).toMatchObject({ name: 'store', notice: 'out-of-room' });
    expect(readiness.checks().flatMap(({ ok, name }) => (ok ? [] : [name]))).toEqual(['store', 'registry']);
  });
});
