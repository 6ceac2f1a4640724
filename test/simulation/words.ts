/** What the words to users claim of the other user's answer, held against what that user's own operator has stored. */
import type { SideState } from '../../operator-node/flow/pair.ts';

/** Of the shipped catalogue, in both of its languages. */
const claims = {
  /** The second user was asked and has not answered. */
  unanswered: /did not answer in time|svarade inte i tid/,
  /** It said yes. */
  yes: /(?:accepted|agreed to (?:pay|sell) .*), but .*could not be settled|tackade ja, men|gick med på att|Your yes came|Ditt ja kom fram/,
  /** It said no. */
  no: /You declined|Du avböjde/,
} as const;

/** @returns what is not so; `second` is the side of the one who was asked, undefined where no store has it */
export function untrue(text: string, second: SideState | undefined): string | undefined {
  if (second === undefined) return undefined;
  const { state, reason, asked } = second;
  const saidYes = state === 'accepted' || state === 'committed' || reason === 'late';
  if (claims.unanswered.test(text) && (saidYes || !asked)) return `it was ${saidYes ? 'accepted' : 'never asked'}`;
  if (claims.yes.test(text) && !saidYes) return `nobody said yes: ${state} ${reason ?? ''}`;
  if (claims.no.test(text) && reason !== 'declined') return `nobody said no: ${state} ${reason ?? ''}`;
  return undefined;
}
