/** The API on a port of its own, before a node that answers as it is told and records what it was asked. */
import { hash } from 'node:crypto';
import { afterEach } from 'vitest';
import { AuditorGate, type Auditor } from '../../operator-node/api/auditor-gate.ts';
import type { AlarmView } from '../../operator-node/alarms/alarms.ts';
import {
  apiLimits,
  startApi,
  type ApiLimits,
  type RunningApi,
  type ServerHooks,
} from '../../operator-node/api/server.ts';
import type { NodeServices, PairView, RequestView, WindowView } from '../../operator-node/api/services.ts';
import type { Doubt } from '../../operator-node/recovery/doubt.ts';
import type { ErasureState } from '../../operator-node/erasure/state.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type {
  Amount,
  Asset,
  Hash,
  Msisdn,
  OperatorId,
  PairId,
  Timestamp,
  UnixMillis,
  UserId,
} from '../../operator-node/model/ids.ts';

export const gatewayToken = 'gateway-token-0123456789';
export const adminToken = 'admin-token-0123456789';
export const auditorToken = 'auditor-token-0123456789';
export const auditor: Auditor = {
  name: 'supervisor',
  tokenHash: hash('sha256', auditorToken, 'hex'),
  fromBlock: 0,
  policies: ['regulator-minimum'],
  expires: '2026-12-31T00:00:00Z',
  requestsPerMinute: 60,
};
/** 2026-11-23T10:00:00Z */
const today = Date.UTC(2026, 10, 23, 10);
export const alice = '+46701234567' as Msisdn;
export const stranger = '+46709999999' as Msisdn;
export const knownPair = '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77' as PairId;
export const unknownPair = '019ab2f4-6c1e-7d3a-9b52-000000000000' as PairId;
export const message = { id: 'm-1', from: alice, to: '+46707654321', text: 'PAY 120 lunch' };
/** Not what JSON.stringify would give: served as it is, or not at all. */
export const evidenceText = '{"a":1,"batch":{"root":"0x00"},"z":"é"}';

export const disclosureText = '{"type":"header"}\n';

export const statementText = 'type,account\r\n';

const sek = 'SEK' as Asset;
const amount = (text: string) => text as Amount;

const erasedUser: ErasureState = {
  user: 'u_0123456789abcdef01234567' as UserId,
  what: 'all',
  phase: 'purged',
  begun: 1_795_428_000_000 as UnixMillis,
  erased: 1_795_428_001_000 as UnixMillis,
  records: 3,
  told: [2 as OperatorId],
};

export const received: OutboundMessage = {
  id: 'out-1',
  from: '+46700000001' as Msisdn,
  to: alice,
  text: 'Bo asks for 120.00 SEK. YES 4821?',
  pair: knownPair,
  at: '2026-11-23T10:00:00Z' as Timestamp,
};

const view: PairView = {
  id: knownPair,
  legs: [
    {
      leg: 'first',
      role: 'initiator',
      state: 'committed',
      peer: 2 as OperatorId,
      service: 'pay',
      asset: sek,
      amount: amount('12000'),
      user: alice,
      created: '2026-11-23T10:00:00Z' as Timestamp,
      deadline: '2026-11-23T10:10:00Z' as Timestamp,
      batchId: `0x${'11'.repeat(32)}`,
      index: 0,
      told: true,
    },
  ],
};

const digest = (byte: string): Hash => `0x${byte.repeat(32)}` as Hash;

export const window: WindowView = {
  counterparty: 2 as OperatorId,
  number: 1,
  role: 'proposer',
  state: 'anchored',
  overdue: false,
  opened: '2026-11-23T10:00:00Z' as Timestamp,
  since: '2026-11-23T10:00:05Z' as Timestamp,
  operatorA: 1 as OperatorId,
  operatorB: 2 as OperatorId,
  aToB: { from: 1, to: 3 },
  bToA: { from: 1, to: 0 },
  secret: digest('5e'),
  lines: [
    {
      asset: sek,
      net: '12000',
      owed: '12000',
      payee: 2 as OperatorId,
      statement: digest('ab'),
      endToEndId: 'ab'.repeat(16),
      anchoredBlock: 40,
    },
  ],
};

