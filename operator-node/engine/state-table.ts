/**
 * A thing with states has a table: one cell for each role, state and event. A cell that is a step says where it may go,
 * what it does and what it sends; any other cell says why nothing is done. Only the module that holds the table moves the
 * thing, and it compares what a step did with what the cell lists.
 */
import type { EventAlarm } from '../alarms/catalogue.ts';
import { TandemError } from '../errors.ts';
import type { Work } from './engine.ts';

export interface Step<State extends string, Sent extends string, Does> {
  /** Where the thing is afterwards: one of these. */
  readonly to: readonly State[];
  readonly does: Does;
  /** What may leave because of it: queues, and what follows from the state that it went to. */
  readonly emits: readonly Sent[];
}

/** Nothing to do, and that is as it should be: late, repeated, or meant for another state. */
export interface Ignored {
  readonly ignore: string;
}

/** Cannot happen while everybody keeps the protocol: kept as evidence, staff is told, nothing changes. */
export interface Fault {
  readonly fault: string;
  /** `impossible-event` unless it has an alarm of its own. */
  readonly alarm?: EventAlarm;
}

export type Cell<State extends string, Sent extends string, Does> = Step<State, Sent, Does> | Ignored | Fault;

/** Any table, for what is done with all of them: documents, and the simulator's record of transitions. */
export type AnyTable = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, Cell<string, string, unknown>>>>>>
>;

export const ignore = (why: string): Ignored => ({ ignore: why });
export const fault = (why: string, alarm?: EventAlarm): Fault =>
  alarm === undefined ? { fault: why } : { fault: why, alarm };

/** The same reason for each of these events. */
export const each = <Name extends string, C>(names: readonly Name[], cell: C): Readonly<Record<Name, C>> =>
  Object.fromEntries(names.map((name) => [name, cell])) as Record<Name, C>;

export interface Watched {
  readonly work: Work;
  /** Queues that something was put into. */
  readonly sent: ReadonlySet<string>;
}

/** The same transaction, with an eye on what is sent. */
export function watched(work: Work): Watched {
  const sent = new Set<string>();
  return {
    sent,
    work: {
      ...work,
      enqueue(queue, key, item) {
        sent.add(queue);
        work.enqueue(queue, key, item);
      },
    },
  };
}

/** @throws {TandemError} `internal` for a step that went, or sent, where its cell does not say */
export function assertListed(
  where: string,
  { to, emits }: Pick<Step<string, string, unknown>, 'to' | 'emits'>,
  state: string,
  sent: Iterable<string>,
): void {
  if (!to.includes(state)) {
    throw new TandemError('internal', `${where} goes to ${state}; its table says ${to.join(', ')}.`);
  }
  for (const queue of sent) {
    if (!emits.includes(queue)) throw new TandemError('internal', `${where} sends ${queue}, which its table lacks.`);
  }
}
