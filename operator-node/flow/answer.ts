/** The second user's yes or no, matched to the question it is about (protocol §3, rule 6). */
import type { NoticeKey, TextParams } from '../analysis/analysis.ts';
import type { Work } from '../engine/engine.ts';
import type { User } from '../users/user.ts';
import type { FlowContext } from './context.ts';
import { advance, advancePair } from './flow.ts';
import { loadSide } from './pair.ts';
import { closeQuestion, matchAnswer, type Question } from './question.ts';
import { tooLate } from './steps-acceptor.ts';
import { notify } from './tell.ts';

const closedNotices: Readonly<Record<NonNullable<Question['closed']>, NoticeKey>> = {
  answered: 'already-answered',
  cancelled: 'no-open-question',
  spent: 'code-spent',
  over: 'too-late',
};

/** True if the answer decided something; otherwise its sender has been told why not. */
export function takeAnswer(flow: FlowContext, work: Work, user: User, yes: boolean, code: string | undefined): boolean {
  const say = (notice: NoticeKey, params: TextParams = {}): false => {
    notify(flow, work, user, notice, params);
    return false;
  };
  const match = matchAnswer(work, user.id, yes, code);
  if (match.kind === 'none') return say('no-open-question');
  if (match.kind === 'closed') return say(closedNotices[match.question.closed ?? 'over']);
  if (match.kind === 'code-needed') return say('code-needed');
  if (match.kind === 'wrong') {
    for (const question of match.spent) advancePair(flow, work, question.pair, 'acceptor', { type: 'no', spent: true });
    return match.spent.length > 0 ? say('code-spent') : say('wrong-code', { tries: String(match.triesLeft) });
  }
  const { question } = match;
  const found = loadSide(work, question.pair, question.leg);
  if (found === undefined) return say('no-open-question');
  work.journal('answer', { pair: question.pair, from: user.number, yes, code: code ?? '' }, user.id);
  if (yes && tooLate(flow, work, question.deadline)) {
    closeQuestion(work, user.id, question.pair, 'over');
    return say('too-late');
  }
  const done = advance(flow, work, found, { type: yes ? 'yes' : 'no' }) === 'done';
  // Usually the last word follows in seconds; where that cannot be, the answer is not left without one.
  const taken = loadSide(work, question.pair, question.leg)?.state.state === 'accepted';
  if (taken && flow.readiness.blocking() !== undefined) say('answer-received', { ref: found.side.ref });
  return done;
}
