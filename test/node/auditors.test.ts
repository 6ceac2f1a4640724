/** What auditors get of a node by themselves, and what they do not. */
import { hash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { AuditorGate, type Auditor } from '../../operator-node/api/auditor-gate.ts';
import {
  auditorExcerpt,
  auditorPage,
  auditScope,
  scopeSchema,
  type AuditJournalRequest,
  type AuditRequest,
} from '../../operator-node/api/auditor-routes.ts';
import { disclosurePage } from '../../operator-node/api/disclosure-routes.ts';
import {
  batchLineSchema,
  headerSchema,
  parseLine,
  parsePairLine,
} from '../../operator-node/audit/disclosures/lines.ts';
import { parseExcerpt } from '../../operator-node/audit/journal/excerpt.ts';
import { verifyExcerpt } from '../../operator-node/audit/journal/verify.ts';
import type { FiledRequest } from '../../operator-node/chain/chain.ts';
import { createDomains } from '../../operator-node/domains/registry.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import { journalHead, journalTable } from '../../operator-node/engine/journal.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { createBatch, peerCommitmentTable } from '../../operator-node/flow/batch.ts';
import { cursorTable } from '../../operator-node/chain/cursor.ts';
import { checkpointTable } from '../../operator-node/flow/checkpoint.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import { loadRequest, putRequest, textsOf } from '../../operator-node/flow/requests/request.ts';
import { createSide, type Side } from '../../operator-node/flow/pair.ts';
import {
  toTimestamp,
  type BatchId,
  type Hash,
  type Msisdn,
  type OperatorId,
  type Role,
  type UnixSeconds,
} from '../../operator-node/model/ids.ts';
import { userKeyTable } from '../../operator-node/store/personal.ts';
import { userTable } from '../../operator-node/users/user.ts';
import { parseConfig } from '../../operator-node/config.ts';
import { configOf } from '../simulation/setting.ts';
import { asAuditor, asStaff, auditor as known, fakeApi, post, refusal, serve } from './api.fixture.ts';
import { ada, amount, later, makeWorld, now, operation, own, pairId, sek, type World } from './domains.fixture.ts';
import { putSideState } from './sides.fixture.ts';

const token = 'a-token-of-a-supervisor';
const auditor = (changes: Partial<Auditor> = {}): Auditor => ({
  ...known,
  tokenHash: hash('sha256', token, 'hex'),
  fromBlock: 5,
  toBlock: 90,
  ...changes,
});

const refused = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof TandemError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was refused';
};

describe('AuditorGate', () => {
  let time: number;
  let gate: AuditorGate;
  beforeEach(() => {
    time = now;
    gate = new AuditorGate(
      [auditor({ requestsPerMinute: 2 }), auditor({ name: 'other', tokenHash: '00'.repeat(32) })],
      () => time,
    );
  });

  it.each([
    ['no token', undefined],
    ['another scheme', `Basic ${token}`],
    ['another token', 'Bearer a-token-of-nobody'],
    ['the hash instead of the token', `Bearer ${hash('sha256', token, 'hex')}`],
  ])('refuses %s', (_, authorization) => {
    expect(refused(() => gate.admit(authorization))).toMatch(/^unauthorized/);
  });

  it('refuses from the second on in which the access expires', () => {
    time = Date.parse(known.expires);
    expect(refused(() => gate.admit(`Bearer ${token}`))).toMatch(/^forbidden: The access of supervisor ended/);
    time -= 1;
    expect(gate.admit(`Bearer ${token}`)).toBe('supervisor');
  });

  it('refuses more requests than a minute has, and fills up evenly to no more than that', () => {
    const ask = () => refused(() => gate.admit(`Bearer ${token}`));
    const through = 'nothing was refused';
    expect([ask(), ask()]).toEqual([through, through]);
    expect(ask()).toMatch(/^too-busy/);
    time += 29_999;
    expect(ask()).toMatch(/^too-busy/);
    time += 1;
    expect([ask(), ask().slice(0, 8)]).toEqual([through, 'too-busy']);
    time += 3_600_000;
    expect([ask(), ask(), ask().slice(0, 8)]).toEqual([through, through, 'too-busy']);
    // A clock that goes back gives nothing and takes nothing.
    time -= 600_000;
    expect(ask()).toMatch(/^too-busy/);
  });
});

