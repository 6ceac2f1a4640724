/** What staff finds when a user calls: by a reference, a number, an amount; and the story of the pair, open or over. */
import { describe, expect, it } from 'vitest';
import { findSides, type Filters } from '../../operator-node/care/find.ts';
import { reasons, storyOf, type SideStory } from '../../operator-node/care/story.ts';
import { isFinal, openSideTable, sidesOf, type PairSide } from '../../operator-node/flow/pair.ts';
import type { Amount, Asset, Msisdn, OperatorId, PairId, UnixMillis } from '../../operator-node/model/ids.ts';
import { nextSteps } from '../../operator-node/audit/doubt-list.ts';
import type { NodeParts } from '../../operator-node/wiring/node-parts.ts';
import { numberOf } from './setting.ts';
import type { Plant } from './simulated-node.ts';
import { simulate, type Scripted, type World } from './world.ts';

const [aurora, borealis] = [1, 2] as OperatorId[] as [OperatorId, OperatorId];

const script: readonly Scripted[] = [
  { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 lunch' },
  { atMillis: 50, from: [2, 2], to: [1, 2], text: 'PAY 2 taxi' },
  { atMillis: 100, from: [1, 2], to: [2, 2], text: 'REQUEST 1 rent' },
  { atMillis: 6_000, from: [1, 1], to: [2, 1], text: 'PAY 7 Lunch again' },
];

const flowOf = (world: World, operator: OperatorId) => {
  const process = world.node(operator).serving;
  if (process === undefined) throw new Error(`operator ${operator} is down`);
  return process.node.flow;
};

/** What each node is made of, as it was last started. */
const partsOf = new Map<OperatorId, NodeParts>();
const plant: Plant = {
  parts: (parts, _, operator) => {
    partsOf.set(operator, parts);
    return parts;
  },
};

/** Runs the script, and `look` at its end. */
async function whenOver<T>(look: (world: World) => Promise<T>): Promise<T> {
  const seen: Promise<T>[] = [];
  const { violation } = await simulate({
    seed: 2,
    calm: true,
    script,
    spanMillis: 30_000,
    plant,
    staff: [{ atMillis: 29_000, act: (world) => seen.push(look(world)) }],
  });
  expect(violation).toBeUndefined();
  const [value] = await Promise.all(seen);
  if (value === undefined) throw new Error('nobody looked');
  return value;
}

const find = (world: World, filters: Filters, limit = 20, after?: string) =>
  findSides(flowOf(world, aurora).engine, filters, { limit, after });

const notesOf = ({ sides }: { readonly sides: readonly PairSide[] }): string[] => sides.map(({ side }) => side.note);

describe('findSides', () => {
  it('finds by each thing that a caller may know, newest first, and by several at once', async () => {
    const anna = numberOf(1, 1);
    const found = await whenOver(async (world) => {
      const all = await find(world, {});
      const lunch = all.sides.find(({ side }) => side.note === 'lunch');
      if (lunch === undefined) throw new Error('no lunch');
      const { side, state } = lunch;
      const begun = Number.parseInt(side.pair.slice(0, 8) + side.pair.slice(9, 13), 16) as UnixMillis;
      const by = async (filters: Filters): Promise<string[]> => notesOf(await find(world, filters));
      return {
        all: notesOf(all),
        number: await by({ number: anna }),
        others: await by({ number: numberOf(2, 2) }),
        ending: await by({ ending: anna.slice(-4) }),
        ref: await by({ ref: side.ref }),
        pair: await by({ pair: side.pair }),
        batch: (await find(world, { batch: state.batch ?? ('0x' as never) })).sides.map(({ side: one }) => one.pair),
        ids: all.sides.filter(({ state: one }) => one.batch === state.batch).map(({ side: one }) => one.pair),
        amount: await by({ asset: 'SEK' as Asset, amount: '700' as Amount }),
        text: await by({ text: 'lunch' }),
        both: await by({ number: anna, text: 'again' }),
        early: await by({ number: anna, to: begun }),
        late: await by({ number: anna, from: (begun + 1) as UnixMillis }),
        state: await by({ state: 'committed', service: 'request' }),
        none: await by({ number: anna, peer: 9 as OperatorId }),
        stranger: await by({ number: '+46709999999' as Msisdn }),
      };
    });
    expect(found.all).toEqual(['Lunch again', 'rent', 'taxi', 'lunch']);
    expect(found.number).toEqual(['Lunch again', 'lunch']);
    expect(found.others).toEqual(['rent', 'taxi']);
    expect(found.ending).toEqual(['Lunch again', 'lunch']);
    expect(found.ref).toEqual(['lunch']);
    expect(found.pair).toEqual(['lunch']);
    expect(found.batch).toEqual(found.ids);
    expect(found.amount).toEqual(['Lunch again']);
    expect(found.text).toEqual(['Lunch again', 'lunch']);
    expect(found.both).toEqual(['Lunch again']);
    expect(found.early).toEqual(['lunch']);
    expect(found.late).toEqual(['Lunch again']);
    expect(found.state).toEqual(['rent']);
    expect([found.none, found.stranger]).toEqual([[], []]);
  });

  it('gives every side once, page by page, along each index', async () => {
    const pages = await whenOver(async (world) => {
      const paged = async (filters: Filters): Promise<string[]> => {
        const notes: string[] = [];
        let after: string | undefined;
        do {
          const page = await find(world, filters, 1, after);
          expect(page.sides.length).toBeLessThanOrEqual(1);
          notes.push(...notesOf(page));
          after = page.next;
        } while (after !== undefined);
        return notes;
      };
      return [await paged({}), await paged({ number: numberOf(1, 1) }), await paged({ text: 'lunch' })];
    });
    expect(pages).toEqual([
      ['Lunch again', 'rent', 'taxi', 'lunch'],
      ['Lunch again', 'lunch'],
      ['Lunch again', 'lunch'],
    ]);
  });

  it('refuses a cursor that no search has given', async () => {
    const refused = await whenOver(async (world) => find(world, {}, 1, '../../etc').catch((error: unknown) => error));
    expect(refused).toMatchObject({ code: 'bad-request' });
  });
});

const story = async (world: World, operator: OperatorId, pair: PairId): Promise<readonly SideStory[]> => {
  const process = world.node(operator).serving;
  if (process === undefined) throw new Error(`operator ${operator} is down`);
  const { flow } = process.node;
  const parts = partsOf.get(operator);
  if (parts === undefined) throw new Error(`operator ${operator} was never started`);
  return Promise.all(sidesOf(flow.engine.newest, pair).map((found) => storyOf(flow, parts.payments, found)));
};

describe('storyOf', () => {
  it('tells in the words of then what was ordered, asked, answered and told, and what was held and booked', async () => {
    const [ordered, asked] = await whenOver(async (world) => {
      const { sides } = await find(world, { text: 'again' });
      const pair = sides[0]?.side.pair;
      if (pair === undefined) throw new Error('no pair');
      return Promise.all([story(world, aurora, pair), story(world, borealis, pair)]);
    });
    const whats = (stories: readonly SideStory[] = []): string[] =>
      stories.flatMap(({ happened }) => happened.map(({ what }) => what));
    expect(whats(ordered)).toEqual(['ordered', 'held', 'told', 'anchored', 'booked', 'told']);
    expect(ordered[0]?.happened[0]?.text).toBe('PAY 7 Lunch again');
    expect(whats(asked)).toEqual(['asked', 'anchored', 'answered', 'booked', 'told']);
    expect(ordered[0]).toMatchObject({ told: true, found: { state: { state: 'committed' } } });
    expect(ordered[0]?.next).toBeUndefined();
  });

  it('has a next step for every side that is open, and none for one that is over, whatever state it is in', async () => {
    const states = new Map<string, Set<string>>();
    const wrong: string[] = [];
    const looks: Promise<void>[] = [];
    const look = async (world: World, operator: OperatorId): Promise<void> => {
      const flow = world.node(operator).serving?.node.flow;
      if (flow === undefined) return;
      for await (const [key] of flow.engine.store.scan(openSideTable)) {
        for (const told of await story(world, operator, key.slice(0, 36) as PairId)) {
          const { side, state } = told.found;
          const name = `${side.role} ${state.state}`;
          if ((told.next === undefined) !== isFinal(state)) wrong.push(`${name}: ${told.next?.step ?? 'nothing next'}`);
          if (state.reason !== undefined && told.why !== reasons[state.reason]) wrong.push(`${name}: no reason`);
          if (told.next !== undefined) states.set(name, (states.get(name) ?? new Set()).add(told.next.step));
        }
      }
    };
    const staff = Array.from({ length: 100 }, (_, index) => ({
      atMillis: 500 + index * 250,
      act: (world: World) => void looks.push(look(world, aurora), look(world, borealis)),
    }));
    const { violation } = await simulate({ seed: 3, calm: true, script, spanMillis: 30_000, staff, plant });
    await Promise.all(looks);
    expect(violation).toBeUndefined();
    expect(wrong).toEqual([]);
    expect([...states.keys()].length).toBeGreaterThan(4);
    for (const steps of states.values()) for (const step of steps) expect(Object.keys(nextSteps)).toContain(step);
  });
});
