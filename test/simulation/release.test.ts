/** A node that somebody decided for is halted, its key is rotated, staff releases it, and it settles again. */
import { describe, expect, it } from 'vitest';
import { journalHead } from '../../operator-node/engine/journal.ts';
import { anchorStatus, newestAnchored } from '../../operator-node/flow/checkpoint.ts';
import { release } from '../../operator-node/recovery/release.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { simulate, type Scripted, type World } from './world.ts';

const aurora = 1 as OperatorId;
const because = 'the account was out';

const script: readonly Scripted[] = [
  { atMillis: 0, from: [2, 1], to: [1, 3], text: 'PAY 5' },
  { atMillis: 3_000, from: [2, 2], to: [1, 2], text: 'PAY 4' },
  // While it is halted, and after it.
  { atMillis: 25_000, from: [1, 4], to: [2, 4], text: 'PAY 9' },
  { atMillis: 40_000, from: [1, 5], to: [2, 5], text: 'PAY 7' },
  { atMillis: 40_000, from: [2, 5], to: [1, 5], text: 'PAY 8' },
];

describe('a release after a stolen account', () => {
  it('is refused while the key still counts; then the node begins new things again', async () => {
    const said: string[] = [];
    const halted: (boolean | undefined)[] = [];
    const node = (world: World) => world.node(aurora);
    const ask = (world: World): void => {
      const { flow } = node(world).process?.node ?? {};
      if (flow === undefined) throw new Error('it is down');
      const [signer = '', account = ''] = world.keysOf(aurora);
      release(flow, { signer, account }, { by: 'eva', because, keysAreSafe: false }).then(
        ({ says }) => said.push(says),
        (error: unknown) => said.push(String(error)),
      );
    };
    const look = (world: World): void => {
      halted.push(node(world).process?.node.flow.open.halted);
    };
    const { violation, lines } = await simulate({
      seed: 2,
      calm: true,
      trace: true,
      script,
      spanMillis: 60_000,
      staff: [
        ...[1_000, 2_000, 3_000, 4_000, 5_000, 6_000].map((atMillis) => ({
          atMillis,
          act: (world: World) => {
            world.stealAccount(node(world));
          },
        })),
        { atMillis: 15_000, act: look },
        { atMillis: 16_000, act: ask },
        {
          atMillis: 18_000,
          act: (world) => {
            world.rotate(node(world));
          },
        },
        { atMillis: 32_000, act: look },
        { atMillis: 33_000, act: ask },
        { atMillis: 35_000, act: look },
      ],
    });
    expect(violation).toBeUndefined();
    expect(halted).toEqual([true, true, false]);
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('still counts');
    expect(said[1]).toBe('The node is not halted.');
    const paid = (amount: number): boolean =>
      lines.some((line) => new RegExp(`phone +gets .*(paid|betalade)( you| dig)? ${amount}[.,]00`, 'i').test(line));
    expect([7, 8, 9].map(paid)).toEqual([true, true, false]);
  });
});

describe('a journal after a thief has anchored heads far ahead of it', () => {
  it('is anchored again once its account is rotated, the node released, and the heads disowned', async () => {
    const seen: Record<string, unknown>[] = [];
    const node = (world: World) => world.node(aurora);
    const look = (world: World): void => {
      const { flow } = node(world).process?.node ?? {};
      if (flow === undefined) throw new Error('it is down');
      const view = flow.engine.newest;
      const { entries, newest } = anchorStatus(view, flow.engine.clock.now());
      const chain = world.chain.newest.state.lastCheckpoint(aurora)?.entry ?? 0;
      seen.push({ halted: flow.open.halted, held: newest?.held, waits: entries > 0, far: chain > 300_000 });
    };
    const { violation } = await simulate({
      seed: 2,
      calm: true,
      script,
      spanMillis: 150_000,
      staff: [
        {
          atMillis: 30_000,
          act: (world) => {
            world.stealJournal(node(world), 5);
          },
        },
        { atMillis: 45_000, act: look },
        {
          atMillis: 50_000,
          act: (world) => {
            world.rotate(node(world));
          },
        },
        {
          atMillis: 65_000,
          act: (world) => {
            const { flow } = node(world).process?.node ?? {};
            if (flow === undefined) throw new Error('it is down');
            const [signer = '', account = ''] = world.keysOf(aurora);
            if (!flow.open.halted) return;
            void release(flow, { signer, account }, { by: 'eva', because, keysAreSafe: false });
          },
        },
        { atMillis: 95_000, act: look },
        {
          atMillis: 96_000,
          act: (world) => {
            const { flow } = node(world).process?.node ?? {};
            if (flow === undefined) throw new Error('it is down');
            const entry = newestAnchored(flow.engine.newest)?.entry ?? 0;
            expect(entry).toBeLessThanOrEqual(journalHead(flow.engine.newest).sequence);
            world.asAuthority({ name: 'disownHeads', operator: aurora, entry });
          },
        },
        { atMillis: 130_000, act: look },
      ],
    });
    expect(violation).toBeUndefined();
    expect(seen).toEqual([
      { halted: true, held: true, waits: true, far: true },
      { halted: false, held: true, waits: true, far: true },
      { halted: false, held: true, waits: false, far: false },
    ]);
  });
});
