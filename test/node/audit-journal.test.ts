/** Excerpts of a journal: where a path breaks, which head counts, and entries that may be written later than they say. */
import { Interface, keccak256 } from 'ethers';
import { describe, expect, it } from 'vitest';
import type { AuditBlock, AuditChain, AuditLog } from '../../operator-node/audit/audit-chain.ts';
import {
  encodeExcerpt,
  headOf,
  parseExcerpt,
  payloadDigestOf,
  type Excerpt,
} from '../../operator-node/audit/journal/excerpt.ts';
import { verifyExcerpt } from '../../operator-node/audit/journal/verify.ts';
import type { AuditNetwork } from '../../operator-node/model/network-file.ts';
import { auditLogAbi } from '../../operator-node/chain/abi.ts';
import { appendJournal, journalHead, scanJournal, type JournalEntry } from '../../operator-node/engine/journal.ts';
import type { Hash, Hex, OperatorId, PairId, UnixMillis } from '../../operator-node/model/ids.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';

const pair = '0190a1b2-c3d4-7e5f-8a9b-000000000001' as PairId;
const address = `0x${'a1'.repeat(20)}`;
const code = '0x6001' as Hex;
const begin = 1_790_000_000;
const hashOf = (number: number): Hash => `0x${number.toString(16).padStart(64, '0')}` as Hash;
const auditLog = new Interface(auditLogAbi);

const network: AuditNetwork = {
  chainId: '7',
  genesisHash: hashOf(0),
  contracts: { OperatorRegistry: `0x${'0f'.repeat(20)}`, PairSettlement: `0x${'5e'.repeat(20)}`, AuditLog: address },
  codeHashes: {
    OperatorRegistry: hashOf(1),
    PairSettlement: hashOf(2),
    AuditLog: keccak256(code) as Hash,
  },
  firstBlock: 0,
  finality: { mode: 'depth', depth: 1 },
};

/** Block n comes n minutes after the beginning. */
const blockAt = (number: number): AuditBlock => ({
  number,
  hash: hashOf(number),
  parentHash: hashOf(Math.max(0, number - 1)),
  timestamp: begin + number * 60,
});

/** Without a head: the heads after that entry are disowned. */
interface Head {
  readonly entry: number;
  readonly head?: string;
  readonly block: number;
}

function chainWith(heads: readonly Head[], newest = 500): AuditChain {
  const logs = heads.map(({ entry, head, block }): AuditLog => {
    const { topics, data } =
      head === undefined
        ? auditLog.encodeEventLog('JournalHeadsDisowned', [1, 1000, entry])
        : auditLog.encodeEventLog('JournalCheckpoint', [1, entry, head]);
    return {
      address,
      topics: topics as Hash[],
      data: data as Hex,
      transactionHash: hashOf(9),
      blockNumber: block,
    };
  });
  return {
    chainId: () => Promise.resolve(7n),
    block: (at) =>
      Promise.resolve(
        typeof at === 'number' && at > newest ? undefined : blockAt(typeof at === 'number' ? at : newest),
      ),
    code: () => Promise.resolve(code),
    call: () => Promise.resolve(undefined),
    logs: () => Promise.resolve([]),
    history: (_, topic, from, to) =>
      Promise.resolve(
        logs.filter((log) => log.topics[1] === topic && log.blockNumber >= from && log.blockNumber <= to),
      ),
  };
}

/** A journal of the node's own making: ten entries a minute apart, of which 3, 5 and 6 are of the pair. */
async function journal(): Promise<readonly JournalEntry[]> {
  const store = openMemoryStore(new SimulatedDisk());
  let drawn = 0;
  const random = { bytes: (count: number) => new Uint8Array(count).fill((drawn += 1)) };
  for (let n = 1; n <= 10; n += 1) {
    const own = n === 3 || n === 5 || n === 6;
    const payload = own
      ? n === 3
        ? { id: 'sms-1', from: '+46701000001', text: 'PAY 5' }
        : { text: `word ${n}`, pair }
      : { text: `somebody else's ${n}` };
    await store.transact((tx) => {
      const at = ((begin + n * 60) * 1000) as UnixMillis;
      appendJournal(tx, at, random, n === 3 ? 'order' : 'question', payload);
    });
  }
  expect(journalHead(store.newest).sequence).toBe(10);
  const entries: JournalEntry[] = [];
  for await (const entry of scanJournal(store, 1)) entries.push(entry);
  return entries;
}

