/**
 * Messages to the gateway, in order for each user. A message that the gateway refuses, while it takes others, waits apart
 * with all that comes after it for the same user, and holds up nobody else; after so many refusals it is set aside for
 * staff. A gateway that takes nothing at all refuses no message: then all wait.
 */
import type { Engine, Work } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { UnixMillis, UserId } from '../model/ids.ts';
import { table } from '../store/store.ts';
import type { FlowContext } from './context.ts';
import { loadSide, type PairSide } from './pair.ts';
import { messageQueue, type MessageItem } from './tell.ts';

/** What the gateway would not take, until staff sends it again. Key: that of the outbox. */
export interface SetAside extends MessageItem {
  readonly at: UnixMillis;
  readonly tries: number;
  /** The gateway's last answer. */
  readonly reason: string;
}
export const setAsideTable = table<SetAside>('set-aside');

type Entry = readonly [key: string, item: MessageItem];

/** Messages wait in one lane; those apart, in one for each user. */
export const laneOf = ({ apart, user }: MessageItem): string => (apart === true ? apartOf(user) : 'gateway');
const apartOf = (user: UserId): string => `apart ${user}`;

/** Requests in which the refused ones of a group are looked for; the rest waits for the next round. */
const maxRequests = 48;

/** The parts of the flow that it uses. */
export type DeliveryContext = Pick<FlowContext, 'engine' | 'gateway'>;

interface Refusal {
  /** The number of refusals that counted. */
  tries: number;
  /** What the gateway had taken in all when this one was last tried. */
  takenThen: number;
}

export class Deliveries {
  readonly #flow: DeliveryContext;
  readonly #maxTries: number;
  readonly #onTold: (work: Work, found: PairSide) => void;
  /** Messages that the gateway has taken from this process. */
  #taken = 0;
  readonly #refusals = new Map<string, Refusal>();

  /** @param onTold its last word has reached the user of this side */
  constructor(flow: DeliveryContext, maxTries: number, onTold: (work: Work, found: PairSide) => void) {
    this.#flow = flow;
    this.#maxTries = maxTries;
    this.#onTold = onTold;
  }

  /**
   * Delivers the messages of one lane. @throws {TandemError} `gateway-unavailable`: what was not delivered is tried
   * again
   */
  async run(group: readonly Entry[]): Promise<void> {
    if (group[0]?.[1].apart === true) return this.#oneByOne(group);
    const { engine } = this.#flow;
    const waits = ({ user }: MessageItem): boolean => engine.hasLane(messageQueue, apartOf(user));
    await this.#putApart(group.filter(([, item]) => waits(item)));
    const free = group.filter(([, item]) => !waits(item));
    if (free.length === 0) return;
    try {
      await this.#deliver(free);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#sift(free, error);
    }
  }

  /** Halves a refused group until the messages that are refused alone are found; the others are taken on the way. */
  async #sift(group: readonly Entry[], whole: unknown): Promise<void> {
    const refused: Entry[] = [];
    const before = this.#taken;
    let requests = 0;
    const half = async (part: readonly Entry[]): Promise<void> => {
      const open = part.filter(([, { user }]) => !refused.some(([, other]) => other.user === user));
      if (open.length === 0 || requests >= maxRequests) return;
      requests += 1;
      try {
        await this.#deliver(open);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (open.length === 1) refused.push(...open);
        else {
          await half(open.slice(0, open.length >> 1));
          await half(open.slice(open.length >> 1));
        }
      }
    };
    if (group.length === 1) refused.push(...group);
    else {
      await half(group.slice(0, group.length >> 1));
      await half(group.slice(group.length >> 1));
    }
    if (this.#taken === before) throw whole;
    await this.#putApart(refused);
  }

  async #putApart(group: readonly Entry[]): Promise<void> {
    if (group.length === 0) return;
    await this.#flow.engine.run((work) => {
      for (const [key, item] of group) work.enqueue(messageQueue, key, { ...item, apart: true });
    });
  }

  /** Delivers one user's messages strictly in order. */
  async #oneByOne(group: readonly Entry[]): Promise<void> {
    for (const entry of group) {
      try {
        await this.#deliver([entry]);
      } catch (error) {
        if (!isRefusal(error) || !this.#refusedForGood(entry[0])) throw error;
        await this.#setAside(entry, error);
      }
    }
  }

  /** A refusal counts when the gateway has taken others since the last one. */
  #refusedForGood(key: string): boolean {
    const refusal = this.#refusals.get(key) ?? { tries: 0, takenThen: -1 };
    if (this.#taken > refusal.takenThen) refusal.tries += 1;
    refusal.takenThen = this.#taken;
    this.#refusals.set(key, refusal);
    return refusal.tries >= this.#maxTries;
  }

  async #setAside([key, item]: Entry, error: TandemError): Promise<void> {
    const { id = '', pair } = item.message ?? {};
    const tries = this.#refusals.get(key)?.tries ?? 0;
    await this.#flow.engine.run((work) => {
      work.done(messageQueue, key);
      work.put(setAsideTable, key, { ...item, at: work.now, tries, reason: error.message });
      work.fault('message-set-aside', { message: id, ...(pair === undefined ? {} : { pair }) });
      work.emit({ type: 'alarm', what: 'message-set-aside', message: id });
    });
    this.#refusals.delete(key);
  }

  /** What the gateway has taken is receipted, and a side whose last word it was is over. */
  async #deliver(group: readonly Entry[]): Promise<void> {
    // A message whose user was erased before it left is nobody's any more.
    const messages = group.flatMap(([, { message }]) => message ?? []);
    if (messages.length > 0) await this.#flow.gateway.deliver(messages);
    this.#taken += messages.length;
    await this.#flow.engine.run((work) => {
      work.journal('receipt', { messages: messages.map(({ id }) => id) });
      for (const [key, item] of group) {
        work.done(messageQueue, key);
        this.#refusals.delete(key);
        this.#endSide(work, item);
      }
    });
  }

  #endSide(work: Work, { ends }: MessageItem): void {
    if (ends === undefined) return;
    const found = loadSide(work, ends.pair, ends.leg);
    if (found !== undefined && !found.state.told) this.#onTold(work, found);
  }
}

/** The gateway has answered, and would not have this content; not that it is out of reach, busy or shut to this node. */
function isRefusal(error: unknown): error is TandemError {
  if (!(error instanceof TandemError) || error.code !== 'gateway-unavailable') return false;
  const { status } = error.facts;
  return typeof status === 'number' && status >= 400 && !notOfTheMessage.has(status);
}

const notOfTheMessage: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 425, 429, 502, 503, 504]);

/** Oldest first. */
export async function listSetAside({ store }: Engine): Promise<readonly (readonly [key: string, SetAside])[]> {
  const found: (readonly [string, SetAside])[] = [];
  for await (const entry of store.scan(setAsideTable)) found.push(entry);
  return found;
}

/**
 * Puts a message that was set aside back into the queue, behind what waits for the same user. False where there is
 * none.
 */
export const sendAgain = (engine: Engine, id: string): Promise<boolean> =>
  listSetAside(engine).then((all) => {
    const found = all.find(([, { message }]) => message?.id === id);
    if (found === undefined) return false;
    const [key, { at: _at, tries: _tries, reason: _reason, ...item }] = found;
    return engine.run((work) => {
      if (work.get(setAsideTable, key) === undefined) return false;
      work.del(setAsideTable, key);
      work.enqueue(messageQueue, key, { ...item, apart: true });
      work.journal('staff', { did: 'send-again', message: id });
      return true;
    });
  });
