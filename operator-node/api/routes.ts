/** Every route of the API. The first is the hot path: the router tries them in this order. */
import { TandemError } from '../errors.ts';
import type { OperatorId } from '../model/ids.ts';
import { openapiOf } from './openapi.ts';
import { route, type Answer, type Route } from './route.ts';
import * as schemas from './schemas.ts';
import { requestsAPage, type DisclosurePage, type NodeServices, type StatementFormat } from './services.ts';

const ok = (json: unknown): Answer => ({ status: 200, json });
const missing = (what: string) => new TandemError('not-found', what);

const messages = route({
  operationId: 'receiveMessage',
  method: 'post',
  path: '/v1/messages',
  token: 'gateway',
  summary: 'Takes a message that a user has sent. The same id and body again: the same answer, and nothing else.',
  body: { schema: schemas.inboundMessage, maxBytes: schemas.maxMessageBodyBytes },
  answers: { 202: { description: 'Taken, durably.', schema: schemas.disposition } },
  refusals: ['unknown-sender', 'conflict', 'too-busy', 'peer-unavailable', 'not-ready', 'store-failed'],
  run: async (services, { body }) => {
    const { id, disposition } = await services.receive(body);
    return { status: 202, json: { id, disposition } };
  },
});

const phone = route({
  operationId: 'phoneMessages',
  method: 'get',
  path: '/v1/phones/{number}/messages',
  token: 'gateway',
  summary: 'On a devnet only: what a user’s phone has received, at most 500 messages a call, oldest first.',
  params: schemas.byNumber,
  query: schemas.phoneQuery,
  answers: {
    200: { description: 'Messages after the cursor, and the cursor to go on with.', schema: schemas.phoneMessages },
  },
  refusals: ['bad-request', 'not-found'],
  run: async (services, { params, query }) => {
    if (services.phones === undefined) throw missing('This node keeps no phones: they belong to a devnet.');
    const inbox = await services.phones.messages(params.number, query.after);
    // Only an inbox that never had a message can be of a number that nobody has.
    if (inbox.messages.length === 0 && query.after === '' && (await services.accounts(params.number)) === undefined) {
      throw missing(`No user of this operator has the number ${params.number}.`);
    }
    return ok({ messages: inbox.messages, cursor: inbox.cursor });
  },
});

const pair = route({
  operationId: 'pair',
  method: 'get',
  path: '/v1/pairs/{id}',
  token: 'admin',
  summary: 'A pair as this node has it: one leg, or both of an on-us pair.',
  params: schemas.byPair,
  query: schemas.noQuery,
  answers: { 200: { description: 'The pair.', schema: schemas.pairView } },
  refusals: ['bad-request', 'not-found'],
  run: async (services, { params }) => {
    const view = await services.pair(params.id);
    if (view === undefined) throw missing(`This node has no pair ${params.id}.`);
    return ok(view);
  },
});

const evidence = route({
  operationId: 'pairEvidence',
  method: 'get',
  path: '/v1/pairs/{id}/evidence',
  token: 'admin',
  summary: 'The evidence bundle of a final pair, in canonical JSON (RFC 8785): a verifier refuses any other bytes.',
  params: schemas.byPair,
  query: schemas.evidenceQuery,
  answers: { 200: { description: 'The bundle, byte for byte.', schema: schemas.evidenceBundle } },
  refusals: ['bad-request', 'not-found', 'not-ready', 'chain-unavailable', 'chain-unreadable'],
  run: async (services, { params, query }) => {
    const text = await services.evidence(params.id, query);
    if (text === undefined) throw missing(`This node has no pair ${params.id}.`);
    return { status: 200, text, type: 'application/json' };
  },
});

