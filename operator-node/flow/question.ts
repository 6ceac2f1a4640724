/**
 * The open questions of a user. A code answers one question once; it is needed where the answer debits the one who gives
 * it, and where more than one question is open. Three wrong codes spend every question they could have been meant for.
 */
import { drawBelow, type Random } from '../engine/clock.ts';
import type { Leg, PairId, UnixSeconds, UserId } from '../model/ids.ts';
import { table, type Tx, type View } from '../store/store.ts';

export interface Question {
  readonly pair: PairId;
  readonly leg: Leg;
  /** Four digits, the first of them no zero: people leave that one out. */
  readonly code: string;
  readonly debits: boolean;
  readonly deadline: UnixSeconds;
  /** Wrong codes so far. */
  readonly wrong: number;
  readonly closed?: 'answered' | 'cancelled' | 'spent' | 'over';
}

/** Key: the user's id. Open questions and the last few closed ones, oldest first. */
export const questionTable = table<readonly Question[]>('question');

const maxTries = 3;
const keptClosed = 8;

const read = (view: View, user: UserId): readonly Question[] => view.get(questionTable, user) ?? [];

export const openQuestions = (view: View, user: UserId): readonly Question[] =>
  read(view, user).filter((question) => question.closed === undefined);

function write(tx: Tx, user: UserId, questions: readonly Question[]): void {
  const closed = questions.filter((question) => question.closed !== undefined).slice(-keptClosed);
  const kept = questions.filter((question) => question.closed === undefined || closed.includes(question));
  if (kept.length === 0) tx.del(questionTable, user);
  else tx.put(questionTable, user, kept);
}

/** Opens a question with a code that no other question of this user has. */
export function openQuestion(
  tx: Tx,
  random: Random,
  user: UserId,
  // These four alone: a whole side would fit, and must not be kept here.
  { pair, leg, debits, deadline }: Pick<Question, 'pair' | 'leg' | 'debits' | 'deadline'>,
): Question {
  const questions = read(tx, user);
  let code: string;
  do code = String(1000 + drawBelow(9000, random));
  while (questions.some((question) => question.code === code));
  const question: Question = { pair, leg, debits, deadline, code, wrong: 0 };
  write(tx, user, [...questions, question]);
  return question;
}

export function closeQuestion(tx: Tx, user: UserId, pair: PairId, closed: NonNullable<Question['closed']>): void {
  const questions = read(tx, user);
  if (!questions.some((question) => question.pair === pair && question.closed === undefined)) return;
  write(
    tx,
    user,
    questions.map((question) =>
      question.pair === pair && question.closed === undefined ? { ...question, closed } : question,
    ),
  );
}

export type Match =
  | { readonly kind: 'open'; readonly question: Question }
  /** The code is of a question that is over. */
  | { readonly kind: 'closed'; readonly question: Question }
  | { readonly kind: 'none' }
  | { readonly kind: 'code-needed' }
  /** Nothing has this code. `spent`: questions whose last try it was, now closed. */
  | { readonly kind: 'wrong'; readonly spent: readonly Question[]; readonly triesLeft: number };

/** Finds what an answer is to, and counts a wrong code. */
export function matchAnswer(tx: Tx, user: UserId, yes: boolean, code: string | undefined): Match {
  const questions = read(tx, user);
  const open = questions.filter((question) => question.closed === undefined);
  if (code !== undefined) {
    const exact = open.find((question) => question.code === code);
    if (exact !== undefined) return { kind: 'open', question: exact };
    const closed = questions.findLast((question) => question.closed !== undefined && question.code === code);
    if (closed !== undefined) return { kind: 'closed', question: closed };
    if (open.length === 0) return { kind: 'none' };
    return countWrong(tx, user, questions);
  }
  const [only] = open;
  if (only === undefined) {
    const last = questions.findLast((question) => question.closed !== undefined);
    return last === undefined ? { kind: 'none' } : { kind: 'closed', question: last };
  }
  if (open.length > 1 || (yes && only.debits)) return { kind: 'code-needed' };
  return { kind: 'open', question: only };
}

function countWrong(tx: Tx, user: UserId, questions: readonly Question[]): Match {
  const spent: Question[] = [];
  const next = questions.map((question): Question => {
    if (question.closed !== undefined) return question;
    const wrong = question.wrong + 1;
    if (wrong < maxTries) return { ...question, wrong };
    const closed: Question = { ...question, wrong, closed: 'spent' };
    spent.push(closed);
    return closed;
  });
  write(tx, user, next);
  const worst = Math.max(...next.map(({ closed, wrong }) => (closed === undefined ? wrong : 0)), 0);
  return { kind: 'wrong', spent, triesLeft: maxTries - worst };
}
