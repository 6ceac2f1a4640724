/** The journal's head on the chain: when it is sent, what counts as anchored, what does not fit. */
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../operator-node/alarms/alarms.ts';
import type { JournalCheckpoint } from '../../operator-node/chain/calls.ts';
import type { Block, ContractCall, TransactionOutcome } from '../../operator-node/chain/chain.ts';
import { Engine, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { journalEntry, journalHead } from '../../operator-node/engine/journal.ts';
import { haltTable } from '../../operator-node/flow/batch.ts';
import {
  anchoredAt,
  anchorStatus,
  checkAnchored,
  checkpointTable,
  JournalAnchor,
  newestAnchored,
  type AnchorContext,
} from '../../operator-node/flow/checkpoint.ts';
import type { Hash, Hex, OperatorId, UnixMillis, UnixSeconds } from '../../operator-node/model/ids.ts';
import { recoveryTable } from '../../operator-node/recovery/state.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { ManualClock } from './chain-fixture.ts';

const self = 1 as OperatorId;
const anchorSeconds = 3600;
const random = { bytes: (count: number) => new Uint8Array(count).fill(7) };

interface Sent {
  readonly entry: number;
  readonly head: Hash;
  readonly tag: string;
  /** All of the transaction; the newest is above. */
  readonly heads: readonly JournalCheckpoint[];
}

/** One process on that disk. */
function open(disk: SimulatedDisk, clock: ManualClock) {
  const store = openMemoryStore(disk);
  const events: EngineEvent[] = [];
  const engine = new Engine({
    store,
    clock: clock,
    random,
    onEvent: (event) => events.push(event),
    onFailure: (_, error) => {
      throw error;
    },
  });
  const alarms = new Alarms();
  alarms.attach(engine);
  const sent: Sent[] = [];
  const context: AnchorContext & { chainView: { headTime: UnixSeconds } } = {
    self,
    engine,
    chainView: { headTime: Math.floor(clock.now() / 1000) as UnixSeconds },
    open: { halted: false },
    alarms,
  };
  const anchor = new JournalAnchor(
    {
      checkpoint: (operator, heads): ContractCall => {
        expect(operator).toBe(self);
        return { to: 'AuditLog', data: JSON.stringify(heads) as Hex, gasLimit: 1n };
      },
    },
    {
      send: (_, key, { data }, tag) => {
        expect(key).toBe('account');
        const heads = JSON.parse(data) as readonly JournalCheckpoint[];
        const [newest] = heads.slice(-1);
        if (newest === undefined) throw new Error('no head');
        sent.push({ ...newest, tag, heads });
        return `0x${'0'.repeat(64)}` as Hash;
      },
    },
    { anchorSeconds },
  );
  return {
    store,
    events,
    sent,
    context,
    anchor,
    round: () => anchor.round(context),
    write: (count = 1) =>
      engine.run((work) => {
        for (let n = 0; n < count; n += 1) work.journal('staff', { n });
      }),
    later: (seconds: number) => {
      clock.advance(seconds * 1000);
      context.chainView.headTime = Math.floor(clock.now() / 1000) as UnixSeconds;
    },
    /** The chain shows it in a final block. */
    final: ({ entry, head }: Pick<Sent, 'entry' | 'head'>, number = 10) => {
      const block: Block = {
        number,
        hash: `0x${'b'.repeat(64)}` as Hash,
        parentHash: `0x${'a'.repeat(64)}` as Hash,
        timestamp: context.chainView.headTime,
      };
      return engine.run((work) => {
        anchor.applied(context, work, block, { entry, head });
      });
    },
    outcome: (tag: string, status: TransactionOutcome['status'], final = true) =>
      store.transact((tx) => {
        const hash = `0x${'c'.repeat(64)}` as Hash;
        anchor.onOutcome(tx, { key: 'account', tag, hash, status, final }, clock.now());
      }),
    headAt: (entry: number) => `0x${journalEntry(store.newest, entry)?.hash ?? ''}` as Hash,
  };
}

const fresh = () => {
  const disk = new SimulatedDisk();
  const clock = new ManualClock();
  return { disk, clock, node: open(disk, clock) };
};

describe('JournalAnchor', () => {
  it('sends nothing of an empty journal, and nothing before an interval is over', async () => {
    const { node } = fresh();
    node.later(2 * anchorSeconds);
    await node.round();
    await node.write(3);
    await node.round();
    node.later(anchorSeconds - 1);
    await node.round();
    expect(node.sent).toEqual([]);
  });

  it('sends the head with its number, once, and nothing more until the journal has gone on and an interval is over', async () => {
    const { node } = fresh();
    await node.write(3);
    node.later(anchorSeconds);
    await node.round();
    await node.round();
    expect(node.sent).toMatchObject([{ entry: 3, head: node.headAt(3) }]);
    const [first] = node.sent;
    if (first === undefined) throw new Error('nothing sent');
    await node.outcome(first.tag, 'included');
    await node.final(first);
    node.later(2 * anchorSeconds);
    await node.round();
    expect(node.sent).toHaveLength(1);
    await node.write(2);
    await node.round();
    expect(node.sent).toMatchObject([{ entry: 3 }, { entry: 5, head: node.headAt(5) }]);
  });

  it('keeps what was anchored where, for evidence', async () => {
    const { node } = fresh();
    await node.write(2);
    await node.final({ entry: 2, head: node.headAt(2) }, 17);
    await node.write(1);
    expect(newestAnchored(node.store.newest)).toMatchObject({ entry: 2, block: { number: 17 }, held: true });
    node.later(5);
    expect(anchorStatus(node.store.newest, node.context.engine.clock.now())).toMatchObject({
      entries: 1,
      waitingMillis: 5000,
    });
  });

  it('neither repeats nor skips one after a crash', async () => {
    const { disk, clock, node } = fresh();
    await node.write(2);
    node.later(anchorSeconds);
    await node.round();
    disk.crash();
    const again = open(disk, clock);
    again.later(5);
    await again.round();
    expect(again.sent).toEqual([]);
    const [first] = node.sent;
    if (first === undefined) throw new Error('nothing sent');
    await again.final(first);
    await again.write(1);
    await again.round();
    expect(again.sent).toEqual([]);
    again.later(anchorSeconds);
    await again.round();
    expect(again.sent).toMatchObject([{ entry: 3 }]);
  });

  it.each(['reverted', 'replaced'] as const)('tries again, not at once, after a transaction was %s', async (status) => {
    const { node } = fresh();
    await node.write(1);
    node.later(anchorSeconds);
    await node.round();
    await node.outcome(node.sent[0]?.tag ?? '', status, false);
    await node.round();
    await node.outcome(node.sent[0]?.tag ?? '', status);
    await node.round();
    expect(node.sent).toHaveLength(1);
    node.later(anchorSeconds);
    await node.round();
    expect(node.sent).toHaveLength(2);
  });

  it('sends nothing from a store that may be behind (rule 11)', async () => {
    const { node } = fresh();
    await node.write(1);
    node.later(anchorSeconds);
    await node.store.transact((tx) => {
      tx.put(recoveryTable, 'mark', { why: 'restored', at: 0 as UnixMillis, oldKeys: [] });
    });
    await node.round();
    expect(node.sent).toEqual([]);
  });

  it('raises one alarm when it is overdue by the time of blocks, not when the own clock jumps', async () => {
    const { node, clock } = fresh();
    const alarms = () => node.events.filter(({ what }) => what === 'journal-anchor-overdue');
    await node.write(1);
    clock.advance(3 * anchorSeconds * 1000);
    await node.round();
    expect(alarms()).toEqual([]);
    node.later(599);
    node.context.chainView.headTime = (node.context.chainView.headTime - 3 * anchorSeconds) as UnixSeconds;
    await node.round();
    expect(alarms()).toEqual([]);
    node.context.chainView.headTime = (node.context.chainView.headTime + 3 * anchorSeconds) as UnixSeconds;
    await node.round();
    await node.round();
    await node.context.engine.run(() => undefined);
    expect(alarms()).toHaveLength(1);
  });

  it('begins nothing new when the chain has a head that the journal does not', async () => {
    for (const foreign of [
      { entry: 2, head: `0x${'f'.repeat(64)}` as Hash },
      { entry: 9, head: `0x${'f'.repeat(64)}` as Hash },
    ]) {
      const { node } = fresh();
      await node.write(3);
      await node.final(foreign);
      expect(node.context.open.halted).toBe(true);
      expect(node.store.newest.get(haltTable, 'halt')).toMatchObject({ what: expect.stringContaining('anchored') });
      expect(node.events).toContainEqual(expect.objectContaining({ type: 'alarm', what: 'foreign-journal-head' }));
      // The chain takes nothing older.
      node.later(2 * anchorSeconds);
      await node.round();
      expect(node.sent).toHaveLength(foreign.entry === 2 ? 1 : 0);
    }
  });

  it('only notes it where the store is known to have lost its end', async () => {
    const { node } = fresh();
    await node.store.transact((tx) => {
      tx.put(recoveryTable, 'mark', { why: 'restored', at: 0 as UnixMillis, oldKeys: [] });
    });
    await node.final({ entry: 9, head: `0x${'f'.repeat(64)}` as Hash });
    expect(node.context.open.halted).toBe(false);
    expect(newestAnchored(node.store.newest)).toBeUndefined();
    expect(anchoredAt(node.store.newest, 9)).toMatchObject({ entry: 9, held: false });
    expect(journalEntry(node.store.newest, 1)).toMatchObject({ kind: 'fault' });
  });
});

describe('checkAnchored', () => {
  it('refuses a journal without the entry that was anchored, or with another in its place', async () => {
    for (const change of [{ entry: 7 }, { head: `0x${'f'.repeat(64)}` as Hash }]) {
      const { node } = fresh();
      await node.write(3);
      await node.final({ entry: 3, head: node.headAt(3) });
      await node.store.transact((tx) => {
        const known = newestAnchored(tx);
        if (known !== undefined) tx.put(checkpointTable, '000000000003', { ...known, ...change });
      });
      expect(() => {
        checkAnchored(node.store.newest);
      }).toThrow(expect.objectContaining({ code: 'store-damaged' }));
    }
  });

  it('passes over a journal that was never anchored, and one that goes on behind its head', async () => {
    const { node } = fresh();
    checkAnchored(node.store.newest);
    await node.write(3);
    await node.final({ entry: 2, head: node.headAt(2) });
    checkAnchored(node.store.newest);
    expect(journalHead(node.store.newest).sequence).toBe(3);
  });
});
