/** One id sent many times at once: a gateway that repeats itself, or somebody who tries to have two effects of one id. */
import { describe, expect, it } from 'vitest';
import type { ComposedNode } from '../../operator-node/compose.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Amount, Asset, OperatorId } from '../../operator-node/model/ids.ts';
import { numberOf } from '../simulation/setting.ts';
import { userByNumber } from '../../operator-node/users/user.ts';
import { simulate } from '../simulation/world.ts';

const one = 1 as OperatorId;

async function onNode<T>(act: (node: ComposedNode) => Promise<T>): Promise<{ value: T; ordered: number }> {
  const outcome: { value?: T; error?: unknown } = {};
  let begun = false;
  let ordered = 0;
  const result = await simulate({
    seed: 5,
    calm: true,
    script: [],
    spanMillis: 12_000,
    plant: {
      parts: (parts, _, operator) => ({
        ...parts,
        onEvent: (event) => {
          // The simulated world has orders of its own before this.
          const counts = begun && outcome.value === undefined;
          if (operator === one && event.type === 'ordered' && counts) ordered += 1;
          parts.onEvent(event);
        },
      }),
      started: (node, world, operator) => {
        if (operator !== one) return;
        const begin = (): void => {
          if (!node.head.caughtUp) {
            world.time.after(500, begin);
            return;
          }
          begun = true;
          act(node).then(
            (value) => (outcome.value = value),
            (error: unknown) => (outcome.error = error),
          );
        };
        world.time.after(500, begin);
      },
    },
  });
  if (outcome.error !== undefined) throw outcome.error;
  expect(result.violation).toBeUndefined();
  return { value: outcome.value as T, ordered };
}

function userIdOf({ engine }: ComposedNode) {
  const user = userByNumber(engine.newest, numberOf(1, 1));
  if (user === undefined) throw new Error('no such user');
  return user.id;
}

const codeOf = (error: unknown): string => (error instanceof TandemError ? error.code : String(error));

const order = (id: string, text: string) => ({ id, from: numberOf(1, 1), to: numberOf(2, 1), text });

describe('one message id', () => {
  it('forty times at once with one content is one order, and forty equal answers', async () => {
    const { value, ordered } = await onNode((node) =>
      Promise.all(Array.from({ length: 40 }, () => node.receiver.receive(order('race-1', 'PAY 1 race')))),
    );
    expect(value).toEqual(Array.from({ length: 40 }, () => ({ id: 'race-1', disposition: 'intercepted' })));
    expect(ordered).toBe(1);
  });

  it('with twenty contents at once is the order of one of them, and nineteen conflicts', async () => {
    const { value, ordered } = await onNode((node) =>
      Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          node.receiver
            .receive(order('race-2', `PAY ${index + 1} race`))
            .then(({ disposition }) => disposition, codeOf),
        ),
      ),
    );
    expect(value.toSorted()).toEqual([...Array<string>(19).fill('conflict'), 'intercepted']);
    expect(ordered).toBe(1);
  });
});

describe('one deposit id', () => {
  it('thirty times at once is booked once', async () => {
    const { value } = await onNode(async (node) => {
      const [sek, number] = ['SEK' as Asset, numberOf(1, 1)];
      const deposit = () =>
        node.staff.move('deposit', { id: 'deposit-race', number, asset: sek, amount: '100' as Amount, reason: 'test' });
      const before = node.flow.accounts.balances(node.engine.newest, userIdOf(node))[0]?.balance;
      const answers = await Promise.all(Array.from({ length: 30 }, deposit));
      return { before, balances: new Set(answers.map(({ balance }) => balance)) };
    });
    expect([...value.balances]).toEqual([String(BigInt(value.before ?? '0') + 100n)]);
  });
});
