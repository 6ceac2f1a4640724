/** Real nodes on chains that ask for nothing and on chains that charge, with and without money. */
import { readinessOf } from '../../operator-node/api/client.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { ChainWatch } from '../../scripts/devnet/chain-watch.ts';
import { rpc } from '../../scripts/devnet/rpc.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const nets: TestNet[] = [];

afterEach(async () => {
  for (const net of nets.splice(0)) {
    expect(net.deaths).toEqual([]);
    await net.stop();
  }
});

async function start(options: Parameters<typeof TestNet.start>[0]): Promise<TestNet> {
  const net = await TestNet.start(options);
  nets.push(net);
  return net;
}

async function pays(net: TestNet, amount: string): Promise<void> {
  const since = net.received.length;
  expect(await net.send('anna', 'elin', `PAY ${amount} lunch`)).toBe('intercepted');
  await net.arrived('elin', /JA (\w+)/, since);
  await net.send('elin', 'service', 'JA');
  await net.arrived('anna', /^You paid Elin Falk/, since);
}

async function reconciled(net: TestNet): Promise<void> {
  const watch = new ChainWatch({
    rpcUrl: net.file.rpcUrl,
    contract: net.file.contracts.PairSettlement,
    fromBlock: 0,
    handleOf: String,
    say: () => {},
  });
  await until(
    async () => {
      await watch.read();
      const batches = [...watch.batches.values()];
      return batches.length > 0 && batches.every((batch) => batch.reconciled) ? true : undefined;
    },
    { timeoutMillis: 30_000, failure: () => 'not every batch was reconciled' },
  );
}

/** The sample of that name and key; a node takes two seconds until it has the first. */
async function metric(net: TestNet, handle: string, name: string, key?: string): Promise<number> {
  const { apiUrl, adminToken } = net.file.operators.find((each) => each.handle === handle) ?? {};
  const headers = { authorization: `Bearer ${adminToken}` };
  const labels = key === undefined ? '' : `\\{key="${key}"\\}`;
  const value = await until(
    async () => {
      const text = await (await fetch(`${apiUrl}/metrics`, { headers })).text();
      return new RegExp(`^${name}${labels} (\\S+)$`, 'm').exec(text)?.[1];
    },
    { timeoutMillis: 20_000, failure: () => `${handle} does not tell ${name}` },
  );
  return Number(value);
}

async function activeAlarms(net: TestNet, handle: string): Promise<readonly string[]> {
  const { apiUrl, adminToken } = net.file.operators.find((each) => each.handle === handle) ?? {};
  const answer = await fetch(`${apiUrl}/v1/alarms`, { headers: { authorization: `Bearer ${adminToken}` } });
  const { alarms } = (await answer.json()) as {
    readonly alarms: readonly { readonly code: string; readonly subject: string; readonly active: boolean }[];
  };
  return alarms
    .filter(({ active }) => active)
    .map(({ code, subject }) => `${code} ${subject}`)
    .sort();
}

/** Addresses of a node's keys, as it says itself. */
async function addresses(net: TestNet, handle: string): Promise<readonly string[]> {
  const checks = (await readinessOf(net.devnet.operator(handle)))?.checks ?? {};
  return [...(checks['gas'] ?? '').matchAll(/key (0x[0-9a-f]{40})/g)].map(([, address]) => address ?? '');
}

describe('a chain that asks for nothing', () => {
  it('takes everything from addresses that have nothing', async () => {
    const net = await start({ gas: 'free-empty' });
    await pays(net, '120');
    await reconciled(net);
    for (const handle of ['aurora', 'borealis']) {
      expect(await metric(net, handle, 'tandem_gas_balance_wei', 'account')).toBe(0);
      expect(await metric(net, handle, 'tandem_gas_needed_wei', 'account')).toBe(0);
      expect(await metric(net, handle, 'tandem_gas_short')).toBe(0);
      expect(await activeAlarms(net, handle)).toEqual([]);
    }
  });
});

describe('a chain that charges', () => {
  it('is paid by addresses that have something, and what they have left is told', async () => {
    const net = await start({ gas: 'fees' });
    const balance = (): Promise<number> => metric(net, 'borealis', 'tandem_gas_balance_wei', 'account');
    const before = await balance();
    await pays(net, '120');
    await reconciled(net);
    await until(async () => (await balance()) < before || undefined, {
      timeoutMillis: 20_000,
      failure: () => 'the balance did not go down',
    });
    expect(await activeAlarms(net, 'borealis')).toEqual([]);
  });

  it('with empty addresses: no order is taken and nobody is asked; money heals it by itself', async () => {
    const net = await start({ gas: 'fees-empty' });
    const [aurora, borealis] = [await addresses(net, 'aurora'), await addresses(net, 'borealis')];
    expect([aurora.length, borealis.length]).toEqual([2, 2]);
    expect((await readinessOf(net.devnet.operator('aurora')))?.ready).toBe(false);
    expect(await activeAlarms(net, 'aurora')).toEqual(['gas-empty account', 'gas-empty carrier']);
    expect(await metric(net, 'aurora', 'tandem_gas_short')).toBe(1);

    expect(await net.send('anna', 'elin', 'PAY 120 lunch')).toBe('answered');
    await net.arrived('anna', /Nothing was done/);
    expect((await net.balances('anna'))['SEK']?.held).toBe('0');

    const fund = async (addresses: readonly string[]): Promise<void> => {
      for (const address of addresses) await rpc(net.file.rpcUrl, 'anvil_setBalance', [address, '0xde0b6b3a7640000']);
    };
    const untilReady = (handle: string): Promise<true> =>
      until(async () => (await readinessOf(net.devnet.operator(handle)))?.ready === true || undefined, {
        timeoutMillis: 10_000,
        failure: () => `${handle} is not ready though it has money`,
      });
    // One side alone: its orders are refused by the other, before anybody is asked or anything stays on hold.
    await fund(aurora);
    await untilReady('aurora');
    const since = net.received.length;
    expect(await net.send('anna', 'elin', 'PAY 120 lunch')).toBe('intercepted');
    const refused = await net.arrived('anna', /./, since);
    expect(refused.message.text).not.toMatch(/Waiting for/);
    expect((await net.balances('anna'))['SEK']?.held).toBe('0');
    expect(net.received.slice(since).some(({ to }) => to === net.user('elin').number)).toBe(false);

    await fund(borealis);
    await untilReady('borealis');
    await pays(net, '120');
    await reconciled(net);
    expect(await activeAlarms(net, 'borealis')).toEqual([]);
  });
});
