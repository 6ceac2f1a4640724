import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeClient } from '../../operator-node/api/client.ts';
import { moneyOf } from '../../operator-node/cli/money.ts';
import { decimalOf, minorOf } from '../../operator-node/model/money.ts';

describe('decimalOf', () => {
  it.each([
    ['0', 2, '0.00'],
    ['5', 2, '0.05'],
    ['-5', 2, '-0.05'],
    ['123456', 2, '1234.56'],
    ['120', 0, '120'],
    ['-120', 0, '-120'],
    ['1234567', 3, '1234.567'],
    ['7', 18, '0.000000000000000007'],
  ])('writes %s minor units with %i decimals as %s', (minor, exponent, text) => {
    expect(decimalOf(minor, exponent)).toBe(text);
    expect(decimalOf(BigInt(minor), exponent)).toBe(text);
  });
});

describe('minorOf', () => {
  it.each([
    ['', 2],
    ['-1', 2],
    ['1,5', 2],
    ['1.234', 2],
    ['1e3', 2],
    [' 1', 2],
    ['1 000', 2],
    ['1.', 2],
    ['.5', 2],
    ['120.0', 0],
    ['1.2345', 3],
  ])('is undefined for "%s" in an asset of %i decimals', (text, exponent) => {
    expect(minorOf(text, exponent)).toBeUndefined();
  });

  it.each([
    ['1', 2, '100'],
    ['1.5', 2, '150'],
    ['0.05', 2, '5'],
    ['00012.30', 2, '1230'],
    ['120', 0, '120'],
    ['1.5', 3, '1500'],
  ])('reads %s with %i decimals as %s', (text, exponent, minor) => {
    expect(minorOf(text, exponent)).toBe(minor);
  });

  it('reads what decimalOf writes, at every exponent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 29n }), fc.integer({ min: 0, max: 18 }), (minor, exponent) => {
        expect(minorOf(decimalOf(minor, exponent), exponent)).toBe(`${minor}`);
      }),
    );
  });
});

describe('money of the command line', () => {
  const assets = [
    { asset: 'SEK', exponent: 2 },
    { asset: 'JPY', exponent: 0 },
    { asset: 'KWD', exponent: 3 },
  ];
  const money = () => moneyOf({ assets: () => Promise.resolve({ assets }) } as unknown as NodeClient);

  it('takes 120 yen for 120 yen, and 120 dinars for 120,000 fils', async () => {
    const { read, text } = await money();
    expect([read('120', 'JPY'), read('120', 'KWD'), read('120', 'SEK')]).toEqual(['120', '120000', '12000']);
    expect([text('120', 'JPY'), text('120000', 'KWD'), text('12000', 'SEK')]).toEqual(['120', '120.000', '120.00']);
  });

  it('refuses more decimals than the asset has, and shows the right form', async () => {
    const { read } = await money();
    expect(() => read('120.5', 'JPY')).toThrow('"120.5" is not an amount of JPY: write it as 120.');
    expect(() => read('1.234', 'SEK')).toThrow('"1.234" is not an amount of SEK: write it as 120 or 120.50.');
    expect(() => read('x', 'KWD')).toThrow('"x" is not an amount of KWD: write it as 120 or 120.500.');
  });

  it('refuses an asset that the operator does not keep, and names those that it keeps', async () => {
    const { read } = await money();
    expect(() => read('1', 'EUR')).toThrow('This operator has no accounts in EUR. It has: SEK, JPY, KWD.');
  });

  it('says that an amount is in minor units where the decimals are not known', async () => {
    expect((await money()).text('120', 'EUR')).toBe('120 minor units');
  });
});
