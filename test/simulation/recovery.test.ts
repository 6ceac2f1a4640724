/** The ways of `tandem recover` that a restore at a golden point does not take (protocol rule 11). */
import { describe, expect, it } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { goldenRun } from './golden.ts';
import { restorePoints, restoreRun, type RestorePoint } from './restores.ts';
import { numberOf } from './setting.ts';
import type { RestorePlan, SealedBatch } from './restore.ts';
import { close, pay } from './windows.ts';
import type { Scripted, World } from './world.ts';

const [aurora, borealis] = [1, 2] as OperatorId[] as [OperatorId, OperatorId];
const operators = [aurora, borealis];
const otherOf = (operator: OperatorId): OperatorId => (operator === aurora ? borealis : aurora);
const maxWindowSeconds = 90;

async function pointsOf(count: number, how: Partial<RestorePlan>): Promise<readonly RestorePoint[]> {
  const { writes } = await goldenRun();
  return operators.flatMap((operator) => [...restorePoints(operator, writes.get(operator) ?? 0, count, how)]);
}

/** Most of the run is forgotten, with what each lane had in it. */
async function lossesOf(how: Partial<RestorePlan>): Promise<readonly RestorePlan[]> {
  const { writes } = await goldenRun();
  return operators.flatMap((operator) => {
    const count = writes.get(operator) ?? 0;
    return [4, Math.round(count / 4)].map((snapshotAt) => ({
      operator,
      snapshotAt,
      lostAt: Math.round(count * 0.8),
      ...how,
    }));
  });
}

/** Seconds from the beginning of the run to the first line of the story that says so. */
function secondsOf(lines: readonly string[], what: RegExp): number {
  const line = lines.find((each) => what.test(each));
  if (line === undefined) throw new Error(`no line says ${what.source}`);
  return Number(line.trim().split(' ')[0]);
}

describe('a recovery without the controller’s key', () => {
  for (const [name, how] of [
    ['what is forgotten is on the chain, or on its way', {}],
    ['the chain takes nothing until every deadline is past', { stallMillis: 60_000 }],
    ['the others deny that there is anything, until after it', { denyMillis: 95_000 }],
    ['an offer of the lost past comes late', { lateOfferMillis: 110_000 }],
  ] as const) {
    it(`waits until nothing can land any more and goes on with its keys: ${name}`, { timeout: 60_000 }, async () => {
      const wrong: string[] = [];
      for (const { name: point, plan } of await pointsOf(5, { ...how, waits: true })) {
        const { violation, lines } = await restoreRun(plan, { timing: { maxWindowSeconds }, trace: true });
        if (violation !== undefined) wrong.push(`${point}: ${violation.message}`);
        const waited = secondsOf(lines, /op\d +recovered/) - secondsOf(lines, /is restored/);
        if (waited < maxWindowSeconds) wrong.push(`${point}: waited ${waited} s`);
      }
      expect(wrong).toEqual([]);
    });
  }
});

type Lie = (truth: SealedBatch) => SealedBatch;
const eachPair =
  (change: (pair: SealedBatch['pairs'][number], index: number) => Partial<SealedBatch['pairs'][number]>): Lie =>
  (truth) => ({ ...truth, pairs: truth.pairs.map((pair, index) => ({ ...pair, ...change(pair, index) })) });