describe('auditors in the configuration', () => {
  const base = configOf(own, {});
  const withAuditors = (...auditors: unknown[]) => refused(() => parseConfig({ ...base, auditors }, '/'));
  it.each([
    ['a token instead of its hash', [auditor({ tokenHash: token })], /tokenHash: .*SHA-256/],
    ['a policy that there is not', [auditor({ policies: ['everything'] })], /no disclosure policy everything/],
    ['one name twice', [auditor(), auditor({ tokenHash: '00'.repeat(32) })], /another auditor supervisor/],
    ['one token twice', [auditor(), auditor({ name: 'other' })], /the token of another auditor/],
    ['blocks that end before they begin', [auditor({ toBlock: 4 })], /toBlock 4 is before fromBlock 5/],
    ['a date that is none', [auditor({ expires: '2026-13-01T00:00:00Z' })], /expires/],
  ])('refuses %s', (_, auditors, message) => {
    expect(withAuditors(...auditors)).toMatch(message);
  });

  it('takes what is right', () => {
    expect(withAuditors(auditor(), auditor({ name: 'other', tokenHash: '00'.repeat(32) }))).toBe('nothing was refused');
  });
});

/** A node with one batch of one pair in each of four lanes, prepared in blocks 10, 11, 12, 13. */
const lanes = [
  ['initiator', 2],
  ['initiator', 3],
  ['acceptor', 2],
  ['acceptor', 20],
] as const;
let world: World;
let flow: FlowContext;
const digest = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;

function sideOf(index: number, role: Role, peer: OperatorId): Side {
  const pair = pairId(index);
  const leg = role === 'initiator' ? 'first' : 'second';
  const terms = {
    pair,
    service: 'pay',
    firstAsset: sek,
    firstAmount: amount(120),
    secondAsset: sek,
    secondAmount: amount(120),
    initiator: `${role === 'initiator' ? own : peer}`,
    acceptor: `${role === 'initiator' ? peer : own}`,
    created: toTimestamp(now),
    deadline: '1795428600',
    reverses: '' as const,
  };
  return {
    pair,
    leg,
    role,
    peer,
    service: 'pay',
    terms,
    termsSecret: digest(index),
    termsCommitment: digest(100 + index),
    user: ada,
    userNumber: '+46701234567' as Msisdn,
    userName: 'Ada',
    otherNumber: '+46707654321' as Msisdn,
    otherName: 'Bo',
    note: '',
    item: '',
    domain: 'payments',
    operation: operation({ pair, leg, counterparty: peer }),
    debits: true,
    record: {
      pair,
      leg,
      operator: `${own}`,
      domain: 'payments',
      action: 'debit',
      account: 'ada/SEK',
      subject: '+46701234567' as Msisdn,
      asset: sek,
      amount: amount(120),
      counterparty: Buffer.alloc(32).toString('base64url'),
      detail: '',
      heldAt: toTimestamp(now),
    },
    ownCommitment: digest(200 + index),
    heldAt: now,
    deadline: 1_795_428_600 as UnixSeconds,
    delivers: '',
    ref: 'ABCD',
  };
}

async function build(scope: Partial<Auditor>): Promise<void> {
  world = await makeWorld();
  const { store, payments, goods } = world;
  await store.transact((tx) => {
    tx.put(userKeyTable, ada, { ledger: digest(99), messages: digest(98), generation: 1 });
    tx.put(userTable, ada, {
      id: ada,
      number: '+46701234567' as Msisdn,
      name: 'Ada',
      language: 'en',
      kind: 'person',
      assets: [sek],
      joined: true,
      autoAccept: false,
      since: now,
    });
    tx.put(cursorTable, 'chain', { number: 50, hash: digest(50), timestamp: 1_795_428_000 as UnixSeconds });
    for (const [index, [role, id]] of lanes.entries()) {
      const peer = id as OperatorId;
      const side = sideOf(index, role, peer);
      const batchId = digest(1000 + index) as string as BatchId;
      putSideState(tx, createSide(tx, now, side), { batch: batchId });
      tx.put(peerCommitmentTable, `${side.pair}!${role}`, digest(300 + index));
      const batch = {
        initiator: role === 'initiator' ? own : peer,
        acceptor: role === 'initiator' ? peer : own,
        sequence: 1,
        deadline: side.deadline,
        count: 1,
        root: digest(index),
      };
      createBatch(
        tx,
        now,
        { batchId, role, peer, batch, pairs: [side.pair] },
        { state: 'countersigned', prepared: { number: 10 + index, hash: digest(10 + index) } },
      );
      payments.commit(tx, side.operation, later(5));
    }
  });
  const config = parseConfig({ ...configOf(own, {}), auditors: [auditor(scope)] }, '/');
  // What the pages of a node's store are made from; nothing else of the flow is touched.
  flow = {
    self: own,
    config,
    auditLog: { chainId: 31_337n, contract: `0x${'a1'.repeat(20)}` },
    chain: {
      disclosureRequest: (request: number, at: Hash) =>
        Promise.resolve(at === digest(50) ? onChain.find((each) => each.request === request) : undefined),
    },
    settlement: { chainId: 31_337n, contract: `0x${'5e'.repeat(20)}` },
    domains: createDomains([payments, goods]),
    engine: new Engine({
      store,
      clock: { now: () => later(60), after: () => () => {} },
      random: systemRandom,
      onEvent: () => {},
      onFailure: () => {},
    }),
  } as unknown as FlowContext;
}

