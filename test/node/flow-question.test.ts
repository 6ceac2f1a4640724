import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { closeQuestion, matchAnswer, openQuestion, openQuestions } from '../../operator-node/flow/question.ts';
import type { PairId, UnixSeconds, UserId } from '../../operator-node/model/ids.ts';
import type { Tx } from '../../operator-node/store/store.ts';
import { openMemoryStore } from '../../operator-node/store/memory.ts';

const user = 'u_1' as UserId;
const other = 'u_2' as UserId;
const pairA = '01890000-0000-7000-8000-00000000000a' as PairId;
const pairB = '01890000-0000-7000-8000-00000000000b' as PairId;
const deadline = 1_790_000_000 as UnixSeconds;

const ask = (tx: Tx, pair: PairId, debits: boolean, whom = user) =>
  openQuestion(tx, systemRandom, whom, { pair, leg: 'second', debits, deadline });

const wrongFor = (codes: readonly string[]): string => {
  const free = ['0001', '0002', '0003'].find((code) => !codes.includes(code));
  if (free === undefined) throw new Error('no code left');
  return free;
};

async function within(body: (tx: Tx) => void): Promise<void> {
  await using store = openMemoryStore();
  await store.transact(body);
}

describe('matchAnswer', () => {
  it('finds nothing where nobody was asked', () =>
    within((tx) => {
      expect(matchAnswer(tx, user, true, undefined)).toEqual({ kind: 'none' });
      expect(matchAnswer(tx, user, true, '1234')).toEqual({ kind: 'none' });
    }));

  it('refuses the code of another user’s question', () =>
    within((tx) => {
      const { code } = ask(tx, pairA, false, other);
      expect(matchAnswer(tx, user, true, code)).toEqual({ kind: 'none' });
    }));

  it('needs the code for a yes that debits, and not for a no', () =>
    within((tx) => {
      ask(tx, pairA, true);
      expect(matchAnswer(tx, user, true, undefined)).toEqual({ kind: 'code-needed' });
      expect(matchAnswer(tx, user, false, undefined)).toMatchObject({ kind: 'open', question: { pair: pairA } });
    }));

  it('needs the code where more than one question is open', () =>
    within((tx) => {
      ask(tx, pairA, false);
      const second = ask(tx, pairB, false);
      expect(matchAnswer(tx, user, true, undefined)).toEqual({ kind: 'code-needed' });
      expect(matchAnswer(tx, user, false, undefined)).toEqual({ kind: 'code-needed' });
      expect(matchAnswer(tx, user, true, second.code)).toMatchObject({ kind: 'open', question: { pair: pairB } });
    }));

  it('takes a yes without code for the only question, where it costs nothing', () =>
    within((tx) => {
      ask(tx, pairA, false);
      expect(matchAnswer(tx, user, true, undefined)).toMatchObject({ kind: 'open', question: { pair: pairA } });
    }));

  it('spends every open question with the third wrong code, and the right one does not help any more', () =>
    within((tx) => {
      const { code } = ask(tx, pairA, true);
      const wrong = wrongFor([code]);
      expect(matchAnswer(tx, user, true, wrong)).toEqual({ kind: 'wrong', spent: [], triesLeft: 2 });
      expect(matchAnswer(tx, user, true, wrong)).toEqual({ kind: 'wrong', spent: [], triesLeft: 1 });
      expect(matchAnswer(tx, user, true, wrong)).toMatchObject({
        kind: 'wrong',
        spent: [{ pair: pairA, closed: 'spent' }],
      });
      expect(matchAnswer(tx, user, true, code)).toMatchObject({ kind: 'closed', question: { closed: 'spent' } });
      expect(openQuestions(tx, user)).toEqual([]);
    }));

  it('says of a code that was used what became of its question', () =>
    within((tx) => {
      const { code } = ask(tx, pairA, false);
      closeQuestion(tx, user, pairA, 'answered');
      expect(matchAnswer(tx, user, true, code)).toMatchObject({ kind: 'closed', question: { closed: 'answered' } });
      expect(matchAnswer(tx, user, true, undefined)).toMatchObject({
        kind: 'closed',
        question: { closed: 'answered' },
      });
    }));
});

describe('openQuestion', () => {
  it('gives each question of a user a code of its own, four digits without a zero in front', () =>
    within((tx) => {
      const codes = Array.from(
        { length: 200 },
        (_, index) => ask(tx, `${pairA.slice(0, -3)}${String(index).padStart(3, '0')}` as PairId, false).code,
      );
      expect(new Set(codes).size).toBe(200);
      for (const code of codes) expect(code).toMatch(/^[1-9]\d{3}$/);
    }));
});

describe('closeQuestion', () => {
  it('keeps a few closed questions and forgets the older ones', () =>
    within((tx) => {
      const codes = Array.from({ length: 12 }, (_, index) => {
        const pair = `${pairA.slice(0, -3)}${String(index).padStart(3, '0')}` as PairId;
        const { code } = ask(tx, pair, false);
        closeQuestion(tx, user, pair, 'over');
        return code;
      });
      expect(matchAnswer(tx, user, true, codes[0])).toEqual({ kind: 'none' });
      expect(matchAnswer(tx, user, true, codes.at(-1))).toMatchObject({ kind: 'closed', question: { closed: 'over' } });
    }));
});
