/** What a process knows of a transaction on its way; lost with it, and not missed. */
import type { EventAlarm } from '../alarms/catalogue.ts';
import type { UnixMillis } from '../model/ids.ts';
import type { SendingKey } from './chain.ts';

/** What staff should know of; the sender goes on. */
export interface SenderAlarm {
  readonly what: Extract<
    EventAlarm,
    | 'nonce-used-elsewhere'
    | 'nonce-used-up'
    | 'nonce-gap'
    | 'transaction-refused'
    | 'transaction-reverted'
    | 'transaction-lost'
    | 'fee-cap'
  >;
  readonly key: SendingKey;
  readonly address: string;
  readonly nonce: number;
  readonly detail: string;
}

export interface Progress {
  readonly alarmed: Set<SenderAlarm['what']>;
  lastSent: UnixMillis | undefined;
  /** Number of the newest block when the pool first took this form. */
  heldSince: number | undefined;
  /** A pool has said that it has it: a pool that then takes it as new had lost it. */
  known: boolean;
  tooCheap: boolean;
  /** No endpoint takes any of its forms. */
  refused: boolean;
  /** When this form replaced another. */
  repriced: UnixMillis | undefined;
  /** Looks in which its nonce was used and none of its forms was found. */
  missing: number;
  trouble: string | undefined;
}

export const newProgress = (alarmed: Iterable<SenderAlarm['what']> = []): Progress => ({
  alarmed: new Set(alarmed),
  lastSent: undefined,
  heldSince: undefined,
  known: false,
  tooCheap: false,
  refused: false,
  repriced: undefined,
  missing: 0,
  trouble: undefined,
});
