/** Auditors' requests: what final blocks say of them, staff's answer, its way to the chain, and what opens it. */
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../operator-node/alarms/alarms.ts';
import { openingOf, requestList, requestsOf } from '../../operator-node/api/request-routes.ts';
import { answerSchema } from '../../operator-node/audit/answer-opening.ts';
import type { Block, ContractCall, FiledRequest, TransactionOutcome } from '../../operator-node/chain/chain.ts';
import { answerDigest } from '../../operator-node/commitment/answer-digest.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine, type EngineEvent } from '../../operator-node/engine/engine.ts';
import { journalTable } from '../../operator-node/engine/journal.ts';
import { cursorTable } from '../../operator-node/chain/cursor.ts';
import { Duties } from '../../operator-node/chain/duties.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import { answerRequest } from '../../operator-node/flow/requests/answer-request.ts';
import { applyRequest } from '../../operator-node/flow/requests/apply.ts';
import { handOver, loadRequest } from '../../operator-node/flow/requests/request.ts';
import { answerDuty, AuditRequests } from '../../operator-node/flow/requests/requests.ts';
import type { Hash, Hex, OperatorId, UnixMillis, UnixSeconds } from '../../operator-node/model/ids.ts';
import type { SettlementDomain } from '../../operator-node/model/records.ts';
import { SimulatedDisk, openMemoryStore } from '../../operator-node/store/memory.ts';

const self = 1 as OperatorId;
const auditLog: SettlementDomain = { chainId: 31_337n, contract: `0x${'A1'.repeat(20)}` };
const digestOf = (digit: string): Hash => `0x${digit.repeat(64)}` as Hash;
const begins = 1_795_428_000;
const due = (begins + 3_600) as UnixSeconds;
const file = hash('sha256', 'a file');
const text = { bytes: 6, sha256: hash('sha256', 'a text') };

const filed = (changes: Partial<FiledRequest> = {}): FiledRequest => ({
  request: 17,
  operator: self,
  auditor: 3,
  digest: digestOf('d'),
  madeAt: begins as UnixSeconds,
  filedAt: begins as UnixSeconds,
  due,
  confidential: false,
  ...changes,
});

interface Sent {
  readonly request: number;
  readonly answer: Hash;
  readonly tag: string;
}

const calls = {
  answer: (operator: OperatorId, request: number, answer: Hash): ContractCall => {
    expect(operator).toBe(self);
    return { to: 'AuditLog', data: JSON.stringify([request, answer]) as Hex, gasLimit: 1n };
  },
};

const dutiesOn = (engine: Engine, sent: Sent[], maySend: () => boolean): Duties =>
  new Duties({
    engine,
    sender: {
      send: (_, key, { data }, tag) => {
        // Only the operator's account may answer.
        expect(key).toBe('account');
        const [request, answer] = JSON.parse(data) as [number, Hash];
        sent.push({ request, answer, tag });
        return digestOf('0');
      },
    },
    maySend,
  });

