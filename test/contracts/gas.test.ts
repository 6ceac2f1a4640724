import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { type GasReport, measureGas } from './gas.ts';

const committed = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'snapshots', 'gas.json'), 'utf8'),
) as GasReport;

/** The most that a pair may cost, by case. */
const bars = { '1': 250_000, '256': 970, '1024': 325, '4096': 162, '8x256': 590, '8x1024': 230 };

describe('gas', () => {
  let measured: GasReport;
  beforeAll(async () => {
    measured = await measureGas();
  });

  it('is what snapshots/gas.json says (node scripts/contracts/snapshot-gas.ts writes it)', () => {
    expect(measured).toEqual(committed);
  });

  it.each(Object.entries(bars))('of a pair, case %s, is at most %i', (name, most) => {
    expect(measured.perPair[name]).toBeLessThanOrEqual(most);
  });
});
