/** What refuses an erasure, that a crash anywhere in it loses nothing, and what a counterparty does when it is told. */
import { afterEach, describe, expect, it } from 'vitest';
import { methods } from '../../operator-node/channel/messages.ts';
import { parseConfig } from '../../operator-node/config.ts';
import { createPayments } from '../../operator-node/domains/payments/payments.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine, outboxTable } from '../../operator-node/engine/engine.ts';
import { journalTable, verifyJournal } from '../../operator-node/engine/journal.ts';
import { Eraser, type EraserParts } from '../../operator-node/erasure/erase.ts';
import { answerErased, erasedQueue, noticeDigest, type ErasedItem } from '../../operator-node/erasure/notice.ts';
import { entriesOf } from '../../operator-node/erasure/records.ts';
import { erasureTable } from '../../operator-node/erasure/state.ts';
import { noShelf, type WrittenOut } from '../../operator-node/erasure/tombstones.ts';
import { createBatch, peerCommitmentTable } from '../../operator-node/flow/batch.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import { OpenWork } from '../../operator-node/flow/open.ts';
import { createSide, loadSide, sealedTable, sideKey, type PairSide, type Side } from '../../operator-node/flow/pair.ts';
import { seal } from '../../operator-node/flow/seal.ts';
import { messageQueue } from '../../operator-node/flow/tell.ts';
import type {
  Amount,
  Asset,
  BatchId,
  Hash,
  Hex,
  Msisdn,
  OperatorId,
  PairId,
  UnixMillis,
  UnixSeconds,
  UserId,
} from '../../operator-node/model/ids.ts';
import { withOwnNumbers } from '../../operator-node/recovery/own-number.ts';
import type { GivenBatch } from '../../operator-node/flow/past.ts';
import { answerSealed } from '../../operator-node/recovery/sealed.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { personalCodec, userKeyTable } from '../../operator-node/store/personal.ts';
import type { Store } from '../../operator-node/store/store.ts';
import { createKeys, hasKeys, userKeyOf } from '../../operator-node/users/keys.ts';
import { numberTable, userByNumber, userTable } from '../../operator-node/users/user.ts';
import { configOf } from '../simulation/setting.ts';
import { putSideState } from './sides.fixture.ts';

const ada = 'u_ada000000000000000000000' as UserId;
const number = '+46701234567' as Msisdn;
const sek = 'SEK' as Asset;
const own = 1 as OperatorId;
const peer = 2 as OperatorId;
const begin = Date.parse('2026-11-23T10:00:00Z');
const day = 86_400_000;
const pair = '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77' as PairId;
const digest = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;
const settlement = { chainId: 31_337n, contract: `0x${'5e'.repeat(20)}` };

const payments = createPayments({
  operator: own,
  limits: {},
});

function sideOf(leg: Side['leg']): Side {
  const operation = {
    pair,
    leg,
    service: 'pay',
    action: leg === 'first' ? ('debit' as const) : ('credit' as const),
    user: ada,
    asset: sek,
    amount: '120' as Amount,
    fee: '0' as Amount,
    counterparty: peer,
  };
  const terms = {
    pair,
    service: 'pay',
    firstAsset: sek,
    firstAmount: '120',
    secondAsset: sek,
    secondAmount: '120',
    initiator: '1',
    acceptor: '2',
    created: '2026-11-23T10:00:00Z',
    deadline: '1795428600',
    reverses: '',
  } as Side['terms'];
  return {
    pair,
    leg,
    role: leg === 'first' ? 'initiator' : 'acceptor',
    peer,
    service: 'pay',
    terms,
    termsSecret: digest(1),
    termsCommitment: digest(2),
    user: ada,
    userNumber: number,
    userName: 'Ada Lind',
    otherNumber: '+46709999999' as Msisdn,
    otherName: 'Bo Ek',
    note: 'lunch',
    item: '',
    domain: 'payments',
    operation,
    debits: leg === 'first',
    record: {
      pair,
      leg,
      operator: '1',
      domain: 'payments',
      action: operation.action,
      account: `${ada}/SEK`,
      subject: number,
      asset: sek,
      amount: '120' as Amount,
      counterparty: Buffer.alloc(32).toString('base64url'),
      detail: 'lunch',
      heldAt: terms.created,
    },
    ownCommitment: digest(3),
    heldAt: begin as UnixMillis,
    deadline: 1_795_428_600 as UnixSeconds,
    delivers: '',
    ref: 'ABCD',
  };
}

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

interface Options {
  readonly disk: SimulatedDisk;
  readonly now?: number;
  readonly retention?: { readonly ledgerDays: number; readonly messagesDays: number };
  readonly parts?: Partial<EraserParts>;
  readonly signed?: boolean;
}

