/**
 * What somebody does to an operator on purpose: a peer that lies (faults.md 5), a thief of keys (20). Each begins for a
 * while, as faults do; the node that it is done to keeps every promise, whatever its peer's store looks like afterwards.
 */
import { lies, type LieName } from './lies.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { World } from './world.ts';

type Begin = (world: World, victim: SimulatedNode) => void;

/** One of the others lies to this operator. */
const lieTo =
  (name: LieName): Begin =>
  (world, victim) => {
    const liar = world.node(world.chance.pick(world.operators.filter((operator) => operator !== victim.operator)));
    world.lie(name, liar, victim);
    if (name === 'lie-late-anchor') liar.holdsBackMillis = world.chance.between(20_000, 45_000);
    if (name === 'lie-no-decision') liar.chain.swallowed = 1;
    world.untilHealed(world.chance.between(5_000, 60_000), () => {
      world.lieNoMore(liar, victim);
      liar.holdsBackMillis = 0;
      liar.chain.swallowed = 0;
    });
  };

/** Every second or two the thief acts again. */
const theft =
  (act: (world: World, victim: SimulatedNode) => void, times: number): Begin =>
  (world, victim) => {
    for (let count = 0; count < times; count += 1) {
      world.time.after(count * world.chance.between(500, 2_500), () => {
        if (world.faulty) act(world, victim);
      });
    }
  };

export const attacks = {
  ...(Object.fromEntries((Object.keys(lies) as LieName[]).map((name) => [name, lieTo(name)])) as Record<
    LieName,
    Begin
  >),
  /** One of the others turns on everybody with all that it has. */
  'hostile-member': (world, victim) => {
    world.turnHostile(world.node(world.chance.pick(world.operators.filter((each) => each !== victim.operator))));
  },
  /** Somebody has the key of this operator's account, and decides. */
  'stolen-account': theft((world, victim) => {
    world.stealAccount(victim);
  }, 4),
  /** Somebody has two operators' signing keys, and anchors a batch that neither made. */
  'stolen-signers': theft((world, victim) => {
    world.stealSigners(victim);
  }, 1),
} satisfies Record<string, Begin>;

export type AttackName = keyof typeof attacks;
export const attackNames = Object.keys(attacks) as readonly AttackName[];
