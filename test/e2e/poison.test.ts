/**
 * What a contract without bounds would have let one member put on chain, on a devnet of real processes: an endpoint that is
 * no text, and a journal head of entry 2^53. It is written into the chain's state, since these contracts refuse it.
 */
import { readinessOf } from '../../operator-node/api/client.ts';
import { AbiCoder, keccak256, toBeHex } from 'ethers';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../operator-node/cli/audit.ts';
import { main } from '../../operator-node/cli/main.ts';
import { Member } from '../../scripts/chaos/member.ts';
import { defaultFile, readDescription } from '../../scripts/devnet/description.ts';
import { rpc } from '../../scripts/devnet/rpc.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const description = readDescription(defaultFile, 3);
const hostile = 2;
/** Of `_entries` in OperatorRegistry and `_checkpoints` in AuditLog; snapshots/storage.json. */
const slots = { entries: 2, endpointInEntry: 10n, checkpoints: 3 } as const;
const minute = 60_000;

let net: TestNet;
beforeAll(async () => {
  net = await TestNet.start({ description, users: description.users });
}, 5 * minute);
afterAll(async () => {
  await net.stop();
});

const placeOf = (slot: number): bigint =>
  BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(['uint32', 'uint256'], [hostile, slot])));

async function write(contract: string, place: bigint, value: string): Promise<void> {
  await rpc(net.file.rpcUrl, 'anvil_setStorageAt', [contract, toBeHex(place, 32), value]);
}

async function tandem(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const sink = { write: (text: string) => (out += text) };
  return { code: await main([...args, '--devnet', net.dir], { stdout: sink, stderr: sink }), out };
}

/** From a customer of aurora to one of cumulus: neither has to do with the hostile member. */
async function pays(note: string): Promise<void> {
  const since = net.received.length;
  expect(await net.send('anna', 'karin', `PAY 3 ${note}`)).toBe('intercepted');
  const { match } = await net.arrived('karin', new RegExp(`JA (\\d+).*"${note}"`), since);
  await net.send('karin', 'service', `JA ${match[1]}`);
  await net.arrived('anna', /^You paid Karin Lind 3\.00 SEK/, since);
}

const activeAt = async (handle: string): Promise<readonly string[]> =>
  (await net.devnet.operator(handle).alarms()).alarms
    .filter(({ active }) => active)
    .map(({ code, subject }) => `${code} ${subject}`);

