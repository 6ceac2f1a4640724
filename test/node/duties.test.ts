/** Everything that has to reach the chain: never twice, never lost, and not at the cost of whoever carries it. */
import { describe, expect, it } from 'vitest';
import type { ChainLog, ContractCall, TransactionOutcome } from '../../operator-node/chain/chain.ts';
import { cursorTable } from '../../operator-node/chain/cursor.ts';
import { Duties, duty, dutyTable, type Duty } from '../../operator-node/chain/duties.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import type { Hash, Hex, UnixSeconds } from '../../operator-node/model/ids.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { table } from '../../operator-node/store/store.ts';
import { ManualClock } from './chain.fixture.ts';

const digest = `0x${'d'.repeat(64)}` as Hash;
/** Numbers that wait for the chain. */
const openTable = table<true>('open-of-test');

interface Item {
  readonly numbers: readonly string[];
}

const log = (type: 'JournalCheckpoint' | 'OperatorChanged', entry: number): ChainLog =>
  ({ type, operator: 1, entry, head: digest, transactionHash: digest, logIndex: 0 }) as unknown as ChainLog;

const callOf = (data: string): ContractCall => ({ to: '', data: `0x${data}` as Hex, gasLimit: 1n });

const numbers = ['1', '2', '3'];

const toyDuty = (change: Partial<Duty<Item>>): Duty =>
  duty<Item>({
    name: 'toy',
    key: 'carrier',
    due: (view, gate) => numbers.some((each) => view.get(openTable, each) === true && gate.free(each)),
    *orders(work, gate) {
      for (const each of numbers) {
        if (work.get(openTable, each) === true && gate.free(each))
          yield { item: { numbers: [each] }, call: callOf(each) };
      }
    },
    subjects: (item) => item.numbers,
    over: (each) => (each.type === 'JournalCheckpoint' ? [String(each.entry)] : []),
    ...change,
  });

/** One process on that disk, with one duty: each of three numbers is sent as long as it is in the table. */
async function open(disk: SimulatedDisk, clock: ManualClock, change: Partial<Duty<Item>> = {}) {
  const store = openMemoryStore(disk);
  const engine = new Engine({
    store,
    clock,
    random: { bytes: (count) => new Uint8Array(count) },
    onEvent: () => undefined,
    onFailure: (_, error) => {
      throw error;
    },
  });
  const sent: { readonly tag: string; readonly data: string }[] = [];
  const state = { caughtUp: true };
  const duties = new Duties({
    engine,
    sender: {
      send: (_, __, { data }, tag) => {
        sent.push({ tag, data });
        return digest;
      },
    },
    maySend: () => state.caughtUp,
  });
  duties.add(toyDuty(change));
  await duties.load();
  const last = (): string => sent.at(-1)?.tag ?? '';
  return {
    ...{ store, duties, sent, state, last },
    wants: (...wanted: readonly string[]) =>
      store.transact((tx) => {
        for (const each of wanted) tx.put(openTable, each, true);
      }),
    /** A final block with these logs is applied; each ends what it names. */
    block: (number: number, ...logs: readonly ChainLog[]) =>
      engine.run((work) => {
        for (const each of logs) {
          if (each.type === 'JournalCheckpoint') work.del(openTable, String(each.entry));
          duties.ended(work, each);
        }
        work.put(cursorTable, 'chain', { number, hash: digest, timestamp: 0 as UnixSeconds });
        duties.applied(work, number);
      }),
    outcome: (tag: string, status: TransactionOutcome['status'], number = 10) =>
      store.transact((tx) => {
        const block = { number, hash: digest };
        duties.onOutcome(tx, { key: 'carrier', tag, hash: digest, status, final: true, block });
      }),
    async entries() {
      const found: string[] = [];
      for await (const [tag] of store.scan(dutyTable)) found.push(tag);
      return found;
    },
  };
}

const fresh = async (change?: Partial<Duty<Item>>) => {
  const disk = new SimulatedDisk();
  const clock = new ManualClock();
  return { disk, clock, node: await open(disk, clock, change) };
};