const journal = route({
  operationId: 'pairJournal',
  method: 'get',
  path: '/v1/pairs/{id}/journal',
  token: 'admin',
  summary:
    'What the journal has of a pair, with the path of digests to a head that is on the chain, in canonical JSON; journaled.',
  params: schemas.byPair,
  query: schemas.journalQuery,
  answers: { 200: { description: 'The excerpt, byte for byte.', schema: schemas.evidenceBundle } },
  refusals: ['bad-request', 'not-found', 'not-ready', 'unprocessable', 'store-failed'],
  run: async (services, { params, query }) => {
    const text = await services.journal(params.id, query);
    if (text === undefined) throw missing(`This node has no pair ${params.id}.`);
    return { status: 200, text, type: 'application/json' };
  },
});

function pageOf({ text, journal, next }: DisclosurePage): Answer {
  const page = JSON.stringify({
    ...(next === undefined ? {} : { after: next }),
    ...(journal === true ? { journal } : {}),
    type: 'page',
  });
  return { status: 200, text: `${text}${page}\n`, type: 'application/x-ndjson' };
}

const disclosures = route({
  operationId: 'disclosures',
  method: 'post',
  path: '/v1/disclosures',
  token: 'admin',
  summary: 'A page of this operator’s disclosure file for a range of blocks, for an auditor. Each page is journaled.',
  body: { schema: schemas.disclosureRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: {
    200: { description: 'Lines of the file, then one of type `page`.', type: 'application/x-ndjson' },
  },
  refusals: ['not-found', 'not-ready', 'store-failed'],
  run: async (services, { body }) => pageOf(await services.disclosures(body)),
});

const auditScope = route({
  operationId: 'auditScope',
  method: 'get',
  path: '/v1/audit/scope',
  token: 'auditor',
  summary: 'What this auditor may ask, and up to which block there is something.',
  query: schemas.noQuery,
  answers: { 200: { description: 'The scope.', schema: schemas.auditScope } },
  refusals: ['bad-request', 'forbidden', 'too-busy'],
  run: async (services, { auditor }) => ok(await services.auditScope(auditor)),
});

const auditDisclosures = route({
  operationId: 'auditDisclosures',
  method: 'post',
  path: '/v1/audit/disclosures',
  token: 'auditor',
  summary: 'A page of this operator’s disclosure file, within the auditor’s scope. Each request is journaled.',
  body: { schema: schemas.auditRequest, maxBytes: schemas.maxMessageBodyBytes },
  answers: {
    200: { description: 'Lines of the file, then one of type `page`.', type: 'application/x-ndjson' },
  },
  refusals: [
    'forbidden',
    'not-found',
    'not-ready',
    'too-busy',
    'chain-unavailable',
    'chain-unreadable',
    'store-failed',
  ],
  run: async (services, { body, auditor }) => pageOf(await services.auditDisclosures(auditor, body)),
});

const auditJournal = route({
  operationId: 'auditJournal',
  method: 'post',
  path: '/v1/audit/journal',
  token: 'auditor',
  summary:
    'What the journal has of a pair of the auditor’s scope, with its path to a head on chain. Each request is journaled.',
  body: { schema: schemas.auditJournalRequest, maxBytes: schemas.maxMessageBodyBytes },
  answers: { 200: { description: 'The excerpt, byte for byte.', schema: schemas.evidenceBundle } },
  refusals: [
    'forbidden',
    'not-found',
    'not-ready',
    'unprocessable',
    'too-busy',
    'chain-unavailable',
    'chain-unreadable',
    'store-failed',
  ],
  run: async (services, { body, auditor }) => ({
    status: 200,
    text: await services.auditJournal(auditor, body),
    type: 'application/json',
  }),
});

const requests = route({
  operationId: 'requests',
  method: 'get',
  path: '/v1/requests',
  token: 'admin',
  summary:
    'Auditors’ requests for disclosure to this operator, by the AuditLog: open, answered, late. At most 500 a call.',
  query: schemas.requestsQuery,
  answers: { 200: { description: 'In the order of their numbers.', schema: schemas.requests } },
  refusals: ['bad-request'],
  run: async (services, { query }) => {
    const found = await services.requests({ after: query.after, limit: requestsAPage + 1 });
    const page = found.slice(0, requestsAPage);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return ok({ requests: page, ...(last === undefined ? {} : { after: last.request }) });
  },
});

const answerRequest = route({
  operationId: 'answerRequest',
  method: 'post',
  path: '/v1/requests/answer',
  token: 'admin',
  summary:
    'Answers a request on chain with the salted digest of what was handed over. The same again has no second effect.',
  body: { schema: schemas.answerRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'The request.', schema: schemas.requestView } },
  refusals: [
    'not-found',
    'conflict',
    'unprocessable',
    'not-ready',
    'chain-unavailable',
    'chain-unreadable',
    'store-failed',
  ],
  run: async (services, { body }) => ok(await services.answerRequest(body)),
});

