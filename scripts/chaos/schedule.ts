/** The faults of a run, drawn from the seed before it begins: when, what, whom, for how long. */
import type { Behaviour } from '../devnet/behaviour.ts';
import type { Chance } from './chance.ts';
import type { LinkFault } from './proxy.ts';
import type { Reception } from './gateway.ts';

/** A link is named by its two ends: who asks, and who is asked. */
export type LinkName = `${string} to ${string}`;

/** Of so many endpoints of the chain, what a node's link to each is called. */
export const chainLinksOf = (handle: string, endpoints: number): readonly LinkName[] =>
  endpoints === 1
    ? [`${handle} to chain`]
    : Array.from({ length: endpoints }, (_, index) => `${handle} to endpoint ${index + 1}` as const);

/** Each operator to each other one, each to the chain, and the gateway to each. */
export const linkNamesOf = (handles: readonly string[], endpoints: number): readonly LinkName[] => [
  ...handles.flatMap((from) => handles.filter((to) => to !== from).map((to) => `${from} to ${to}` as const)),
  ...handles.flatMap((handle) => chainLinksOf(handle, endpoints)),
  ...handles.map((handle) => `gateway to ${handle}` as const),
];

export type Fault =
  /** `patience`: so many milliseconds it waits for the node to be at work. */
  | { readonly kind: 'kill'; readonly node: string; readonly downMillis: number; readonly patience: number }
  | { readonly kind: 'pause'; readonly part: string; readonly millis: number }
  | {
      readonly kind: 'link';
      readonly link: LinkName;
      readonly fault: LinkFault;
      readonly millis: number;
      readonly reset: boolean;
    }
  | { readonly kind: 'gateway'; readonly operator: string; readonly how: Reception; readonly millis: number }
  | { readonly kind: 'reorganise'; readonly depth: number }
  | { readonly kind: 'drop transactions'; readonly all: boolean }
  | { readonly kind: 'disk full'; readonly millis: number }
  /** `draws`: which byte of which file, and which bit of it, as shares of what there is. */
  | { readonly kind: 'flipped bit'; readonly node: string; readonly draws: readonly (readonly [number, number])[] }
  | { readonly kind: 'second process'; readonly node: string }
  /** `endpoint`: from 0. */
  | { readonly kind: 'endpoint'; readonly endpoint: number; readonly behaviour: Behaviour; readonly millis: number };

export type FaultClass = Fault['kind'];

/** Fixed: what a run injects unless told otherwise. */
export const faultClasses: readonly FaultClass[] = [
  'kill',
  'pause',
  'link',
  'gateway',
  'reorganise',
  'drop transactions',
  'disk full',
  'flipped bit',
  'second process',
  'endpoint',
];

/** With fewer endpoints than this, one that misbehaves is no minority. */
export const leastEndpoints = 3;

/** What a plan is for where nothing else is said. */
export const classesFor = (endpoints: number): readonly FaultClass[] =>
  faultClasses.filter((kind) => kind !== 'endpoint' || endpoints >= leastEndpoints);

export interface Planned {
  /** Milliseconds after the begin of the storm. */
  readonly at: number;
  readonly fault: Fault;
}

export interface Plan {
  readonly millis: number;
  readonly finalityDepth: number;
  /** Of the operators. */
  readonly handles: readonly string[];
  /** Endpoints of the chain that each node has. */
  readonly endpoints: number;
  readonly classes: ReadonlySet<FaultClass>;
}

/** Bits tried each time, each in a copy of its own. */
const flips = 4;

/** After so much storm, so much calm: what has piled up can go on. */
const stormMillis = 45_000;
const calmMillis = 10_000;

/** Pauses between two faults of a class, in milliseconds. */
const pace: Readonly<Record<FaultClass, readonly [from: number, to: number]>> = {
  kill: [1_200, 3_200],
  pause: [8_000, 20_000],
  link: [2_500, 7_000],
  gateway: [7_000, 18_000],
  reorganise: [5_000, 14_000],
  'drop transactions': [2_000, 6_000],
  'disk full': [25_000, 50_000],
  'flipped bit': [40_000, 80_000],
  'second process': [40_000, 90_000],
  endpoint: [4_000, 12_000],
};