describe('Duties', () => {
  it('sends nothing before the store says what the chain says', async () => {
    const { node } = await fresh();
    await node.wants('1');
    node.state.caughtUp = false;
    await node.duties.round();
    expect(node.sent).toEqual([]);
    node.state.caughtUp = true;
    await node.duties.round();
    expect(node.sent).toHaveLength(1);
  });

  it('sends each thing once, however often it looks, also after a crash', async () => {
    const { disk, clock, node } = await fresh();
    await node.wants('1', '2');
    await Promise.all([node.duties.round(), node.duties.round()]);
    await node.duties.round();
    expect(node.sent.map(({ data }) => data)).toEqual(['0x1', '0x2']);
    disk.crash();
    const again = await open(disk, clock);
    await again.duties.round();
    expect(again.sent).toEqual([]);
  });

  it('names itself in the tag, by which a transaction finds back to it', async () => {
    const { node } = await fresh({ enlarge: ({ numbers }) => callOf(`${numbers.join()}ff`) });
    await node.wants('3');
    await node.duties.round();
    expect(node.last()).toMatch(/^toy!/);
    const call = callOf('3');
    await node.store.transact((tx) => {
      expect(node.duties.enlarge(tx, node.last(), call)?.data).toBe('0x3ff');
      expect(node.duties.enlarge(tx, 'poke', call)).toBeUndefined();
    });
  });

  it('keeps that a transaction is in a final block until that block is applied, through a crash between the two', async () => {
    const { disk, clock, node } = await fresh();
    await node.wants('1');
    await node.duties.round();
    await node.outcome(node.last(), 'included', 10);
    disk.crash();
    const again = await open(disk, clock);
    await again.duties.round();
    expect(again.sent).toEqual([]);
    await again.block(10, log('JournalCheckpoint', 1));
    await again.duties.round();
    expect(again.sent).toEqual([]);
    expect(await again.entries()).toEqual([]);
  });

  it('ends with the event, whoever sent it, and takes no notice of what becomes of its own transaction', async () => {
    const { node } = await fresh();
    await node.wants('1', '2');
    await node.duties.round();
    const [one] = node.sent;
    await node.block(9, log('JournalCheckpoint', 1), log('OperatorChanged', 2));
    expect(await node.entries()).toEqual([node.sent[1]?.tag]);
    await node.outcome(one?.tag ?? '', 'reverted', 10);
    await node.duties.round();
    expect(node.sent).toHaveLength(2);
  });

  it('sends again what was included without its event, and not at once', async () => {
    const { clock, node } = await fresh();
    await node.wants('1');
    await node.duties.round();
    await node.outcome(node.last(), 'included', 10);
    await node.block(10);
    await node.duties.round();
    expect(node.sent).toHaveLength(1);
    clock.advance(1_000);
    await node.duties.round();
    expect(node.sent).toHaveLength(2);
    // The block was applied before the sender has seen it there.
    await node.outcome(node.last(), 'included', 10);
    await node.duties.round();
    expect(node.sent).toHaveLength(2);
    expect(await node.entries()).toEqual([]);
  });

  it('waits after each revert for twice as long, and for five minutes at most', async () => {
    const { clock, node } = await fresh();
    await node.wants('1');
    const waited: number[] = [];
    for (let tries = 0; tries < 12; tries += 1) {
      let seconds = 0;
      for (; node.sent.length === tries; seconds += 1) {
        await node.duties.round();
        if (node.sent.length === tries) clock.advance(1_000);
      }
      waited.push(seconds - 1);
      await node.outcome(node.last(), tries % 2 === 0 ? 'reverted' : 'replaced');
    }
    expect(waited).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  it('lets one that has failed hold up no other', async () => {
    const { node } = await fresh();
    const failing: Duty = duty<Item>({
      name: 'failing',
      key: 'carrier',
      due: () => true,
      orders: () => {
        throw new Error('planted');
      },
      subjects: () => [],
    });
    node.duties.add(failing);
    await node.wants('1');
    await expect(node.duties.round()).rejects.toThrow('planted');
    expect(node.sent).toHaveLength(1);
  });

  it('gives up what went from an account that counts no more, and sends it again', async () => {
    const { disk, clock, node } = await fresh();
    await node.wants('1');
    await node.duties.round();
    disk.crash();
    const again = await open(disk, clock);
    await again.store.transact(() => undefined);
    const [tag = ''] = await again.entries();
    expect(tag).toBe(node.last());
    await new Engine({
      store: again.store,
      clock,
      random: { bytes: (count) => new Uint8Array(count) },
      onEvent: () => undefined,
      onFailure: () => undefined,
    }).run((work) => {
      again.duties.forget(work, tag);
    });
    await again.duties.round();
    expect(again.sent).toHaveLength(1);
  });

  it('does not start on an entry of a duty that it does not have', async () => {
    const { disk, clock, node } = await fresh();
    await node.store.transact((tx) => {
      tx.put(dutyTable, 'unknown!1!1', { item: {} });
    });
    disk.crash();
    await expect(open(disk, clock)).rejects.toMatchObject({ code: 'internal' });
  });
});