const answerOpening = route({
  operationId: 'answerOpening',
  method: 'get',
  path: '/v1/requests/{request}/opening',
  token: 'admin',
  summary: 'What opens the answer to a request, for its auditor, in canonical JSON; journaled.',
  params: schemas.byRequest,
  query: schemas.noQuery,
  answers: { 200: { description: 'The opening, byte for byte.', schema: schemas.evidenceBundle } },
  refusals: ['bad-request', 'not-found', 'unprocessable', 'store-failed'],
  run: async (services, { params }) => ({
    status: 200,
    text: await services.answerOpening(params.request),
    type: 'application/json',
  }),
});

const accounts = route({
  operationId: 'accounts',
  method: 'get',
  path: '/v1/accounts/{number}',
  token: 'admin',
  summary: 'The accounts of a user, in minor units.',
  params: schemas.byNumber,
  query: schemas.noQuery,
  answers: { 200: { description: 'Its accounts.', schema: schemas.accounts } },
  refusals: ['bad-request', 'not-found'],
  run: async (services, { params }) => {
    const list = await services.accounts(params.number);
    if (list === undefined) throw missing(`No user of this operator has the number ${params.number}.`);
    return ok({ accounts: list });
  },
});

const assets = route({
  operationId: 'assets',
  method: 'get',
  path: '/v1/assets',
  token: 'admin',
  summary: 'The assets that this operator keeps accounts in, each with its decimals: 2 for SEK, 0 for JPY.',
  query: schemas.noQuery,
  answers: { 200: { description: 'As they are configured.', schema: schemas.assets } },
  refusals: ['bad-request'],
  run: async (services) => ok({ assets: await services.assets() }),
});

const positions = route({
  operationId: 'positions',
  method: 'get',
  path: '/v1/positions',
  token: 'admin',
  summary: 'What this operator owes each counterparty (positive) or is owed by it (negative).',
  query: schemas.noQuery,
  answers: { 200: { description: 'One entry a counterparty and asset.', schema: schemas.positions } },
  refusals: ['bad-request'],
  run: async (services) => ok({ positions: await services.positions() }),
});

/** One account and period in three formats. */
const statement = (
  format: StatementFormat,
  operationId: string,
  type: string,
  summary: string,
  query: typeof schemas.statementQuery | typeof schemas.paymentQuery = schemas.statementQuery,
) =>
  route({
    operationId,
    method: 'get',
    path: `/v1/statements/${format}`,
    token: 'admin',
    summary,
    query,
    answers: { 200: { description: 'The document.', type } },
    refusals: ['bad-request', 'not-found', 'unprocessable', 'store-failed'],
    run: async (services, { query }) => ({
      status: 200,
      text: await services.statement({ format, ...query }),
      type: `${type}; charset=utf-8`,
    }),
  });

const discrepancies = route({
  operationId: 'discrepancies',
  method: 'get',
  path: '/v1/discrepancies',
  token: 'admin',
  summary: 'Batches that the two operators attested differently, with the pairs that are at fault in these books.',
  query: schemas.discrepancyQuery,
  answers: { 200: { description: 'The batches; none is sound.', schema: schemas.discrepancies } },
  refusals: ['bad-request', 'not-found', 'chain-unavailable', 'chain-unreadable'],
  run: async (services, { query }) => ok({ batches: await services.discrepancies(query.batch) }),
});