/** One process on that disk; `onChain` is what the AuditLog has of requests that the store may not know. */
async function open(disk: SimulatedDisk, onChain: readonly FiledRequest[] = []) {
  let now = begins * 1000;
  const events: EngineEvent[] = [];
  const sent: Sent[] = [];
  const store = openMemoryStore(disk);
  const engine = new Engine({
    store,
    clock: { now: () => now as UnixMillis, after: () => () => {} },
    random: systemRandom,
    onEvent: (event) => events.push(event),
    onFailure: (_, error) => {
      throw error;
    },
  });
  const duties = dutiesOn(engine, sent, () => chainView.caughtUp);
  const requests = new AuditRequests(engine, duties);
  const alarms = new Alarms();
  alarms.attach(engine);
  const chainView = { headTime: begins as UnixSeconds, caughtUp: true };
  // What requests are kept and answered with; nothing else of the flow is touched.
  const flow = {
    ...{ self, auditLog, engine, requests, chainView, alarms },
    config: { maxOpenRequestsPerAuditor: 3 },
    chain: {
      disclosureRequest: (request: number) => Promise.resolve(onChain.find((each) => each.request === request)),
    },
  } as unknown as FlowContext;
  duties.add(answerDuty(flow, calls));
  await requests.load();
  await duties.load();
  const round = async (): Promise<void> => {
    requests.look(flow);
    await duties.round();
  };
  const apply = (log: Record<string, unknown>, number = 40) =>
    engine.run((work) => {
      const block = { number, hash: digestOf('b'), parentHash: digestOf('a'), timestamp: chainView.headTime } as Block;
      const whole = { transactionHash: digestOf('c'), logIndex: 0, ...log } as never;
      applyRequest(flow, work, block, whole);
      duties.ended(work, whole);
      work.put(cursorTable, 'chain', block);
      duties.applied(work, number);
    });
  return {
    ...{ disk, store, engine, requests, round, flow, chainView, sent, events },
    later(seconds: number) {
      now += seconds * 1000;
      chainView.headTime = (chainView.headTime + seconds) as UnixSeconds;
    },
    fileOne: (changes: Partial<FiledRequest> = {}) => apply({ type: 'DisclosureRequested', ...filed(changes) }),
    answered: (answer: Hash, request = 17) =>
      apply({ type: 'DisclosureAnswered', request, operator: self, answer, late: false }, 50),
    hand: () => engine.run((work) => handOver(work, filed(), text)),
    answer: (files: readonly string[] = [file], request = 17) => answerRequest(flow, { request, files }),
    outcome: (tag: string, status: TransactionOutcome['status'], final = true) =>
      store.transact((tx) => {
        const block = { number: 50, hash: digestOf('b') };
        duties.onOutcome(tx, { key: 'account', tag, hash: digestOf('e'), status, final, block });
      }),
    async journal() {
      const found: unknown[] = [];
      for await (const [, { kind, payload }] of store.scan(journalTable)) found.push({ kind, ...payload });
      return found;
    },
    alarms: () => events.flatMap((event) => (event.type === 'alarm' ? [event.what] : [])),
  };
}
const fresh = (onChain?: readonly FiledRequest[]) => open(new SimulatedDisk(), onChain);

describe('answerDigest', () => {
  it('is as docs/protocol.md §4 says, by other means', () => {
    const salt = Buffer.from(Array.from({ length: 16 }, (_, at) => at)).toString('hex');
    const texts = [
      { bytes: 6, sha256: '33'.repeat(32) },
      { bytes: 0, sha256: '44'.repeat(32) },
    ];
    const content = { operator: self, request: 17, salt, files: ['11'.repeat(32), '22'.repeat(32)], texts };
    // Computed with Python's hashlib and json.
    expect(answerDigest(auditLog, content)).toBe('0x35f8dd153f5e021a3d218e54258fcccc7fbad6b1207b0feaa593f16a8ce5ae05');
  });
});

