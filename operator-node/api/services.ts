/** What the HTTP API needs of a node. Every read is of durable state. */
import type { Acknowledgement, AlarmView } from '../alarms/alarms.ts';
import type {
  Amount,
  Asset,
  BatchId,
  Hash,
  Msisdn,
  OperatorId,
  PairId,
  Role,
  Timestamp,
  UserId,
} from '../model/ids.ts';
import type { KeyBackupSummary } from '../erasure/key-backup.ts';
import type { ErasureScope, ErasureState } from '../erasure/state.ts';
import type { Diagnosis } from '../recovery/doctor.ts';
import type { Doubt } from '../recovery/doubt.ts';
import type { HaltStatus, ReleaseOrder } from '../recovery/release.ts';
import type { RecoveryStatus } from '../recovery/run.ts';
import type { SnapshotSummary } from '../recovery/snapshot.ts';
import type { OutboundMessage } from '../messaging/gateway.ts';

export interface InboundMessage {
  /** The gateway's id for the message: the key of idempotency. */
  readonly id: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly text: string;
}

/** `forwarded`: passed on unchanged; `intercepted`: became or answered an order; `answered`: only the sender got a reply. */
export type Disposition = 'forwarded' | 'intercepted' | 'answered';

export interface NewUser {
  readonly number: Msisdn;
  readonly name: string;
  readonly language: string;
  readonly kind: 'person' | 'machine';
  readonly assets: readonly Asset[];
  readonly joined: boolean;
  readonly autoAccept: boolean;
  /** Goods on sale, for merchants and machines; `codes` are handed out one a sale, in order. */
  readonly goods: readonly {
    readonly item: string;
    readonly label: string;
    readonly asset: Asset;
    readonly price: Amount;
    readonly codes: readonly string[];
  }[];
}

/** Money in or out of a user's account, by staff. The same id and content again has no second effect. */
export interface CashMovement {
  readonly id: string;
  readonly number: Msisdn;
  readonly asset: Asset;
  readonly amount: Amount;
  readonly reason: string;
}

export interface PairView {
  readonly id: PairId;
  readonly legs: readonly {
    readonly leg: 'first' | 'second';
    readonly role: 'initiator' | 'acceptor';
    readonly state: string;
    readonly reason?: string;
    readonly peer: OperatorId;
    readonly service: string;
    readonly asset: Asset;
    readonly amount: Amount;
    readonly user: Msisdn;
    readonly created: Timestamp;
    readonly deadline: Timestamp;
    readonly batchId?: string;
    readonly index?: number;
    readonly told: boolean;
  }[];
}

