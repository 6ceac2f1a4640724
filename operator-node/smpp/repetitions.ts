/**
 * Which message from a phone is one that was taken already. SMPP gives them no id, so what counts is what the centre can
 * have seen: it sends again what it has not seen acknowledged, and nothing else (decision 0202). So a message is remembered
 * until an answer to a later request shows that the centre has read the acknowledgement; after that an equal one is new.
 */
import type { Clock } from '../engine/clock.ts';
import type { Store, Tx } from '../store/store.ts';
import type { RouteConfig } from './smpp-config.ts';
import type { Session } from './session.ts';
import { counterTable, numbered, unconfirmedTable } from './smpp-tables.ts';

/** A centre that got no acknowledgement for so long may send again on the same connection. */
const lateMillis = 5_000;
/** Between acknowledging and asking whether it was read: those of one moment share one question. */
const fenceMillis = 200;

interface Mark {
  readonly key: string;
  readonly print: string;
  /** Undefined for those of an earlier connection. */
  session: Session | undefined;
  readonly sequence: number;
  readonly since: number;
  acknowledged: number | undefined;
  /** The bind came back, and has had its time to send again. */
  goneAt: number | undefined;
}

export interface RepetitionsParts {
  readonly route: RouteConfig;
  readonly store: Store;
  readonly clock: Clock;
  readonly fatal: (error: unknown) => void;
}

export class Repetitions {
  readonly #parts: RepetitionsParts;
  readonly #marks = new Map<string, Mark[]>();
  #fencing = false;

  constructor(parts: RepetitionsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#marks.size;
  }

  load(key: string, print: string): void {
    this.#add({ key, print, session: undefined, sequence: 0, since: 0, acknowledged: undefined, goneAt: undefined });
  }

  /** Whether it was taken already: the mark of that time, which now waits for this acknowledgement. */
  find(print: string, session: Session, sequence: number): Mark | undefined {
    const now = this.#parts.clock.now();
    return this.#marks.get(print)?.find((mark) => {
      if (mark.session === undefined) return mark.goneAt === undefined || now < mark.goneAt;
      if (mark.session !== session) return false;
      // On one connection only what was late is sent again, or what has the very number.
      const until = mark.acknowledged ?? now;
      return mark.sequence === sequence || until - mark.since > lateMillis;
    });
  }

  /** Remembers a message in the write that takes it. */
  take(tx: Tx, print: string, session: Session, sequence: number): Mark {
    const number = (tx.get(counterTable, 'unconfirmed') ?? 0) + 1;
    const key = numbered(number);
    tx.put(counterTable, 'unconfirmed', number);
    tx.put(unconfirmedTable, key, { route: this.#parts.route.name, print });
    const since = this.#parts.clock.now();
    const mark: Mark = { key, print, session, sequence, since, acknowledged: undefined, goneAt: undefined };
    this.#add(mark);
    return mark;
  }

  acknowledged(mark: Mark, session: Session): void {
    // The acknowledgement never left.
    if (session.isOver) return;
    mark.session = session;
    mark.acknowledged = this.#parts.clock.now();
    this.#fenceSoon(session);
  }

  /** Receiving again: what is not confirmed may come again for so long. */
  up(): void {
    const until = this.#parts.clock.now() + this.#parts.route.redeliverySeconds * 1000;
    for (const mark of this.#all()) if (mark.session === undefined) mark.goneAt ??= until;
  }

  down(session: Session): void {
    for (const mark of this.#all()) {
      if (mark.session !== session) continue;
      mark.session = undefined;
      mark.goneAt = undefined;
    }
  }

  /** Forgets what did not come again in its time. */
  async sweep(): Promise<void> {
    const now = this.#parts.clock.now();
    await this.#forget(
      this.#all().filter(({ session, goneAt }) => session === undefined && goneAt !== undefined && now >= goneAt),
    );
  }

  #all(): Mark[] {
    return [...this.#marks.values()].flat();
  }

  #add(mark: Mark): void {
    this.#marks.set(mark.print, [...(this.#marks.get(mark.print) ?? []), mark]);
  }

  #fenceSoon(session: Session): void {
    if (this.#fencing) return;
    this.#fencing = true;
    this.#parts.clock.after(fenceMillis, () => {
      const asked = this.#all().filter((mark) => mark.session === session && mark.acknowledged !== undefined);
      session
        .fence()
        .then(
          () => this.#forget(asked.filter((mark) => mark.session === session)),
          // The connection has ended: `down` says what follows.
          () => {},
        )
        .catch((error: unknown) => this.#parts.fatal(error))
        .finally(() => {
          this.#fencing = false;
          const rest = this.#all().some((mark) => mark.session === session && mark.acknowledged !== undefined);
          if (rest && !session.isOver) this.#fenceSoon(session);
        });
    });
  }

  async #forget(marks: readonly Mark[]): Promise<void> {
    if (marks.length === 0) return;
    for (const mark of marks) {
      const rest = (this.#marks.get(mark.print) ?? []).filter((other) => other !== mark);
      if (rest.length === 0) this.#marks.delete(mark.print);
      else this.#marks.set(mark.print, rest);
    }
    await this.#parts.store.transact((tx) => {
      for (const { key } of marks) tx.del(unconfirmedTable, key);
    });
  }
}

export type { Mark };
