/** What happened, one line an event, and how often which fault was injected. */
export class Story {
  readonly #print: (line: string) => void;
  readonly #begun = performance.now();
  readonly #counts = new Map<string, number>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  say(text: string): void {
    this.#print(`${this.seconds.toFixed(1).padStart(7)} s  ${text}`);
  }

  /** A fault that is in force now. */
  fault(name: string, text: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.say(text);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}
