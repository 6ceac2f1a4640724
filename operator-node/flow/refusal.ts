/** Why a domain would not hold, in the words of the user's own operator. A peer never learns any of it (protocol §3). */
import type { Money, NoticeKey, TextParams } from '../analysis/analysis.ts';
import type { ProposalRefusal } from '../channel/messages.ts';
import type { HoldOutcome, HoldRefusal } from '../domains/domain.ts';
import { isAmount } from '../model/ids.ts';

export const holdNotices: Readonly<Record<HoldRefusal, NoticeKey>> = {
  'no-account': 'no-account',
  'account-closed': 'no-account',
  'insufficient-funds': 'insufficient-funds',
  'over-order-limit': 'over-limit',
  'over-day-limit': 'over-limit',
  'over-service-limit': 'over-limit',
  // What is between the operators is no business of a user's.
  'over-counterparty-limit': 'not-available',
  'unknown-item': 'unknown-item',
  'sold-out': 'sold-out',
  'not-supported': 'not-available',
};

/** The money that a refusal speaks of: a limit where that is what was exceeded, otherwise what was asked for. */
export function limitIn(refused: Extract<HoldOutcome, { ok: false }>, asked: Money): TextParams {
  const limit = refused.facts['limit'];
  const shown = holdNotices[refused.code] === 'over-limit' && limit !== undefined && isAmount(limit);
  return { money: shown ? { asset: asked.asset, amount: limit } : asked };
}

/** What the first user is told when the peer does not hold. */
export const refusalNotice = (service: string, reason: ProposalRefusal): NoticeKey => {
  if (reason === 'unknown-addressee') return 'unknown-number';
  if (reason === 'busy' || reason === 'cannot-settle') return reason;
  if (reason === 'terms' || reason === 'foreign-number') return 'order-failed';
  return service === 'buy' ? 'sold-out' : 'not-available';
};