const digestOf = ({ salt = '', payload }: JournalEntry): string => payloadDigestOf(salt, JSON.stringify(payload));

function excerptOf(entries: readonly JournalEntry[], anchorBlock = 30): Excerpt {
  const own = [3, 5, 6];
  const shown = entries.filter(({ sequence }) => own.includes(sequence));
  const hidden = entries.filter(({ sequence }) => sequence > 3 && sequence <= 8 && !own.includes(sequence));
  return {
    format: 'tandem/journal/1',
    chainId: '7',
    auditLog: address,
    operator: 1 as OperatorId,
    pair,
    before: shown[0]?.previous ?? '',
    entries: shown.map(({ sequence, at, kind, payload, salt = '' }) => {
      return { sequence, at, kind, payload: JSON.stringify(payload), salt };
    }),
    path: hidden.map((entry) => [entry.sequence, entry.at, entry.kind, digestOf(entry)]),
    anchor: { entry: 8, head: `0x${entries[7]?.hash ?? ''}` as Hash, block: blockAt(anchorBlock) },
  };
}

const stripped = (excerpt: Excerpt): Excerpt => {
  const { number, hash, timestamp } = excerpt.anchor.block;
  return { ...excerpt, anchor: { ...excerpt.anchor, block: { number, hash, timestamp } } };
};

async function check(change: (excerpt: Excerpt) => Excerpt, heads?: readonly Head[], pinned = true) {
  const entries = await journal();
  const excerpt = stripped(change(excerptOf(entries)));
  const own = heads ?? [{ entry: 8, head: `0x${entries[7]?.hash ?? ''}`, block: 30 }];
  const { verdict, checks } = await verifyExcerpt(
    encodeExcerpt(excerpt),
    pinned ? { network, chain: chainWith(own) } : undefined,
  );
  const failed = checks.find(({ status }) => status === 'failed');
  return { verdict, failed: failed?.name, found: failed?.found ?? '' };
}