/** In the AuditLog at block 50, the last one that this node has applied. */
const filed = (number: number, changes: Partial<FiledRequest> = {}): FiledRequest => ({
  request: number,
  operator: own,
  auditor: 3,
  digest: digest(number),
  madeAt: 1_795_428_000 as UnixSeconds,
  filedAt: 1_795_428_000 as UnixSeconds,
  due: 1_795_438_000 as UnixSeconds,
  confidential: false,
  ...changes,
});
const onChain: readonly FiledRequest[] = [
  filed(17),
  filed(18, { operator: 2 as OperatorId }),
  filed(19, { auditor: 4 }),
  filed(20, { answered: { at: 1_795_428_001 as UnixSeconds, answer: digest(7) } }),
];

const request = (changes: Partial<AuditRequest> = {}): AuditRequest => ({
  from: 5,
  to: 50,
  policy: 'regulator-minimum',
  reason: 'file 17',
  after: '',
  ...changes,
});

const journal = async (): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const [, { kind, payload }] of world.store.scan(journalTable)) found.push({ kind, ...payload });
  return found;
};

/** The batches of a page, as `<initiator>-<acceptor>`, with the header in front. */
function shapeOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      if (parseLine(headerSchema, line).ok) return ['header'];
      const batch = parseLine(batchLineSchema, line);
      if (batch.ok) return [`${batch.value.batch.initiator}-${batch.value.batch.acceptor}`];
      return parsePairLine(line).ok ? [] : [`no line of a disclosure file: ${line}`];
    });
}

const page = (changes: Partial<AuditRequest> = {}) => auditorPage(flow, world.payments, 'supervisor', request(changes));

