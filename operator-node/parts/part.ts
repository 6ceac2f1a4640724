/**
 * What a node is made of. A part says what is its own: tables, queues, clocks, answers to peers, what it does with the logs
 * of final blocks, what it brings to the chain, what it shows. The node goes over the list of its parts (`compose.ts`) and
 * knows none of them.
 */
import type { ChainLog, Block } from '../chain/chain.ts';
import type { Duty } from '../chain/duties.ts';
import type { z } from 'zod';
import type { Channel, PeerHandlers } from '../channel/channel.ts';
import type { MethodForm } from '../channel/forms.ts';
import type { Method } from '../channel/messages.ts';
import type { Work } from '../engine/engine.ts';
import type { QueueOptions, Worker } from '../engine/queue.ts';
import { TandemError } from '../errors.ts';
import type { OperatorId } from '../model/ids.ts';
import type { Table } from '../store/store.ts';

export interface PartQueue {
  readonly name: string;
  readonly options: QueueOptions<object>;
  readonly worker: Worker<object>;
}

/** A queue is only ever given items of its own name. */
export const queue = <Item extends object>(
  name: string,
  options: QueueOptions<Item>,
  worker: Worker<Item>,
): PartQueue => ({ name, options, worker }) as unknown as PartQueue;

export interface PartClock {
  readonly name: string;
  readonly millis: number;
  readonly action: () => Promise<void> | void;
}

export interface PartMethod {
  readonly name: Method;
  readonly answer: (from: OperatorId, request: unknown) => Promise<unknown>;
  /** Of a method that the protocol does not have. */
  readonly form?: MethodForm;
  /** Answered while the node is in recovery too: it gives away nothing that the node may have forgotten. */
  readonly inRecovery: boolean;
}

export const peerMethod = <M extends Method>(
  name: M,
  answer: PeerHandlers[M],
  { inRecovery = false }: { readonly inRecovery?: boolean } = {},
): PartMethod => ({ name, answer: answer as unknown as PartMethod['answer'], inRecovery });

/** A method of this part alone, with its own form: spoken with nodes that have the part too. */
export const ownMethod = <Q, A>(
  name: string,
  form: Omit<MethodForm, 'request' | 'answer' | 'repeats'> & {
    readonly request: z.ZodType<Q>;
    readonly answer: z.ZodType<A>;
  },
  answer: (from: OperatorId, request: Q) => Promise<A>,
): PartMethod & { readonly ask: (channel: Channel, peer: OperatorId, request: Q) => Promise<A> } => ({
  name: name as Method,
  form: { ...form, repeats: () => undefined },
  answer: answer as unknown as PartMethod['answer'],
  inRecovery: false,
  ask: (channel, peer, request) =>
    channel.call(peer, name as Method, request as never) as Promise<unknown> as Promise<A>,
});

/** A log that says something; what cannot be read is kept as evidence before. */
export type ReadableLog = Exclude<ChainLog, { type: 'Unreadable' }>;

export interface PartLog {
  readonly type: ReadableLog['type'];
  readonly apply: (work: Work, block: Block, log: ReadableLog) => void;
}

/** What happens with logs of these types, in the write in which their block is applied. */
export const logs = <T extends ReadableLog['type']>(
  types: readonly T[],
  apply: (work: Work, block: Block, log: Extract<ReadableLog, { type: T }>) => void,
): readonly PartLog[] => types.map((type) => ({ type, apply: apply as unknown as PartLog['apply'] }));

/** One value with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

type Reading = number | undefined | Iterable<Sample>;

export interface PartGauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Read when somebody asks. Undefined leaves it out. */
  readonly read: () => Reading | Promise<Reading>;
}

/** Routes of the API, as `routeGroup` of `api/route.ts` makes them; this room is below that one and sees their names alone. */
export interface PartRoutes {
  readonly name: string;
  readonly routes: readonly { readonly operationId: string; readonly method: string; readonly path: string }[];
}

export interface Part {
  readonly name: string;
  readonly tables?: readonly Pick<Table<unknown>, 'name'>[];
  readonly queues?: readonly PartQueue[];
  readonly clocks?: readonly PartClock[];
  readonly peerMethods?: readonly PartMethod[];
  readonly logs?: readonly PartLog[];
  readonly duties?: readonly Duty[];
  readonly gauges?: readonly PartGauge[];
  readonly routes?: readonly PartRoutes[];
  /** What is in memory hears of committed writes from now on. */
  readonly follow?: () => void;
  /** At start, before anything comes in or goes out: what is in memory is made of the store. */
  readonly load?: () => Promise<void>;
}

/** Everything that has a name and one owner. */
const claims: Readonly<Record<string, (part: Part) => readonly string[]>> = {
  table: ({ tables = [] }) => tables.map(({ name }) => name),
  queue: ({ queues = [] }) => queues.map(({ name }) => name),
  clock: ({ clocks = [] }) => clocks.map(({ name }) => name),
  'peer method': ({ peerMethods = [] }) => peerMethods.map(({ name }) => name),
  log: ({ logs: found = [] }) => found.map(({ type }) => type),
  duty: ({ duties = [] }) => duties.map(({ name }) => name),
  gauge: ({ gauges = [] }) => gauges.map(({ name }) => name),
  route: ({ routes: groups = [] }) =>
    groups.flatMap(({ routes }) => routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`)),
};

/** @throws {TandemError} `internal` where two parts declare the same, with both names */
export function checkParts(parts: readonly Part[]): void {
  for (const [what, namesOf] of Object.entries(claims)) {
    const owners = new Map<string, string>();
    for (const part of parts) {
      for (const name of namesOf(part)) {
        const owner = owners.get(name);
        if (owner !== undefined) {
          throw new TandemError(
            'internal',
            `The parts ${owner} and ${part.name} both declare the ${what} ${name}: give one of them another name.`,
          );
        }
        owners.set(name, part.name);
      }
    }
  }
}
