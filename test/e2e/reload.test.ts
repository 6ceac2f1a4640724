/** SIGHUP to a node at work: its files are read again, a faulty one is an alarm, and pairs under way are settled all the while. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readinessOf, nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const shipped = join(import.meta.dirname, '..', '..', 'catalogue', 'services.yaml');

let net: TestNet;
beforeAll(async () => {
  net = await TestNet.start();
});
afterAll(async () => {
  await net.stop();
});

const place = (handle: string, file: string): string => join(net.dir, handle, file);

/** Of the node's log, what SIGHUP had it say, oldest first. */
const said = (handle: string): Readonly<Record<string, unknown>>[] =>
  readFileSync(place(handle, 'node.log'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    })
    .filter(({ type }) => type === 'reloaded' || type === 'reload-failed');

async function hangUp(handle: string): Promise<Readonly<Record<string, unknown>>> {
  const before = said(handle).filter(({ type }) => type === 'reloaded').length;
  const pid = net.devnet.pids()[handle];
  if (pid === undefined) throw new Error(`${handle} does not run`);
  process.kill(pid, 'SIGHUP');
  return until(() => said(handle).filter(({ type }) => type === 'reloaded')[before], {
    timeoutMillis: 20_000,
    failure: () => `${handle} has not read its files again: ${JSON.stringify(said(handle))}`,
  });
}

/** Changes the configuration file of a node, as an operator would. */
function configure(handle: string, change: (config: Record<string, object>) => void): void {
  const file = place(handle, 'config.yaml');
  const config = parse(readFileSync(file, 'utf8')) as Record<string, object>;
  change(config);
  writeFileSync(file, stringify(config));
}

const activeAlarms = async (client: NodeClient): Promise<string[]> => {
  const { alarms } = await client.alarms();
  return alarms.flatMap(({ code, active, facts }) => (active ? [`${code}: ${facts['detail'] ?? ''}`] : []));
};

describe('SIGHUP', () => {
  it('leaves a pair under way alone, and settles it', async () => {
    const since = net.received.length;
    await net.send('anna', 'elin', 'PAY 12 coffee');
    const { match } = await net.arrived('elin', /12,00 SEK.*JA (\d+)/, since);
    const pids = net.devnet.pids();
    await hangUp('aurora');
    await hangUp('borealis');
    await net.send('elin', 'service', `JA ${match[1] ?? ''}`);
    await net.arrived('anna', /You paid Elin Falk 12\.00 SEK/, since);
    expect(net.devnet.pids()).toEqual(pids);
    expect(net.deaths).toEqual([]);
  });

  it('has a new catalogue count, refuses one that lacks a service with open pairs, and one that is faulty', async () => {
    const file = place('aurora', 'services.yaml');
    const text = readFileSync(shipped, 'utf8');
    configure('aurora', (config) => Object.assign(config, { catalogueFile: 'services.yaml' }));
    writeFileSync(file, text.replace('en: [PAY], sv: [BETALA]', 'en: [PAY, SETTLE], sv: [BETALA]'));
    expect(await hangUp('aurora')).toMatchObject({ failed: [] });
    const since = net.received.length;
    expect(await net.send('anna', 'elin', 'SETTLE 3 tea')).toBe('intercepted');
    const { match } = await net.arrived('elin', /3,00 SEK.*JA (\d+)/, since);

    // The service under another name: those who have ordered it are still to be told of it.
    writeFileSync(file, text.replace('\n  pay:\n', '\n  paying:\n'));
    expect(await hangUp('aurora')).toMatchObject({ failed: ['catalogue'] });
    expect((await activeAlarms(net.node('anna'))).join()).toMatch(
      /reload-failed: The catalogue lacks pay \(1 open side\)/,
    );

    writeFileSync(file, text.replace("'no': {", "'nope': {"));
    expect(await hangUp('aurora')).toMatchObject({ failed: ['catalogue'] });
    expect(said('aurora').at(-2)?.['message']).toMatch(/services\.yaml:\d+: answers\.nope: unknown key/);
    expect((await readinessOf(net.node('anna')))?.ready).toBe(true);

    await net.send('elin', 'service', `JA ${match[1] ?? ''}`);
    await net.arrived('anna', /You paid Elin Falk 3\.00 SEK/, since);
    writeFileSync(file, text);
    expect(await hangUp('aurora')).toMatchObject({ failed: [] });
    expect((await activeAlarms(net.node('anna'))).join()).not.toContain('reload-failed');
  });

  it('has new tokens count, and names what waits for a restart', async () => {
    const adminToken = 'another-token-for-staff';
    configure('borealis', (config) => {
      Object.assign(config['api'] ?? {}, { adminToken });
      Object.assign(config, { maxOpenPairsPerUser: 7 });
    });
    expect(await hangUp('borealis')).toMatchObject({ failed: [], restartNeeded: ['maxOpenPairsPerUser'] });
    await expect(net.node('elin').positions()).rejects.toMatchObject({ status: 401 });
    const staff = nodeClient({ ...net.node('elin').access, adminToken });
    expect((await staff.positions()).positions).toBeInstanceOf(Array);
    staff.close();
    expect(net.deaths).toEqual([]);
  });
});
