/** What a node keeps in memory is what it would make of its disk if it started now, at any moment of a run. */
import { describe, expect, it } from 'vitest';
import type { ComposedNode } from '../../operator-node/compose.ts';
import { OpenWork } from '../../operator-node/flow/open.ts';
import type { OperatorId, UnixSeconds } from '../../operator-node/model/ids.ts';
import { openMemoryStore, type SimulatedDisk } from '../../operator-node/store/memory.ts';
import { simulate, type World } from './world.ts';

const lookMillis = 700;
const ever = Number.MAX_SAFE_INTEGER;

/** Everything that can be asked of it, whatever the order in which it came to be. */
const contentOf = (open: OpenWork): unknown => ({
  sides: open.openSides,
  services: [...open.byService()].sort(),
  oldest: open.oldestSince(),
  held: [...open.heldBefore(ever)].map(({ pair, leg, since }) => `${pair} ${leg} ${since}`).sort(),
  waiting: [...open.ripe(ever)].map(({ peer, deadline, pairs }) => [peer, deadline, [...pairs].sort()]).sort(),
  due: open.waitingBefore(ever as UnixSeconds),
  batches: [...open.allBatches()].map((batch) => JSON.stringify(batch)).sort(),
});

async function afterRestart(disk: SimulatedDisk): Promise<unknown> {
  const open = new OpenWork();
  await open.load(openMemoryStore(disk), () => undefined);
  return contentOf(open);
}

interface Looks {
  readonly compared: { readonly index: unknown; readonly restarted: unknown }[];
  busy: number;
}

async function look(node: ComposedNode, world: World, operator: OperatorId, looks: Looks): Promise<void> {
  // In a recovery nothing is loaded before it is over.
  if (world.node(operator).serving?.node !== node || node.recovery.needed) return;
  const index = contentOf(node.flow.open);
  looks.busy += node.flow.open.openSides;
  looks.compared.push({ index, restarted: await afterRestart(world.node(operator).disk.clone()) });
}

const lookNowAndThen =
  (looks: Looks) =>
  (node: ComposedNode, world: World, operator: OperatorId): void => {
    const next = (): void => {
      world.time.after(lookMillis, () => {
        void look(node, world, operator, looks);
        if (world.node(operator).process?.node === node) next();
      });
    };
    next();
  };

describe('the index of what is under way', () => {
  it.each([3, 8, 21, 34, 55, 89])(
    'is at every look what a restart would make of the disk: seed %i',
    { timeout: 120_000 },
    async (seed) => {
      const looks: Looks = { compared: [], busy: 0 };
      const { violation } = await simulate({ seed, plant: { started: lookNowAndThen(looks) } });
      expect(violation).toBeUndefined();
      expect(looks.busy).toBeGreaterThan(0);
      for (const { index, restarted } of looks.compared) expect(index).toEqual(restarted);
    },
  );
});
