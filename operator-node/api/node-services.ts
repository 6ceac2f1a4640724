/** The node as its HTTP API sees it. Whatever is told is on disk: reads go through the store's durable state. */
import { buildBundle } from '../audit/bundle.ts';
import { policyOf } from '../audit/disclosures/policies.ts';
import { readFacts } from '../audit/facts.ts';
import type { ComposedNode } from '../compose.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import type { Eraser } from '../erasure/erase.ts';
import { entriesOf } from '../erasure/records.ts';
import { TandemError } from '../errors.ts';
import { loadBatch, peerCommitmentTable } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { listSetAside, sendAgain } from '../flow/deliver.ts';
import { isFinal, loadSide, sidesOf, type PairSide } from '../flow/pair.ts';
import { leafHashes } from '../flow/propose.ts';
import type { Receiver } from '../flow/receive.ts';
import { toTimestamp, type Amount, type Hash, type Hex, type PairId } from '../model/ids.ts';
import type { Backups } from '../recovery/backup.ts';
import { examine, type DoctorParts } from '../recovery/doctor.ts';
import { exportDoubt, listDoubt } from '../recovery/doubt.ts';
import { haltStatus, release } from '../recovery/release.ts';
import type { RecoveryRun } from '../recovery/run.ts';
import type { View } from '../store/store.ts';
import type { Staff } from '../users/staff.ts';
import { hasKeys } from '../users/keys.ts';
import { userByNumber, userTable, type User } from '../users/user.ts';
import { auditorExcerpt, auditorPage, auditScope } from './node-auditors.ts';
import { discrepanciesOf } from './node-discrepancies.ts';
import { disclosurePage } from './node-disclosures.ts';
import { journalExcerpt } from './node-journal.ts';
import { answerFor, openingOf, requestsOf } from './node-requests.ts';
import { statementOf } from './node-statements.ts';
import { capsOf, closeFor, compareWith, dischargeFor, paymentOf, setCap, windowsOf } from './node-windows.ts';
import type { Disclosing, NodeServices, PairView, PhoneInboxes } from './services.ts';

export interface NodeServicesParts {
  readonly flow: ComposedNode['flow'];
  readonly receiver: Receiver;
  readonly staff: Staff;
  readonly eraser: Eraser;
  readonly payments: PaymentsDomain;
  readonly metrics: () => Promise<string>;
  readonly phones: PhoneInboxes | undefined;
  /** By the operator's signer. */
  readonly sign: (digest: Hash) => Hex;
  /** Address of AuditLog; undefined where the network has none. */
  readonly auditLog: string | undefined;
  readonly backups: Backups;
  readonly recovery: RecoveryRun;
  readonly doctor: DoctorParts;
}

const viewOf = (pair: PairId, sides: readonly PairSide[]): PairView => ({
  id: pair,
  legs: sides.map(({ side, state }) => ({
    leg: side.leg,
    role: side.role,
    state: state.state,
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    peer: side.peer,
    service: side.service,
    asset: side.operation.asset,
    amount: side.operation.amount,
    user: side.userNumber,
    created: side.terms.created,
    deadline: toTimestamp(side.deadline * 1000),
    ...(state.batch === undefined ? {} : { batchId: state.batch }),
    ...(state.index === undefined ? {} : { index: state.index }),
    told: state.told,
  })),
});

