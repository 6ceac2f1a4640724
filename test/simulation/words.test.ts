/** Every way in which a pair ends without a settlement, and what both users are told of it. */
import { describe, expect, it } from 'vitest';
import { untrue } from './words.ts';
import { numberOf } from './setting.ts';
import { simulate, type RunOptions, type Scripted, type World } from './world.ts';

const asha = numberOf(1, 1);
const baraka = numberOf(2, 1);
const pay: Scripted = { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 fare' };

/** From then on nothing of these operators' transactions is mined, as for one without money for gas. */
const nothingLands =
  (...operators: readonly number[]) =>
  (world: World): void => {
    for (const operator of operators) world.node(operator as never).chain.swallowed = 1;
  };
const everythingLands = (world: World): void => {
  for (const operator of world.operators) world.node(operator).chain.swallowed = 0;
};
/** Until the run is healed. */
const silent = (world: World): void => {
  world.phones.silent.add(baraka);
  world.untilHealed(69_000, () => {
    world.phones.silent.clear();
  });
};
/** What each phone got of the pair (the one who orders reads English, the one who is asked Swedish) before the last payments of the run, names and refs taken out. */
async function told(options: Omit<RunOptions, 'seed' | 'calm' | 'trace'>, seed = 2) {
  const { violation, lines } = await simulate({ seed, calm: true, trace: true, spanMillis: 70_000, ...options });
  expect(violation).toBeUndefined();
  const texts = (number: string): readonly string[] =>
    lines.flatMap((line) => {
      const [, text] = line.split(`gets ${number} `);
      return text === undefined ? [] : [text];
    });
  const first = texts(asha);
  const second = texts(baraka);
  return { first, second, all: [...first, ...second], lines };
}

describe('what both users are told of a pair that came to nothing', () => {
  it('nobody answered: the one was not paid, for want of an answer, and the other’s time is over', async () => {
    const { first, second } = await told({ script: [pay], staff: [{ atMillis: 0, act: silent }] });
    expect(first).toContain('P0001 did not answer in time. 5.00 SEK was not paid. "fare"');
    expect(second).toContain('Tiden att ta emot 5,00 SEK från P0001 är ute. Inget betalades. "fare"');
  });

  it('a yes that the chain did not take, of either side: both are told of the yes', async () => {
    const { first, second, all } = await told({
      script: [pay],
      staff: [
        { atMillis: 0, act: nothingLands(1, 2) },
        { atMillis: 60_000, act: everythingLands },
      ],
    });
    expect(first).toContain(
      'P0001 accepted, but it could not be settled in time. 5.00 SEK was not paid and can be used again. "fare"',
    );
    expect(second).toContain(
      'Ditt ja kom fram, men 5,00 SEK från P0001 hann inte avslutas i tid. Inget betalades. "fare"',
    );
    expect(all.join()).not.toContain('did not answer');
    expect(all.join()).not.toMatch(/svarade inte|Tiden att ta emot/);
  });

  it('a yes that the chain did not take, and a peer that says nothing: not settled, and not a word of the answer', async () => {
    const { first } = await told({
      script: [pay],
      staff: [
        { atMillis: 0, act: nothingLands(1, 2) },
        {
          atMillis: 20_000,
          act: (world) => {
            const node = world.node(2 as never);
            node.keptDown = true;
            node.die('for long');
          },
        },
        { atMillis: 69_000, act: everythingLands },
        {
          atMillis: 69_000,
          act: (world) => {
            world.node(2 as never).start();
          },
        },
      ],
    });
    expect(first).toContain('5.00 SEK to P0001 was not settled in time. It was not paid and can be used again. "fare"');
    expect(first.join()).not.toMatch(/answer|accepted/);
  });

  it('a no', async () => {
    const { first, second } = await told({ script: [{ ...pay, to: [2, 3] }] });
    expect(first).toContain('P0003 did not take 5.00 SEK. You paid nothing. "fare"');
    expect(second).not.toContain('5.00 SEK');
  });

  it('taken back before anybody answered', async () => {
    const { first, second } = await told({
      script: [pay, { atMillis: 12_000, from: [1, 1], text: 'CANCEL' }],
      staff: [{ atMillis: 0, act: silent }],
    });
    expect(first).toContain('Cancelled: 5.00 SEK to P0001. You paid nothing. "fare"');
    expect(second).toContain('P0001 har tagit tillbaka 5,00 SEK. Inget betalades, inget svar behövs. "fare"');
  });

  it('a chain that stands still: the answer is received, orders are not taken, and both hear the end when it moves again', async () => {
    const { first, second, lines } = await told({
      timing: { maxBlockGapSeconds: 6 },
      script: [
        pay,
        { atMillis: 14_000, from: [2, 1], text: 'JA' },
        { atMillis: 40_000, from: [1, 1], to: [2, 2], text: 'PAY 6 more' },
      ],
      staff: [
        { atMillis: 0, act: silent },
        { atMillis: 3_000, act: (world) => (world.stalled = true) },
        { atMillis: 60_000, act: (world) => (world.stalled = false) },
      ],
    });
    expect(first).toContain('Orders cannot be settled just now. Nothing was done; try again later.');
    for (const found of ['alarm chain-stalled', 'alarm-over chain-stalled']) expect(lines.join()).toContain(found);
    expect(second.join()).toContain('Ditt svar är mottaget (');
    expect(second.join()).toContain('Ditt ja kom fram, men 5,00 SEK');
    expect([...first, ...second].join()).not.toContain('did not answer');
  });

  it('an operator that is suspended names itself, and its peer’s users hear its name too', async () => {
    const { first, lines } = await told({
      script: [
        { ...pay, atMillis: 15_000 },
        { atMillis: 15_000, from: [2, 4], to: [1, 4], text: 'PAY 7 other way' },
      ],
      staff: [
        { atMillis: 0, act: (world) => world.asAuthority({ name: 'suspend', operator: 1 as never }) },
        { atMillis: 60_000, act: (world) => world.asAuthority({ name: 'reinstate', operator: 1 as never }) },
      ],
    });
    expect(first).toContain('operator-1 cannot settle anything now. Nothing was done; try again later.');
    const alarms = (operator: number) =>
      lines.flatMap(
        (line) =>
          /(alarm\S*) (own-standing|peer-standing)/
            .exec(line.split(`op${operator} `)[1] ?? '')
            ?.slice(1, 3)
            .join(' ') ?? [],
      );
    expect(alarms(1)).toEqual(['alarm own-standing', 'alarm-over own-standing']);
    expect(alarms(2)).toEqual(['alarm peer-standing', 'alarm-over peer-standing']);
    const other = lines.filter((line) => line.includes(`gets ${numberOf(2, 4)} `)).join();
    expect(other).toContain(`operator-1 cannot settle anything now, so nothing with ${numberOf(1, 4)}.`);
  });

  it('a peer that does not answer is named', async () => {
    const { first } = await told({
      script: [{ ...pay, atMillis: 1_000 }],
      staff: [
        {
          atMillis: 0,
          act: (world) => {
            world.node(2 as never).keptDown = true;
            world.node(2 as never).die('for long');
          },
        },
        { atMillis: 30_000, act: (world) => world.node(2 as never).start() },
      ],
    });
    expect(first.join()).toContain(`operator-2 does not answer now, so ${baraka} was not asked.`);
  });
});

describe('untrue', () => {
  const side = { state: 'aborted', agreed: false, cancelAsked: false, asked: true, told: true, since: 0 } as const;
  const late = { ...side, reason: 'late' } as never;
  const expired = { ...side, reason: 'expired' } as never;
  const never = { ...side, reason: 'expired', asked: false } as never;

  it.each([
    ['P0001 did not answer in time. 5.00 SEK was not paid.', late],
    ['P0001 svarade inte i tid. 5,00 SEK betalades inte.', late],
    ['P0001 did not answer in time. 5.00 SEK was not paid.', never],
    ['P0001 accepted, but it could not be settled in time.', expired],
    ['Ditt ja kom fram, men 5,00 SEK från P0001 hann inte avslutas i tid.', expired],
    ['You declined 5.00 SEK from P0001. Nothing was paid.', expired],
  ])('says so of %j', (text, second) => {
    expect(untrue(text, second)).toEqual(expect.any(String));
  });

  it.each([
    ['P0001 did not answer in time. 5.00 SEK was not paid.', expired],
    ['P0001 accepted, but it could not be settled in time.', late],
    ['5.00 SEK to P0001 was not settled in time.', late],
    ['P0001 did not answer in time. 5.00 SEK was not paid.', undefined],
  ])('lets %j pass', (text, second) => {
    expect(untrue(text, second)).toBeUndefined();
  });
});
