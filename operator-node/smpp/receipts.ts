/** Receipts of one route to the parts that they are about. */
import type { Store } from '../store/store.ts';
import { sameNumber, type AwaitedParts } from './awaited.ts';
import type { RouteConfig } from './smpp-config.ts';
import type { AwaitedPart, Entry } from './entry.ts';
import type { Notices } from './notices.ts';
import type { MessagePdu } from './pdu.ts';
import { canonicalId, idForms, idInAnswer, type Receipt } from './receipt.ts';
import { userReference } from './submit-sm.ts';
import { endedTable } from './smpp-tables.ts';

export interface ReceiptsParts {
  readonly route: RouteConfig;
  readonly store: Store;
  readonly notices: Notices;
  readonly awaited: AwaitedParts<AwaitedPart>;
  readonly inDoubt: ReadonlySet<Entry>;
  /** A request to such a number waits for its answer: that may be what tells the id. */
  readonly mayBeOnTheWay: (fits: (number: string) => boolean) => boolean;
  /** The centre has given a part this id. */
  readonly accepted: (entry: Entry, index: number, id: string) => void;
  /** Stores what has become of it. */
  readonly changed: (entry: Entry) => Promise<void>;
}

interface Early {
  readonly receipt: Receipt;
  readonly numbers: readonly string[];
  readonly done: () => void;
}

export class Receipts {
  readonly #parts: ReceiptsParts;
  /** Came before the answer that tells whose they are. Not acknowledged: should this process end, they come again. */
  #early: Early[] = [];

  constructor(parts: ReceiptsParts) {
    this.#parts = parts;
  }

  /** Resolves when it is stored, or is found to be nobody's: then it can be acknowledged. */
  async take(receipt: Receipt, { source, destination }: MessagePdu): Promise<void> {
    const numbers = [source.address, destination.address];
    if (await this.#match(receipt, numbers)) return;
    const fits = (number: string): boolean => numbers.some((other) => sameNumber(number, other));
    if (!this.#parts.mayBeOnTheWay(fits)) {
      this.#forNobody(receipt);
      return;
    }
    await new Promise<void>((resolve) => this.#early.push({ receipt, numbers, done: resolve }));
  }

  /** After an answer, or the end of all hope for it. */
  async retry(): Promise<void> {
    if (this.#early.length === 0) return;
    const early = this.#early;
    this.#early = [];
    for (const one of early) {
      if (await this.#match(one.receipt, one.numbers)) one.done();
      else if (this.#parts.mayBeOnTheWay((number) => one.numbers.some((other) => sameNumber(number, other)))) {
        this.#early.push(one);
      } else {
        this.#forNobody(one.receipt);
        one.done();
      }
    }
  }

  async #match(receipt: Receipt, numbers: readonly string[]): Promise<boolean> {
    const part = this.#parts.awaited.find(receipt.ids, numbers, (id) => this.#hasEnded(id, numbers));
    if (part !== undefined) {
      await this.#settle(part.entry, part.index, receipt);
      return true;
    }
    if (this.#isRepetition(receipt.ids, numbers)) return true;
    const doubtful = this.#doubtful(receipt, numbers);
    if (doubtful === undefined) return false;
    this.#parts.accepted(doubtful.entry, doubtful.index, receipt.ids[0] ?? '');
    if (receipt.outcome === undefined) await this.#parts.changed(doubtful.entry);
    else await this.#settle(doubtful.entry, doubtful.index, receipt);
    return true;
  }

  /** A part whose answer was lost, and to whose phone something has arrived that no other message explains. */
  #doubtful(
    receipt: Receipt,
    numbers: readonly string[],
  ): { readonly entry: Entry; readonly index: number } | undefined {
    for (const entry of this.#parts.inDoubt) {
      if (!numbers.some((number) => sameNumber(entry.to, number))) continue;
      const index = entry
        .parts('sent')
        .find((one) => receipt.userReference === undefined || receipt.userReference === userReference(entry.key, one));
      if (index !== undefined) return { entry, index };
    }
    return undefined;
  }

  async #settle(entry: Entry, index: number, { outcome, reason }: Receipt): Promise<void> {
    // On the way: the next receipt says more.
    if (outcome === undefined) return;
    entry.settle([index], outcome, reason);
    await this.#parts.changed(entry);
  }

  #isRepetition(ids: readonly string[], numbers: readonly string[]): boolean {
    const inEachForm = ids.flatMap((id) => idForms.flatMap((form) => idInAnswer(id, form) ?? []));
    return inEachForm.some((id) => this.#hasEnded(id, numbers));
  }

  #hasEnded(id: string, numbers: readonly string[]): boolean {
    const { route, store } = this.#parts;
    const ended = store.newest.get(endedTable, `${route.name}!${canonicalId(id)}`);
    return ended !== undefined && numbers.some((number) => sameNumber(ended.to, number));
  }

  #forNobody({ ids, reason }: Receipt): void {
    this.#parts.notices.note(this.#parts.route.name, 'receipt-for-nobody', `${ids.join(', ')} ${reason}`);
  }
}
