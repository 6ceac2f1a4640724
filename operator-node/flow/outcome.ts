/**
 * What the first user is told of a pair whose time is over. The chain says that nothing was paid; whether nobody answered,
 * or a yes came that the chain did not take in time, only the acceptor knows. So it is asked, for some seconds, and what it
 * says is believed for that one text and nothing else: the hold is released before, and stays so. Where it does not say,
 * the user hears what is known here, and nothing of the other's answer.
 */
import type { Answer, OutcomeWord, Request } from '../channel/messages.ts';
import { hasPassed } from '../engine/clock.ts';
import type { OperatorId, PairId } from '../model/ids.ts';
import type { FlowContext } from './context.ts';
import { advance } from './flow.ts';
import { loadSide, type PairSide } from './pair.ts';
import { outcomeQueue, type PairItem } from './side-events.ts';

/** For so long the acceptor is asked; then the user is told without it. */
const askMillis = 20_000;

/** Worker of the outcome queue. */
export async function learnOutcomes(
  flow: FlowContext,
  group: readonly (readonly [key: string, item: PairItem])[],
): Promise<void> {
  const peer = group[0]?.[1].peer;
  if (peer === undefined) return;
  const heard = new Map<PairId, OutcomeWord>();
  let failure: { readonly error: unknown } | undefined;
  try {
    const { answers } = await flow.channel.call(peer, 'outcome', { pairs: group.map(([, { pair }]) => pair) });
    for (const { pair, answer } of answers) heard.set(pair, answer);
  } catch (error) {
    failure = { error };
  }
  await flow.engine.run((work) => {
    for (const [key, { pair }] of group) {
      const found = loadSide(work, pair, 'first');
      const word = heard.get(pair) ?? 'later';
      const over = found?.state.state !== 'aborted' || found.state.told;
      if (!over && word === 'later' && !hasPassed(flow.engine.clock, found.state.since, askMillis)) continue;
      work.done(outcomeQueue, key);
      if (!over) advance(flow, work, found, { type: 'heard', word });
    }
  });
  if (failure !== undefined) throw failure.error;
}

// ---- acceptor ----

/** Nothing is said before the chain has ended the pair here too. */
export async function answerOutcome(
  flow: FlowContext,
  from: OperatorId,
  { pairs }: Request<'outcome'>,
): Promise<Answer<'outcome'>> {
  return flow.engine.run((work) => ({
    answers: pairs.map((pair) => {
      const found = loadSide(work, pair, 'second');
      const answer = found === undefined || found.side.peer !== from ? 'unknown-pair' : wordOf(found);
      return { pair, answer };
    }),
  }));
}

function wordOf({ state: { state, reason, asked } }: PairSide): OutcomeWord {
  if (state !== 'aborted') return 'later';
  if (reason === 'late') return 'late';
  // Why it is no yes is no business of a peer's.
  if (reason === 'declined' || reason === 'not-held' || reason === 'spent') return 'no';
  if (reason === 'cancelled') return 'cancelled';
  return asked ? 'unanswered' : 'not-asked';
}