/** A process on that disk: the eraser, and what it touches of the flow. */
function processOn({ disk, now = begin, retention, parts = {}, signed = true }: Options) {
  const codec = personalCodec({ indexKey: new Uint8Array(32), random: systemRandom });
  const store = openMemoryStore(disk, { codec });
  stores.push(store);
  const engine = new Engine({
    store,
    clock: { now: () => now as UnixMillis, after: () => () => {} },
    random: systemRandom,
    onEvent: () => {},
    onFailure: () => {},
  });
  for (const name of [erasedQueue, messageQueue]) {
    engine.queue(name, { lane: () => '', gatherMillis: 0, maxGroup: 1, retryMillis: [1] }, () => Promise.resolve());
  }
  const config = parseConfig({ ...configOf(own, {}), retention: retention ?? { ledgerDays: 0, messagesDays: 0 } }, '/');
  const flow = {
    self: own,
    config,
    settlement,
    engine,
    open: new OpenWork(),
    chainView: { caughtUp: true },
    peers: { get: () => ({ signers: [] }) },
    signer: { verify: async (asked: string) => signed && asked.startsWith('0x') },
  } as unknown as FlowContext;
  const eraser = new Eraser({ flow, payments, shelf: noShelf, purge: () => Promise.resolve(), ...parts });
  return { store, engine, flow, eraser };
}

async function withAda(store: Store, leg: Side['leg'] = 'first'): Promise<void> {
  await store.transact((tx) => {
    createKeys(tx, systemRandom, ada);
    const user = { id: ada, number, name: 'Ada Lind', language: 'en', kind: 'person' as const, assets: [sek] };
    tx.put(userTable, ada, { ...user, joined: true, autoAccept: false, since: begin as UnixMillis });
    tx.put(numberTable, number, ada);
    payments.openAccount(tx, ada, sek);
    const found = createSide(tx, begin as UnixMillis, sideOf(leg));
    tx.put(sealedTable, sideKey(pair, leg === 'first' ? 'second' : 'first'), { from: peer, sealed: 'c2VhbGVk' });
    putSideState(tx, found, { state: 'committed', told: true });
  });
}

function onlySide(store: Store, leg: Side['leg']): PairSide {
  const found = loadSide(store.newest, pair, leg);
  if (found === undefined) throw new Error('there is no side');
  return found;
}

const refused = (why: RegExp) => ({ code: 'unprocessable', message: expect.stringMatching(why) as string });

