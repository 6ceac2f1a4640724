/** What a node answers in tests of its API: samples, calls that give them, and parts of a node that note what they are asked. */
import type { AlarmView } from '../../operator-node/alarms/alarms.ts';
import { missing, type ApiNode } from '../../operator-node/api/api-node.ts';
import type { SideView } from '../../operator-node/api/care-routes.ts';
import { pageText } from '../../operator-node/api/disclosure-routes.ts';
import type { PairView } from '../../operator-node/api/pair-routes.ts';
import type { RequestView } from '../../operator-node/api/request-routes.ts';
import { JsonText } from '../../operator-node/api/route.ts';
import type { operations } from '../../operator-node/api/table.ts';
import type { WindowView } from '../../operator-node/api/window-routes.ts';
import type { Doubt } from '../../operator-node/audit/doubt-list.ts';
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

export const alice = '+46701234567' as Msisdn;
export const stranger = '+46709999999' as Msisdn;
export const knownPair = '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77' as PairId;
export const unknownPair = '019ab2f4-6c1e-7d3a-9b52-000000000000' as PairId;
export const message = { id: 'm-1', from: alice, to: '+46707654321', text: 'PAY 120 lunch' };
/** Not what JSON.stringify would give: served as it is, or not at all. */
export const evidenceText = '{"a":1,"batch":{"root":"0x00"},"z":"é"}';

const disclosureText = '{"type":"header"}\n';

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