describe('verifyExcerpt', () => {
  it.each<[string, (excerpt: Excerpt) => Excerpt, string, RegExp]>([
    [
      'a word changed',
      (e) => ({ ...e, entries: e.entries.map((one) => ({ ...one, payload: one.payload.replace('word', 'Word') })) }),
      'path',
      /comes out as/,
    ],
    ['an entry left out of the path', (e) => ({ ...e, path: e.path.slice(1) }), 'path', /entry 4 is missing/],
    [
      'an entry there twice',
      (e) => ({ ...e, path: [...e.path, ...e.path.slice(-1)] }),
      'path',
      /entry 9 is missing|8 is next/,
    ],
    ['a path that ends early', (e) => ({ ...e, path: e.path.slice(0, -1) }), 'path', /ends at entry 7; anchored is 8/],
    ['another beginning', (e) => ({ ...e, before: 'f'.repeat(64) }), 'path', /comes out as/],
    [
      'another time of an entry',
      (e) => ({ ...e, entries: e.entries.map((one) => ({ ...one, at: one.at - 1 })) }),
      'path',
      /comes out as/,
    ],
    ['another pair', (e) => ({ ...e, pair: pair.replace('8a9b', '8a9c') as PairId }), 'pair', /entry 5 is not of pair/],
    ['another chain', (e) => ({ ...e, chainId: '8' }), 'network', /chain id is 8/],
    ['a look-alike contract', (e) => ({ ...e, auditLog: `0x${'a2'.repeat(20)}` }), 'network', /AuditLog is/],
    [
      'a head of another operator',
      (e) => ({ ...e, operator: 2 as OperatorId }),
      'anchor',
      /operator 2 has not anchored/,
    ],
    [
      'a head that was never anchored there',
      (e) => ({ ...e, anchor: { ...e.anchor, block: blockAt(31) } }),
      'anchor',
      /has not anchored the head/,
    ],
  ])('refuses %s', async (_, change, name, words) => {
    const { verdict, failed, found } = await check(change);
    expect({ verdict, failed }).toEqual({ verdict: 'FAIL', failed: name });
    expect(found).toMatch(words);
  });

  it('refuses what is no excerpt, or not its one text', async () => {
    expect((await verifyExcerpt('{"format":"tandem/journal/1"}')).checks[0]).toMatchObject({ status: 'failed' });
    const text = encodeExcerpt(stripped(excerptOf(await journal())));
    expect(parseExcerpt(` ${text}`)).toMatchObject({ ok: false, reason: expect.stringContaining('canonical') });
  });

  it('refuses an entry that came under a head so late that it may be written late', async () => {
    const late = await check(
      (e) => ({ ...e, anchor: { ...e.anchor, block: blockAt(200) } }),
      [{ entry: 8, head: `0x${(await journal())[7]?.hash ?? ''}`, block: 200 }],
    );
    expect(late).toMatchObject({ verdict: 'FAIL', failed: 'times' });
    expect(late.found).toMatch(/entry 3 says .* and may be written later than that/);
  });

  it('refuses an entry whose time is after its head', async () => {
    const early = await check(
      (e) => ({ ...e, anchor: { ...e.anchor, block: blockAt(0) } }),
      [{ entry: 8, head: `0x${(await journal())[7]?.hash ?? ''}`, block: 0 }],
    );
    expect(early).toMatchObject({ verdict: 'FAIL', failed: 'times' });
  });

  it('takes the first head that covers an entry for its time, whichever the excerpt leads to', async () => {
    const entries = await journal();
    const heads = [
      { entry: 6, head: `0x${entries[5]?.hash ?? ''}`, block: 20 },
      { entry: 8, head: `0x${entries[7]?.hash ?? ''}`, block: 200 },
    ];
    expect(await check((e) => ({ ...e, anchor: { ...e.anchor, block: blockAt(200) } }), heads)).toMatchObject({
      verdict: 'PASS',
    });
  });

  describe('where heads were disowned', () => {
    const foreign = `0x${'f0'.repeat(32)}`;
    const own = async (): Promise<string> => `0x${(await journal())[7]?.hash ?? ''}`;
    const at = (block: number) => (e: Excerpt) => ({ ...e, anchor: { ...e.anchor, block: blockAt(block) } });

    it('refuses an excerpt under one of them, and says who and when', async () => {
      const { verdict, failed, found } = await check(
        (e) => e,
        [
          { entry: 8, head: await own(), block: 30 },
          { entry: 7, block: 40 },
        ],
      );
      expect({ verdict, failed }).toEqual({ verdict: 'FAIL', failed: 'anchor' });
      expect(found).toMatch(/operator 1 disowned the head .* of entry 8 in block 40/);
    });

    it('takes one under a head that was not among them, or was anchored again', async () => {
      const kept = [
        { entry: 8, head: await own(), block: 30 },
        { entry: 90, head: foreign, block: 31 },
        { entry: 8, block: 32 },
      ];
      expect(await check((e) => e, kept)).toMatchObject({ verdict: 'PASS' });
      const again = [
        { entry: 8, head: await own(), block: 20 },
        { entry: 0, block: 21 },
        { entry: 8, head: await own(), block: 30 },
      ];
      expect(await check((e) => e, again)).toMatchObject({ verdict: 'PASS' });
      expect(await check(at(20), again)).toMatchObject({ verdict: 'FAIL', failed: 'anchor' });
    });

    it('does not measure the times of entries by a thief’s head that came before them', async () => {
      const heads = [
        { entry: 90, head: foreign, block: 1 },
        { entry: 0, block: 15 },
        { entry: 8, head: await own(), block: 30 },
      ];
      expect(await check((e) => e, heads)).toMatchObject({ verdict: 'PASS' });
      // As long as it is not disowned it stands, and the entries say that they are younger than it.
      const [thief, , true_] = heads;
      if (thief === undefined || true_ === undefined) throw new Error('no heads');
      expect(await check((e) => e, [thief, true_])).toMatchObject({ verdict: 'FAIL', failed: 'times' });
    });

    it('shows a journal that was written anew as one that may be written late', async () => {
      const { verdict, failed, found } = await check(at(200), [
        { entry: 8, head: foreign, block: 20 },
        { entry: 0, block: 199 },
        { entry: 8, head: await own(), block: 200 },
      ]);
      expect({ verdict, failed }).toEqual({ verdict: 'FAIL', failed: 'times' });
      expect(found).toMatch(/may be written later than that: it was first under a head in block 200/);
    });
  });

  it('passes what leads to the head, and is unpinned without a network file', async () => {
    expect(await check((e) => e)).toMatchObject({ verdict: 'PASS', failed: undefined });
    expect(await check((e) => e, undefined, false)).toMatchObject({ verdict: 'UNPINNED' });
    const entries = await journal();
    expect(headOf(excerptOf(entries))).toEqual({ hash: entries[7]?.hash });
  });
});
