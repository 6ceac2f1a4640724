/** What a node is built of: its ports, as the process or the simulator has them, and what it tells them. */
import type { Alarms } from '../alarms/alarms.ts';
import type { Analysis } from '../analysis/analysis.ts';
import type { ChainReader, ChainWriter, Head, PeerRegistry, SendingKey } from '../chain/chain.ts';
import type { TransactionSigner } from '../chain/signing.ts';
import type { Channel } from '../channel/channel.ts';
import type { KnownForms } from '../channel/forms.ts';
import type { Config } from '../config.ts';
import type { Directory } from '../directory/directory.ts';
import type { Clock, Random } from '../engine/clock.ts';
import type { EngineEvent } from '../engine/engine.ts';
import type { TombstoneShelf } from '../erasure/tombstones.ts';
import type { OwnKeys } from '../flow/batch.ts';
import type { BatchSigner, FlowContext } from '../flow/context.ts';
import type { Machines } from '../flow/machines.ts';
import type { ContractCalls } from '../flow/own-calls.ts';
import type { NodeDomains } from '../flow/own-domains.ts';
import type { MessageGateway } from '../messaging/gateway.ts';
import type { SettlementDomain } from '../model/records.ts';
import type { Part } from '../parts/part.ts';
import type { FreeBytes } from '../store/room.ts';
import type { Store } from '../store/store.ts';

export interface NodeParts extends NodeDomains, ContractCalls {
  readonly config: Config;
  /** 32 bytes. */
  readonly operatorKey: Uint8Array;
  readonly settlement: SettlementDomain;
  /** Where the watcher begins on a new store. */
  readonly firstBlock: number;
  /** For so long the chain may make no block. */
  readonly maxBlockGapSeconds: number;
  readonly store: Store;
  /** Absent: the disk has no end. */
  readonly freeBytes?: FreeBytes;
  /** Where tombstones of erased users go; nowhere unless given. */
  readonly shelf?: TombstoneShelf;
  /** Takes deleted keys off the disk; nothing to do unless given. */
  readonly purge?: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly reader: ChainReader;
  readonly writer: ChainWriter;
  readonly signer: BatchSigner;
  /** Addresses of signer and account, for a recovery; lower case. */
  readonly ownKeys?: OwnKeys;
  readonly transactionSigners: Readonly<Record<SendingKey, TransactionSigner>>;
  readonly analysis: Analysis & { readonly services: readonly string[] };
  readonly directory: Directory;
  readonly gateway: MessageGateway;
  /** The channel to other operators; that to oneself is added. */
  readonly remote: (peers: PeerRegistry, forms: KnownForms) => Channel;
  /** What each state does with each event. */
  readonly machines?: Machines;
  /** Parts beside those that every node has. */
  readonly more?: readonly ((flow: FlowContext) => Part)[];
  readonly onEvent: (event: EngineEvent) => void;
  /** Made before the node where parts of it have something to tell before that. */
  readonly alarms?: Alarms;
  /** A fault in the background: logged, and work goes on. */
  readonly onFailure: (where: string, error: unknown) => void;
  /** The node cannot go on: nothing more is written or told. */
  readonly onFatal: (error: unknown) => void;
  /** At every look at the chain that succeeded. */
  readonly onHead?: (head: Head) => void;
  /** `failure` is undefined for a call that was answered. */
  readonly onPeerCall?: (method: Parameters<Channel['call']>[1], failure: unknown) => void;
}
