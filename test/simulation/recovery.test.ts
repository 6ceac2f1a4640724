/** The ways of `tandem recover` that a restore at a golden point does not take (protocol rule 11). */
import { describe, expect, it } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { goldenRun } from './golden.ts';
import { restorePoints, restoreRun, type RestorePoint } from './restores.ts';
import type { RestorePlan, SealedBatch } from './restore.ts';
import type { World } from './world.ts';

const operators = [1, 2] as OperatorId[];
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
  'pairs to come, and none': [(truth) => ({ ...truth, pairs: [], left: 1 }), /gives 0 pairs of batch \d+ and no more/],
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
