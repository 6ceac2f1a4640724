/** Parts that wait for a receipt, by the id that the SMS centre gave them. A centre that begins anew gives an id twice. */
import { canonicalId, idForms, idInAnswer, tellsForm, type IdForm } from './receipt.ts';

export interface Awaited {
  /** Where the part went: what a receipt comes from. */
  readonly number: string;
}

const digits = (address: string): string => address.replace(/\D/g, '');

/** Centres write numbers with and without what a network puts before them. */
export const sameNumber = (a: string, b: string): boolean => {
  const [x, y] = [digits(a), digits(b)];
  return x.length >= 6 && y.length >= 6 && (x.endsWith(y.slice(-8)) || y.endsWith(x.slice(-8)));
};

const missesToForget = 10;

export class AwaitedParts<P extends Awaited> {
  readonly #byId = new Map<string, P[]>();
  /** What the receipts so far have shown; undefined until one could only be read in one way. */
  #form: IdForm | undefined;
  /** Receipts in a row that found nothing: the form may have been learned from a chance. */
  #misses = 0;

  add(id: string, part: P): void {
    const key = canonicalId(id);
    this.#byId.set(key, [...(this.#byId.get(key) ?? []), part]);
  }

  remove(id: string, part: P): void {
    const key = canonicalId(id);
    const rest = (this.#byId.get(key) ?? []).filter((other) => other !== part);
    if (rest.length === 0) this.#byId.delete(key);
    else this.#byId.set(key, rest);
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * The part that a receipt is about: the oldest of that id and number. Without a number that fits, an id counts only as it
   * was given and only where one part has it: an id read in another form may be that of somebody else's message.
   * @param hasEnded whether a message to that number had this very id, and has its outcome: then it is not read otherwise
   */
  find(ids: readonly string[], numbers: readonly string[], hasEnded: (id: string) => boolean): P | undefined {
    const found = this.#find(ids, numbers, hasEnded);
    this.#misses = found === undefined ? this.#misses + 1 : 0;
    if (this.#misses >= missesToForget) this.#form = undefined;
    return found;
  }

  #find(ids: readonly string[], numbers: readonly string[], hasEnded: (id: string) => boolean): P | undefined {
    const fits = ({ number }: P): boolean => numbers.some((other) => sameNumber(number, other));
    for (const id of ids) {
      for (const form of this.#form === undefined ? idForms : [this.#form]) {
        const key = idInAnswer(id, form);
        const found = key === undefined ? undefined : this.#byId.get(key)?.find(fits);
        if (found === undefined || (form !== 'same' && hasEnded(id))) continue;
        if (tellsForm(id)) this.#form ??= form;
        return found;
      }
    }
    for (const id of ids) {
      const [only, ...others] = this.#byId.get(canonicalId(id)) ?? [];
      const asGiven = this.#form === undefined || this.#form === 'same';
      if (only !== undefined && others.length === 0 && asGiven) return only;
    }
    return undefined;
  }
}