function linkFault(chance: Chance): LinkFault {
  switch (chance.pick(['drop', 'delay', 'cut', 'drip', 'lost-replies'] as const)) {
    case 'drop':
      return { kind: 'drop' };
    case 'delay':
      return { kind: 'delay', millis: chance.between(50, 1500) };
    case 'cut':
      return { kind: 'cut', way: chance.pick(['there', 'back'] as const) };
    case 'drip':
      return { kind: 'drip', bytesPerSecond: chance.between(200, 8000) };
    case 'lost-replies':
      return { kind: 'lost-replies', afterBytes: chance.between(0, 6000) };
  }
}

function behaviourOf(chance: Chance): Behaviour {
  const kinds = [
    ...(['dead', 'silent', 'slow', 'busy', 'behind', 'limited', 'odd-form'] as const),
    ...(['lying-head', 'missing-logs', 'forged-logs', 'lying-state'] as const),
  ];
  const kind = chance.pick(kinds);
  switch (kind) {
    case 'slow':
      return { kind, millis: chance.between(200, 4000) };
    case 'busy':
      return chance.happens(0.5) ? { kind } : { kind, retryAfterSeconds: chance.between(1, 3) };
    case 'behind':
      return { kind, blocks: chance.between(1, 12) };
    case 'limited': {
      const as = chance.pick(['error', 'http'] as const);
      return { kind, calls: chance.between(1, 8), blocks: chance.between(1, 20), as };
    }
    case 'lying-head':
      return { kind, blocks: chance.pick([1, 50, 1_000_000]) };
    case 'missing-logs':
      return { kind: 'lying-logs', how: 'missing' };
    case 'forged-logs':
      return { kind: 'lying-logs', how: 'forged' };
    default:
      return { kind };
  }
}

function draw(kind: FaultClass, chance: Chance, { finalityDepth, handles, endpoints }: Plan): Fault {
  const node = chance.pick(handles);
  switch (kind) {
    case 'kill':
      return {
        kind,
        node,
        downMillis: chance.happens(0.7) ? 0 : chance.between(100, 2500),
        // Half of them hit a node that is at work, the others whatever there is.
        patience: chance.happens(0.5) ? chance.between(1500, 6000) : 0,
      };
    case 'pause':
      return { kind, part: chance.happens(0.25) ? 'chain' : node, millis: chance.between(1500, 9000) };
    case 'link':
      return {
        kind,
        link: chance.pick(linkNamesOf(handles, endpoints)),
        fault: linkFault(chance),
        millis: chance.between(800, 9000),
        reset: chance.happens(0.5),
      };
    case 'gateway': {
      const how = chance.pick(['refuses', 'hangs-up', 'is-slow'] as const);
      return { kind, operator: node, how, millis: chance.between(1000, 6000) };
    }
    case 'reorganise':
      return { kind, depth: chance.between(1, finalityDepth) };
    case 'drop transactions':
      return { kind, all: chance.happens(0.4) };
    case 'disk full':
      return { kind, millis: chance.between(1500, 5000) };
    case 'flipped bit':
      return { kind, node, draws: Array.from({ length: flips }, () => [chance.next(), chance.next()] as const) };
    case 'second process':
      return { kind, node };
    case 'endpoint': {
      const endpoint = chance.between(0, endpoints - 1);
      return { kind, endpoint, behaviour: behaviourOf(chance), millis: chance.between(2_000, 12_000) };
    }
  }
}

/** In the order of time. */
export function planOf(seed: Chance, plan: Plan): readonly Planned[] {
  const planned: Planned[] = [];
  for (const kind of faultClasses) {
    if (!plan.classes.has(kind) || !classesFor(plan.endpoints).includes(kind)) continue;
    const chance = seed.fork(kind);
    const [from, to] = pace[kind];
    // A short storm has each class at least once or twice.
    let at = chance.between(0, Math.min(to, plan.millis / 3));
    while (at < plan.millis) {
      if (at % (stormMillis + calmMillis) < stormMillis) planned.push({ at, fault: draw(kind, chance, plan) });
      // Both nodes at once, or within the other's start.
      if (kind === 'kill' && chance.happens(0.15)) {
        planned.push({ at: at + chance.between(0, 300), fault: draw(kind, chance, plan) });
      }
      at += chance.between(from, to);
    }
  }
  return planned.filter(({ at }) => at < plan.millis).sort((a, b) => a.at - b.at);
}
