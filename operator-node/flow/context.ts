/** What every step of the flow can reach: ports, rules and the few facts about now. Built once, in `node.ts`. */
import type { Alarms } from '../alarms/alarms.ts';
import type { Analysis } from '../analysis/analysis.ts';
import type { ChainReader, PeerRegistry, TransactionSender } from '../chain/chain.ts';
import type { Duties } from '../chain/duties.ts';
import type { Channel } from '../channel/channel.ts';
import type { Request } from '../channel/messages.ts';
import type { Config } from '../config.ts';
import type { Directory } from '../directory/directory.ts';
import type { Discharge } from '../domains/payments/discharge.ts';
import type { Domains } from '../domains/registry.ts';
import type { Engine, Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { MessageGateway } from '../messaging/gateway.ts';
import type {
  Amount,
  Asset,
  BatchId,
  Hash,
  Hex,
  Leg,
  Msisdn,
  OperatorId,
  PairId,
  UnixMillis,
  UnixSeconds,
  UserId,
} from '../model/ids.ts';
import type { SettlementDomain } from '../model/records.ts';
import type { Readiness } from '../readiness.ts';
import type { Room } from '../store/room.ts';
import type { Tx, View } from '../store/store.ts';
import type { PeerAllowance } from './allowance.ts';
import type { ForwardAllowance } from './forwarding.ts';
import type { Overload } from './overload.ts';
import type { PeerTroubles } from './troubles.ts';
import type { Caps } from './caps.ts';
import type { JournalAnchor } from './checkpoint.ts';
import type { Gas } from './gas.ts';
import type { Greetings } from './greet.ts';
import type { Machines } from './machines.ts';
import type { BatchRecord } from './batch.ts';
import type { OpenWork } from './open.ts';
import type { GivenBatch } from './past.ts';
import type { AuditRequests } from './requests/requests.ts';
import type { Decisions } from './submit.ts';
import type { Windows } from './windows/windows.ts';

/** Signs and checks digests of batches and of windows' statements. A port: the simulator may sign cheaply. */
export interface BatchSigner {
  sign(digest: BatchId | Hash): Hex;
  /** True if `signature` of `digest` is by one of `signers` (ERC-7913 bytes, as the registry lists them). */
  verify(digest: BatchId | Hash, signature: Hex, signers: readonly Hex[]): Promise<boolean>;
}

/** What the node knows of the chain's newest block; written by the watcher. */
export interface ChainView {
  /** Timestamp of the newest header seen; undefined before the first. */
  readonly headTime: UnixSeconds | undefined;
  /** Every final block there was when the node started is applied: what the store says is what the chain says. */
  readonly caughtUp: boolean;
  /** Number of the newest final block seen. */
  readonly finalNumber: number | undefined;
  /** From a block to its finality, as the chain is now: between the newest header and the newest final one. */
  readonly finalitySeconds: number;
  /** For how long no newer block has been seen; undefined before the first. */
  readonly ageMillis: number | undefined;
  /** For so long the chain may make no block. */
  readonly maxGapMillis: number;
  /** No block for longer than the chain promises, or no endpoint answers. */
  readonly stalled: boolean;
  /** The same, once there has been time to look: what is an alarm, and not just a start. */
  readonly standsStill: boolean;
}

/** What the flow asks of the payment accounts beyond the port of a private domain. */
export interface AccountBook {
  balances(
    view: View,
    user: UserId,
  ): readonly {
    readonly asset: Asset;
    readonly balance: Amount;
    readonly held: Amount;
  }[];
  /** What an operation's bookings have made of the position with that operator; above zero: this operator owes more. */
  moved(
    view: View,
    pair: PairId,
    leg: Leg,
    operator: OperatorId,
  ): readonly { readonly asset: Asset; readonly amount: bigint }[];
  /** A position that was paid outside: booked once a statement; true if by this call. */
  discharge(tx: Tx, discharge: Discharge, now: UnixMillis): boolean;
}

/** What comes up of a past that a restored store does not know: asked for at the peer, and taken back (protocol §3, rule 11). */
export interface Forgotten {
  /** The acceptor says that the number of this batch is taken: the batch of the lost store that has it, if there is one. */
  ask(record: BatchRecord): Promise<GivenBatch | undefined>;
  /** Takes that batch back, as its initiator. */
  rebuild(work: Work, peer: OperatorId, given: GivenBatch): void;
  /** An offer of pairs that the lost store may have held: its initiator has them. */
  remember(from: OperatorId, batchId: BatchId, request: Request<'offer'>): Promise<void>;
}

export interface FlowContext {
  readonly self: OperatorId;
  readonly handle: string;
  readonly serviceNumber: Msisdn;
  /** 32 bytes: terms secrets and local salts hang on it. */
  readonly operatorKey: Uint8Array;
  readonly settlement: SettlementDomain;
  readonly config: Config;
  readonly engine: Engine;
  /** What each state does with each event. */
  readonly machines: Machines;
  readonly analysis: Analysis;
  readonly directory: Directory;
  readonly domains: Domains;
  readonly accounts: AccountBook;
  readonly peers: PeerRegistry;
  readonly channel: Channel;
  readonly greetings: Greetings;
  readonly gateway: MessageGateway;
  readonly chain: ChainReader;
  readonly chainView: ChainView;
  readonly signer: BatchSigner;
  readonly open: OpenWork;
  /** What is stored and not final of this operator's decisions. */
  readonly decisions: Decisions;
  /** What has to reach the chain. */
  readonly duties: Duties;
  readonly sender: Pick<TransactionSender, 'poke'>;
  /** Whether anything new is begun. */
  readonly readiness: Pick<Readiness, 'blocking' | 'notSettling' | 'recovering' | 'troubled'>;
  /** Conditions that begin and end; what has happened is emitted by the step. */
  readonly alarms: Pick<Alarms, 'set'>;
  readonly anchor: JournalAnchor;
  /** Money of the sending keys. */
  readonly gas: Gas;
  /** Free space on the store's disk. */
  readonly room: Room;
  /** What peers make this node remember. */
  readonly allowance: PeerAllowance;
  /** What peers look up and nothing comes of. */
  readonly lookups: PeerAllowance;
  readonly forwarding: ForwardAllowance;
  readonly troubles: PeerTroubles;
  readonly overload: Pick<Overload, 'refuses' | 'chain' | 'look' | 'status'>;
  readonly caps: Caps;
  /** Where statements of windows and answers to auditors are anchored; undefined where the network has no AuditLog. */
  readonly auditLog: SettlementDomain | undefined;
  readonly windows: Windows;
  readonly forgotten: Forgotten;
  readonly requests: AuditRequests;
}

/** A fault of somebody: kept in the journal, told to staff, and the flow goes on. */
export interface FaultNote {
  readonly what: string;
  readonly peer?: OperatorId;
  readonly user?: UserId;
  readonly hash?: Hash;
  readonly [fact: string]: unknown;
}

/**
 * Just after a start the chain may know more than the store: nothing is begun before. @throws {TandemError} `not-ready`
 */
export function assertCaughtUp({ chainView }: FlowContext): void {
  if (!chainView.caughtUp) throw new TandemError('not-ready', 'This node has not caught up with the chain yet.');
}