/** Each with what the one that is lied to says of it. */
const lies: Readonly<Record<string, readonly [lie: Lie, says: RegExp]>> = {
  'a sealed copy that is cut short': [eachPair(({ sealed }) => ({ sealed: sealed.slice(0, 60) })), /had sealed in/],
  'a sealed copy that nobody sealed': [
    eachPair(({ sealed }) => ({ sealed: 'A'.repeat(sealed.length) })),
    /had sealed in/,
  ],
  'no sealed copy': [eachPair(() => ({ sealed: '' })), /had sealed in/],
  'another amount': [
    eachPair(({ terms }) => ({ terms: { ...terms, firstAmount: '1' as typeof terms.firstAmount } })),
    /root is not that of its pairs/,
  ],
  'a commitment that is not in the leaf': [
    eachPair(({ firstCommitment }) => ({ secondCommitment: firstCommitment })),
    /root is not that of its pairs/,
  ],
  'one pair twice': [
    (truth) => ({
      ...truth,
      batch: { ...truth.batch, count: truth.batch.count * 2 },
      pairs: [...truth.pairs, ...truth.pairs],
    }),
    /a pair stands in it twice/,
  ],
  'more pairs than it has': [
    (truth) => ({ ...truth, pairs: [...truth.pairs, ...truth.pairs] }),
    /gives \d+ pairs of batch \d+ and has 0 more/,
  ],
  'one pair less': [
    (truth) => ({ ...truth, pairs: truth.pairs.slice(1) }),
    /gives \d+ pairs of batch \d+ and has 0 more/,
  ],
  'no end of pairs': [(truth) => ({ ...truth, left: 1 }), /gives \d+ pairs of batch \d+ and has 1 more/],
  'pairs to come, and none': [(truth) => ({ ...truth, pairs: [], left: 1 }), /gave only 0 pairs of batch \d+/],
  'another number': [
    (truth) => ({ ...truth, batch: { ...truth.batch, sequence: truth.batch.sequence + 1 } }),
    /another lane or number/,
  ],
  'another deadline': [
    (truth) => ({
      ...truth,
      batch: { ...truth.batch, deadline: (truth.batch.deadline + 15) as typeof truth.batch.deadline },
    }),
    /are not those of its batch/,
  ],
};

describe('a peer that gives back something else', () => {
  for (const [what, [lie, says]] of Object.entries(lies)) {
    it(`is not believed and is named: ${what}`, { timeout: 60_000 }, async () => {
      const wrong: string[] = [];
      let named = 0;
      for (const plan of await lossesOf({ lie, denyMillis: 12_000 })) {
        const heard = new Set<string>();
        const listen = (atMillis: number) => ({
          atMillis,
          act: (world: World) => {
            void world
              .node(plan.operator)
              .process?.node.recovery.status()
              .then(({ says: said }) => heard.add(said));
          },
        });
        const staff = Array.from({ length: 60 }, (_, second) => listen(second * 1_000));
        const { violation } = await restoreRun(plan, { staff, spanMillis: 32_000 });
        if (violation !== undefined) wrong.push(`${plan.snapshotAt} of ${plan.operator}: ${violation.message}`);
        if ([...heard].some((said) => says.test(said) && said.includes('recover --without'))) named += 1;
      }
      expect(wrong).toEqual([]);
      expect(named).toBeGreaterThan(0);
    });
  }
});

describe('an operator that lies', () => {
  it('does not keep what the others give back from being taken', async () => {
    // A world of three, in which the liar is asked first.
    const script = [2, 3].flatMap((payee): Scripted[] => [
      { atMillis: 0, from: [1, 1], to: [payee, 1], text: 'PAY 5' },
      { atMillis: 100, from: [payee, 2], to: [1, 2], text: 'PAY 3' },
    ]);
    const plan: RestorePlan = {
      operator: aurora,
      snapshotAt: 1,
      lostAt: 30,
      denier: borealis,
      denyMillis: 20_000,
      lie: eachPair(() => ({ sealed: '' })),
    };
    const { violation, lines } = await restoreRun(plan, { seed: 13, script, spanMillis: 20_000, trace: true });
    expect(violation).toBeUndefined();
    const recovered = secondsOf(lines, /op1 +recovered/);
    const lied = secondsOf(lines, /is restored/) + 20;
    expect(recovered).toBeGreaterThan(lied);
    expect(secondsOf(lines, /op3 +answers 1 sealed batch/)).toBeLessThan(lied);
  });
});

/** Of one person of the operator: the record, the number, the keys. Nothing else goes with an erasure, or comes with a user. */
function without(world: () => World, operator: OperatorId, person: number): NonNullable<RestorePlan['leavesOut']> {
  const number = numberOf(operator, person);
  return (key) => {
    const id = JSON.parse(world().node(operator).disk.peek(`alias!${number}`) ?? '""') as string;
    return key === `alias!${number}` || key === `user!${id}` || key === `user-key!${id}`;
  };
}

/** Who has a part in the golden run, and does not take part in the probes at its end. */
const persons: readonly (readonly [OperatorId, number])[] = [
  ...[2, 3, 4, 5].map((person) => [aurora, person] as const),
  ...[2, 9].map((person) => [borealis, person] as const),
];