describe('applyRequest', () => {
  it('keeps a request to this operator, journaled, and none to another', async () => {
    const node = await fresh();
    await node.fileOne();
    await node.fileOne({ request: 18, operator: 2 as OperatorId });
    expect((await requestsOf(node.flow)).requests).toMatchObject([
      { request: 17, auditor: 3, state: 'open', late: false },
    ]);
    expect(await node.journal()).toMatchObject([{ kind: 'disclosure', what: 'request filed', request: 17 }]);
    expect(node.requests.counts(node.flow)).toEqual({ open: 1, overdue: 0 });
  });

  it('keeps so many open ones of an auditor, names it when it files more, and lists what others ask', async () => {
    const node = await fresh();
    for (let request = 1; request <= 13; request += 1) await node.fileOne({ request });
    await node.fileOne({ request: 14, auditor: 4 });
    const listed = async () => (await requestsOf(node.flow)).requests.map(({ request, auditor }) => [request, auditor]);
    expect(await listed()).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
      [14, 4],
    ]);
    expect(node.requests.counts(node.flow)).toEqual({ open: 4, overdue: 0 });
    // At the first and at the tenth that was passed over, not at each.
    const told = node.events.flatMap((event) =>
      event.type === 'alarm' && event.what === 'too-many-requests' ? [event] : [],
    );
    expect(told).toMatchObject([
      { type: 'alarm', subject: '3', auditor: 3, request: 4, passedOver: 1 },
      { type: 'alarm', subject: '3', auditor: 3, request: 13, passedOver: 10 },
    ]);
    expect(await node.journal()).toHaveLength(4 + 2);
    // An answer makes room, over a restart too.
    const disk = node.disk;
    await node.answered(digestOf('7'), 2);
    await node.store.close();
    const again = await open(disk);
    await again.fileOne({ request: 15 });
    await again.fileOne({ request: 16 });
    expect((await requestsOf(again.flow)).requests.map(({ request }) => request)).toEqual([1, 2, 3, 14, 15]);
  });

  it('takes a request that was passed over when staff answers it by its number', async () => {
    const node = await fresh([filed({ request: 9 })]);
    for (let request = 1; request <= 4; request += 1) await node.fileOne({ request });
    await node.answer([file], 9);
    expect((await requestsOf(node.flow)).requests.map(({ request, state }) => [request, state])).toContainEqual([
      9,
      'ordered',
    ]);
  });

  it('lists them in pages', async () => {
    const node = await fresh();
    for (let request = 1; request <= 12; request += 1) await node.fileOne({ request, auditor: request });
    const page = async (after: number, limit: number) => {
      const { requests, after: next } = await requestsOf(node.flow, { after, limit });
      return [requests.map(({ request }) => request), next];
    };
    expect(await page(0, 5)).toEqual([[1, 2, 3, 4, 5], 5]);
    expect(await page(5, 5)).toEqual([[6, 7, 8, 9, 10], 10]);
    expect(await page(10, 5)).toEqual([[11, 12], undefined]);
    // No last page is empty.
    expect(await page(10, 2)).toEqual([[11, 12], undefined]);
    expect(await page(12, 5)).toEqual([[], undefined]);
  });

  it('raises an alarm for an answer that staff has not given, and journals it', async () => {
    const node = await fresh();
    await node.fileOne();
    await node.answered(digestOf('7'));
    expect(node.alarms()).toEqual(['unknown-answer-on-chain']);
    expect(await node.journal()).toContainEqual(expect.objectContaining({ kind: 'fault', request: 17 }));
    expect((await requestsOf(node.flow)).requests).toMatchObject([{ state: 'answered', answer: digestOf('7') }]);
  });

  it('shows any due time that an auditor may set', async () => {
    const node = await fresh();
    await node.fileOne({ due: (2 ** 40 - 1) as UnixSeconds });
    const listed = await requestsOf(node.flow);
    expect(requestList.safeParse(listed)).toMatchObject({ success: true });
    expect(listed.requests).toMatchObject([{ due: '9999-12-31T23:59:59Z' }]);
  });
});

describe('answerRequest', () => {
  it('refuses a request that is not on chain, one to another operator, and an answer with nothing in it', async () => {
    const node = await fresh([filed({ request: 18, operator: 2 as OperatorId })]);
    await expect(node.answer([file], 99)).rejects.toMatchObject({ code: 'not-found' });
    await node.fileOne();
    await expect(node.answer([file], 18)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('operator 2') as string,
    });
    await expect(node.answer([])).rejects.toMatchObject({ code: 'unprocessable' });
    await node.round();
    expect(node.sent).toEqual([]);
  });

  it('sends the salted digest of what was handed over, once, until a final block has it', async () => {
    const node = await fresh();
    await node.fileOne();
    expect(await node.hand()).toBe(true);
    const { order } = await node.answer();
    await node.round();
    await node.round();
    expect(node.sent).toMatchObject([{ request: 17, answer: order?.digest }]);
    await node.outcome(node.sent[0]?.tag ?? '', 'included');
    await node.round();
    expect(node.sent).toHaveLength(1);
    expect((await requestsOf(node.flow)).requests).toMatchObject([{ state: 'ordered', fetched: 1 }]);
    await node.answered(order?.digest ?? digestOf('0'));
    expect(node.alarms()).toEqual([]);
    expect(node.requests.counts(node.flow)).toEqual({ open: 0, overdue: 0 });
    expect((await requestsOf(node.flow)).requests).toMatchObject([
      { state: 'answered', late: false, answer: order?.digest },
    ]);
  });

  it('has no second effect when it is asked again, and refuses another answer', async () => {
    const node = await fresh();
    await node.fileOne();
    const { order } = await node.answer();
    expect((await node.answer([file, file])).order).toEqual(order);
    await expect(node.answer([file, hash('sha256', 'another')])).rejects.toMatchObject({ code: 'conflict' });
    await node.answered(order?.digest ?? digestOf('0'));
    expect((await node.answer()).order).toEqual(order);
  });

  it('lets nothing more be handed over under it', async () => {
    const node = await fresh();
    await node.fileOne();
    await node.answer();
    expect(await node.hand()).toBe(false);
    expect(loadRequest(node.store.newest, 17)?.texts).toBe(0);
  });

  it('takes a request that was filed before this store kept any from the chain', async () => {
    const node = await fresh([
      filed({ request: 4 }),
      filed({ request: 5, answered: { at: due, answer: digestOf('9') } }),
    ]);
    await node.fileOne();
    await node.answer([file], 4);
    await node.round();
    expect(node.sent).toMatchObject([{ request: 4 }]);
    await expect(node.answer([file], 5)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is sent again after a crash and after a revert, and not twice at a time', async () => {
    const disk = new SimulatedDisk();
    const before = await open(disk);
    await before.fileOne();
    await before.answer();
    await before.round();
    disk.crash();
    const node = await open(disk);
    await node.round();
    expect(node.sent).toEqual([]);
    const [first] = before.sent;
    await node.outcome(first?.tag ?? '', 'reverted', false);
    await node.round();
    expect(node.sent).toEqual([]);
    await node.outcome(first?.tag ?? '', 'reverted');
    await node.round();
    expect(node.sent).toEqual([]);
    node.later(2);
    await node.round();
    expect(node.sent).toMatchObject([{ request: 17, answer: first?.answer }]);
  });

  it('is not sent before the node has caught up with the chain, which may have it', async () => {
    const node = await fresh();
    node.chainView.caughtUp = false;
    await node.fileOne();
    await node.answer();
    await node.round();
    expect(node.sent).toEqual([]);
  });
});