const foundSide: SideView = {
  pair: knownPair,
  leg: 'first',
  role: 'initiator',
  state: 'committed',
  service: 'pay',
  asset: sek,
  amount: amount('12000'),
  ref: 'ESFM',
  user: { number: alice, name: 'Alice' },
  other: { number: message.to, name: 'Bo', operator: 2 as OperatorId },
  note: 'lunch',
  begun: '2026-11-23T10:00:00Z' as Timestamp,
  deadline: '2026-11-23T10:10:00Z' as Timestamp,
  told: true,
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

const window: WindowView = {
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

const oneAlarm: AlarmView = {
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

const openingText = '{"format":"tandem/answer/1"}';

const noDoubt: Doubt = {
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

export const signedDoubt = JSON.stringify({ doubt: noDoubt, signature: '0x' });

export interface Call {
  readonly name: string;
  readonly input: unknown;
}

type Operations = typeof operations;
/** What stands in for the calls behind routes, by operation. */
export type FakeCalls = {
  readonly [K in keyof Operations]: (input: Parameters<Operations[K]['run']>[1]) => ReturnType<Operations[K]['run']>;
};

export type Note = (name: string, input?: unknown) => void;
const unknownNumber = (number: string): Error => missing(`No user of this operator has the number ${number}.`);
const unknownId = (id: string): Error => missing(`This node has no pair ${id}.`);

const windowCalls = (note: Note): Partial<FakeCalls> => ({
  windows: async ({ query }) => (note('windows', query.counterparty), { windows: [window] }),
  closeWindow: async ({ body }) => (note('closeWindow', body.counterparty), window),
  dischargeWindow: async ({ body }) => (note('dischargeWindow', body), window),
  compareWindow: async ({ body }) => (
    note('compareWindow', body.counterparty),
    { differences: [], batches: 3, more: false }
  ),
  windowPayment: async ({ query }) => (note('windowPayment', query), '<Document/>'),
  caps: async () => (
    note('caps'),
    { caps: [{ operator: 2 as OperatorId, asset: sek, own: amount('500000'), mayOwe: '0', mayBeOwed: '12000' }] }
  ),
  setCap: async ({ body }) => (note('setCap', body), { operator: 2 as OperatorId, asset: sek }),
  accountStatement: async ({ query }) => (note('statement', { format: 'camt053', ...query }), statementText),
  netPayment: async ({ query }) => (note('statement', { format: 'pacs009', ...query }), statementText),
  accountStatementCsv: async ({ query }) => (note('statement', { format: 'csv', ...query }), statementText),
});

const auditCalls = (note: Note): Partial<FakeCalls> => ({
  disclosures: async ({ body }) => (
    note('disclosures', body),
    pageText({ text: disclosureText, batches: 0, pairs: 0 })
  ),
  discrepancies: async ({ query }) => (note('discrepancies', query.batch), { batches: [] }),
  auditScope: async ({ auditor }) => (
    note('auditScope', auditor),
    {
      auditor,
      operator: 1 as OperatorId,
      fromBlock: 0,
      policies: ['regulator-minimum'],
      expires: '2026-12-31T00:00:00Z' as Timestamp,
      requestsPerMinute: 60,
    }
  ),
  auditDisclosures: async ({ auditor, body }) => (
    note('auditDisclosures', { auditor, ...body }),
    pageText({ text: disclosureText, batches: 0, pairs: 0, next: 'initiator!2!000000000001' })
  ),
  auditJournal: async ({ auditor, body }) => (note('auditJournal', { auditor, ...body }), evidenceText),
  requests: async () => (note('requests'), { requests: [filedRequest] }),
  answerRequest: async ({ body }) => (note('answerRequest', body), filedRequest),
  answerOpening: async ({ params }) => (note('answerOpening', params.request), openingText),
});

const careCalls = (note: Note): Pick<FakeCalls, 'find' | 'story'> => ({
  find: async ({ query }) => {
    note('find', query);
    return { found: [foundSide] };
  },
  story: async ({ params: { id } }) => {
    note('story', id);
    if (id !== knownPair) throw unknownId(id);
    const ordered = { at: foundSide.begun, what: 'ordered', text: message.text } as const;
    return { pair: knownPair, sides: [{ side: foundSide, happened: [ordered] }] };
  },
});

/** The calls that read the store or the chain. */
export const usualCalls = (note: Note): Partial<FakeCalls> => ({
  ...windowCalls(note),
  ...careCalls(note),
  ...auditCalls(note),
  pair: async ({ params: { id } }) => {
    note('pair', id);
    if (id !== knownPair) throw unknownId(id);
    return view;
  },
  pairEvidence: async ({ params: { id } }) => {
    note('evidence', id);
    if (id !== knownPair) throw unknownId(id);
    return evidenceText;
  },
  pairJournal: async ({ params: { id }, query }) => {
    note('journal', { id, ...query });
    if (id !== knownPair) throw unknownId(id);
    return evidenceText;
  },
  accounts: async ({ params: { number } }) => {
    note('accounts', number);
    if (number !== alice) throw unknownNumber(number);
    return { accounts: [{ asset: sek, balance: '88000', held: amount('12000') }] };
  },
  positions: async () => (
    note('positions'),
    { positions: [{ operator: 2 as OperatorId, asset: sek, balance: '-12000' }] }
  ),
  users: async () => (
    note('users'),
    {
      users: [
        {
          id: 'u_0123456789abcdef01234567' as UserId,
          number: alice,
          name: 'Alice',
          language: 'en',
          kind: 'person',
          joined: true,
        },
      ],
    }
  ),
  setAside: async () => (
    note('setAside'),
    {
      messages: [
        {
          id: 'msg-1',
          to: alice,
          text: 'Hello',
          at: '2026-11-23T10:00:00Z' as Timestamp,
          tries: 200,
          reason: 'The webhook at gateway.example did not accept the messages: it answered 400.',
        },
      ],
    }
  ),
  sendSetAside: async ({ body }) => (note('sendAgain', body.id), body),
  doubt: async ({ query }) =>
    query.signed === 'true' ? (note('doubtFile'), new JsonText(signedDoubt)) : (note('doubt'), noDoubt),
  doctor: async () => (note('doctor'), { findings: [], looked: { records: 3 } }),
  halt: async () => (note('halt'), { halted: false, holds: [], says: 'The node is not halted.' }),
  release: async ({ body }) => (note('release', body), { halted: false, holds: [], says: 'The node is not halted.' }),
});

/** The parts of a node that the other calls reach. */
export const usualNode = (note: Note) =>
  ({
    receiver: { receive: async (input) => (note('receive', input), { id: input.id, disposition: 'intercepted' }) },
    staff: {
      createUser: async (user) => (note('createUser', user), { number: user.number, created: true }),
      move: async (kind, input) => (
        note(kind, input),
        { asset: input.asset, balance: amount(kind === 'deposit' ? '100000' : '50000') }
      ),
    },
    eraser: {
      erase: async (user, what) => (note('erase', { user, what }), erasedUser),
      list: async () => (note('erasures'), [erasedUser]),
    },
    backups: {
      make: async (kind) => (
        note('backup', kind),
        { file: '/b/one.tandem', mark: { store: '0'.repeat(32), write: 7 }, records: 3, bytes: 99 }
      ),
      makeKeys: async () => (
        note('backupKeys'),
        { file: '/k/one.keys.tandem', records: 4, expires: 1_795_500_000_000 }
      ),
    },
    recovery: {
      needed: false,
      status: async () => (note('recovery'), { step: 'done', says: 'The node is not in recovery.', lost: [] }),
      goWithout: async (peers) => note('recoverWithout', peers),
    },
    flow: {
      config: { assets: [{ asset: sek, exponent: 2 }] },
      engine: { run: async (read: (view: unknown) => unknown) => read({ get: () => undefined }) },
      readiness: {
        checks: () => [
          { name: 'store', ok: true, detail: 'ok' },
          { name: 'chain', ok: true, detail: 'ok' },
        ],
      },
      alarms: {
        list: async () => (note('alarms'), [oneAlarm]),
        acknowledge: async (seen: unknown) => (note('acknowledge', seen), []),
      },
    } as unknown as ApiNode['flow'],
    metrics: async () => 'tandem_open_pairs 0\n',
    phones: {
      messages: async (number, cursor) => (
        note('phones', { number, cursor }),
        number === alice && cursor === '' ? { messages: [received], cursor: '1' } : { messages: [], cursor }
      ),
    },
  }) satisfies Partial<ApiNode>;