const windows = route({
  operationId: 'windows',
  method: 'get',
  path: '/v1/windows',
  token: 'admin',
  summary: 'Settlement windows with other operators: their lanes, nets, statements and payments.',
  query: schemas.windowsQuery,
  answers: { 200: { description: 'All of them, or those with one operator.', schema: schemas.windows } },
  refusals: ['bad-request', 'not-found'],
  run: async (services, { query }) => ok({ windows: await services.windows(query.counterparty) }),
});

const closeWindow = route({
  operationId: 'closeWindow',
  method: 'post',
  path: '/v1/windows',
  token: 'admin',
  summary: 'Closes a window with an operator over all that is final; one that is under way is answered again.',
  body: { schema: schemas.closeRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'The window.', schema: schemas.windowView } },
  refusals: ['not-found', 'conflict', 'unprocessable', 'not-ready', 'store-failed'],
  run: async (services, { body }) => ok(await services.closeWindow(body.counterparty)),
});

const dischargeWindow = route({
  operationId: 'dischargeWindow',
  method: 'post',
  path: '/v1/windows/discharge',
  token: 'admin',
  summary: 'The payee says how a window was paid in one asset. The same again has no second effect.',
  body: { schema: schemas.dischargeRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'The window.', schema: schemas.windowView } },
  refusals: ['not-found', 'conflict', 'unprocessable', 'store-failed'],
  run: async (services, { body }) => ok(await services.dischargeWindow(body)),
});

const compareWindow = route({
  operationId: 'compareWindow',
  method: 'post',
  path: '/v1/windows/compare',
  token: 'admin',
  summary: 'Compares books with an operator since the last signed window, by digests, down to the pair.',
  body: { schema: schemas.closeRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'Pairs that are booked differently.', schema: schemas.windowComparison } },
  refusals: ['not-found', 'unprocessable', 'peer-unavailable', 'too-busy', 'not-ready'],
  run: async (services, { body }) => ok(await services.compareWindow(body.counterparty)),
});

const windowPayment = route({
  operationId: 'windowPayment',
  method: 'get',
  path: '/v1/windows/pacs009',
  token: 'admin',
  summary: 'The payment of a window in one asset, where this operator is the one that pays. Journaled.',
  query: schemas.windowPaymentQuery,
  answers: { 200: { description: 'The document.', type: 'application/xml' } },
  refusals: ['bad-request', 'not-found', 'unprocessable', 'store-failed'],
  run: async (services, { query }) => ({
    status: 200,
    text: await services.windowPayment(query),
    type: 'application/xml; charset=utf-8',
  }),
});

const caps = route({
  operationId: 'caps',
  method: 'get',
  path: '/v1/caps',
  token: 'admin',
  summary: 'How much this operator and each other may owe each other, by both, and how much of it is used.',
  query: schemas.noQuery,
  answers: { 200: { description: 'One entry a counterparty and asset.', schema: schemas.caps } },
  refusals: ['bad-request'],
  run: async (services) => ok({ caps: await services.caps() }),
});

const setCap = route({
  operationId: 'setCap',
  method: 'post',
  path: '/v1/caps',
  token: 'admin',
  summary: 'Sets this operator’s own idea of a cap, in force at once and told to the other operator; journaled.',
  body: { schema: schemas.capRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'What is agreed now, if anything.', schema: schemas.capAnswer } },
  refusals: ['not-found', 'unprocessable', 'store-failed'],
  run: async (services, { body }) => ok(await services.setCap(body)),
});

const users = route({
  operationId: 'users',
  method: 'get',
  path: '/v1/users',
  token: 'admin',
  summary: 'The users of this operator.',
  query: schemas.noQuery,
  answers: { 200: { description: 'All of them.', schema: schemas.users } },
  refusals: ['bad-request'],
  run: async (services) => ok({ users: await services.users() }),
});

