/** The checks at the end of a demo find what they are for, between any two of several operators. */
import { describe, expect, it } from 'vitest';
import { lanesUsed, mirror, sumsConstant, type Books } from '../../scripts/devnet/checks.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';

const operators = ['aurora', 'borealis', 'cumulus'].map((handle, index) => ({ id: index + 1, handle }));
const file = { operators } as unknown as DevnetFile;

const books = (
  positions: Readonly<Record<string, bigint>>,
  balances: Readonly<Record<string, bigint>> = {},
): Books => ({
  balances: new Map(Object.entries(balances)),
  held: 0n,
  positions: new Map(Object.entries(positions)),
});

describe('lanesUsed', () => {
  const batch = (initiator: number, acceptor: number, reconciled = true) => ({ initiator, acceptor, reconciled });
  const all = [batch(1, 2), batch(2, 1), batch(1, 3), batch(3, 1), batch(2, 3), batch(3, 2)];

  it('names each lane without a reconciled batch', () => {
    expect(lanesUsed(operators, all.slice(1), () => true)).toEqual({
      ok: false,
      text: 'no batch was reconciled from aurora to borealis',
    });
    expect(lanesUsed(operators, [...all.slice(0, 5), batch(3, 2, false)], () => true)).toEqual({
      ok: false,
      text: 'no batch was reconciled from cumulus to borealis',
    });
  });

  it('is content with all of them, and asks nothing of lanes that nobody could pay along', () => {
    expect(lanesUsed(operators, all, () => true)).toEqual({
      ok: true,
      text: '6 lanes between 3 operators have settled',
    });
    expect(lanesUsed(operators, all.slice(1), (from, to) => `${from} ${to}` !== 'aurora borealis').ok).toBe(true);
  });
});

describe('mirror', () => {
  const even = {
    '1 2 SEK': 5n,
    '2 1 SEK': -5n,
    '1 3 SEK': -7n,
    '3 1 SEK': 7n,
    '2 3 EUR': 1n,
    '3 2 EUR': -1n,
    '1 1 SEK': 9n,
  };

  it('finds one pair of operators whose positions differ, among others', () => {
    expect(mirror(books({ ...even, '3 2 EUR': -2n })).ok).toBe(false);
    expect(mirror(books({ ...even, '2 3 SEK': 1n })).ok).toBe(false);
    // With the sign of the third the sum of all would still be 0.
    expect(mirror(books({ ...even, '1 2 SEK': 6n, '1 3 SEK': -8n })).ok).toBe(false);
  });

  it('holds where each two mirror each other', () => {
    expect(mirror(books(even)).ok).toBe(true);
  });
});

describe('sumsConstant', () => {
  const before = books({}, { 'aurora SEK': 100n, 'borealis SEK': 50n, 'cumulus SEK': 10n });

  it('holds for payments around a ring, and finds money that came from nowhere', () => {
    const positions = { '1 2 SEK': 5n, '2 1 SEK': -5n, '2 3 SEK': 4n, '3 2 SEK': -4n, '3 1 SEK': 1n, '1 3 SEK': -1n };
    const balances = { 'aurora SEK': 96n, 'borealis SEK': 51n, 'cumulus SEK': 13n };
    expect(sumsConstant(before, books(positions, balances), file)).toEqual({ ok: true, text: 'sums are constant' });
    expect(sumsConstant(before, books(positions, { ...balances, 'cumulus SEK': 14n }), file)).toMatchObject({
      ok: false,
    });
  });
});
