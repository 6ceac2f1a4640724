/**
 * A side of a pair is opened here and nowhere else: by an order, by a proposal, and once more from its sealed copy where
 * the store was lost. What each of them knows is handed in; everything that follows from it is worked out in one place.
 */
import type { ServicePlan } from '../analysis/analysis.ts';
import { termsCommitment } from '../commitment/record.ts';
import type { Operation } from '../domains/domain.ts';
import type { Work } from '../engine/engine.ts';
import {
  legOf,
  toTimestamp,
  type Amount,
  type Hash,
  type Msisdn,
  type OperatorId,
  type Role,
  type UnixSeconds,
} from '../model/ids.ts';
import { moneyOfLeg, type OperationRecord, type Terms } from '../model/records.ts';
import type { User } from '../users/user.ts';
import { newRef, refTable } from './account.ts';
import type { FlowContext } from './context.ts';
import { createSide, type PairSide, type Side } from './pair.ts';

/** What is agreed, before anything is held. */
export interface Agreed {
  readonly role: Role;
  readonly peer: OperatorId;
  readonly terms: Terms;
  readonly termsSecret: Hash;
  /** This operator's user. */
  readonly user: User;
  readonly otherNumber: Msisdn;
  readonly otherName: string;
  readonly note: string;
  readonly item: string;
  /** Domain and action of this leg. */
  readonly plan: ServicePlan['first'];
  readonly fee: Amount;
}

export interface Opening extends Agreed {
  readonly operation: Operation;
  readonly record: OperationRecord;
  /** Absent at the initiator until the peer has answered. */
  readonly ownCommitment?: Hash;
  readonly delivers: string;
  /** The reference that the user knows the pair by, if it is free; drawn where there is none. */
  readonly ref?: string;
}

export const noFee = '0' as Amount;

export const takesMoney = ({ plan }: Pick<Agreed, 'plan'>): boolean => plan.action === 'debit';

export const operationOf = ({ role, peer, terms, user, plan, fee, item }: Agreed): Operation => ({
  pair: terms.pair,
  leg: legOf(role),
  service: terms.service,
  action: plan.action,
  user: user.id,
  ...moneyOfLeg(terms, legOf(role)),
  fee,
  counterparty: peer,
  ...(item === '' ? {} : { item }),
});

/** @param counterparty digest of the other record's `subject`; `''` as long as the peer has not told it */
export const recordOf = (
  { self }: Pick<FlowContext, 'self'>,
  { now }: Pick<Work, 'now'>,
  { role, terms, user, plan, note, item }: Agreed,
  { account, counterparty }: { readonly account: string; readonly counterparty: string },
): OperationRecord => ({
  pair: terms.pair,
  leg: legOf(role),
  operator: String(self),
  domain: plan.domain,
  action: plan.action,
  account,
  subject: user.number,
  ...moneyOfLeg(terms, legOf(role)),
  counterparty,
  detail: item === '' ? note : item,
  heldAt: toTimestamp(now),
});

export function openSide(flow: FlowContext, work: Work, opening: Opening): PairSide {
  const side = sideOf(flow, work, opening);
  work.put(refTable, `${side.user}!${side.ref}`, { pair: side.pair, leg: side.leg });
  return createSide(work, work.now, side);
}

function sideOf(flow: FlowContext, work: Work, opening: Opening): Side {
  const { role, peer, terms, termsSecret, user, otherNumber, otherName, note, item } = opening;
  const { plan, operation, record, ownCommitment, delivers, ref } = opening;
  return {
    pair: terms.pair,
    leg: legOf(role),
    role,
    peer,
    service: terms.service,
    terms,
    termsSecret,
    termsCommitment: termsCommitment(termsSecret, terms),
    user: user.id,
    userNumber: user.number,
    userName: user.name,
    otherNumber,
    otherName,
    note,
    item,
    domain: plan.domain,
    operation,
    debits: takesMoney(opening),
    record,
    ...(ownCommitment === undefined ? {} : { ownCommitment }),
    heldAt: work.now,
    deadline: Number(terms.deadline) as UnixSeconds,
    delivers,
    ref: refFor(flow, work, user, ref),
  };
}

/** Since a backup the reference may have come to mean another pair. */
const refFor = (flow: FlowContext, work: Work, { id }: User, wanted: string | undefined): string =>
  wanted !== undefined && work.get(refTable, `${id}!${wanted}`) === undefined
    ? wanted
    : newRef(work, flow.engine.random, id);
