/** The port to users' phones: what a node has to say leaves here, from its outbox, in order, at least once. */
import type { Msisdn, PairId, Timestamp } from '../model/ids.ts';

export interface OutboundMessage {
  /** Unique for good: a receiver that has it already ignores it. */
  readonly id: string;
  readonly from: Msisdn;
  readonly to: Msisdn;
  readonly text: string;
  readonly pair?: PairId;
  readonly at: Timestamp;
  /** After it the text is of no more use: a gateway need not deliver it, and can say so to its network. */
  readonly deadline?: Timestamp;
  /** The user has to answer it before the deadline: it goes before others. */
  readonly priority?: 'question';
}

export interface MessageGateway {
  readonly name: string;
  /** Resolves when the gateway has taken all of them durably; rejects with a retryable TandemError otherwise. */
  deliver(messages: readonly OutboundMessage[]): Promise<void>;
  close(): Promise<void>;
}