const createUser = route({
  operationId: 'createUser',
  method: 'post',
  path: '/v1/users',
  token: 'admin',
  summary: 'Adds a user with empty accounts. The same content again has no second effect, any other is a conflict.',
  body: { schema: schemas.newUser, maxBytes: schemas.maxStaffBodyBytes },
  answers: {
    200: { description: 'Was there already, with this content.', schema: schemas.createdUser },
    201: { description: 'Added.', schema: schemas.createdUser },
  },
  refusals: ['conflict', 'unprocessable', 'not-ready', 'store-failed'],
  run: async (services, { body }) => {
    const { number, created } = await services.createUser({
      ...body,
      autoAccept: body.autoAccept ?? body.kind === 'machine',
    });
    return { status: created ? 201 : 200, json: { number, created } };
  },
});

/** Money in or out: the two differ in the call alone. */
const cash = (operationId: 'deposit' | 'withdraw', path: string, summary: string) =>
  route({
    operationId,
    method: 'post',
    path,
    token: 'admin',
    summary,
    body: { schema: schemas.cashMovement, maxBytes: schemas.maxStaffBodyBytes },
    answers: { 200: { description: 'Booked, with the balance after it.', schema: schemas.movedCash } },
    refusals: ['not-found', 'conflict', 'unprocessable', 'not-ready', 'store-failed'],
    run: async (services, { body }) => {
      const { asset, balance } = await services[operationId](body);
      return ok({ id: body.id, asset, balance });
    },
  });

const erase = route({
  operationId: 'erase',
  method: 'post',
  path: '/v1/erasures',
  token: 'admin',
  summary: 'Erases a user, or what was said to and by it. The same again is answered with what was done.',
  body: { schema: schemas.erasureRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'Erased here; the counterparties are being told.', schema: schemas.erasure } },
  refusals: ['not-found', 'unprocessable', 'not-ready', 'store-failed'],
  run: async (services, { body }) => ok(await services.erase(body.user, body.what)),
});

const erasures = route({
  operationId: 'erasures',
  method: 'get',
  path: '/v1/erasures',
  token: 'admin',
  summary: 'Every erasure there was, by user id: there is nothing else of an erased user.',
  query: schemas.noQuery,
  answers: { 200: { description: 'All of them.', schema: schemas.erasures } },
  refusals: ['bad-request'],
  run: async (services) => ok({ erasures: await services.erasures() }),
});

const keyBackup = route({
  operationId: 'keyBackup',
  method: 'post',
  path: '/v1/key-backup',
  token: 'admin',
  summary: 'Writes the keys of users to a file of their own in `backup.keysDir`, which is removed when it expires.',
  body: { schema: schemas.nothing, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'What was written, and until when it can be used.', schema: schemas.madeKeyBackup } },
  refusals: ['unprocessable', 'not-ready', 'store-failed'],
  run: async (services) => ok(await services.backupKeys()),
});

const doubt = route({
  operationId: 'doubt',
  method: 'get',
  path: '/v1/doubt',
  token: 'admin',
  summary: 'Every pair that is not final: what is signed, what the chain says, and the one next step.',
  query: schemas.doubtQuery,
  answers: { 200: { description: 'The list, or the signed file with it.', schema: schemas.doubt } },
  refusals: ['bad-request', 'not-ready'],
  run: async (services, { query }) =>
    query.signed === 'true'
      ? { status: 200, text: await services.doubtFile(), type: 'application/json' }
      : ok(await services.doubt()),
});

const backup = route({
  operationId: 'backup',
  method: 'post',
  path: '/v1/backup',
  token: 'admin',
  summary: 'Makes a backup while the node runs, in a folder of its configuration; journaled.',
  body: { schema: schemas.backupRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'What was written, and as of which write.', schema: schemas.madeBackup } },
  refusals: ['unprocessable', 'too-busy', 'not-ready', 'store-failed'],
  run: async (services, { body }) => ok(await services.backup(body.kind)),
});

