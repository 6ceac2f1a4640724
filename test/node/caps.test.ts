/** What two operators let each other owe: the lower of two ideas, kept over a restart, and checked on both sides. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../operator-node/config.ts';
import { Caps } from '../../operator-node/flow/caps.ts';
import type { Amount, Asset, OperatorId } from '../../operator-node/model/ids.ts';
import { openMemoryStore } from '../../operator-node/store/memory.ts';
import { configOf } from '../simulation/setting.ts';
import type { Store } from '../../operator-node/store/store.ts';

const [own, peer, other] = [1, 2, 3] as OperatorId[] as [OperatorId, OperatorId, OperatorId];
const [sek, eur] = ['SEK', 'EUR'] as Asset[] as [Asset, Asset];
const cap = (asset: Asset, value: string) => ({ asset, cap: value as Amount });

const config = {
  assets: [
    { asset: sek, exponent: 2 },
    { asset: eur, exponent: 2 },
  ],
  limits: { perOrder: {}, perUserDay: {}, perCounterparty: { SEK: '500' } },
  caps: { '2': { SEK: '900', EUR: '70' } },
};

async function hear(store: Store, caps: Caps, from: OperatorId, said: ReturnType<typeof cap>[]): Promise<void> {
  (await store.transact((tx) => caps.hear(tx, from, said)))();
}

describe('config', () => {
  it('refuses caps that are no amounts, and counterparties that are no operators', () => {
    const wrong = (caps: unknown) => {
      try {
        parseConfig({ caps }, '/');
      } catch (error) {
        return (error as Error).message.split('\n').filter((line) => line.includes('caps'));
      }
      return [];
    };
    expect(wrong({ '2': { SEK: '-1' } })).toEqual([expect.stringContaining('caps.2.SEK: minor units')]);
    expect(wrong({ borealis: { SEK: '1' } })).toEqual(['  caps.borealis: expected an operator id']);
  });

  it('refuses a cap that would never be looked at', () => {
    const whole = (caps: unknown) => parseConfig({ ...configOf(own, {}), caps }, '/');
    expect(() => whole({ '2': { USD: '1' } })).toThrow('caps.2.USD: not one of the assets, SEK, EUR');
    expect(() => whole({ '1': { SEK: '1' } })).toThrow('caps.1: this operator owes itself nothing');
    expect(whole({ '2': { SEK: '1' } }).caps).toEqual({ '2': { SEK: '1' } });
  });
});

describe('of', () => {
  it('is this operator’s own idea before the peer has said anything, for this counterparty first', () => {
    const caps = new Caps(config);
    expect([caps.of(peer, sek), caps.of(other, sek), caps.of(other, eur)]).toEqual(['900', '500', undefined]);
  });

  it('is the lower of two ideas, and the only one where there is one', async () => {
    const store = openMemoryStore();
    const caps = new Caps(config);
    await hear(store, caps, peer, [cap(sek, '800'), cap(eur, '71')]);
    await hear(store, caps, other, [cap(eur, '9')]);
    expect([caps.of(peer, sek), caps.of(peer, eur), caps.of(other, eur)]).toEqual(['800', '70', '9']);
    await hear(store, caps, peer, [cap(sek, '1000')]);
    expect(caps.of(peer, sek)).toBe('900');
  });

  it('compares as numbers', async () => {
    const caps = new Caps(config);
    await hear(openMemoryStore(), caps, peer, [cap(sek, '1000')]);
    expect(caps.of(peer, sek)).toBe('900');
  });
});

describe('change', () => {
  it('takes the place of the configuration at once, also with no bound', async () => {
    const store = openMemoryStore();
    const caps = new Caps(config);
    (await store.transact((tx) => caps.change(tx, peer, sek, '10' as Amount)))();
    expect(caps.of(peer, sek)).toBe('10');
    (await store.transact((tx) => caps.change(tx, peer, sek, undefined)))();
    expect(caps.of(peer, sek)).toBeUndefined();
    expect(caps.toldTo(peer)).toEqual([cap(eur, '70')]);
  });
});

describe('load', () => {
  it('has after a restart what staff has set and what peers have said', async () => {
    const store = openMemoryStore();
    const before = new Caps(config);
    (await store.transact((tx) => before.change(tx, peer, eur, '60' as Amount)))();
    await hear(store, before, peer, [cap(sek, '800'), cap(eur, '65')]);
    const caps = new Caps(config);
    await caps.load(store);
    expect([caps.of(peer, sek), caps.of(peer, eur)]).toEqual(['800', '60']);
    expect(caps.isNews(peer, [cap(eur, '65'), cap(sek, '800')])).toBe(false);
    expect(caps.isNews(peer, [cap(sek, '800')])).toBe(true);
  });
});