describe('openingOf', () => {
  it('refuses before there is an answer', async () => {
    const node = await fresh();
    await node.fileOne();
    await expect(openingOf(node.flow, 16)).rejects.toMatchObject({ code: 'not-found' });
    await expect(openingOf(node.flow, 17)).rejects.toMatchObject({ code: 'unprocessable' });
  });

  it('opens the digest that was sent, of these files and texts and no others', async () => {
    const node = await fresh();
    await node.fileOne();
    await node.hand();
    const { order } = await node.answer();
    const opening = answerSchema.parse(JSON.parse(await openingOf(node.flow, 17)));
    expect(opening).toMatchObject({ files: [file], texts: [text], request: 17, operator: self });
    const domain = { chainId: BigInt(opening.chainId), contract: opening.auditLog };
    const content = { ...opening, operator: self };
    expect(answerDigest(domain, content)).toBe(order?.digest);
    for (const other of [
      { ...content, files: [] },
      { ...content, texts: [] },
      { ...content, texts: [{ ...text, bytes: 7 }] },
      { ...content, request: 18 },
      { ...content, operator: 2 as OperatorId },
      { ...content, salt: '0'.repeat(32) },
    ]) {
      expect(answerDigest(domain, other)).not.toBe(order?.digest);
    }
    expect(answerDigest({ ...domain, chainId: 1n }, content)).not.toBe(order?.digest);
  });
});

describe('an overdue request', () => {
  it('raises one alarm, by the time of blocks, and is counted until it is answered', async () => {
    const node = await fresh();
    await node.fileOne();
    node.later(3_600);
    await node.round();
    expect(node.alarms()).toEqual([]);
    node.later(1);
    await node.round();
    await node.round();
    await node.engine.run(() => undefined);
    expect(node.alarms()).toEqual(['request-overdue']);
    expect(node.requests.counts(node.flow)).toEqual({ open: 1, overdue: 1 });
    const { order } = await node.answer();
    expect((await requestsOf(node.flow)).requests).toMatchObject([{ state: 'ordered', late: true }]);
    await node.answered(order?.digest ?? digestOf('0'));
    expect(node.requests.counts(node.flow)).toEqual({ open: 0, overdue: 0 });
    await node.engine.run(() => undefined);
    expect(node.events).toContainEqual({ type: 'alarm-over', what: 'request-overdue', subject: '17' });
    expect((await requestsOf(node.flow)).requests).toMatchObject([{ state: 'answered', late: true }]);
  });
});
