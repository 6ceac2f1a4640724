/** What a node says of itself while the chain says what cannot be read: readiness, alarms and doctor name the one at fault. */
import type { EventFragment } from 'ethers';
import { describe, expect, it } from 'vitest';
import { maxRegistryAgeMillis } from '../../../operator-node/chain/peers.ts';
import { examine } from '../../../operator-node/recovery/doctor.ts';
import { contracts, interfaceOf, TestChain } from './chain.ts';
import { self, startNode, type TestNode } from './node.ts';

async function opened(): Promise<{ chain: TestChain; test: TestNode }> {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  return { chain, test: await startNode(chain) };
}

const clockMillis = 2_000;

/** The clock's look at conditions, and what it writes. */
async function settle({ clock, store }: TestNode): Promise<void> {
  clock.advance(clockMillis);
  await new Promise((resolve) => setImmediate(resolve));
  await store.transact(() => undefined);
}

const active = async ({ node }: TestNode) =>
  (await node.flow.alarms.list()).filter((alarm) => alarm.active).map(({ code, subject }) => [code, subject]);

const doctorOf = async ({ node, store, reader }: TestNode): Promise<readonly string[]> => {
  const own = node.peers.get(self);
  const { findings } = await examine({
    self,
    store,
    room: node.flow.room,
    reader,
    peers: node.peers,
    unreadable: () => node.watcher.unreadable,
    channel: node.flow.channel,
    hello: node.hello,
    signer: own?.signers[0] ?? '',
    account: own?.accounts[0]?.toLowerCase() ?? '',
  });
  return findings.filter(({ part }) => part === 'chain').map(({ says }) => says);
};

const blocking = ({ node }: TestNode): string | undefined => node.flow.readiness.blocking()?.detail;

describe('a block that cannot be read', () => {
  it('is said by readiness, an alarm and doctor, with block and log, until it is over', async () => {
    const { chain, test } = await opened();
    await test.catchUp();
    const event = interfaceOf('PairSettlement').getEvent('BatchReconciled') as EventFragment;
    const bad = chain.add({ address: contracts.PairSettlement, topics: [event.topicHash], data: '0x' });
    await test.catchUp();
    await settle(test);
    const names = new RegExp(`Block ${bad} cannot be read: Log 0 of transaction 0x[0-9a-f]{64} .*BatchReconciled`);
    expect(blocking(test)).toMatch(names);
    expect(test.node.flow.readiness.checks().filter(({ ok }) => !ok)).toMatchObject([{ name: 'chain' }]);
    expect(await active(test)).toEqual([['block-unreadable', '']]);
    expect(await doctorOf(test)).toContainEqual(expect.stringMatching(names));
    chain.replace(bad);
    await test.catchUp();
    await settle(test);
    expect(blocking(test)).toBeUndefined();
    expect(await active(test)).toEqual([]);
    expect(await doctorOf(test)).toEqual([]);
  });

  it('is found by a doctor that only has the store', async () => {
    const { chain, test } = await opened();
    chain.add();
    await test.catchUp();
    const event = interfaceOf('PairSettlement').getEvent('BatchReconciled') as EventFragment;
    const bad = chain.add({ address: contracts.PairSettlement, topics: [event.topicHash], data: '0x' });
    const { node, store, reader } = test;
    const { findings } = await examine({
      ...{
        self,
        store,
        room: node.flow.room,
        reader,
        peers: node.peers,
        channel: node.flow.channel,
        hello: node.hello,
      },
      ...{ signer: '', account: '' },
    });
    expect(findings.map(({ says }) => says)).toContainEqual(expect.stringContaining(`Block ${bad} cannot be read`));
  });
});

describe('an operator whose entry cannot be read', () => {
  it('is named by readiness, an alarm and doctor, and orders are taken', async () => {
    const { chain, test } = await opened();
    chain.admit(2, { endpoint: Uint8Array.of(0xff, 0xfe) });
    chain.add();
    await test.catchUp();
    await test.node.peers.refresh();
    await settle(test);
    expect(blocking(test)).toBeUndefined();
    expect(test.node.flow.readiness.checks().find(({ name }) => name === 'registry')?.detail).toBe(
      'ok, but of operator 2 cannot be read: endpoint',
    );
    expect(await active(test)).toEqual([['operator-unreadable', '2']]);
    expect(await doctorOf(test)).toEqual(['Of operator 2 the registry has what cannot be read: endpoint']);
    chain.admit(2);
    chain.add();
    await test.catchUp();
    await test.node.peers.refresh();
    await settle(test);
    expect(await active(test)).toEqual([]);
  });
});

describe('a registry that cannot be read', () => {
  it('takes no orders once it is too old, and says since when and why', async () => {
    const { chain, test } = await opened();
    chain.add();
    await test.catchUp();
    chain.views = (view) => (view === 'operatorCount' ? '0x' : undefined);
    for (let waited = 0; waited <= maxRegistryAgeMillis; waited += clockMillis) {
      chain.add();
      await settle(test);
      await test.look();
    }
    await expect(test.node.peers.refresh()).rejects.toMatchObject({ code: 'chain-unavailable' });
    await settle(test);
    expect(blocking(test)).toMatch(/^not read for 1[0-9]{2} s: .*operatorCount/s);
    expect(await active(test)).toEqual([['registry-not-read', '']]);
    expect(await doctorOf(test)).toContainEqual(
      expect.stringMatching(/^The registry has not been read for .* block [0-9]+: .*operatorCount/s),
    );
    chain.views = () => undefined;
    await test.node.peers.refresh();
    await settle(test);
    expect(blocking(test)).toBeUndefined();
    expect(await active(test)).toEqual([]);
  });
});