const doctor = route({
  operationId: 'doctor',
  method: 'get',
  path: '/v1/doctor',
  token: 'admin',
  summary: 'Store, chain and peers compared; each difference is named. Reads the whole store.',
  query: schemas.noQuery,
  answers: { 200: { description: 'What was found, and how much was looked at.', schema: schemas.diagnosis } },
  refusals: ['bad-request', 'not-ready'],
  run: async (services) => ok(await services.doctor()),
});

const setAside = route({
  operationId: 'setAside',
  method: 'get',
  path: '/v1/set-aside',
  token: 'admin',
  summary: 'Messages to users that the gateway has refused for good, oldest first; nothing of them is lost.',
  query: schemas.noQuery,
  answers: { 200: { description: 'The messages, and why.', schema: schemas.setAside } },
  refusals: ['bad-request'],
  run: async (services) => ok({ messages: await services.setAside() }),
});

const sendSetAside = route({
  operationId: 'sendSetAside',
  method: 'post',
  path: '/v1/set-aside/send',
  token: 'admin',
  summary: 'Puts a message that was set aside back into the queue, for another try.',
  body: { schema: schemas.byMessage, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'It is in the queue.', schema: schemas.byMessage } },
  refusals: ['not-found', 'store-failed'],
  run: async (services, { body }) => {
    if (!(await services.sendAgain(body.id))) throw missing(`No message ${body.id} is set aside.`);
    return ok({ id: body.id });
  },
});

const recovery = route({
  operationId: 'recovery',
  method: 'get',
  path: '/v1/recovery',
  token: 'admin',
  summary: 'How far a recovery is: keys, then the chain, then the sealed copies; and what is lost.',
  query: schemas.noQuery,
  answers: { 200: { description: 'The step, what it waits for, and what is lost.', schema: schemas.recoveryStatus } },
  refusals: ['bad-request'],
  run: async (services) => ok(await services.recovery()),
});

const recoverWithout = route({
  operationId: 'recoverWithout',
  method: 'post',
  path: '/v1/recovery',
  token: 'admin',
  summary: 'Goes on without what peers could give back; journaled.',
  body: { schema: schemas.recoverRequest, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'As after it.', schema: schemas.recoveryStatus } },
  refusals: ['unprocessable', 'store-failed'],
  run: async (services, { body }) => ok(await services.recoverWithout(body.without as OperatorId[])),
});

const halt = route({
  operationId: 'halt',
  method: 'get',
  path: '/v1/halt',
  token: 'admin',
  summary: 'Whether the node begins nothing new, why, and what has to be done before it is released.',
  query: schemas.noQuery,
  answers: { 200: { description: 'What halted it, and what the chain says of it now.', schema: schemas.haltStatus } },
  refusals: ['bad-request', 'chain-unavailable', 'chain-unreadable'],
  run: async (services) => ok(await services.halt()),
});

const release = route({
  operationId: 'release',
  method: 'post',
  path: '/v1/halt',
  token: 'admin',
  summary: 'Lets a halted node begin new things again; journaled with who and why.',
  body: { schema: schemas.releaseOrder, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'As after it.', schema: schemas.haltStatus } },
  refusals: ['unprocessable', 'not-ready', 'chain-unavailable', 'chain-unreadable', 'store-failed'],
  run: async (services, { body }) => ok(await services.release(body)),
});

const alarms = route({
  operationId: 'alarms',
  method: 'get',
  path: '/v1/alarms',
  token: 'admin',
  summary: 'Alarms that hold now or that nobody has acknowledged, with what to do about each.',
  query: schemas.noQuery,
  answers: { 200: { description: 'Active ones first.', schema: schemas.alarms } },
  refusals: ['bad-request', 'not-ready'],
  run: async (services) => ok({ alarms: await services.alarms() }),
});