export interface Readiness {
  readonly ready: boolean;
  /** One entry a part, `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Who is told what, and why: journaled with every disclosure. */
export interface Disclosing {
  /** Of the configuration, or built in. */
  readonly policy: string;
  readonly recipient: string;
  readonly reason: string;
}

export interface DisclosureRequest extends Disclosing {
  /** Batches prepared in these blocks, both included. */
  readonly from: number;
  readonly to: number;
  /** Where the page before ended; "" for the first, which begins with the header. */
  readonly after: string;
}

export interface DisclosurePage {
  readonly text: string;
  readonly batches: number;
  readonly pairs: number;
  /** The policy also hands over what the journal has of each pair: excerpts, asked for pair by pair. */
  readonly journal?: boolean;
  /** Absent on the last page. */
  readonly next?: string;
}

export type StatementFormat = 'camt053' | 'pacs009' | 'csv';

export interface StatementRequest {
  readonly format: StatementFormat;
  /** Id or handle. */
  readonly counterparty: string;
  readonly asset: Asset;
  /** Bookings at this second or later … */
  readonly from: Timestamp;
  /** … and before this one. */
  readonly to: Timestamp;
  /** Of a payment: of this pair alone, which is booked in the period. */
  readonly pair?: PairId | undefined;
}

/** One booking; `amount` is what the customer's account got (above zero) or gave (below zero), in minor units. */
export interface BookedLine {
  readonly booked: Timestamp;
  readonly asset: Asset;
  readonly amount: string;
}

/** A pair whose bookings here are not what was decided and agreed. */
export interface PairFault {
  readonly pair: PairId;
  readonly leg: 'first' | 'second';
  /** Of its leaf. */
  readonly index: number;
  readonly fault: 'missing' | 'doubled' | 'amount' | 'against-decision';
  /** By the chain; `none`: neither bit, which is an abort once the deadline is past. */
  readonly decided: 'commit' | 'abort' | 'none';
  readonly agreed: Omit<BookedLine, 'booked'>;
  readonly booked: readonly BookedLine[];
}

export interface Discrepancy {
  readonly batchId: BatchId;
  readonly role: Role;
  readonly peer: OperatorId;
  readonly sequence: string;
  readonly count: number;
  /** What the chain says; `open`: not both have attested. */
  readonly reconciled: 'reconciled' | 'discrepancy' | 'open';
  /** The executed digest of books that are as decided. */
  readonly expected: Hash;
  readonly attested?: Hash;
  /** What this operator attested, against `expected`. */
  readonly attestation: 'as-decided' | 'otherwise' | 'none';
  readonly pairs: readonly PairFault[];
}

/** A settlement window (docs/settlement.md). Amounts are signed minor units. */
export interface WindowView {
  readonly counterparty: OperatorId;
  readonly number: number;
  readonly role: 'proposer' | 'answerer';
  readonly state: 'proposed' | 'differs' | 'signed' | 'anchored' | 'discharged';
  readonly overdue: boolean;
  readonly opened: Timestamp;
  readonly since: Timestamp;
  readonly refusal?: string;
  readonly operatorA: OperatorId;
  readonly operatorB: OperatorId;
  readonly aToB: { readonly from: number; readonly to: number };
  readonly bToA: { readonly from: number; readonly to: number };
  /** With it the digests recompute. */
  readonly secret: Hash;
  readonly lines: readonly {
    readonly asset: Asset;
    /** Above zero: A owes B. */
    readonly net: string;
    /** The same from this operator's side: above zero, it pays. */
    readonly owed: string;
    readonly payee?: OperatorId;
    readonly statement: Hash;
    /** Of the payment. */
    readonly endToEndId: string;
    readonly anchoredBlock?: number;
    /** At the payee. */
    readonly reference?: string;
    readonly referenceSalt?: string;
    readonly referenceDigest?: Hash;
    readonly dischargedBlock?: number;
    readonly booked?: Timestamp;
  }[];
}

export interface WindowPayment {
  /** Id or handle. */
  readonly counterparty: string;
  readonly number: number;
  readonly asset: Asset;
  /** Of the bank or the RTGS. */
  readonly reference: string;
}

/** Where two operators' books differ. */
export interface WindowComparison {
  readonly differences: readonly {
    readonly pair: PairId;
    readonly role: Role;
    readonly batchId: BatchId;
    readonly sequence: number;
    readonly index: number;
    readonly own: 'as-agreed' | 'otherwise';
  }[];
  readonly batches: number;
  readonly more: boolean;
}

/** How much two operators let each other owe; minor units. An absent cap is no bound. */
export interface CapState {
  readonly operator: OperatorId;
  readonly asset: Asset;
  readonly own?: Amount;
  readonly peer?: Amount;
  /** The lower of the two: what counts. */
  readonly agreed?: Amount;
  /** What this operator owes, or is owed, when everything on hold is done. */
  readonly mayOwe: string;
  readonly mayBeOwed: string;
}

/** What an auditor asks: its name comes from its token. */
export interface AuditRequest extends Omit<DisclosureRequest, 'recipient'> {
  /** The id of the request in the AuditLog that this is about, where one was filed. */
  readonly filed?: string | undefined;
}

/** Of auditors' requests, in one answer. */
export const requestsAPage = 500;

/** An auditor's request for disclosure to this operator (docs/audit-access.md). */
export interface RequestView {
  readonly request: number;
  /** In the AuditLog. */
  readonly auditor: number;
  /** `ordered`: staff has answered, and no final block has the answer yet. */
  readonly state: 'open' | 'ordered' | 'answered';
  /** Not answered by its due time, or answered after it. */
  readonly late: boolean;
  readonly digest: Hash;
  readonly madeAt: Timestamp;
  readonly filedAt: Timestamp;
  readonly due: Timestamp;
  readonly confidential: boolean;
  /** Texts that the auditor has fetched under it. */
  readonly fetched: number;
  /** What staff has answered. */
  readonly ordered?: Hash;
  /** SHA-256 in hex of each. */
  readonly files?: readonly string[];
  /** What the chain has. */
  readonly answer?: Hash;
  readonly answeredAt?: Timestamp;
}

export interface RequestAnswer {
  readonly request: number;
  /** SHA-256 in hex of each file that was handed over. */
  readonly files: readonly string[];
}

/** What the journal has of a pair, for an auditor. */
export interface AuditJournalRequest extends Omit<Disclosing, 'recipient'> {
  readonly pair: PairId;
  readonly filed?: string | undefined;
}

/** What an auditor may ask; absent is without a bound. */
export interface AuditScope {
  readonly auditor: string;
  readonly operator: OperatorId;
  readonly counterparties?: readonly OperatorId[];
  readonly fromBlock: number;
  readonly toBlock?: number;
  readonly policies: readonly string[];
  readonly expires: string;
  readonly requestsPerMinute: number;
  /** The last final block that this node has applied: up to here it can be asked. */
  readonly finalBlock?: number;
}

export interface NodeServices {
  /** @throws {TandemError} `unknown-sender`, `conflict` (same id, other content), `peer-unavailable`, `not-ready` */
  receive(message: InboundMessage): Promise<{ readonly id: string; readonly disposition: Disposition }>;
  pair(id: PairId): Promise<PairView | undefined>;
  /** Canonical JSON (RFC 8785) of the evidence bundle; undefined for an unknown pair. @throws `not-ready` before the pair is final. */
  evidence(id: PairId, asked?: Disclosing): Promise<string | undefined>;
  /** Canonical JSON of what the journal has of the pair, with its path to an anchored head; undefined for an unknown pair. */
  journal(id: PairId, asked: Disclosing): Promise<string | undefined>;
  /**
   * A page of this operator's disclosure file, in lines of its format (docs/audit-formats.md); journaled.
   * @throws `not-found` for an unknown policy, `not-ready` while block `to` is not applied
   */
  disclosures(request: DisclosureRequest): Promise<DisclosurePage>;
  accounts(number: Msisdn): Promise<readonly { asset: Asset; balance: Amount; held: Amount }[] | undefined>;
  /** What this operator keeps accounts in, and with how many decimals. */
  assets(): Promise<readonly { asset: Asset; exponent: number }[]>;
  /** Positive: this operator owes the counterparty. Decimal minor units, may be negative. */
  positions(): Promise<readonly { operator: OperatorId; asset: Asset; balance: string }[]>;
  /**
   * A statement of the account that a counterparty has here, or the payment of its net (docs/statements.md); journaled.
   * @throws `not-found` for an unknown operator or asset, `unprocessable` for a period or asset that cannot be told
   */
  statement(request: StatementRequest): Promise<string>;
  /**
   * Batches with a discrepancy on chain, or the one that is asked for, each with its pairs that are booked otherwise than
   * decided. @throws `not-found` for an unknown batch, `chain-unavailable`
   */
  discrepancies(batch: BatchId | undefined): Promise<readonly Discrepancy[]>;
  /** All settlement windows, or those with one operator. @throws `not-found` */
  windows(counterparty: string | undefined): Promise<readonly WindowView[]>;
  /** @throws `not-found`, `unprocessable` where there is nothing to settle, `not-ready`, `conflict` */
  closeWindow(counterparty: string): Promise<WindowView>;
  /** @throws `not-found`, `conflict` for another reference, `unprocessable` where this operator is not the payee */
  dischargeWindow(payment: WindowPayment): Promise<WindowView>;
  /** @throws `not-found`, `peer-unavailable`, `not-ready` */
  compareWindow(counterparty: string): Promise<WindowComparison>;
  /** ISO 20022 pacs.009. @throws `not-found`, `unprocessable` */
  windowPayment(payment: Omit<WindowPayment, 'reference'>): Promise<string>;
  caps(): Promise<readonly CapState[]>;
  /** `""`: no bound of this operator's own. @throws `not-found` */
  setCap(cap: {
    readonly counterparty: string;
    readonly asset: Asset;
    readonly cap: Amount | '';
  }): Promise<{ readonly operator: OperatorId; readonly asset: Asset; readonly agreed?: Amount }>;
  /** Auditors' requests to this operator in the order of their numbers, at most `limit` after the one that is named. */
  requests(page: { readonly after: number; readonly limit: number }): Promise<readonly RequestView[]>;
  /** @throws `not-found`, `conflict` for another answer, `unprocessable` where nothing was handed over */
  answerRequest(answer: RequestAnswer): Promise<RequestView>;
  /** What opens the answer on chain, in canonical JSON; journaled. @throws `not-found`, `unprocessable` */
  answerOpening(request: number): Promise<string>;
  auditScope(auditor: string): Promise<AuditScope>;
  /** As `disclosures`, within the auditor's scope. @throws `forbidden` outside of it */
  auditDisclosures(auditor: string, request: AuditRequest): Promise<DisclosurePage>;
  /** As `journal`, within the auditor's scope. @throws `forbidden` outside of it, `not-ready` before it is anchored */
  auditJournal(auditor: string, request: AuditJournalRequest): Promise<string>;
  users(): Promise<
    readonly { id: UserId; number: Msisdn; name: string; language: string; kind: string; joined: boolean }[]
  >;
  createUser(user: NewUser): Promise<{ readonly number: Msisdn; readonly created: boolean }>;
  deposit(movement: CashMovement): Promise<{ readonly asset: Asset; readonly balance: Amount }>;
  withdraw(movement: CashMovement): Promise<{ readonly asset: Asset; readonly balance: Amount }>;
  /** Every pair that is not final. */
  doubt(): Promise<Doubt>;
  /** The same as a file that the operator's signer has signed (docs/operations.md); journaled. */
  doubtFile(): Promise<string>;
  /** A backup while the node runs; `follow`: a new base of the followed copy. @throws `unprocessable`, `too-busy` */
  backup(kind: 'file' | 'follow'): Promise<SnapshotSummary>;
  /** The keys of users by themselves (docs/erasure.md). @throws `unprocessable` */
  backupKeys(): Promise<KeyBackupSummary>;
  /**
   * Erases a user, or what was said to and by it (docs/erasure.md); journaled. The same again is answered as before.
   * @throws `not-found`, `unprocessable` with what stands in the way and until when
   */
  erase(who: string, what: ErasureScope): Promise<ErasureState>;
  erasures(): Promise<readonly ErasureState[]>;
  /** Store, chain and peers compared; each difference named. Reads everything. */
  doctor(): Promise<Diagnosis>;
  setAside(): Promise<readonly SetAsideMessage[]>;
  /** False where no message of that id is set aside. */
  sendAgain(id: string): Promise<boolean>;
  /** How far a recovery is (protocol §3, rule 11), and what is lost. */
  recovery(): Promise<RecoveryStatus>;
  /** What only these peers could give back is lost; journaled. @throws `unprocessable` where nothing is recovered */
  recoverWithout(peers: readonly OperatorId[]): Promise<RecoveryStatus>;
  /** Whether the node is halted, why, and what has to be done before it is released. */
  halt(): Promise<HaltStatus>;
  /** Journaled with who and why. @throws `unprocessable` where it is not halted, or with what has to be done first */
  release(order: ReleaseOrder): Promise<HaltStatus>;
  readiness(): Promise<Readiness>;
  /** Active ones first. */
  alarms(): Promise<readonly AlarmView[]>;
  /** Staff has seen it; journaled with who and why. @throws `not-found` */
  acknowledge(seen: Acknowledgement): Promise<readonly AlarmView[]>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Only on a devnet. */
  readonly phones?: PhoneInboxes;
}

/** A message that the gateway would not take. */
export interface SetAsideMessage {
  readonly id: string;
  readonly to: Msisdn;
  readonly text: string;
  readonly pair?: PairId;
  /** When it was set aside. */
  readonly at: Timestamp;
  readonly tries: number;
  readonly reason: string;
}

export interface PhoneInboxes {
  /** Messages after `cursor` (`""` from the first), oldest first, at most 500; the cursor to go on with. */
  messages(
    number: Msisdn,
    cursor: string,
  ): Promise<{ readonly messages: readonly OutboundMessage[]; readonly cursor: string }>;
}
