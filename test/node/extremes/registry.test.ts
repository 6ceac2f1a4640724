/**
 * Every field of an operator's entry in the registry, at the ends of its type and beyond: the others' entries are whole,
 * what can be read of that one counts, and a node starts with it.
 */
import { describe, expect, it } from 'vitest';
import type { OperatorEntry } from '../../../operator-node/chain/chain.ts';
import { registryTable } from '../../../operator-node/chain/kept-registry.ts';
import { maxRegistryAgeMillis } from '../../../operator-node/chain/peers.ts';
import { decodeOperator } from '../../../operator-node/chain/decode-operator.ts';
import type { Hex, UnixSeconds } from '../../../operator-node/model/ids.ts';
import { SimulatedDisk } from '../../../operator-node/store/memory.ts';
import { asOperator, outputsOf, TestChain } from './chain.ts';
import { startNode } from './node.ts';
import { encodeStruct, extremesOf, hexOf } from './values.ts';

const fields = outputsOf('OperatorRegistry', 'operator');
const others = [1, 3].map(asOperator);
const notText = Uint8Array.of(0xff, 0xfe);
const pinOf = (byte: number): string => `0x${byte.toString(16).repeat(32)}`;

function open(): TestChain {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  return chain;
}

/** Which parts of what a node knows come from this field. */
const partsOf = (field: string): readonly (keyof OperatorEntry)[] => {
  if (/account/i.test(field)) return ['accounts', 'overlapEnds', 'unreadable'];
  if (/signer/i.test(field)) return ['signers', 'overlapEnds', 'unreadable'];
  if (/pin$|PinUntil|Pin$/.test(field)) return ['pins', 'overlapEnds', 'unreadable'];
  if (field === 'emergencyUntil') return ['overlapEnds', 'unreadable'];
  if (field === 'pendingController') return [];
  return [field as keyof OperatorEntry, 'unreadable'];
};

describe('an entry of the registry', () => {
  it.each(fields.map((field) => [field.name, field] as const))(
    '%s: an extreme decides about itself alone',
    async (name, field) => {
      const chain = open();
      const test = await startNode(chain);
      const before = new Map(test.node.peers.all().map((entry) => [entry.id, entry]));
      for (const extreme of extremesOf(field.type)) {
        chain.admit(2, { [name]: extreme.bytes });
        chain.add();
        await test.node.peers.refresh();
        const where = `${name} = ${extreme.name}`;
        for (const id of others) expect(test.node.peers.get(id), where).toEqual(before.get(id));
        const parts = new Set<string>(partsOf(name));
        const restOf = (entry: OperatorEntry | undefined) =>
          Object.entries(entry ?? {}).filter(([part]) => !parts.has(part));
        const found = restOf(test.node.peers.get(asOperator(2)));
        const known = restOf(before.get(asOperator(2)));
        expect(found, where).toEqual(known);
      }
      expect(test.fatal).toEqual([]);
      expect(test.failures).toEqual([]);
    },
  );

  it.each(fields.map((field) => [field.name, field] as const))(
    '%s: a node starts with it',
    async (name, field) => {
      for (const extreme of extremesOf(field.type)) {
        const chain = open();
        chain.admit(2, { [name]: extreme.bytes });
        const { node, stop } = await startNode(chain);
        expect(node.peers.get(asOperator(1))?.status).toBe('active');
        await stop();
      }
    },
    30_000,
  );

  it('whose endpoint is no text names it, and its rotations count', async () => {
    const chain = open();
    const test = await startNode(chain);
    chain.admit(2, { endpoint: notText, pin: new Uint8Array(32).fill(0xcc), signer: new Uint8Array(20).fill(0xdd) });
    chain.add();
    await test.node.peers.refresh();
    expect(test.node.peers.get(asOperator(2))).toMatchObject({
      status: 'active',
      endpoint: '',
      unreadable: ['endpoint'],
      pins: [pinOf(0xcc)],
      signers: [`0x${'dd'.repeat(20)}`],
    });
    chain.admit(3, { pin: new Uint8Array(32).fill(0xee) });
    chain.add();
    await test.node.peers.refresh();
    expect(test.node.peers.get(asOperator(3))?.pins).toEqual([pinOf(0xee)]);
  });

  it.each([
    ['nothing', '0x'],
    ['one word', `0x${'00'.repeat(32)}`],
    ['an offset past its end', `0x${'ff'.repeat(64)}`],
    ['half of it', hexOf(encodeStruct(fields, new Map())).slice(0, 600)],
  ])('that is %s is nobody who acts', (_, data) => {
    expect(decodeOperator(asOperator(2), data as Hex, 0 as UnixSeconds)).toEqual({
      id: 2,
      handle: '',
      status: 'unreadable',
      controller: '',
      accounts: [],
      signers: [],
      pins: [],
      endpoint: '',
      unreadable: ['the whole entry'],
    });
  });

  it('that is poison in the latest block takes no key of the final one away from the others', async () => {
    const chain = open();
    const test = await startNode(chain);
    chain.views = (view, [id]) => (view === 'operator' && id === 2n ? '0x' : undefined);
    chain.add();
    await test.node.peers.refresh();
    expect(test.node.peers.get(asOperator(2))).toMatchObject({ status: 'unreadable', pins: [] });
    expect(test.node.peers.get(asOperator(3))).toMatchObject({ status: 'active', pins: [pinOf(0xb3)] });
  });
});