export const filedRequest: RequestView = {
  request: 17,
  auditor: 1,
  state: 'open',
  late: false,
  digest: digest('d1'),
  madeAt: '2026-11-23T10:00:00Z' as Timestamp,
  filedAt: '2026-11-23T10:00:00Z' as Timestamp,
  due: '2026-11-24T10:00:00Z' as Timestamp,
  confidential: false,
  fetched: 2,
};

export const oneAlarm: AlarmView = {
  code: 'discrepancy',
  severity: 'critical',
  subject: '',
  active: true,
  since: '2026-11-23T02:10:00Z' as Timestamp,
  last: '2026-11-23T02:10:00Z' as Timestamp,
  count: 1,
  facts: { batchId: digest('ab') },
  text: 'The two operators attested different results for a batch: their books differ.',
  remedy: 'Find the pairs with tandem discrepancies --batch ID, then resolve them with the counterparty.',
};

export const openingText = '{"format":"tandem/answer/1"}';

export const noDoubt: Doubt = {
  format: 'tandem/doubt/1',
  operator: 1 as OperatorId,
  chainId: '1',
  settlement: `0x${'11'.repeat(20)}`,
  at: '2026-11-23T10:00:00Z' as Timestamp,
  halted: false,
  recovering: false,
  batches: [],
  pairs: [],
};

export interface Call {
  readonly name: string;
  readonly input: unknown;
}

