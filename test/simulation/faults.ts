/** What can go wrong, each with how it begins and how it ends. Everything ends when the world is healed. */
import type { OperatorId } from '../../operator-node/model/ids.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { World } from './world.ts';

type Begin = (world: World, node: SimulatedNode) => void;

const crashAtWrite =
  (fate: Parameters<World['atNextWrite']>[1]): Begin =>
  (world, node) => {
    world.atNextWrite(node, fate);
  };

const crashAtSend =
  (fate: Parameters<World['atNextSend']>[1]): Begin =>
  (world, node) => {
    world.atNextSend(node, fate);
  };

/** For a while: `on` now, `off` later, or when the world is healed. */
const forAWhile =
  (from: number, to: number, on: Begin, off: Begin): Begin =>
  (world, node) => {
    on(world, node);
    world.untilHealed(world.chance.between(from, to), () => {
      off(world, node);
    });
  };

const other = (world: World, node: SimulatedNode): OperatorId =>
  world.chance.pick(world.operators.filter((operator) => operator !== node.operator));

const faults = {
  crash: (_, node) => {
    node.die('at once');
  },
  'crash-before-write': crashAtWrite('before'),
  'crash-write-lost': crashAtWrite('lost'),
  'crash-write-kept': crashAtWrite('kept'),
  'crash-after-write': crashAtWrite('after'),
  'crash-before-send': crashAtSend('dies-before'),
  'crash-after-send': crashAtSend('dies-after'),
  'disk-full-lost': crashAtWrite('fails-lost'),
  'disk-full-kept': crashAtWrite('fails-kept'),
  /** Dead for a long time: the other side has to finish alone. */
  silent: (world, node) => {
    node.keptDown = true;
    node.die('for long');
    world.untilHealed(world.chance.between(20_000, 120_000), () => {
      node.start();
    });
  },
  paused: forAWhile(
    500,
    40_000,
    (_, node) => {
      node.pause();
    },
    (_, node) => {
      node.resume();
    },
  ),
  'clock-ahead': forAWhile(
    5_000,
    60_000,
    (world, node) => {
      node.clockError = world.chance.pick([1_000, 20_000, 60_000, 60_000, 3_600_000]);
    },
    (_, node) => {
      node.clockError = 0;
    },
  ),
  'clock-behind': forAWhile(
    5_000,
    60_000,
    (world, node) => {
      node.clockError = -world.chance.pick([1_000, 20_000, 60_000, 60_000, 3_600_000]);
    },
    (_, node) => {
      node.clockError = 0;
    },
  ),
  'message-lost': forAWhile(
    2_000,
    30_000,
    (world) => {
      world.network.loss = world.chance.pick([0.05, 0.15, 0.3]);
    },
    (world) => {
      world.network.loss = 0;
    },
  ),
  'message-doubled': forAWhile(
    2_000,
    60_000,
    (world) => {
      world.network.doubled = world.chance.pick([0.1, 0.3, 0.5]);
    },
    (world) => {
      world.network.doubled = 0;
    },
  ),
  'message-late': forAWhile(
    2_000,
    30_000,
    (world) => {
      world.network.late = world.chance.pick([0.1, 0.3]);
      world.network.lateMillis = world.chance.pick([500, 5_000, 90_000]);
    },
    (world) => {
      world.network.late = 0;
    },
  ),
  'link-cut-out': (world, node) => {
    const peer = other(world, node);
    world.network.cut(node.operator, peer);
    world.untilHealed(world.chance.between(2_000, 60_000), () => {
      world.network.mend(node.operator, peer);
    });
  },
  'link-cut-in': (world, node) => {
    const peer = other(world, node);
    world.network.cut(peer, node.operator);
    world.untilHealed(world.chance.between(2_000, 60_000), () => {
      world.network.mend(peer, node.operator);
    });
  },
  partition: (world, node) => {
    const peer = other(world, node);
    world.network.cut(peer, node.operator);
    world.network.cut(node.operator, peer);
    world.untilHealed(world.chance.between(2_000, 100_000), () => {
      world.network.mend(peer, node.operator);
      world.network.mend(node.operator, peer);
    });
  },
  'endpoint-down': forAWhile(
    1_000,
    60_000,
    (_, node) => {
      node.chain.down = true;
    },
    (_, node) => {
      node.chain.down = false;
    },
  ),
  'endpoint-behind': forAWhile(
    2_000,
    60_000,
    (world, node) => {
      node.chain.lag = world.chance.between(1, 12);
    },
    (_, node) => {
      node.chain.lag = 0;
    },
  ),
  'endpoint-flapping': forAWhile(
    2_000,
    60_000,
    (world, node) => {
      node.chain.lag = world.chance.between(1, 6);
      node.chain.flapping = true;
    },
    (_, node) => {
      node.chain.lag = 0;
      node.chain.flapping = false;
    },
  ),
  'endpoint-slow': forAWhile(
    2_000,
    40_000,
    (world, node) => {
      node.chain.slowMillis = world.chance.pick([50, 500, 4_000]);
    },
    (_, node) => {
      node.chain.slowMillis = 0;
    },
  ),
  /** Logs missing at one of them, another block at another: nothing can be said until they agree. */
  'endpoints-disagree': forAWhile(
    2_000,
    40_000,
    (world, node) => {
      node.chain.disagreeing = world.chance.pick([0.1, 0.5, 0.9]);
    },
    (_, node) => {
      node.chain.disagreeing = 0;
    },
  ),
  'reply-lost': forAWhile(
    2_000,
    40_000,
    (world, node) => {
      node.chain.lostReplies = world.chance.pick([0.3, 1]);
    },
    (_, node) => {
      node.chain.lostReplies = 0;
    },
  ),
  'transaction-swallowed': forAWhile(
    2_000,
    40_000,
    (world, node) => {
      node.chain.swallowed = world.chance.pick([0.3, 1]);
    },
    (_, node) => {
      node.chain.swallowed = 0;
    },
  ),
  /** The pool has it, and blocks do not: what it costs changes under way. */
  'fees-raised': (world) => {
    const lower = world.raiseFees();
    world.untilHealed(world.chance.between(3_000, 60_000), lower);
  },
  'account-emptied': forAWhile(
    3_000,
    60_000,
    (world, node) => {
      world.empty(node);
    },
    (world, node) => {
      world.fund(node);
    },
  ),
  /** They fail below the contract: the nonce is used, and no block shows by what. */
  'nonce-used-up': forAWhile(
    2_000,
    30_000,
    (world) => {
      world.chain.usedUp = world.chance.pick([0.1, 0.5]);
    },
    (world) => {
      world.chain.usedUp = 0;
    },
  ),
  'pool-dropped': (world) => {
    world.chain.drop(world.chance.pick([0.5, 1]));
  },
  reorganised: (world) => {
    world.reorganise(world.chance.pick([0, 0, 0.5]));
  },
  'chain-stalled': forAWhile(
    3_000,
    100_000,
    (world) => {
      world.stalled = true;
    },
    (world) => {
      world.stalled = false;
    },
  ),
  'blocks-half-full': forAWhile(
    2_000,
    60_000,
    (world) => {
      world.leftOut = world.chance.pick([0.3, 0.7, 0.95]);
    },
    (world) => {
      world.leftOut = 0.02;
    },
  ),
  'gateway-down': forAWhile(
    1_000,
    60_000,
    (_, node) => {
      node.gatewayDown = true;
    },
    (_, node) => {
      node.gatewayDown = false;
    },
  ),
  'receipt-lost': forAWhile(
    1_000,
    40_000,
    (world, node) => {
      node.gatewayDeaf = world.chance.pick([0.3, 0.8]);
    },
    (_, node) => {
      node.gatewayDeaf = 0;
    },
  ),
  'user-message-doubled': forAWhile(
    2_000,
    60_000,
    (world) => {
      world.phones.doubled = 0.4;
    },
    (world) => {
      world.phones.doubled = 0;
    },
  ),
  /** With an overlap; without one, see docs/faults.md, 15. */
  'keys-rotated': (world, node) => {
    world.rotateKeys(node);
  },
  /** One of two operators has gone over to another version of the messages, the other not yet. */
  'version-differs': (world, node) => {
    const peer = other(world, node);
    world.network.differ(node.operator, peer);
    world.untilHealed(world.chance.between(2_000, 40_000), () => {
      world.network.agree(node.operator, peer);
    });
  },
  suspended: forAWhile(
    5_000,
    60_000,
    (world, node) => {
      world.asAuthority({ name: 'suspend', operator: node.operator });
    },
    (world, node) => {
      world.asAuthority({ name: 'reinstate', operator: node.operator });
    },
  ),
} satisfies Record<string, Begin>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as readonly FaultName[];

export const beginFault = (name: FaultName, world: World, node: SimulatedNode): void => {
  const begin: Begin = faults[name];
  begin(world, node);
};