describe('the registry as it was last read', () => {
  const away = (chain: TestChain): void => {
    chain.lies.set('endpoint.test:8545', () => null);
  };

  it('serves a start without the chain, and is replaced when the chain can be read', async () => {
    const chain = open();
    const disk = new SimulatedDisk();
    const first = await startNode(chain, { disk });
    chain.admit(3, { pin: new Uint8Array(32).fill(0xee) });
    chain.add();
    await first.node.peers.refresh();
    await first.stop();
    away(chain);
    const second = await startNode(chain, { disk });
    expect(second.node.peers.get(asOperator(3))?.pins).toEqual([pinOf(0xee)]);
    expect(second.node.peers.status).toMatchObject({ block: { number: 1 }, trouble: expect.any(String) });
    chain.lies.clear();
    // An endpoint that has failed is left alone for a moment.
    second.clock.advance(10_000);
    chain.admit(3, { pin: new Uint8Array(32).fill(0xef) });
    chain.add();
    await second.node.peers.refresh();
    expect(second.node.peers.get(asOperator(3))?.pins).toEqual([pinOf(0xef)]);
    expect(second.node.peers.status.trouble).toBeUndefined();
  });

  it('is empty where nothing was ever read: the node waits for it and begins nothing', async () => {
    const chain = open();
    away(chain);
    const { node, clock } = await startNode(chain);
    expect(node.peers.all()).toEqual([]);
    expect(node.flow.readiness.blocking()).toBeDefined();
    chain.lies.clear();
    clock.advance(10_000);
    await node.peers.refresh();
    expect(node.peers.all()).not.toEqual([]);
  });

  it('is never replaced by an older one', async () => {
    const chain = open();
    chain.add();
    const disk = new SimulatedDisk();
    const first = await startNode(chain, { disk });
    const kept = first.store.newest.get(registryTable, 'last');
    await first.stop();
    expect(kept?.block.number).toBe(1);
    chain.blocks.pop();
    chain.admit(3, { pin: new Uint8Array(32).fill(0xee) });
    const second = await startNode(chain, { disk });
    await expect(second.node.peers.refresh()).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(second.node.peers.get(asOperator(3))?.pins).toEqual([pinOf(0xb3)]);
    expect(second.store.newest.get(registryTable, 'last')).toEqual(kept);
  });

  it('has an age, that ends when it is read', async () => {
    const chain = open();
    const test = await startNode(chain);
    expect(test.node.peers.status.ageMillis).toBe(0);
    away(chain);
    test.clock.advance(maxRegistryAgeMillis + 1_000);
    await expect(test.node.peers.refresh()).rejects.toThrow();
    expect(test.node.peers.status.ageMillis).toBeGreaterThan(maxRegistryAgeMillis);
    chain.lies.clear();
    await test.node.peers.refresh();
    expect(test.node.peers.status.ageMillis).toBe(0);
  });
});