/** `replace` stands in for single calls; each call is recorded whichever answers it. */
export function fakeServices(replace: Partial<NodeServices> = {}): NodeServices & { readonly calls: Call[] } {
  const calls: Call[] = [];
  const note = (name: string, input?: unknown) => void calls.push({ name, input });
  const usual: NodeServices = {
    receive: async (input) => (note('receive', input), { id: input.id, disposition: 'intercepted' }),
    pair: async (id) => (note('pair', id), id === knownPair ? view : undefined),
    evidence: async (id) => (note('evidence', id), id === knownPair ? evidenceText : undefined),
    journal: async (id, asked) => (note('journal', { id, ...asked }), id === knownPair ? evidenceText : undefined),
    disclosures: async (input) => (note('disclosures', input), { text: disclosureText, batches: 0, pairs: 0 }),
    accounts: async (number) => (
      note('accounts', number),
      number === alice ? [{ asset: sek, balance: amount('88000'), held: amount('12000') }] : undefined
    ),
    assets: async () => (note('assets'), [{ asset: sek, exponent: 2 }]),
    positions: async () => (note('positions'), [{ operator: 2 as OperatorId, asset: sek, balance: '-12000' }]),
    discrepancies: async (input) => (note('discrepancies', input), []),
    auditScope: async (auditor) => (
      note('auditScope', auditor),
      {
        auditor,
        operator: 1 as OperatorId,
        fromBlock: 0,
        policies: ['regulator-minimum'],
        expires: '2026-12-31T00:00:00Z',
        requestsPerMinute: 60,
      }
    ),
    auditDisclosures: async (auditor, input) => (
      note('auditDisclosures', { auditor, ...input }),
      { text: disclosureText, batches: 0, pairs: 0, next: 'initiator!2!000000000001' }
    ),
    requests: async () => (note('requests'), [filedRequest]),
    answerRequest: async (input) => (note('answerRequest', input), filedRequest),
    answerOpening: async (input) => (note('answerOpening', input), openingText),
    auditJournal: async (auditor, input) => (note('auditJournal', { auditor, ...input }), evidenceText),
    windows: async (input) => (note('windows', input), [window]),
    closeWindow: async (input) => (note('closeWindow', input), window),
    dischargeWindow: async (input) => (note('dischargeWindow', input), window),
    compareWindow: async (input) => (note('compareWindow', input), { differences: [], batches: 3, more: false }),
    windowPayment: async (input) => (note('windowPayment', input), '<Document/>'),
    caps: async () => (
      note('caps'),
      [{ operator: 2 as OperatorId, asset: sek, own: amount('500000'), mayOwe: '0', mayBeOwed: '12000' }]
    ),
    setCap: async (input) => (note('setCap', input), { operator: 2 as OperatorId, asset: sek }),
    statement: async (input) => (note('statement', input), statementText),
    users: async () => (
      note('users'),
      [
        {
          id: 'u_0123456789abcdef01234567' as UserId,
          number: alice,
          name: 'Alice',
          language: 'en',
          kind: 'person',
          joined: true,
        },
      ]
    ),
    createUser: async (user) => (note('createUser', user), { number: user.number, created: true }),
    deposit: async (input) => (note('deposit', input), { asset: input.asset, balance: amount('100000') }),
    withdraw: async (input) => (note('withdraw', input), { asset: input.asset, balance: amount('50000') }),
    setAside: async () => (
      note('setAside'),
      [
        {
          id: 'msg-1',
          to: alice,
          text: 'Hello',
          at: '2026-11-23T10:00:00Z' as Timestamp,
          tries: 200,
          reason: 'The webhook at gateway.example has not taken the messages: it answered 400.',
        },
      ]
    ),
    sendAgain: async (id) => (note('sendAgain', id), id === 'msg-1'),
    doubt: async () => (note('doubt'), noDoubt),
    doubtFile: async () => (note('doubtFile'), '{"doubt":{},"signature":"0x"}\n'),
    backup: async (kind) => (
      note('backup', kind),
      { file: '/b/one.tandem', mark: { store: '0'.repeat(32), write: 7 }, records: 3, bytes: 99 }
    ),
    backupKeys: async () => (
      note('backupKeys'),
      { file: '/k/one.keys.tandem', records: 4, expires: 1_795_500_000_000 }
    ),
    erase: async (user, what) => (note('erase', { user, what }), erasedUser),
    erasures: async () => (note('erasures'), [erasedUser]),
    doctor: async () => (note('doctor'), { findings: [], looked: { records: 3 } }),
    recovery: async () => (note('recovery'), { step: 'done', says: 'The node is not in recovery.', lost: [] }),
    recoverWithout: async (peers) => (
      note('recoverWithout', peers),
      { why: 'restored', step: 'copies', says: 'Asking.', lost: [] }
    ),
    halt: async () => (note('halt'), { halted: false, holds: [], says: 'The node is not halted.' }),
    release: async (order) => (note('release', order), { halted: false, holds: [], says: 'The node is not halted.' }),
    alarms: async () => (note('alarms'), [oneAlarm]),
    acknowledge: async (seen) => (note('acknowledge', seen), []),
    readiness: async () => ({ ready: true, checks: { store: 'ok', chain: 'ok' } }),
    metrics: async () => 'tandem_open_pairs 0\n',
    phones: {
      messages: async (number, cursor) => (
        note('phones', { number, cursor }),
        number === alice && cursor === '' ? { messages: [received], cursor: '1' } : { messages: [], cursor }
      ),
    },
  };
  return { ...usual, ...replace, calls };
}

const running: RunningApi[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

export interface Running {
  readonly api: RunningApi;
  readonly url: string;
}

/** Closed after the test. */
export async function serve(
  services: NodeServices = fakeServices(),
  hooks: ServerHooks = {},
  limits: Partial<ApiLimits> = {},
): Promise<Running> {
  const api = await startApi(
    services,
    { host: '127.0.0.1', port: 0, gatewayToken, adminToken, auditors: new AuditorGate([auditor], () => today) },
    hooks,
    { ...apiLimits, ...limits },
  );
  running.push(api);
  return { api, url: `http://127.0.0.1:${api.port}` };
}

export const asGateway = { authorization: `Bearer ${gatewayToken}` };
export const asAuditor = { authorization: `Bearer ${auditorToken}` };
export const asStaff = { authorization: `Bearer ${adminToken}` };

export const post = (url: string, body: unknown, headers: Record<string, string> = asGateway) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A refusal, which has the one form that every refusal has. */
export async function refusal(answer: Response): Promise<Refusal> {
  const body = (await answer.json()) as { error: { code: string; message: string } };
  if (Object.keys(body).join() !== 'error' || Object.keys(body.error).join() !== 'code,message') {
    throw new Error(`not of the form of a refusal: ${JSON.stringify(body)}`);
  }
  return { status: answer.status, ...body.error };
}