const acknowledgeAlarm = route({
  operationId: 'acknowledgeAlarm',
  method: 'post',
  path: '/v1/alarms/acknowledge',
  token: 'admin',
  summary: 'Staff has seen an alarm: it is shown no more unless it still holds; journaled with who and why.',
  body: { schema: schemas.acknowledgement, maxBytes: schemas.maxStaffBodyBytes },
  answers: { 200: { description: 'What is left.', schema: schemas.alarms } },
  refusals: ['not-found', 'not-ready', 'store-failed'],
  run: async (services, { body }) => ok({ alarms: await services.acknowledge(body) }),
});

const health = route({
  operationId: 'health',
  method: 'get',
  path: '/healthz',
  token: 'none',
  summary: 'Answers while the process serves.',
  answers: { 200: { description: 'It serves.', schema: schemas.health } },
  refusals: [],
  run: async () => ok({ status: 'ok' }),
});

const readiness = route({
  operationId: 'readiness',
  method: 'get',
  path: '/readyz',
  token: 'none',
  summary: 'Whether the node takes orders, and what each part of it says.',
  answers: {
    200: { description: 'It does.', schema: schemas.readiness },
    503: { description: 'It does not; `checks` says why.', schema: schemas.readiness },
  },
  refusals: [],
  run: async (services) => {
    const { ready, checks } = await services.readiness();
    if (ready) return ok({ ready, checks });
    const failing = Object.entries(checks).filter(([, found]) => found !== 'ok' && !found.startsWith('ok, '));
    const message = failing.map(([part, found]) => `${part}: ${found}`).join('; ') || 'The node is not ready.';
    return { status: 503, json: { ready, checks, error: { code: 'not-ready', message } } };
  },
});

const metrics = route({
  operationId: 'metrics',
  method: 'get',
  path: '/metrics',
  token: 'none',
  hostChecked: true,
  summary: 'Counters and gauges; no number, name or amount.',
  answers: { 200: { description: 'Prometheus text.', type: 'text/plain' } },
  refusals: [],
  run: async (services: NodeServices) => ({
    status: 200,
    text: await services.metrics(),
    type: 'text/plain; version=0.0.4; charset=utf-8',
  }),
});

const openapi = route({
  operationId: 'openapi',
  method: 'get',
  path: '/openapi.json',
  token: 'none',
  hostChecked: true,
  summary: 'This document.',
  answers: { 200: { description: 'OpenAPI 3.1.', schema: schemas.openapiDocument } },
  refusals: [],
  run: async () => ({ status: 200, text: openapiText(), type: 'application/json' }),
});

export const routes: readonly Route[] = [
  messages,
  phone,
  pair,
  evidence,
  journal,
  disclosures,
  accounts,
  assets,
  positions,
  statement(
    'camt053',
    'accountStatement',
    'application/xml',
    'The account of a counterparty over a period, as ISO 20022 camt.053. Journaled.',
  ),
  statement(
    'pacs009',
    'netPayment',
    'application/xml',
    'The payment of what a period or one pair comes to, where this operator is the one that pays, as ISO 20022 pacs.009. Journaled.',
    schemas.paymentQuery,
  ),
  statement('csv', 'accountStatementCsv', 'text/csv', 'The same account and period as CSV, of any asset. Journaled.'),
  discrepancies,
  windows,
  closeWindow,
  dischargeWindow,
  compareWindow,
  windowPayment,
  caps,
  setCap,
  requests,
  answerRequest,
  answerOpening,
  auditScope,
  auditDisclosures,
  auditJournal,
  users,
  createUser,
  cash(
    'deposit',
    '/v1/deposits',
    'Money into a user’s account, by staff. The same id and content again: the same answer.',
  ),
  cash(
    'withdraw',
    '/v1/withdrawals',
    'Money out of a user’s account, by staff. The same id and content again: the same answer.',
  ),
  erase,
  erasures,
  doubt,
  backup,
  keyBackup,
  doctor,
  setAside,
  sendSetAside,
  recovery,
  recoverWithout,
  alarms,
  acknowledgeAlarm,
  halt,
  release,
  health,
  readiness,
  metrics,
  openapi,
];

let document: string | undefined;
const openapiText = () => (document ??= JSON.stringify(openapiOf(routes)));