describe('auditorPage', () => {
  it.each([
    [{ policy: 'full' }, /its policies are regulator-minimum, not full/],
    [{ from: 4 }, /its blocks begin at 5, not at 4/],
    [{ to: 91 }, /its blocks end at 90, not at 91/],
  ])('refuses what is outside of the scope, and journals it: %j', async (changes, why) => {
    await build({});
    await expect(page(changes)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(why) as string,
    });
    expect(await journal()).toEqual([
      expect.objectContaining({
        kind: 'disclosure',
        what: 'auditor access refused',
        auditor: 'supervisor',
        ...changes,
      }),
    ]);
  });

  it('refuses an auditor who is none, and blocks that are not final here', async () => {
    await build({});
    await expect(auditorPage(flow, world.payments, 'nobody', request())).rejects.toMatchObject({ code: 'forbidden' });
    await expect(page({ to: 51 })).rejects.toMatchObject({ code: 'not-ready' });
  });

  it('gives the page that staff would give, where no counterparties are named', async () => {
    await build({});
    const staff = await disclosurePage(flow, world.payments, { ...request(), recipient: 'x' });
    expect(await page()).toEqual(staff);
    expect(shapeOf(staff.text)).toEqual(['header', '2-1', '20-1', '1-2', '1-3']);
  });

  it('leaves out every byte of batches with other operators, and journals what was handed over', async () => {
    await build({ counterparties: [2 as OperatorId] });
    const { text, batches, pairs } = await page();
    expect(shapeOf(text)).toEqual(['header', '2-1', '1-2']);
    for (const other of [pairId(1), pairId(3), digest(1001), digest(1003)]) expect(text).not.toContain(other);
    expect({ batches, pairs }).toEqual({ batches: 2, pairs: 2 });
    expect(await journal()).toEqual([
      {
        kind: 'disclosure',
        what: 'auditor access',
        auditor: 'supervisor',
        ...request(),
        batches: 2,
        pairs: 2,
      },
    ]);
  });

  it.each([
    ['21', /the AuditLog has no request 21 at final block 50/],
    ['18', /request 18 is to operator 2, not to 1/],
    ['19', /request 19 is of auditor 4 of the AuditLog, not of 3/],
    ['20', /request 20 has been answered/],
  ])('refuses request %s, which is not its own open request to this operator, and journals it', async (number, why) => {
    await build({ auditorId: 3 });
    await expect(page({ filed: number })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(why) as string,
    });
    expect(await journal()).toEqual([
      expect.objectContaining({
        what: 'auditor access refused',
        filed: number,
        why: expect.stringMatching(why) as string,
      }),
    ]);
    expect(loadRequest(world.store.newest, Number(number))).toBeUndefined();
  });

  it('takes another auditor’s request where no number in the AuditLog is configured', async () => {
    await build({});
    expect(await page({ filed: '19' })).toMatchObject({ batches: 4 });
  });

  it('is refused where the network has no AuditLog', async () => {
    await build({});
    flow = { ...flow, auditLog: undefined };
    await expect(page({ filed: '17' })).rejects.toMatchObject({
      message: expect.stringMatching(/no AuditLog/) as string,
    });
  });

  it('ties what it hands over to the request, until that is answered', async () => {
    await build({ auditorId: 3 });
    const { text } = await page({ filed: '17' });
    const { next } = await page({ filed: '17', after: 'acceptor!2!000000000001' });
    expect(next).toBeUndefined();
    const sha256 = hash('sha256', text, 'hex');
    const [first] = await journal();
    expect(first).toMatchObject({ filed: '17', filedDigest: digest(17), bytes: Buffer.byteLength(text), sha256 });
    const record = loadRequest(world.store.newest, 17);
    expect(record).toMatchObject({ texts: 2, auditor: 3 });
    if (record === undefined) throw new Error('no record');
    expect(textsOf(world.store.newest, record)[0]).toEqual({ bytes: Buffer.byteLength(text), sha256 });
    const order = { salt: '0'.repeat(32), files: [], digest: digest(8), at: now };
    await world.store.transact((tx) => {
      putRequest(tx, { ...record, order });
    });
    await expect(page({ filed: '17' })).rejects.toMatchObject({
      message: expect.stringMatching(/been answered/) as string,
    });
    expect(loadRequest(world.store.newest, 17)?.texts).toBe(2);
  });

  it('has no empty page, and none that is said to follow and is not there', async () => {
    await build({});
    const scope = { counterparties: [2, 3] as OperatorId[], journal: {} };
    const pages: string[][] = [];
    for (let after: string | undefined = ''; after !== undefined;) {
      const asked = { ...request({ after }), recipient: 'x' };
      const { text, next, batches } = await disclosurePage(flow, world.payments, asked, scope, 1_000);
      expect(batches).toBeGreaterThan(0);
      pages.push(shapeOf(text));
      after = next;
    }
    expect(pages).toEqual([['header', '2-1'], ['1-2'], ['1-3']]);
  });

  it('goes on after any page, and never into a lane outside of the scope', async () => {
    await build({ counterparties: [2 as OperatorId] });
    expect(shapeOf((await page({ after: 'acceptor!2!000000000001' })).text)).toEqual(['1-2']);
    expect(shapeOf((await page({ after: 'acceptor!2' })).text)).toEqual(['2-1', '1-2']);
    expect(shapeOf((await page({ after: 'initiator!2!000000000001' })).text)).toEqual([]);
  });
});

