/**
 * A pair as one operator keeps it: its *side* (what was agreed; written when it is agreed, then never changed) and its
 * *state* (where it is on its way; small, written at each transition). A pair on us has two sides in one store, one a
 * role, exactly as two operators would have them.
 */
import type { OutcomeWord } from '../channel/messages.ts';
import type { Operation } from '../domains/domain.ts';
import type {
  BatchId,
  Hash,
  Leg,
  Msisdn,
  OperatorId,
  PairId,
  Role,
  UnixMillis,
  UnixSeconds,
  UserId,
} from '../model/ids.ts';
import type { OperationRecord, Terms } from '../model/records.ts';
import { table, type Tx, type View } from '../store/store.ts';
import { touch } from '../store/activity.ts';

export interface Side {
  readonly pair: PairId;
  readonly leg: Leg;
  readonly role: Role;
  /** The other operator; this one for a pair on us. */
  readonly peer: OperatorId;
  readonly service: string;
  readonly terms: Terms;
  readonly termsSecret: Hash;
  readonly termsCommitment: Hash;
  /** This operator's user. */
  readonly user: UserId;
  readonly userNumber: Msisdn;
  readonly userName: string;
  readonly otherNumber: Msisdn;
  /** The other user's name as the peer told it; the number until then. */
  readonly otherName: string;
  readonly note: string;
  readonly item: string;
  readonly domain: string;
  readonly operation: Operation;
  /** True where this side's operation takes this user's money: then a YES needs the code (and the hold waits for it). */
  readonly debits: boolean;
  /** Absent at the initiator until the peer has answered: its `counterparty` is the peer's subject digest. */
  readonly record?: OperationRecord;
  readonly ownCommitment?: Hash;
  readonly heldAt: UnixMillis;
  readonly deadline: UnixSeconds;
  /** What this side's user receives on commit (initiator) or hands out (acceptor). `""` for nothing. */
  readonly delivers: string;
  /** Four characters by which this user names the pair in CANCEL and REFUND. */
  readonly ref: string;
}

/**
 * held          initiator: operation on hold, stored, in no batch that has left. acceptor: on hold, or checked where it
 *               takes its user's money; nothing signed. Left by: a batch, a refusal, giving up, the proposal's timeout.
 * signed        initiator: in a batch that is stored and may have left, not signed yet. acceptor: its signature of the
 *               batch is stored and may have left. Left by: the other signature, the batch on chain, the dead batch.
 * countersigned both signatures stored; the second user is asked. Left by: the answer, or the final decision.
 * accepted      acceptor only: operation on hold and the commit decision stored. (`answered` of protocol §3 passes at
 *               once: every domain here is local.) Left by: the final decision.
 * declined      acceptor only: a no, no hold, or a batch offered too late; never committed by this node. Left by: the
 *               final decision.
 * committed     decision final, operation executed. Ends when the user is told.
 * aborted       hold released, with a reason. Ends when the user is told.
 */
export const sideStates = ['held', 'signed', 'countersigned', 'accepted', 'declined', 'committed', 'aborted'] as const;
export type SideStateName = (typeof sideStates)[number];

/** Why a pair came to nothing. */
export type EndReason =
  | 'declined'
  /** A yes that could not be held; known to the acceptor alone, to the initiator it is `declined`. */
  | 'not-held'
  /** Closed by wrong codes; known to the acceptor alone, to the initiator it is `declined`. */
  | 'spent'
  | 'cancelled'
  | 'expired'
  /** A yes that the chain did not take in time; known to the acceptor alone, to the initiator it is `expired`. */
  | 'late'
  | 'refused'
  | 'unreachable'
  | 'lapsed'
  | 'given-up'
  | 'batch-refused';

export interface SideState {
  readonly state: SideStateName;
  readonly reason?: EndReason;
  readonly batch?: BatchId;
  readonly index?: number;
  /** The final block that the outcome was read in. */
  readonly finalBlock?: number;
  /** Initiator: the peer holds its operation (its answer is in the side). */
  readonly agreed: boolean;
  /** Initiator: the first user wants it back. */
  readonly cancelAsked: boolean;
  /** Initiator: what the acceptor said of the second user's answer when the time was over. A text hangs on it, nothing else. */
  readonly heard?: OutcomeWord;
  /** Acceptor: it was over before its batch came, and stands in it declined: released already. */
  readonly reopened?: true;
  /** Acceptor: the second user has got the question. */
  readonly asked: boolean;
  /** The user has been told how it ended, acknowledged by the gateway. */
  readonly told: boolean;
  readonly since: UnixMillis;
}

export interface PairSide {
  readonly side: Side;
  readonly state: SideState;
}

/** Keys of all three: `<pairId>!<leg>`. */
export const sideTable = table<Side>('side');
export const sideStateTable = table<SideState>('side-state');
/** Sides that have not ended: what a node looks at when it starts. Value: the deadline. */
export const openSideTable = table<UnixSeconds>('open-side');
/** The peer's sealed record of its own leg (protocol §3, rule 10). Key `<pairId>!<leg of the peer>`. */
export const sealedTable = table<{ readonly from: OperatorId; readonly sealed: string }>('sealed');
/** Key: `<initiator>!<pairId>`. A pair that was withdrawn by its initiator is given up for ever, also when its proposal comes after. */
export const withdrawnTable = table<true>('withdrawn');

/** Every side of a user, in the order of their pairs: what an erasure has to write out. Key: `<userId>!<pairId>!<leg>`. */
export const userSideTable = table<true>('user-side');

/** Every side by the four characters by which its user names it; they are unique to a user only. Key: `<ref>!<pairId>!<leg>`. */
export const refSideTable = table<true>('ref-side');

export const sideKey = (pair: PairId, leg: Leg): string => `${pair}!${leg}`;

export function loadSide(view: View, pair: PairId, leg: Leg): PairSide | undefined {
  const key = sideKey(pair, leg);
  const state = view.get(sideStateTable, key);
  const side = state === undefined ? undefined : view.get(sideTable, key);
  return side === undefined || state === undefined ? undefined : { side, state };
}

/** As this operator has the pair: one side, or both of a pair on us. */
export const sidesOf = (view: View, pair: PairId): readonly PairSide[] =>
  (['first', 'second'] as const).flatMap((leg) => loadSide(view, pair, leg) ?? []);

export const isOpen = (state: SideState): boolean => !state.told;

export const isFinal = (state: SideState): boolean => state.state === 'committed' || state.state === 'aborted';

/** Opens it (`open-side.ts`); from then on its table moves it (`flow.ts`). */
export function createSide(tx: Tx, now: UnixMillis, side: Side): PairSide {
  const state: SideState = { state: 'held', agreed: false, cancelAsked: false, asked: false, told: false, since: now };
  const key = sideKey(side.pair, side.leg);
  tx.put(sideTable, key, side);
  tx.put(sideStateTable, key, state);
  tx.put(openSideTable, key, side.deadline);
  tx.put(userSideTable, `${side.user}!${key}`, true);
  tx.put(refSideTable, `${side.ref}!${key}`, true);
  touch(tx, side.user, 'ledger', now);
  return { side, state };
}