export function createNodeServices(parts: NodeServicesParts): NodeServices {
  const { flow, receiver, staff, payments } = parts;
  const { engine } = flow;
  /** What `read` finds, told only when everything before it is on disk. */
  const durably = <R>(read: (view: View) => R): Promise<R> => engine.run(read);

  /** A node in recovery takes nothing (rule 11). */
  const taking = async <R>(action: () => Promise<R>): Promise<R> => {
    if (parts.recovery.needed) throw new TandemError('not-ready', 'This node is in recovery: tandem recover.');
    return action();
  };

  return {
    receive: (message) => taking(() => receiver.receive(message)),
    pair: async (id) => {
      const sides = await durably((view) => sidesOf(view, id));
      return sides.length === 0 ? undefined : viewOf(id, sides);
    },
    evidence: async (id, asked = { policy: 'shared', recipient: 'staff', reason: 'not given' }) => {
      const sides = await durably((view) => sidesOf(view, id));
      return sides.length === 0 ? undefined : await evidenceOf(flow, sides, asked);
    },
    journal: async (id, asked) => {
      const sides = await durably((view) => sidesOf(view, id));
      return sides.length === 0 ? undefined : await journalExcerpt(flow, sides, parts.auditLog, asked);
    },
    disclosures: (request) => disclosurePage(flow, payments, request),
    accounts: (number) =>
      durably((view) => {
        const user = userByNumber(view, number);
        return user === undefined
          ? undefined
          : payments.balances(view, user.id).map(({ asset, balance, held }) => ({
              asset,
              balance: balance as Amount,
              held: held as Amount,
            }));
      }),
    assets: () => Promise.resolve(flow.config.assets.map(({ asset, exponent }) => ({ asset, exponent }))),
    positions: () => durably((view) => payments.positions(view)),
    windows: (counterparty) => windowsOf(flow, counterparty),
    closeWindow: (counterparty) => closeFor(flow, counterparty),
    dischargeWindow: (payment) => dischargeFor(flow, payment),
    compareWindow: (counterparty) => compareWith(flow, counterparty),
    windowPayment: (payment) => paymentOf(flow, payment),
    caps: () => capsOf(flow, payments),
    setCap: (cap) => setCap(flow, cap),
    requests: (page) => requestsOf(flow, page),
    answerRequest: (answer) => taking(() => answerFor(flow, answer)),
    answerOpening: (request) => openingOf(flow, request),
    auditScope: (name) => Promise.resolve(auditScope(flow, name)),
    auditDisclosures: (name, request) => auditorPage(flow, payments, name, request),
    auditJournal: (name, request) => auditorExcerpt(flow, parts.auditLog, name, request),
    statement: (request) => statementOf(flow, request),
    discrepancies: (batch) => discrepanciesOf(flow, payments, batch),
    users: async () => {
      const found: User[] = [];
      for await (const [, user] of engine.store.scan(userTable)) found.push(user);
      return found.map(({ id, number, name, language, kind, joined }) => ({
        id,
        number,
        name,
        language,
        kind,
        joined,
      }));
    },
    createUser: (user) => taking(() => staff.createUser(user)),
    deposit: (movement) => taking(() => staff.move('deposit', movement)),
    withdraw: (movement) => taking(() => staff.move('withdraw', movement)),
    doubt: () => listDoubt(flow),
    doubtFile: async () => {
      const doubt = await listDoubt(flow);
      await engine.run((work) => {
        work.journal('disclosure', { what: 'in-doubt list', pairs: doubt.pairs.length, at: doubt.at });
      });
      return exportDoubt(doubt, parts.sign);
    },
    backup: (kind) => parts.backups.make(kind),
    backupKeys: () => parts.backups.makeKeys(),
    erase: (who, what) => parts.eraser.erase(who, what),
    erasures: () => parts.eraser.list(),
    doctor: () => examine(parts.doctor),
    setAside: async () =>
      (await listSetAside(engine)).flatMap(([, { message, at, tries, reason }]) => {
        if (message === undefined) return [];
        const { id, to, text, pair } = message;
        return [{ id, to, text, ...(pair === undefined ? {} : { pair }), at: toTimestamp(at), tries, reason }];
      }),
    sendAgain: (id) => sendAgain(engine, id),
    recovery: () => parts.recovery.status(),
    recoverWithout: async (peers) => {
      await parts.recovery.goWithout(peers);
      return parts.recovery.status();
    },
    halt: () => {
      const { self, reader, signer, account } = parts.doctor;
      return haltStatus({ self, view: engine.newest, reader, keys: { signer, account } });
    },
    release: ({ by, because, keysAreSafe }) => taking(() => release(flow, parts.doctor, { by, because, keysAreSafe })),
    readiness: async () => {
      const checks = flow.readiness.checks();
      return {
        ready: checks.every(({ ok }) => ok),
        checks: Object.fromEntries(checks.map(({ name, detail }) => [name, detail])),
      };
    },
    alarms: () => flow.alarms.list(),
    acknowledge: (seen) => flow.alarms.acknowledge(seen),
    metrics: parts.metrics,
    ...(parts.phones === undefined ? {} : { phones: parts.phones }),
  };
}

/** The evidence of a pair with a final outcome, as this operator can give it: its own leg opened, or both on us. */
async function evidenceOf(
  flow: FlowContext,
  sides: readonly PairSide[],
  { policy: name, recipient, reason }: Disclosing,
): Promise<string> {
  const policy = policyOf(flow.config.disclosure.policies, name);
  if (policy === undefined) throw new TandemError('not-found', `This node has no disclosure policy ${name}.`);
  const [own] = sides;
  const { batch: batchId, index, finalBlock } = own?.state ?? {};
  if (own === undefined || !isFinal(own.state)) {
    throw new TandemError('not-ready', 'The pair has no final outcome yet: ask again later.');
  }
  if (batchId === undefined || index === undefined || finalBlock === undefined) {
    throw new TandemError('unprocessable', 'The pair ended before it was in a batch: nothing of it is on the chain.');
  }
  const view = flow.engine.newest;
  const known = loadBatch(view, batchId, own.side.role);
  const { initiatorSignature, acceptorSignature, prepared } = known?.state ?? {};
  if (
    known === undefined ||
    initiatorSignature === undefined ||
    acceptorSignature === undefined ||
    prepared === undefined
  ) {
    throw new TandemError('not-ready', 'The pair’s batch is not on the chain yet: ask again later.');
  }
  const { record } = known;
  const signed = { batchId, batch: record.batch, initiatorSignature, acceptorSignature };
  const facts = await readFacts(flow.chain, {
    signed,
    index,
    preparedBlock: prepared.number,
    // A batch that was born dead has its outcome only from the block that it was prepared in.
    decisionBlock: Math.max(finalBlock, prepared.number),
  });
  const leaves = record.pairs.map((pair) => {
    const side = loadSide(view, pair, own.side.leg)?.side;
    const other = view.get(peerCommitmentTable, `${pair}!${record.role}`);
    if (side === undefined || other === undefined) throw new TandemError('internal', `Pair ${pair} has lost its leaf.`);
    return { pair, ...leafHashes(side, other) };
  });
  const operations = Object.fromEntries(sides.map(({ side }) => [side.leg, { entries: entriesOf(view, side) }]));
  const text = buildBundle({
    domain: flow.settlement,
    signed,
    position: { leaves, index },
    terms: own.side.terms,
    termsSecret: own.side.termsSecret,
    operations,
    facts,
    policy,
  });
  await flow.engine.run((work) => {
    // The reason of a dispute may name the person whom it is about.
    const about = hasKeys(work, own.side.user) ? own.side.user : undefined;
    const payload = { pair: own.side.pair, what: 'evidence bundle', policy: name, recipient, reason };
    work.journal('disclosure', payload, about);
  });
  return text;
}