describe('auditorExcerpt', () => {
  const auditLog = `0x${'a1'.repeat(20)}`;
  const excerpt = (changes: Partial<AuditJournalRequest> = {}) =>
    auditorExcerpt(flow, auditLog, 'supervisor', {
      ...{ pair: pairId(0), policy: 'dispute', reason: 'complaint 9' },
      ...changes,
    });
  /** The side’s words, a second after each other, under a head that is anchored unless it is said otherwise. */
  async function said(anchored = true): Promise<void> {
    const pair = pairId(0);
    await flow.engine.run((work) => {
      work.journal('question', { pair, text: 'Bo asks for 1.20 SEK' }, ada);
      work.fault('discrepancy', {});
      work.journal('answer', { pair, text: 'YES 4821' }, ada);
      const { sequence, hash: head } = journalHead(work);
      if (!anchored) return;
      const block = { number: 40, hash: digest(40), timestamp: 1_795_428_000 as UnixSeconds };
      const anchor = { entry: sequence, head: `0x${head}` as Hash, block, held: true };
      work.put(checkpointTable, String(sequence).padStart(12, '0'), anchor);
    });
  }
  const withDispute = { policies: ['regulator-minimum', 'dispute'] };

  it.each([
    [withDispute, { policy: 'full' }, /its policies are regulator-minimum, dispute, not full/],
    [withDispute, { pair: pairId(9) }, /is in no batch of it/],
    [{ ...withDispute, counterparties: [3 as OperatorId] }, {}, /is in no batch of it/],
    [{ ...withDispute, fromBlock: 11 }, {}, /is in no batch of it/],
    [{ ...withDispute, toBlock: 9 }, {}, /is in no batch of it/],
    [{ ...withDispute, auditorId: 3 }, { filed: '19' }, /request 19 is of auditor 4/],
  ])('refuses what is outside of the scope, and journals it: %j %j', async (scope, changes, why) => {
    await build(scope);
    await said();
    await expect(excerpt(changes)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(why) as string,
    });
    expect((await journal()).at(-1)).toMatchObject({
      what: 'auditor access refused',
      reason: 'complaint 9',
      ...changes,
    });
  });

  it('says that the entries are not anchored yet, and that a policy has none', async () => {
    await build(withDispute);
    await said(false);
    await expect(excerpt()).rejects.toMatchObject({ code: 'not-ready' });
    await expect(excerpt({ policy: 'regulator-minimum' })).rejects.toMatchObject({ code: 'unprocessable' });
  });

  it('gives question and answer with their path to the head, journaled and under the request', async () => {
    await build({ ...withDispute, auditorId: 3 });
    await said();
    const text = await excerpt({ filed: '17' });
    const parsed = parseExcerpt(text);
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(parsed.excerpt.entries.map(({ kind }) => kind)).toEqual(['question', 'answer']);
    expect(parsed.excerpt.path).toHaveLength(1);
    const verified = await verifyExcerpt(text);
    expect(verified.verdict).toBe('UNPINNED');
    const handed = { bytes: Buffer.byteLength(text), sha256: hash('sha256', text, 'hex') };
    expect((await journal()).at(-1)).toMatchObject({
      ...{ what: 'auditor access', auditor: 'supervisor', pair: pairId(0), policy: 'dispute', filed: '17' },
      ...handed,
    });
    const record = loadRequest(world.store.newest, 17);
    if (record === undefined) throw new Error('no record');
    expect(textsOf(world.store.newest, record)).toEqual([handed]);
  });
});

describe('auditScope', () => {
  it('says the bounds, and up to which block there is something', async () => {
    await build({ counterparties: [2, 20] as OperatorId[] });
    const scope = auditScope(flow, 'supervisor');
    expect(scopeSchema.safeParse(scope)).toMatchObject({ success: true });
    expect(scope).toMatchObject({ counterparties: [2, 20], fromBlock: 5, toBlock: 90, finalBlock: 50, operator: own });
  });
});

describe('the routes for auditors', () => {
  it('let nobody else in, and an auditor into no other', async () => {
    const { url } = await serve();
    const scope = (headers: Record<string, string>) => fetch(`${url}/v1/audit/scope`, { headers });
    expect(await refusal(await scope(asStaff))).toMatchObject({ status: 401 });
    expect(await refusal(await fetch(`${url}/v1/positions`, { headers: asAuditor }))).toMatchObject({ status: 401 });
    expect((await scope(asAuditor)).status).toBe(200);
  });

  it('take who asks from the token, not from the request', async () => {
    const services = fakeApi();
    const { url } = await serve(services);
    const body = { from: 1, to: 2, policy: 'regulator-minimum', reason: 'file 17' };
    const path = `${url}/v1/audit/disclosures`;
    expect(await refusal(await post(path, { ...body, recipient: 'other' }, asAuditor))).toMatchObject({ status: 400 });
    const answer = await post(path, body, asAuditor);
    expect((await answer.text()).split('\n').at(-2)).toBe('{"after":"initiator!2!000000000001","type":"page"}');
    expect(services.calls).toEqual([
      { name: 'auditDisclosures', input: { ...body, after: '', auditor: 'supervisor' } },
    ]);
  });

  it('answer 429 with Retry-After beyond the rate', async () => {
    const { url } = await serve();
    const scope = () => fetch(`${url}/v1/audit/scope`, { headers: asAuditor });
    for (let asked = 0; asked < known.requestsPerMinute; asked += 1) await (await scope()).text();
    const answer = await scope();
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await refusal(answer)).toMatchObject({ status: 429, code: 'too-busy' });
  });
});
