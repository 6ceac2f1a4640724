/** A devnet of real processes for a test: temporary folder, free ports, users' phones, and its end. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile, DevnetUser } from '../../operator-node/cli/devnet-file.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Disposition } from '../../operator-node/model/events.ts';
import { Devnet, type DevnetOptions } from '../../scripts/devnet/devnet.ts';
import { PhoneWatch } from '../../scripts/devnet/phones.ts';
import { freePortBase } from '../../scripts/devnet/ports.ts';
import { devnetUsers } from '../../scripts/devnet/users.ts';
import { until } from '../../scripts/devnet/wait.ts';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'tandem-e2e-'));

const arrivalMillis = 30_000;

export class TestNet {
  readonly devnet: Devnet;
  readonly file: DevnetFile;
  readonly dir: string;
  /** All that has arrived on phones, in order of arrival here. */
  readonly received: OutboundMessage[] = [];
  /** Parts that died without the test's doing. */
  readonly deaths: string[];
  readonly #watch: PhoneWatch;

  private constructor(devnet: Devnet, file: DevnetFile, dir: string, deaths: string[]) {
    this.devnet = devnet;
    this.file = file;
    this.dir = dir;
    this.deaths = deaths;
    const phones = file.users.map((user) => ({ number: user.number, client: devnet.operator(user.operator) }));
    this.#watch = new PhoneWatch(phones, (message) => this.received.push(message));
    this.#watch.start();
  }

  static async start(options: Partial<DevnetOptions> = {}): Promise<TestNet> {
    const dir = options.dir ?? temporaryFolder();
    const deaths: string[] = [];
    const devnet = await Devnet.start({
      portBase: options.portBase ?? (await freePortBase()),
      fresh: true,
      users: devnetUsers,
      keepChain: false,
      say: () => {},
      onDeath: (part, exit, logFile) => deaths.push(`${part}: ${exit.signal ?? exit.code}, see ${logFile}`),
      ...options,
      dir,
    });
    return new TestNet(devnet, await devnet.publish(), dir, deaths);
  }

  /** A user by first name, in small letters. */
  user(name: string): DevnetUser {
    const found = this.file.users.find((user) => user.name.split(' ')[0]?.toLowerCase() === name);
    if (found === undefined) throw new Error(`no user ${name}`);
    return found;
  }

  node(name: string): NodeClient {
    return this.devnet.operator(this.user(name).operator);
  }

  service(name: string): string {
    const { operator } = this.user(name);
    const found = this.file.operators.find(({ handle }) => handle === operator);
    if (found === undefined) throw new Error(`no operator ${operator}`);
    return found.serviceNumber;
  }

  /** From a user's phone to a user by name, to `service`, or to a number. */
  async send(from: string, to: string, text: string, id: string = randomUUID()): Promise<Disposition> {
    const number = to === 'service' ? this.service(from) : to.startsWith('+') ? to : this.user(to).number;
    const message = { id, from: this.user(from).number, to: number, text };
    return (await this.node(from).receiveMessage(message)).disposition;
  }

  /** The first message on that phone, from `since` on, whose text matches; its groups are in `match`. */
  async arrived(
    name: string,
    pattern: RegExp,
    since = 0,
  ): Promise<{ readonly message: OutboundMessage; readonly match: RegExpExecArray }> {
    const { number } = this.user(name);
    return until(
      () => {
        for (const message of this.received.slice(since)) {
          const match = message.to === number ? pattern.exec(message.text) : null;
          if (match !== null) return { message, match };
        }
        return undefined;
      },
      {
        timeoutMillis: arrivalMillis,
        failure: () => {
          const got = this.received.slice(since).map(({ to, text }) => `${to}: ${text}`);
          return `${name} received nothing like ${String(pattern)}; received was\n${got.join('\n') || 'nothing'}`;
        },
      },
    );
  }

  async balances(name: string): Promise<Readonly<Record<string, { balance: string; held: string }>>> {
    const { accounts } = await this.node(name).accounts({ number: this.user(name).number });
    return Object.fromEntries(accounts.map(({ asset, balance, held }) => [asset, { balance, held }]));
  }

  readPhones(): Promise<void> {
    return this.#watch.read();
  }

  /** The folder stays. */
  async stopOnly(): Promise<void> {
    this.#watch.stop();
    await this.devnet.stop();
  }

  async stop(): Promise<void> {
    await this.stopOnly();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
