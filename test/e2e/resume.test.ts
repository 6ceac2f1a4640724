/** A devnet that is stopped, chain and all, in the middle of a pair. */
import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { freePortBase } from '../../scripts/devnet/ports.ts';
import { temporaryFolder, TestNet } from './devnet.ts';

const place = { dir: '', portBase: 0 };
let net: TestNet | undefined;

afterEach(async () => {
  await net?.stop();
  rmSync(place.dir, { recursive: true, force: true });
});

async function start(fresh: boolean): Promise<TestNet> {
  net = await TestNet.start({ ...place, fresh, keepChain: true });
  return net;
}

describe('a devnet that was stopped with pairs open', () => {
  it('goes on with those that were asked, and with those that were answered', async () => {
    place.dir = temporaryFolder();
    place.portBase = await freePortBase();
    const before = await start(true);
    expect(await before.send('anna', 'elin', 'PAY 10 asked')).toBe('intercepted');
    const { match } = await before.arrived('elin', /JA (\w+).*"asked"$/);
    expect(await before.send('george', 'anna', 'PAY 20 answered')).toBe('intercepted');
    const { match: other } = await before.arrived('anna', /YES (\w+).*"answered"$/);
    expect(await before.send('anna', 'service', `YES ${other[1]}`)).toBe('intercepted');
    await before.stopOnly();

    const after = await start(false);
    expect(after.devnet.resumed).toBe(true);
    await after.arrived('george', /^You paid Anna Berg 20\.00 SEK/);
    await after.arrived('anna', /^George Hill paid you 20\.00 SEK/);
    expect(await after.send('elin', 'service', `JA ${match[1]}`)).toBe('intercepted');
    await after.arrived('anna', /^You paid Elin Falk 10\.00 SEK/);
    await after.arrived('elin', /^Anna Berg betalade dig 10,00 SEK/);
    expect((await after.balances('anna'))['SEK']).toEqual({ balance: '501000', held: '0' });
    expect(after.deaths).toEqual([]);
  });
});