describe('Eraser', () => {
  it('refuses whom it does not know', async () => {
    const { eraser } = processOn({ disk: new SimulatedDisk() });
    await expect(eraser.erase('+46700000000', 'all')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses while a pair is open, and while a message waits; nothing has changed then', async () => {
    const { store, engine, flow, eraser } = processOn({ disk: new SimulatedDisk() });
    await withAda(store);
    const { side, state } = onlySide(store, 'first');
    flow.open.sideIs(side, { ...state, told: false });
    await expect(eraser.erase(ada, 'all')).rejects.toMatchObject(refused(/1 pair not over/));
    flow.open.sideIs(side, state);
    await engine.run((work) => {
      work.enqueue(messageQueue, '1', { user: ada });
    });
    await expect(eraser.erase(ada, 'all')).rejects.toMatchObject(refused(/1 messages or pairs are in progress/));
    expect(userByNumber(store.newest, number)?.id).toBe(ada);
    expect(store.newest.get(erasureTable, ada)).toBeUndefined();
    await store.transact((tx) => {
      payments.deposit(tx, { id: 'd', user: ada, asset: sek, amount: '1' as Amount, reason: '' }, begin as UnixMillis);
    });
  });

  it('refuses while there is money', async () => {
    const { store, eraser } = processOn({ disk: new SimulatedDisk() });
    await withAda(store);
    await store.transact((tx) => {
      payments.deposit(tx, { id: 'd', user: ada, asset: sek, amount: '7' as Amount, reason: '' }, begin as UnixMillis);
    });
    await expect(eraser.erase(ada, 'all')).rejects.toMatchObject(refused(/balance of 7 minor units: settle it first/));
  });

  it('refuses until the day to which law wants it kept, by kind of data', async () => {
    const disk = new SimulatedDisk();
    const retention = { ledgerDays: 100, messagesDays: 10 };
    const first = processOn({ disk, retention });
    await withAda(first.store);
    await first.engine.run((work) => {
      work.journal('answer', { yes: true }, ada);
    });
    await expect(first.eraser.erase(ada, 'messages')).rejects.toMatchObject(refused(/10 days.*not before 2026-12-04/));
    await first.store.close();
    const later = processOn({ disk, retention, now: begin + 11 * day });
    await expect(later.eraser.erase(ada, 'all')).rejects.toMatchObject(
      refused(/100 days.*not before 2027-03-04.*--messages/),
    );
    expect(await later.eraser.erase(ada, 'messages')).toMatchObject({ phase: 'purged', generation: 1 });
    expect(userByNumber(later.store.newest, number)?.name).toBe('Ada Lind');
    await later.store.close();
    const last = processOn({ disk, retention, now: begin + 101 * day });
    for await (const [, { kind, payload }] of last.store.scan(journalTable)) {
      expect(payload === undefined).toBe(kind === 'answer');
    }
    expect(await last.eraser.erase(number, 'all')).toMatchObject({ phase: 'purged', records: 1, told: [peer] });
  });

  it.each(['the tombstone is written', 'the keys are purged'] as const)(
    'goes on after a crash before %s',
    async (moment) => {
      const disk = new SimulatedDisk();
      const crash = (): Promise<never> => Promise.reject(new Error('the process is gone'));
      const first = processOn({
        disk,
        parts: moment === 'the keys are purged' ? { purge: crash } : { shelf: { put: crash } },
      });
      await withAda(first.store);
      await expect(first.eraser.erase(ada, 'all')).rejects.toThrow('the process is gone');
      // From the beginning on nothing new can happen to the user.
      expect(userByNumber(first.store.newest, number)).toBeUndefined();
      await first.store.close();

      const tombstones: WrittenOut[] = [];
      const shelf = {
        put: async (_: unknown, records: () => AsyncIterable<WrittenOut>) => {
          for await (const record of records()) tombstones.push(record);
        },
      };
      let purges = 0;
      const purge = async (): Promise<void> => void (purges += 1);
      const { store, eraser } = processOn({ disk, parts: { shelf, purge } });
      await eraser.resume();
      expect(store.newest.get(erasureTable, ada)).toMatchObject({ phase: 'purged', records: 1, told: [peer] });
      expect(hasKeys(store.newest, ada)).toBe(false);
      expect(store.newest.get(userTable, ada)).toBeUndefined();
      expect(purges).toBe(1);
      expect(tombstones.map(([key]) => key)).toEqual(moment === 'the keys are purged' ? [] : [`${pair}!first`]);
      // Once, whatever happened in between.
      expect(await eraser.erase(ada, 'all')).toMatchObject({ phase: 'purged' });
      const notices: unknown[] = [];
      for await (const [, item] of store.scan(outboxTable, { prefix: `${erasedQueue}!` })) notices.push(item);
      expect(notices).toEqual([{ peer, pairs: [{ pair, leg: 'first' }] } satisfies ErasedItem]);
      await eraser.resume();
      expect(purges).toBe(1);
      expect(await verifyJournal(store)).not.toHaveProperty('fault');
      const side = loadSide(store.newest, pair, 'first')?.side;
      expect(
        side === undefined ? [] : entriesOf(store.newest, side).filter((entry) => entry.startsWith('0x')),
      ).toHaveLength(4);
    },
  );
});

describe('answerErased', () => {
  const request = {
    at: 1_795_432_200 as UnixSeconds,
    pairs: [{ pair, leg: 'first' as const }],
    signature: '0x00' as Hex,
  };

  it('refuses a signature that is not the peer’s', async () => {
    const { store, flow } = processOn({ disk: new SimulatedDisk(), signed: false });
    await withAda(store, 'second');
    expect(await answerErased(flow, peer, request)).toEqual({ answer: 'wrong-signature' });
    expect(loadSide(store.newest, pair, 'second')?.side.otherName).toBe('Bo Ek');
  });

  it('waits until its own user has been told, and does nothing for another operator’s pair', async () => {
    const { store, flow } = processOn({ disk: new SimulatedDisk() });
    await withAda(store, 'second');
    expect(await answerErased(flow, 3 as OperatorId, request)).toEqual({ answer: 'erased' });
    expect(loadSide(store.newest, pair, 'second')?.side.otherName).toBe('Bo Ek');
    const found = loadSide(store.newest, pair, 'second');
    await store.transact((tx) => {
      if (found !== undefined) putSideState(tx, found, { told: false });
    });
    expect(await answerErased(flow, peer, request)).toEqual({ answer: 'later' });
  });

  it('forgets the other user and the sealed copy, keeps its own, and does it once', async () => {
    const { store, flow } = processOn({ disk: new SimulatedDisk() });
    await withAda(store, 'second');
    expect(await answerErased(flow, peer, request)).toEqual({ answer: 'erased' });
    expect(await answerErased(flow, peer, request)).toEqual({ answer: 'erased' });
    expect(loadSide(store.newest, pair, 'second')?.side).toMatchObject({
      otherNumber: '',
      otherName: '',
      userName: 'Ada Lind',
      note: 'lunch',
    });
    expect(store.newest.get(sealedTable, sideKey(pair, 'first'))).toBeUndefined();
    const kinds: string[] = [];
    for await (const [, { kind }] of store.scan(journalTable)) kinds.push(kind);
    expect(kinds).toEqual(['erasure']);
    expect(store.newest.get(userKeyTable, ada)).toBeDefined();
  });

  it('has a digest that is of every field of the notice', () => {
    const digests = [
      noticeDigest(settlement, own, peer, request),
      noticeDigest(settlement, peer, own, request),
      noticeDigest(settlement, own, peer, { ...request, at: 1 as UnixSeconds }),
      noticeDigest(settlement, own, peer, { ...request, pairs: [{ pair, leg: 'second' }] }),
      noticeDigest({ ...settlement, chainId: 1n }, own, peer, request),
    ];
    expect(new Set(digests).size).toBe(5);
  });
});

describe('answerSealed, after an erasure', () => {
  const batchId = digest(9) as unknown as BatchId;
  const secret = sideOf('second');

  /** As the acceptor of one pair, in batch 1 of the peer's lane. */
  async function inBatch(store: Store): Promise<void> {
    await withAda(store, 'second');
    await store.transact((tx) => {
      const batch = {
        initiator: peer,
        acceptor: own,
        sequence: 1,
        deadline: secret.deadline,
        count: 1,
        root: digest(8),
      };
      const record = { batchId, role: 'acceptor' as const, peer, batch, pairs: [pair] };
      createBatch(tx, begin as UnixMillis, record, { state: 'countersigned' });
      tx.put(peerCommitmentTable, `${pair}!acceptor`, digest(7));
    });
  }
  const asked = { role: 'initiator', sequence: 1, first: 0 } as const;

  async function given(flow: FlowContext) {
    const answer = methods.sealed.answer.parse(await answerSealed(flow, peer, asked));
    if (answer.answer !== 'batch') throw new Error('no batch');
    return answer;
  }

  it('gives a pair back whose own user is erased: without its texts, with the digest of the number', async () => {
    const disk = new SimulatedDisk();
    const { store, flow, eraser } = processOn({ disk });
    await inBatch(store);
    const before = (await given(flow)).pairs[0];
    await eraser.erase(ada, 'all');
    // Another process: this one may have texts in memory, which a purge takes away.
    const [after] = (await given(processOn({ disk: disk.clone() }).flow)).pairs;
    expect(before).toMatchObject({ from: '+46709999999', to: number, toName: 'Ada Lind', sealed: 'c2VhbGVk' });
    expect(after).toEqual({
      ...before,
      from: '',
      fromName: '',
      to: '',
      toName: '',
      note: '',
      firstSubject: '',
    });
    expect(after?.secondSubject).toBe(before?.secondSubject);
  });

  it('gives a pair back whose other user is erased: nothing sealed, and no number of that one', async () => {
    const { store, flow } = processOn({ disk: new SimulatedDisk() });
    await inBatch(store);
    await answerErased(flow, peer, {
      at: (begin / 1000) as UnixSeconds,
      pairs: [{ pair, leg: 'first' }],
      signature: '0x01' as Hex,
    });
    expect((await given(flow)).pairs[0]).toMatchObject({ from: '', fromName: '', to: number, sealed: '' });
  });
});

describe('withOwnNumbers', () => {
  const binding = { peer, pair, leg: 'first' } as const;
  const empty = '' as Msisdn;

  it('finds this operator’s user by whose key opens what it had sealed, and nobody else', async () => {
    const { store, flow } = processOn({ disk: new SimulatedDisk() });
    await withAda(store);
    const other = 'u_bea000000000000000000000' as UserId;
    await store.transact((tx) => {
      createKeys(tx, systemRandom, other);
      const known = tx.get(userTable, ada);
      if (known !== undefined) tx.put(userTable, other, { ...known, id: other, number: '+46701111111' as Msisdn });
    });
    const asGiven = (sealed: string, from = empty): GivenBatch =>
      ({ pairs: [{ terms: sideOf('first').terms, sealed, from, to: empty }] }) as unknown as GivenBatch;
    const found = async (batch: GivenBatch): Promise<string | undefined> =>
      (await withOwnNumbers(flow, peer, 'initiator', batch)).pairs[0]?.from;
    const key = userKeyOf(store.newest, ada);
    const mine = seal(key, binding, { user: ada }, systemRandom);
    expect(await found(asGiven(mine))).toBe(number);
    // Sealed for another peer, by nobody, or not at all.
    const elsewhere = seal(key, { ...binding, peer: 3 as OperatorId }, { user: ada }, systemRandom);
    for (const sealed of [elsewhere, 'A'.repeat(80), '']) expect(await found(asGiven(sealed))).toBe('');
    expect(await found(asGiven(mine, '+46702222222' as Msisdn))).toBe('+46702222222');
  });
});