describe('an entry in the registry and a head that no contract of this network takes', { timeout: 6 * minute }, () => {
  let good = '';

  it('are on chain', async () => {
    const { OperatorRegistry, AuditLog } = net.file.contracts;
    const endpoint = placeOf(slots.entries) + slots.endpointInEntry;
    good = await rpc<string>(net.file.rpcUrl, 'eth_getStorageAt', [OperatorRegistry, toBeHex(endpoint, 32), 'latest']);
    expect(Buffer.from(good.slice(2), 'hex').toString()).toMatch(/^https:/);
    await write(OperatorRegistry, endpoint, `0xfffe${'00'.repeat(29)}04`);
    // Then a later entry is within the bound.
    await write(AuditLog, placeOf(slots.checkpoints), toBeHex(2n ** 53n - 1n, 32));
    const member = Member.of(net.devnet.layout, 'borealis');
    const sent = await member.call(
      'account',
      ['AuditLog', 'checkpoint'],
      [hostile, 2n ** 53n + 5n, `0x${'ab'.repeat(32)}`],
    );
    member.close();
    expect(sent.outcome).toBe('mined');
  });

  it('stop nobody else', async () => {
    await pays('still');
    expect(net.deaths).toEqual([]);
  });

  it('are said by alarms, readiness and doctor of the others, by the name of that member', async () => {
    for (const handle of ['aurora', 'cumulus']) {
      await until(
        async () => ((await activeAt(handle)).includes(`operator-unreadable ${hostile}`) ? true : undefined),
        {
          timeoutMillis: 3 * minute,
          failure: () => `${handle} raises no alarm`,
        },
      );
      const readiness = await readinessOf(net.devnet.operator(handle));
      expect(readiness).toMatchObject({
        ready: true,
        checks: { registry: expect.stringContaining('of operator 2 cannot be read: endpoint') as string },
      });
      const doctor = await tandem('doctor', '--operator', handle);
      expect(doctor.out).toContain('Of operator 2 the registry has what cannot be read: endpoint');
      expect(doctor.code).toBe(1);
    }
  });

  it('are no end of a restart', async () => {
    await net.devnet.stopNode('aurora');
    net.devnet.startNode('aurora');
    await net.devnet.waitForNode('aurora');
    await pays('again');
  });

  it('make that member unreachable, and whoever orders hears it', async () => {
    const since = net.received.length;
    const before = await net.balances('anna');
    await net.send('anna', 'george', 'PAY 2 hello');
    const { number } = net.user('anna');
    await until(() => net.received.slice(since).find(({ to }) => to === number), {
      timeoutMillis: 3 * minute,
      failure: () => 'Anna is told nothing',
    });
    expect((await net.balances('anna'))['SEK']).toEqual(before['SEK']);
  });

  it('halt that member itself, whose account key was used by somebody else', async () => {
    const readiness = await readinessOf(net.devnet.operator('borealis'));
    expect(readiness?.ready).toBe(false);
    expect(readiness?.checks).toMatchObject({ halt: expect.stringContaining('tandem resume') as string });
    expect(await activeAt('borealis')).toEqual(
      expect.arrayContaining(['unreadable-log operator 2', 'foreign-journal-head ']),
    );
  });

  it('are findings about that member, and the audit of the others is whole', async () => {
    const block = Number(await rpc<string>(net.file.rpcUrl, 'eth_blockNumber', []));
    await until(async () => ((await readinessOf(net.devnet.operator('aurora')))?.ready === true ? true : undefined), {
      timeoutMillis: 3 * minute,
      failure: () => 'aurora is not ready',
    });
    const to = String(block - 2);
    const files = await Promise.all(
      ['aurora', 'cumulus'].map(async (handle) => {
        const file = join(net.dir, `${handle}.ndjson`);
        const asked = [
          '--from',
          '0',
          '--to',
          to,
          '--recipient',
          'Supervisor',
          '--reason',
          'audit',
          '--operator',
          handle,
        ];
        const written = await tandem('disclose', ...asked, '--out', file);
        expect(written.code, written.out).toBe(0);
        return file;
      }),
    );
    const told = { out: '', errors: '' };
    const code = await audit(
      ['scan', ...files, '--to', to, '--network', net.devnet.layout.networkFile, '--rpc', net.file.rpcUrl, '--json'],
      {
        stdout: { write: (text: string) => (told.out += text) },
        stderr: { write: (text: string) => (told.errors += text) },
      },
    );
    expect(told.errors).toBe('');
    expect(code).toBe(1);
    const { findings } = JSON.parse(told.out) as {
      findings: readonly { code: string; evidence: Record<string, unknown> }[];
    };
    const breaches = findings.filter(({ code: found }) => !found.endsWith('-missing'));
    expect(new Set(breaches.map(({ code: found, evidence }) => `${found} ${String(evidence['operator'])}`))).toEqual(
      new Set(['operator-unreadable 2', 'journal-head-implausible 2']),
    );
  });

  it('are over when the entry can be read again', async () => {
    await write(net.file.contracts.OperatorRegistry, placeOf(slots.entries) + slots.endpointInEntry, good);
    await until(
      async () => ((await activeAt('aurora')).includes(`operator-unreadable ${hostile}`) ? undefined : true),
      {
        timeoutMillis: 3 * minute,
        failure: () => 'the alarm stays',
      },
    );
    expect((await readinessOf(net.devnet.operator('aurora')))?.checks['registry']).toBe('ok');
  });
});
