/** Plays a recording on a devnet, and says where it came out otherwise. */
import { randomUUID } from 'node:crypto';
import type { DevnetFile, DevnetUser } from '../../operator-node/cli/devnet-file.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Devnet } from './devnet.ts';
import { PhoneWatch } from './phones.ts';
import { fill, matches, type Memory, type Recording, type Scene, type Step } from './recording.ts';
import type { Screen } from './screen.ts';
import { until } from './wait.ts';

/** Anchoring, deciding and finality take a few blocks of a second each. */
const arrivalMillis = 30_000;
/** How long a phone must stay silent at the end of a scene: a message too many comes at once or not at all. */
const silenceMillis = 400;

export interface Played {
  readonly messages: number;
  /** What came out otherwise than the recording says. */
  readonly faults: readonly string[];
  /** Every pair that a message named. */
  readonly pairs: ReadonlySet<string>;
}

export class Player {
  readonly #devnet: Devnet;
  readonly #file: DevnetFile;
  readonly #screen: Screen;
  readonly #watch: PhoneWatch;
  readonly #unread: OutboundMessage[] = [];
  readonly #pairs = new Set<string>();
  readonly #faults: string[] = [];
  #sent = 0;

  constructor(devnet: Devnet, file: DevnetFile, screen: Screen) {
    this.#devnet = devnet;
    this.#file = file;
    this.#screen = screen;
    const phones = file.users.map((user) => ({ number: user.number, client: devnet.operator(user.operator) }));
    this.#watch = new PhoneWatch(phones, (message) => this.#arrived(message));
  }

  async play(recording: Recording): Promise<Played> {
    await this.#watch.skip();
    this.#watch.start();
    try {
      for (const scene of recording.scenes) await this.#playScene(scene);
    } finally {
      this.#watch.stop();
    }
    return { messages: this.#sent, faults: this.#faults, pairs: this.#pairs };
  }

  async #playScene(scene: Scene): Promise<void> {
    this.#screen.scene(scene.name);
    const memory: Memory = new Map();
    for (const step of scene.steps) {
      try {
        await this.#playStep(step, memory);
      } catch (error) {
        this.#fault(`${scene.name}: ${(error as Error).message}`);
        return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, silenceMillis));
    await this.#watch.read();
    for (const { to, text } of this.#unread.splice(0)) {
      this.#fault(`${scene.name}: ${this.#nameOf(to)} received what the recording does not have: "${text}"`);
    }
  }

  async #playStep(step: Step, memory: Memory): Promise<void> {
    const from = this.#user(step.from);
    const operator = this.#file.operators.find(({ handle }) => handle === from.operator);
    if (operator === undefined) throw new Error(`no operator ${from.operator}`);
    const to = step.to === 'service' ? operator.serviceNumber : this.#number(step.to);
    const text = fill(step.text, memory);
    const id = randomUUID();
    const { disposition } = await this.#devnet
      .operator(operator.handle)
      .receiveMessage({ id, from: from.number, to, text });
    this.#sent += 1;
    this.#screen.sent(this.#nameOf(from.number), this.#nameOf(to), text, disposition);
    if (disposition !== step.disposition) {
      this.#fault(`"${text}" of ${from.name} was ${disposition}, the recording says ${step.disposition}`);
    }
    const awaited = [...step.arrives];
    await until(
      () => {
        for (const expected of [...awaited]) {
          const number = this.#number(expected.phone);
          const found = this.#unread.findIndex(
            (message) => message.to === number && matches(expected.text, message.text, memory),
          );
          if (found === -1) continue;
          this.#unread.splice(found, 1);
          awaited.splice(awaited.indexOf(expected), 1);
        }
        return awaited.length === 0 ? true : undefined;
      },
      {
        timeoutMillis: arrivalMillis,
        everyMillis: 30,
        failure: () => {
          const missing = awaited.map(({ phone, text: wanted }) => `${phone}: "${wanted}"`).join('; ');
          const instead = this.#unread.splice(0).map(({ to: phone, text: got }) => `${this.#nameOf(phone)}: "${got}"`);
          return `after "${text}" of ${from.name} did not arrive: ${missing}. Arrived instead: ${instead.join('; ') || 'nothing'}`;
        },
      },
    );
  }

  #arrived(message: OutboundMessage): void {
    if (message.pair !== undefined) this.#pairs.add(message.pair);
    this.#unread.push(message);
    this.#screen.received(this.#nameOf(message.from), this.#nameOf(message.to), message.text);
  }

  #fault(text: string): void {
    this.#faults.push(text);
    this.#screen.problem(`  ${text}`);
  }

  /** A user by the first word of the name, in lower case. */
  #user(name: string): DevnetUser {
    const found = this.#file.users.find((user) => user.name.split(' ')[0]?.toLowerCase() === name);
    if (found === undefined) throw new Error(`the recording names "${name}", who is not on this devnet`);
    return found;
  }

  #number(text: string): string {
    return text.startsWith('+') ? text : this.#user(text).number;
  }

  #nameOf(number: string): string {
    const user = this.#file.users.find((each) => each.number === number);
    if (user !== undefined) return user.name.split(' ')[0] ?? user.name;
    return this.#file.operators.find(({ serviceNumber }) => serviceNumber === number)?.handle ?? number;
  }
}
