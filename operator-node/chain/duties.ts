/**
 * Everything that has to reach the chain, until it is final there. A duty says what is due, from what is stored alone; here
 * is the rest, for all of them alike: nothing is sent before the node has caught up with the chain, what is in a transaction
 * is not sent a second time, a revert is followed by a growing wait, and what a crash interrupts is taken up where it was.
 *
 * A receipt ends nothing (protocol §3, rule 2). A transaction that is in a final block keeps its entry until that block is
 * applied, in the same write; then either the event that it was sent for has come, or what it was for is due again.
 */
import type { Engine, Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { UnixMillis } from '../model/ids.ts';
import { table, type Tx, type View } from '../store/store.ts';
import type { ChainLog, ContractCall, SendingKey, TransactionOutcome, TransactionSender } from './chain.ts';
import { cursorTable } from './cursor.ts';
import { Reverts } from './reverts.ts';

/** One transaction of a duty: what it is for, as the duty keeps it, and the call. */
export interface Order<Item> {
  readonly item: Item;
  readonly call: ContractCall;
}

/** What a duty asks about a subject of its own. */
export interface Gate {
  /** No transaction is under way for it, and no revert holds it back. */
  free(subject: string): boolean;
  /** A revert of it is so fresh that it is not tried again yet. */
  waits(subject: string): boolean;
  /** It has reverted since it last went well. */
  reverted(subject: string): boolean;
  /** It would revert now: it waits as after a revert. */
  postpone(subject: string): void;
  /** Nothing at all of this duty is under way. */
  readonly idle: boolean;
}

export interface Duty<Item extends object = object> {
  /** The first part of the tags of its transactions. */
  readonly name: string;
  readonly key: SendingKey;
  /** A cheap look, taken often: whether `orders` would have any. */
  readonly due: (view: View, gate: Gate) => boolean;
  /** What can only be asked outside of a write; before `orders`. */
  readonly ready?: (gate: Gate) => Promise<void>;
  /** What has to be sent, each in a transaction of its own. */
  readonly orders: (work: Work, gate: Gate) => Iterable<Order<Item>>;
  /** What the transaction is about: each is under way in one transaction at a time, and waits after a revert. */
  readonly subjects: (item: Item) => readonly string[];
  /** Of these subjects, those that this log of a final block ends. Absent: `due` alone says when it is over. */
  readonly over?: (log: ChainLog, subjects: readonly string[]) => readonly string[];
  /** What goes at the nonce of a transaction that others wait behind: the same, or more. */
  readonly enlarge?: (item: Item, call: ContractCall, gate: Gate) => ContractCall | undefined;
  /** For a duty that keeps by itself what is under way in finer parts than subjects. */
  readonly taken?: (item: Item, tag: string) => void;
  readonly freed?: (tag: string) => void;
}

/** Items of a duty only ever come back to that duty: its name is in the tag. */
export const duty = <Item extends object>(declared: Duty<Item>): Duty => declared as unknown as Duty;

interface DutyEntry {
  readonly item: object;
  /** The final block that has the transaction, while that block is not applied. */
  readonly landed?: number;
}

/** What a transaction under way is for. Key: its tag, `<duty>!<when>!<counter>`. */
export const dutyTable = table<DutyEntry>('duty');

const nameIn = (tag: string): string => tag.slice(0, tag.indexOf('!'));

interface UnderWay {
  readonly duty: Duty;
  readonly subjects: Set<string>;
  landed: number | undefined;
}

interface Running {
  readonly duty: Duty;
  readonly gate: Gate;
  /** By subject: the tag of the transaction. */
  readonly underWay: Map<string, string>;
  readonly reverts: Reverts<string>;
  running: boolean;
}

export interface DutiesParts {
  readonly engine: Engine;
  readonly sender: Pick<TransactionSender, 'send'>;
  /** Whether what the store says is what the chain says, so that anything may be sent. */
  readonly maySend: () => boolean;
}

export class Duties {
  readonly #parts: DutiesParts;
  readonly #duties = new Map<string, Running>();
  readonly #underWay = new Map<string, UnderWay>();
  #counter = 0;

  constructor(parts: DutiesParts) {
    this.#parts = parts;
  }

  add(declared: Duty): void {
    const underWay = new Map<string, string>();
    const reverts = new Reverts<string>();
    const now = (): UnixMillis => this.#parts.engine.clock.now();
    const waits = (subject: string): boolean => reverts.waits(subject, now());
    const gate: Gate = {
      free: (subject) => !underWay.has(subject) && !waits(subject),
      waits,
      reverted: (subject) => reverts.has(subject),
      postpone: (subject) => {
        reverts.again(subject, now());
      },
      get idle() {
        return underWay.size === 0;
      },
    };
    this.#duties.set(declared.name, { duty: declared, gate, underWay, reverts, running: false });
  }

  /** At start: what is under way. @throws {TandemError} `internal` for an entry of a duty that this build does not have. */
  async load(): Promise<void> {
    for await (const [tag, { item, landed }] of this.#parts.engine.store.scan(dutyTable)) this.#mark(tag, item, landed);
  }

  #of(tag: string): Running {
    const found = this.#duties.get(nameIn(tag));
    if (found === undefined) throw new TandemError('internal', `There is no duty for the transaction ${tag}.`);
    return found;
  }

  /** Something new is there to send: looks at once. What fails is looked at again by the clock. */
  wake(): void {
    this.round().catch(() => undefined);
  }

  /** One look at everything that has to reach the chain. Each duty in a write of its own: none holds up another. */
  async round(): Promise<void> {
    if (!this.#parts.maySend()) return;
    const ends = await Promise.allSettled([...this.#duties.values()].map((one) => this.#look(one)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #look(one: Running): Promise<void> {
    const { duty, gate } = one;
    const { engine } = this.#parts;
    if (one.running || !duty.due(engine.newest, gate)) return;
    one.running = true;
    try {
      await duty.ready?.(gate);
      await engine.run((work) => {
        for (const { item, call } of duty.orders(work, gate)) this.#send(work, duty, item, call);
      });
    } finally {
      one.running = false;
    }
  }

  #send(work: Work, { name, key }: Duty, item: object, call: ContractCall): void {
    this.#counter += 1;
    const tag = `${name}!${work.now}!${this.#counter}`;
    this.#parts.sender.send(work, key, call, tag);
    work.put(dutyTable, tag, { item });
    work.afterwards(() => {
      this.#mark(tag, item);
    });
  }

  #mark(tag: string, item: object, landed?: number): void {
    const { duty, underWay } = this.#of(tag);
    const subjects = new Set(duty.subjects(item));
    this.#underWay.set(tag, { duty, subjects, landed });
    for (const subject of subjects) underWay.set(subject, tag);
    duty.taken?.(item, tag);
  }

  #unmark(tag: string): void {
    const found = this.#underWay.get(tag);
    if (found === undefined) return;
    this.#underWay.delete(tag);
    const { underWay } = this.#of(tag);
    for (const subject of found.subjects) if (underWay.get(subject) === tag) underWay.delete(subject);
    found.duty.freed?.(tag);
  }

  /** What the sender tells of a transaction, in the sender's own write. What has failed makes way at once. */
  onOutcome(tx: Tx, { tag, status, final, block }: TransactionOutcome): void {
    const entry = tx.get(dutyTable, tag);
    if (!final || entry === undefined) return;
    const { duty, reverts } = this.#of(tag);
    if (status === 'included' && block !== undefined) {
      for (const subject of duty.subjects(entry.item)) reverts.forget(subject);
      const found = this.#underWay.get(tag);
      if (found !== undefined && block.number > (tx.get(cursorTable, 'chain')?.number ?? 0)) {
        found.landed = block.number;
        tx.put(dutyTable, tag, { ...entry, landed: block.number });
        return;
      }
      this.#withoutEffect(tag);
    } else for (const subject of duty.subjects(entry.item)) reverts.again(subject, this.#parts.engine.clock.now());
    tx.del(dutyTable, tag);
    this.#unmark(tag);
  }

  /** In a final block, and the event that it was sent for has not come: sent again, and not at once. */
  #withoutEffect(tag: string): void {
    const found = this.#underWay.get(tag);
    if (found?.duty.over === undefined) return;
    const { reverts } = this.#of(tag);
    for (const subject of found.subjects) reverts.again(subject, this.#parts.engine.clock.now());
  }

  /** A log of a final block is applied in this write. */
  ended(work: Work, log: ChainLog): void {
    for (const { duty, underWay, reverts } of this.#duties.values()) {
      if (duty.over === undefined || underWay.size === 0) continue;
      const over = new Set(duty.over(log, [...underWay.keys()]));
      for (const tag of new Set([...over].map((subject) => underWay.get(subject)))) {
        const found = tag === undefined ? undefined : this.#underWay.get(tag);
        if (tag === undefined || found === undefined) continue;
        const isOver = found.subjects.isSubsetOf(over);
        if (isOver) work.del(dutyTable, tag);
        work.afterwards(() => {
          for (const subject of over) {
            if (!found.subjects.delete(subject)) continue;
            underWay.delete(subject);
            reverts.forget(subject);
          }
          if (isOver) this.#unmark(tag);
        });
      }
    }
  }

  /** All final blocks up to that number are applied in this write: nothing in them is under way any more. */
  applied(work: Work, blockNumber: number): void {
    for (const [tag, { landed }] of this.#underWay) {
      if (landed === undefined || landed > blockNumber) continue;
      work.del(dutyTable, tag);
      work.afterwards(() => {
        this.#withoutEffect(tag);
        this.#unmark(tag);
      });
    }
  }

  /** Its transaction is of an account that counts no more: what it was for is sent again. */
  forget(work: Work, tag: string): void {
    work.del(dutyTable, tag);
    work.afterwards(() => {
      this.#unmark(tag);
    });
  }

  enlarge(tx: Tx, tag: string, call: ContractCall): ContractCall | undefined {
    const entry = tx.get(dutyTable, tag);
    if (entry === undefined) return undefined;
    const { duty, gate } = this.#of(tag);
    return duty.enlarge?.(entry.item, call, gate);
  }
}
