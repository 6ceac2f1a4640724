/** What happened, one line an event: hashed always, kept when somebody wants to read it. */
export class Story {
  readonly lines: string[] = [];
  readonly #keep: boolean;
  readonly #start: number;
  #low = 0x811c9dc5;
  #high = 0x1b873593;

  constructor(start: number, keep: boolean) {
    this.#start = start;
    this.#keep = keep;
  }

  tell(now: number, who: string, what: string, ...details: readonly (string | number)[]): void {
    this.#mix(String(now));
    this.#mix(who);
    this.#mix(what);
    for (const detail of details) this.#mix(String(detail));
    if (!this.#keep) return;
    const seconds = ((now - this.#start) / 1000).toFixed(3).padStart(9);
    this.lines.push(`${seconds}  ${who.padEnd(9)} ${what}${details.map((detail) => ` ${short(detail)}`).join('')}`);
  }

  /** Two runs of one seed have the same. */
  get hash(): string {
    const part = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return part(this.#high) + part(this.#low);
  }

  #mix(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.#low = Math.imul(this.#low ^ text.charCodeAt(index), 0x01000193);
      this.#high = Math.imul(this.#high, 0x85ebca6b) ^ (this.#low >>> 13);
    }
    this.#low ^= 0x2c;
  }
}

/** Ids are known by their ends. */
const short = (detail: string | number): string => {
  const text = String(detail);
  if (/^0x[0-9a-f]{64}$/.test(text)) return text.slice(0, 10);
  return text.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{6}([0-9a-f]{6})/g, 'pair:$1');
};
