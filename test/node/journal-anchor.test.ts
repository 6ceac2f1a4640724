/** The journal's head on the chain: when it is sent, what counts as anchored, what does not fit. */
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../operator-node/alarms/alarms.ts';
import type { JournalCheckpoint } from '../../operator-node/chain/calls.ts';
import { cursorTable } from '../../operator-node/chain/cursor.ts';
import { Duties } from '../../operator-node/chain/duties.ts';
import type {
  Block,
  ContractCall,
  OperatorEntry,
  OperatorStatus,
  TransactionOutcome,
} from '../../operator-node/chain/chain.ts';
import { Engine, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { journalEntry, journalHead, journalHeadTable, journalTable } from '../../operator-node/engine/journal.ts';
import { haltTable } from '../../operator-node/flow/batch.ts';
import {
  anchoredAt,
  anchoredFrom,
  anchorStatus,
  checkAnchored,
  checkpointDuty,
  checkpointTable,
  headsBetween,
  JournalAnchor,
  maxEntriesApart,
  maxHeadsACall,
  newestAnchored,
  type AnchorContext,
} from '../../operator-node/flow/checkpoint.ts';
import type { Hash, Hex, OperatorId, UnixMillis, UnixSeconds } from '../../operator-node/model/ids.ts';
import { recoveryOf, recoveryTable } from '../../operator-node/flow/past.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { ManualClock } from './chain.fixture.ts';

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

const entryOf = (id: OperatorId): OperatorEntry => ({
  id,
  handle: 'aurora',
  status: 'active',
  controller: '',
  accounts: [],
  signers: [],
  pins: [],
  endpoint: 'https://127.0.0.1:1',
});

function dutiesOn(context: AnchorContext, anchor: JournalAnchor, sent: Sent[]): Duties {
  const { engine } = context;
  const duties = new Duties({
    engine,
    sender: {
      send: (_, key, { data }, tag) => {
        expect(key).toBe('account');
        const heads = JSON.parse(data) as readonly JournalCheckpoint[];
        const [newest] = heads.slice(-1);
        if (newest === undefined) throw new Error('no head');
        sent.push({ ...newest, tag, heads });
        return `0x${'0'.repeat(64)}` as Hash;
      },
    },
    maySend: () => recoveryOf(engine.newest) === undefined,
  });
  duties.add(
    checkpointDuty(context, anchor, {
      checkpoint: (operator, heads): ContractCall => {
        expect(operator).toBe(self);
        return { to: 'AuditLog', data: JSON.stringify(heads) as Hex, gasLimit: 1n };
      },
    }),
  );
  return duties;
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
  const context: AnchorContext & { chainView: { headTime: UnixSeconds }; standing: OperatorStatus } = {
    standing: 'active',
    peers: { get: (id) => ({ ...entryOf(id), status: context.standing }) },
    self,
    engine,
    chainView: { headTime: Math.floor(clock.now() / 1000) as UnixSeconds },
    open: { halted: false },
    alarms,
  };
  const anchor = new JournalAnchor({ anchorSeconds, enabled: true });
  const duties = dutiesOn(context, anchor, sent);
  return {
    store,
    events,
    sent,
    context,
    anchor,
    load: () => duties.load(),
    round: async () => {
      anchor.look(context);
      await duties.round();
    },
    write: (count = 1) =>
      engine.run((work) => {
        for (let n = 0; n < count; n += 1) work.journal('staff', { n });
      }),
    /** So many entries more, of which the store has only those that these functions tell of. */
    grow: (count: number, ...kept: readonly number[]) =>
      store.transact((tx) => {
        const from = journalHead(tx).sequence;
        const digest = (sequence: number): string => hash('sha256', String(sequence), 'hex');
        for (const sequence of new Set([from + 1, from + count, ...kept])) {
          tx.put(journalTable, String(sequence).padStart(12, '0'), {
            sequence,
            at: clock.now(),
            kind: 'staff',
            payloadDigest: digest(0),
            previous: digest(sequence - 1),
            hash: digest(sequence),
          });
        }
        tx.put(journalHeadTable, 'head', { sequence: from + count, hash: digest(from + count) });
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
        const where = { transactionHash: `0x${'c'.repeat(64)}` as Hash, logIndex: 0 };
        duties.ended(work, { type: 'JournalCheckpoint', operator: self, entry, head, ...where });
        work.put(cursorTable, 'chain', block);
        duties.applied(work, number);
      });
    },
    disowned: (heads: { readonly last: number; readonly entry: number }, number = 10) =>
      engine.run((work) => {
        anchor.disowned(work, { number }, heads);
      }),
    outcome: (tag: string, status: TransactionOutcome['status'], final = true) =>
      store.transact((tx) => {
        const hash = `0x${'c'.repeat(64)}` as Hash;
        duties.onOutcome(tx, { key: 'account', tag, hash, status, final, block: { number: 10, hash } });
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
    await again.load();
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

  it.each(['reverted', 'replaced'] as const)(
    'tries again, and not at once, when a transaction was %s',
    async (status) => {
      const { node } = fresh();
      await node.write(1);
      node.later(anchorSeconds);
      await node.round();
      await node.outcome(node.sent[0]?.tag ?? '', status, false);
      await node.round();
      await node.outcome(node.sent[0]?.tag ?? '', status);
      await node.round();
      expect(node.sent).toHaveLength(1);
      node.later(1);
      await node.round();
      expect(node.sent).toHaveLength(2);
    },
  );

  it.each(['active', 'suspended', 'retired'] as const)(
    'sends no head that the contract refuses: %s',
    async (status) => {
      const { node } = fresh();
      node.context.standing = status;
      await node.write(1);
      node.later(anchorSeconds + 1);
      await node.round();
      node.later(601);
      await node.round();
      await node.context.engine.run(() => undefined);
      const alarms = node.events.filter((event) => event.type === 'alarm');
      expect([node.sent.length, alarms.length]).toEqual(status === 'retired' ? [0, 0] : [1, 1]);
    },
  );

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
    const alarms = () =>
      node.events.filter((event) => event.type === 'alarm' && event.what === 'journal-anchor-overdue');
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

  describe('with heads on the chain that this journal does not have', () => {
    const foreign = `0x${'f'.repeat(64)}` as Hash;
    const alarms = (node: ReturnType<typeof open>) => node.events.filter((event) => event.type === 'alarm');

    it('counts as anchored what the journal holds, and rings as long as more waits than may', async () => {
      const { node } = fresh();
      await node.write(3);
      await node.final({ entry: 2, head: node.headAt(2) }, 11);
      await node.final({ entry: 65_538, head: foreign }, 12);
      const { engine } = node.context;
      expect(newestAnchored(node.store.newest)).toMatchObject({ entry: 2, block: { number: 11 } });
      node.later(5);
      expect(anchorStatus(node.store.newest, engine.clock.now())).toMatchObject({ entries: 2, waitingMillis: 5000 });
      node.later(2 * anchorSeconds);
      await node.round();
      node.later(601);
      await node.round();
      await engine.run(() => undefined);
      expect(alarms(node).map(({ what }) => what)).toEqual(['foreign-journal-head', 'journal-anchor-overdue']);
      expect(node.sent).toEqual([]);
    });

    it('goes on as soon as the journal is past them', async () => {
      const { node } = fresh();
      await node.write(3);
      await node.final({ entry: 9, head: foreign });
      await node.write(9 - journalHead(node.store.newest).sequence);
      node.later(2 * anchorSeconds);
      await node.round();
      expect(node.sent).toEqual([]);
      await node.write(1);
      await node.round();
      expect(node.sent).toMatchObject([{ entry: 10, head: node.headAt(10) }]);
      await node.final({ entry: 10, head: node.headAt(10) });
      expect(anchorStatus(node.store.newest, node.context.engine.clock.now())).toMatchObject({ entries: 0 });
    });

    it('goes on at once where it was when the controller has disowned them, also from heads of its own', async () => {
      const { node } = fresh();
      await node.write(12);
      await node.final({ entry: 3, head: node.headAt(3) });
      await node.final({ entry: 4, head: foreign });
      await node.final({ entry: 5, head: node.headAt(5) });
      await node.final({ entry: 65_540, head: foreign });
      node.later(2 * anchorSeconds);
      await node.disowned({ last: 65_540, entry: 4 });
      expect(newestAnchored(node.store.newest)).toMatchObject({ entry: 3 });
      expect(alarms(node).at(-1)).toMatchObject({ what: 'own-journal-heads-disowned', entry: 4 });
      const newest = journalHead(node.store.newest).sequence;
      await node.round();
      expect(node.sent).toMatchObject([{ entry: newest, heads: [{ entry: newest }] }]);
      expect(await anchoredFrom(node.store, 4)).toBeUndefined();
      const [sent] = node.sent;
      if (sent === undefined) throw new Error('nothing sent');
      await node.final(sent, 20);
      expect(await anchoredFrom(node.store, 4)).toMatchObject({ entry: newest, block: { number: 20 } });
      expect(anchoredAt(node.store.newest, 5)).toMatchObject({ disowned: 10 });
      expect(anchoredAt(node.store.newest, 4)).not.toHaveProperty('disowned');
      // Once more, to the beginning: what was disowned before stays so, and nothing is left.
      await node.disowned({ last: newest, entry: 0 });
      expect(newestAnchored(node.store.newest)).toBeUndefined();
      expect([3, 4, 5, 65_540, newest].map((entry) => anchoredAt(node.store.newest, entry)?.disowned)).toEqual(
        Array.from({ length: 5 }, () => 10),
      );
      checkAnchored(node.store.newest);
    });

    it('says it once of many in a row, and again after a release', async () => {
      const { node } = fresh();
      await node.write(3);
      for (const entry of [4, 5, 6]) await node.final({ entry, head: foreign });
      expect(alarms(node)).toHaveLength(1);
      expect(journalHead(node.store.newest).sequence).toBe(4);
      node.context.open.halted = false;
      await node.final({ entry: 7, head: foreign });
      expect(alarms(node)).toHaveLength(2);
      expect(node.context.open.halted).toBe(true);
      await node.write(4);
      await node.final({ entry: 8, head: node.headAt(8) });
      await node.final({ entry: 9, head: foreign });
      expect(alarms(node)).toHaveLength(3);
    });

    it('says nothing of its own where only foreign ones were disowned', async () => {
      const { node } = fresh();
      await node.write(3);
      await node.final({ entry: 3, head: node.headAt(3) });
      await node.final({ entry: 9, head: foreign });
      await node.disowned({ last: 9, entry: 3 });
      expect(newestAnchored(node.store.newest)).toMatchObject({ entry: 3 });
      expect(alarms(node).map(({ what }) => what)).toEqual(['foreign-journal-head']);
      expect(node.events).toContainEqual(
        expect.objectContaining({ type: 'journal-heads-disowned', last: 9, entry: 3 }),
      );
    });

    it('takes a head up again that it has sent and that landed after the disowning', async () => {
      const { node } = fresh();
      await node.write(20);
      await node.final({ entry: 9, head: foreign });
      node.later(anchorSeconds);
      await node.round();
      const [sent] = node.sent;
      if (sent === undefined) throw new Error('nothing sent');
      await node.disowned({ last: 9, entry: 0 });
      await node.round();
      expect(node.sent).toHaveLength(1);
      await node.final(sent, 30);
      expect(newestAnchored(node.store.newest)).toMatchObject({ entry: sent.entry });
    });
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
      expect(node.store.newest.get(haltTable, 'halt')).toMatchObject({ what: 'foreign-journal-head' });
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

describe('headsBetween', () => {
  it.each([
    [0, 0, []],
    [7, 7, []],
    [7, 5, []],
    [0, 1, [1]],
    [0, 60_000, [60_000]],
    [0, 60_001, [60_000, 60_001]],
    [5, 130_000, [60_005, 120_005, 130_000]],
  ])('from %i to %i', (last, sequence, heads) => {
    expect(headsBetween(last, sequence)).toEqual(heads);
  });

  it('is in order, never further apart than the contract takes, and bounded, of any journal', () => {
    for (const last of [0, 1, 65_536, 2 ** 40, 2 ** 53 - 70_000]) {
      for (const more of [1, 59_999, 60_001, 65_536, 65_537, 131_072, 2_000_000, 2 ** 40]) {
        const sequence = Math.min(last + more, Number.MAX_SAFE_INTEGER);
        const heads = headsBetween(last, sequence);
        expect(heads.length).toBeLessThanOrEqual(maxHeadsACall);
        [last, ...heads].forEach((entry, index, all) => {
          const next = all[index + 1];
          if (next !== undefined) expect([next > entry, next - entry <= maxEntriesApart]).toEqual([true, true]);
        });
        expect(heads.at(-1)).toBe(Math.min(sequence, last + maxHeadsACall * maxEntriesApart));
      }
    }
    expect(maxEntriesApart).toBeLessThan(65_536);
  });
});

describe('a journal of more entries than the contract takes between two heads', () => {
  const apart = maxEntriesApart;

  it('is anchored by count, before the interval is over', async () => {
    const { node } = fresh();
    await node.grow(apart - 1);
    await node.round();
    expect(node.sent).toEqual([]);
    await node.grow(1);
    await node.round();
    expect(node.sent).toMatchObject([{ entry: apart, heads: [{ entry: apart, head: node.headAt(apart) }] }]);
  });

  it('is anchored in order and in one transaction after an outage, also after a restore', async () => {
    const { disk, clock, node } = fresh();
    await node.write(2);
    await node.final({ entry: 2, head: node.headAt(2) });
    await node.store.transact((tx) => {
      tx.put(recoveryTable, 'mark', { why: 'restored', at: 0 as UnixMillis, oldKeys: [] });
    });
    const entries = [2 + apart, 2 + 2 * apart, 2 * 65_536 + 12] as const;
    await node.grow(2 * 65_536 + 10, ...entries);
    await node.round();
    expect(node.sent).toEqual([]);
    disk.crash();
    const again = open(disk, clock);
    await again.store.transact((tx) => {
      tx.del(recoveryTable, 'mark');
    });
    await again.round();
    await again.round();
    const [sent, ...more] = again.sent;
    if (sent === undefined) throw new Error('nothing sent');
    expect(more).toEqual([]);
    expect(sent.heads).toEqual(entries.map((entry) => ({ entry, head: again.headAt(entry) })));
    // They come one after another in the block's log: until the last of them nothing else is sent.
    await again.grow(apart);
    for (const head of sent.heads) {
      await again.round();
      expect(again.sent).toHaveLength(1);
      await again.final(head, 40);
    }
    expect(newestAnchored(again.store.newest)).toMatchObject({ entry: entries[2], block: { number: 40 } });
    await again.round();
    expect(again.sent[1]?.heads.map(({ entry }) => entry)).toEqual([entries[2] + apart]);
    for (const entry of [1, 2 + apart, 3 + apart]) {
      expect(await anchoredFrom(again.store, entry)).toMatchObject({
        entry: entry < 3 ? 2 : entry <= 2 + apart ? 2 + apart : 2 + 2 * apart,
      });
    }
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
