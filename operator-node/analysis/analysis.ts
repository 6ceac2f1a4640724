/**
 * The port of the analysis unit: what a user's text means, and what the node says back. It knows the catalogue and the
 * languages; it knows no store, no peer and no chain, so the same text always reads the same.
 */
import type { Action } from '../model/records.ts';
import type { Amount, Asset, Leg, Msisdn } from '../model/ids.ts';

export interface Speaker {
  readonly number: Msisdn;
  /** Language tag of the catalogue: `en`, `sv`. */
  readonly language: string;
  /** Asset of the user's first account: what an amount without a currency is in. */
  readonly asset: Asset;
}

export interface Message {
  readonly from: Speaker;
  readonly to: Msisdn;
  readonly text: string;
  /** A vending machine holds no conversations: an order to one may name its item in words (`BUY cola`). */
  readonly addresseeIsMachine?: boolean;
}

/** What a message is. Everything that is not understood is `pass` to a person and a `refusal` to the service number. */
export type Reading =
  | { readonly kind: 'pass' }
  | Order
  | Refund
  /** `code` is the pair's ref, in capitals. */
  | { readonly kind: 'cancel'; readonly code?: string }
  /** `code` is one to eight digits as written: whether it is the right one is not known here. */
  | { readonly kind: 'answer'; readonly yes: boolean; readonly code?: string }
  | { readonly kind: 'command'; readonly command: 'join' | 'stop' | 'balance' | 'history' | 'help' }
  | { readonly kind: 'refusal'; readonly text: NoticeKey; readonly params: TextParams };

export interface Order {
  readonly kind: 'order';
  readonly service: string;
  /** Whom the order is addressed to: the message's addressee, or the number in the text. Never the speaker. */
  readonly to: Msisdn;
  /** Absent where the price is the seller's to say (`buy`). */
  readonly money?: Money;
  /** What is bought, as written; "" otherwise. */
  readonly item: string;
  /** At most 40 characters, no control or bidirectional characters. */
  readonly note: string;
}

export interface Refund {
  readonly kind: 'refund';
  /** The original pair's ref, in capitals. */
  readonly code?: string;
  /** Whom to pay back: set if the order was addressed to a person or has a number in it; then only what came from them counts. */
  readonly to?: Msisdn;
  /** Absent: all that is left. Without a currency in the asset of the speaker's first account, whatever the original was in. */
  readonly amount?: Money;
  readonly note: string;
}

export interface Money {
  readonly asset: Asset;
  readonly amount: Amount;
}

/** What the catalogue says of a service: the two operations and who authorises (protocol §4 `service`). */
export interface ServicePlan {
  readonly service: string;
  readonly first: { readonly domain: string; readonly action: Action };
  readonly second: { readonly domain: string; readonly action: Action };
  /** Whose money moves, and whose order (`first`) or answer (`second`) authorises the debit. */
  readonly authoriser: Leg;
  /** Largest order in minor units by asset; absent: no bound of its own. */
  readonly maxAmount: Readonly<Record<string, Amount>>;
}

/** Values for a text's placeholders (`placeholders.ts` has the list). Strings are cleaned by the renderer; a missing one is ''. */
export type TextParams = Readonly<Record<string, string | Money>>;

/**
 * Texts that every service has. `from` and `to` are the names of the first and second user, `money` the amount,
 * `fee` (as money; absent where there is none), `item`, `note` (quoted, last), `code` of the question, `ref` of the pair
 * (for CANCEL and REFUND), `original` (the ref of what a refund undoes), `delivers`.
 */
export type ServiceTextKey =
  | 'pending'
  | 'ask'
  | 'first-done'
  | 'second-done'
  | 'first-declined'
  | 'second-declined'
  | 'first-expired'
  /** The second user said yes, and the chain did not take it in time. */
  | 'first-late'
  /** Its time is over; what the second user said is not known. */
  | 'first-unsettled'
  | 'second-expired'
  /** To the one whose yes it was. */
  | 'second-late'
  | 'first-cancelled'
  | 'second-cancelled';

/** Texts that belong to no service: replies to commands, and refusals. */
export type NoticeKey =
  | 'joined'
  | 'already-joined'
  | 'left'
  | 'not-joined'
  | 'help'
  | 'balance'
  /** One account within `balance`. */
  | 'balance-account'
  | 'history'
  /** One line within `history`. */
  | 'history-in'
  | 'history-out'
  | 'history-empty'
  | 'not-understood'
  | 'missing-addressee'
  | 'several-numbers'
  | 'unknown-number'
  /** The only number can be a date. */
  | 'number-or-date'
  | 'own-number'
  | 'bad-amount'
  | 'ambiguous-amount'
  | 'zero-amount'
  /** What follows the money could change it. */
  | 'unclear-rest'
  /** What follows the money says when, and an order is done at once. */
  | 'not-later'
  | 'unknown-currency'
  | 'no-account'
  | 'insufficient-funds'
  | 'over-limit'
  | 'not-available'
  | 'peer-unreachable'
  /** `operator`, this one or the other, can bring nothing to its end now. */
  | 'cannot-settle'
  | 'busy'
  | 'chain-stalled'
  | 'out-of-room'
  | 'unknown-item'
  | 'sold-out'
  | 'no-open-question'
  | 'code-needed'
  | 'wrong-code'
  | 'code-spent'
  | 'too-late'
  | 'already-answered'
  | 'answer-received'
  | 'answer-no-funds'
  | 'cancel-none'
  | 'cancel-which'
  | 'cancel-asked'
  | 'cancel-too-late'
  | 'refund-none'
  | 'refund-which'
  | 'refund-too-much'
  /** The amount is in another currency than the original was. */
  | 'refund-currency'
  | 'order-failed'
  /** After a loss: it may have been paid or not, and staff has to find out. */
  | 'order-lost';

export interface Analysis {
  readonly languages: readonly string[];
  /** `toService` says that the message went to the operator's service number. */
  read(message: Message, toService: boolean): Reading;
  plan(service: string): ServicePlan | undefined;
  /** The fee for the paying user, in the order's asset. */
  fee(service: string, money: Money): Amount;
  /** @throws {Error} for a key or service that is not in the catalogue: checked at start, so never in operation. */
  serviceText(service: string, key: ServiceTextKey, language: string, params: TextParams): string;
  notice(key: NoticeKey, language: string, params: TextParams): string;
  /** By the language's decimal sign: `120.00 SEK`, `120,00 SEK`. */
  money(money: Money, language: string): string;
}