describe('a user who is not in the restored store', () => {
  const runWithout = async (operator: OperatorId, person: number, part: number) => {
    const { writes } = await goldenRun();
    const count = writes.get(operator) ?? 0;
    const seen: { world: World | undefined } = { world: undefined };
    const worldOf = (): World => {
      if (seen.world === undefined) throw new Error('no world');
      return seen.world;
    };
    const plan: RestorePlan = {
      operator,
      snapshotAt: Math.round(count * part),
      lostAt: Math.round(count * 0.8),
      leavesOut: without(worldOf, operator, person),
    };
    const { violation } = await restoreRun(plan, {
      plant: { started: (_node, world) => (seen.world = world) },
      // What nobody can be credited with is missing here, and is named.
      deaf: ['restore', 'I1', 'I2', 'I7'],
    });
    return { violation, world: worldOf() };
  };

  it('who came after the backup: each of the user’s pairs is named with its money, and nobody has it', async () => {
    const wrong: string[] = [];
    let named = 0;
    for (const [operator, person] of persons) {
      const { violation, world } = await runWithout(operator, person, 0.02);
      if (violation !== undefined) wrong.push(`${operator}/${person}: ${violation.message}`);
      const own = world.monitor.sides(operator);
      const { disk } = world.node(operator);
      const other = otherOf(operator);
      for (const [key, { state }] of world.monitor.sides(other)) {
        const { peer } = JSON.parse(world.node(other).disk.peek(`side!${key}`) ?? '{}') as { peer?: OperatorId };
        const [pair = '', leg] = key.split('!');
        const here = `${pair}!${leg === 'first' ? 'second' : 'first'}`;
        if (peer !== operator || own.has(here) || state !== 'committed') continue;
        const says = disk.peek(`lost!pair!${pair}`) ?? '';
        if (!/not in the restored store: .* minor units of SEK .*, committed by the chain/.test(says)) {
          wrong.push(`${operator}/${person}: ${here} is committed and said to be ${says}`);
        }
        if (disk.peek(`payment!${here.replace('!', '/')}`) !== undefined) wrong.push(`${here} is booked`);
        named += 1;
      }
    }
    expect(wrong).toEqual([]);
    expect(named).toBeGreaterThan(1);
  });

  it('who was erased since: what stood on hold ends as the chain says, with nobody to tell', async () => {
    const wrong: string[] = [];
    for (const [operator, person] of persons) {
      for (const part of [0.1, 0.2, 0.4]) {
        const { violation } = await runWithout(operator, person, part);
        if (violation !== undefined) wrong.push(`${operator}/${person}, ${part}: ${violation.message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('going on without a peer', () => {
  it('names every batch and pair that is lost, halts on none of them, and settles with that peer again', async () => {
    const wrong: string[] = [];
    let maybe = 0;
    for (const plan of await lossesOf({ denyMillis: 40_000, withoutMillis: 8_000 })) {
      const { operator } = plan;
      const seen: { world: World | undefined } = { world: undefined };
      const { violation, lines } = await restoreRun(plan, {
        trace: true,
        plant: { started: (_node, world) => (seen.world = world) },
        // What staff has given up on is another thing at the peer.
        deaf: ['restore', 'I1', 'I2', 'I7'],
      });
      const say = (what: string): void => {
        wrong.push(`operator ${operator}, snapshot ${plan.snapshotAt}: ${what}`);
      };
      if (violation !== undefined) say(violation.message);
      const { world } = seen;
      if (world === undefined) throw new Error('no world');
      const { disk } = world.node(operator);
      if (disk.peek('halt!halt') !== undefined) say('it has halted');
      if (lines.some((line) => line.includes('unknown-batch'))) say('it alarms about what it has named');
      for (const [batchId, { initiator, acceptor }] of world.chain.final.state.headers) {
        if (initiator !== operator && acceptor !== operator) continue;
        const known = ['initiator', 'acceptor'].some((role) =>
          world.monitor.batches(operator).has(`${batchId}!${role}`),
        );
        if (!known && disk.peek(`lost!batch!${batchId}`) === undefined) say(`batch ${batchId} is not named`);
      }
      const own = world.monitor.sides(operator);
      for (const peer of operators.filter((other) => other !== operator)) {
        for (const [key, theirs] of world.monitor.sides(peer)) {
          const [pair = '', leg] = key.split('!');
          const here = own.get(`${pair}!${leg === 'first' ? 'second' : 'first'}`);
          if (here === undefined || here.state === theirs.state) continue;
          const named = disk.peek(`lost!pair!${pair}`) ?? '';
          if (theirs.state === 'committed' && named.includes('nobody can open')) {
            maybe += 1;
            // Its first user is not told that nothing was paid, which nobody knows here.
            const told = lines.filter((line) => /is being looked into|undersöks/.test(line));
            if (leg === 'second' && told.length === 0) say(`${key}: its user is told what is not known`);
          } else if (theirs.state === 'committed')
            say(`${key} is ${here.state} here, committed there, and named "${named}"`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(maybe).toBeGreaterThan(0);
  });

  it('is refused on a node that is not in recovery', async () => {
    const said: string[] = [];
    await restoreRun(
      { operator: aurora, snapshotAt: 4, lostAt: 60 },
      {
        plant: {
          started: ({ recovery }) => {
            if (!recovery.needed) recovery.goWithout([borealis]).catch((error: unknown) => said.push(String(error)));
          },
        },
      },
    );
    expect(said).toContain('TandemError: The node is not in recovery.');
  });
});

describe('a settlement window of the lost store', () => {
  const script: readonly Scripted[] = [
    { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 lunch' },
    { atMillis: 50, from: [2, 2], to: [1, 2], text: 'PAY 2' },
    { atMillis: 100, from: [1, 2], to: [2, 2], text: 'REQUEST 1 rent' },
  ];

  // Signed at 12 s, anchored at about 14 s, discharged at about 20 s.
  for (const proposer of operators) {
    it(`proposed by operator ${proposer}: is asked for again, booked once, and the next one follows it`, async () => {
      const wrong: string[] = [];
      let alarms = 0;
      for (const operator of operators) {
        for (const [snapshotAt, lostAt] of [
          [0, 35],
          [0, 49],
          [12, 56],
          [30, 70],
          [50, 70],
        ] as const) {
          const plan: RestorePlan = { operator, snapshotAt, lostAt };
          const staff = [
            {
              atMillis: 12_000,
              act: (world: World) => {
                close(world, proposer, otherOf(proposer));
              },
            },
            { atMillis: 18_000, act: pay },
          ];
          const { violation, lines } = await restoreRun(plan, { script, staff, spanMillis: 24_000, trace: true });
          if (violation !== undefined) wrong.push(`${operator}, ${snapshotAt} to ${lostAt}: ${violation.message}`);
          alarms += lines.filter((line) => line.includes('unknown-statement-on-chain')).length;
        }
      }
      expect(wrong).toEqual([]);
      expect(alarms).toBeGreaterThan(0);
    });
  }
});

describe('a batch of more pairs than one answer has', () => {
  const count = 600;
  const many: readonly Scripted[] = Array.from({ length: count }, () => ({
    atMillis: 0,
    from: [1, 1],
    to: [2, 1],
    text: 'PAY 0.10',
  }));

  it.each([
    // When all is over, and when it has just been signed.
    { operator: aurora, lostAt: 800 },
    { operator: borealis, lostAt: 80 },
  ])('is given back to operator $operator in two', { timeout: 120_000 }, async ({ operator, lostAt }) => {
    const { violation, lines } = await restoreRun(
      { operator, snapshotAt: 4, lostAt },
      {
        script: many,
        spanMillis: 30_000,
        timing: { batchMillis: 10_000 },
        trace: true,
        plant: {
          parts: (parts) => ({ ...parts, config: { ...parts.config, maxOpenPairsPerUser: 2 * count } }),
        },
      },
    );
    expect(violation).toBeUndefined();
    const said = (what: RegExp): number => lines.filter((line) => what.test(line)).length;
    expect(said(new RegExp(`batch-formed \\S+ 2 1 ${count}$`))).toBe(1);
    expect(said(/answers \d sealed batch$/)).toBe(2);
    expect(said(new RegExp(`op${operator} +recovered`))).toBe(1);
  });
});
