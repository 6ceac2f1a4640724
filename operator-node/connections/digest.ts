/**
 * What is written of many lines alike: the first few of a kind, and then one line that says how many more there were. Whoever
 * can make this node write a line a thousand times a second fills its disk, and hides the line that matters.
 */
import { hasPassed, type Clock } from '../engine/clock.ts';

export type LogEntry = Readonly<Record<string, unknown>>;

/** Written at once of a kind, in one window. */
const firstLines = 5;
const windowMillis = 60_000;
/** More kinds than these in one window are one kind. */
const maxKinds = 500;

interface Kind {
  readonly since: number;
  lines: number;
  last: LogEntry;
}

export class LogDigest {
  readonly #write: (entry: LogEntry) => void;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  constructor(write: (entry: LogEntry) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  /** `kind` is what makes lines alike; a party may choose it, as there are few at a time. */
  note(kind: string, entry: LogEntry): void {
    this.flush();
    const name = this.#kinds.has(kind) || this.#kinds.size < maxKinds ? kind : '(others)';
    const known = this.#kinds.get(name);
    if (known === undefined) {
      this.#kinds.set(name, { since: this.#clock.now(), lines: 1, last: entry });
      this.#write(entry);
      return;
    }
    known.lines += 1;
    known.last = entry;
    if (known.lines <= firstLines) this.#write(entry);
  }

  /** Writes of what is over how much it was; called by the clock as well, since the last of them is followed by none. */
  flush(all = false): void {
    for (const [name, { since, lines, last }] of this.#kinds) {
      // In order of their beginning.
      if (!all && !hasPassed(this.#clock, since, windowMillis)) break;
      this.#kinds.delete(name);
      if (lines <= firstLines) continue;
      const seconds = Math.round((this.#clock.now() - since) / 1000);
      this.#write({ ...last, notWritten: lines - firstLines, inSeconds: seconds });
    }
  }
}
