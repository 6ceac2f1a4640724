/**
 * One operator: a disk that stays, and processes on it that come and go. A process is the node's real code
 * (`operator-node/compose.ts`) between models of disk, clock, chain, network and gateway.
 */
import type { AlarmCode } from '../../operator-node/alarms/catalogue.ts';
import type { Method, Request, Answer } from '../../operator-node/channel/messages.ts';
import { composeNode, type ComposedNode } from '../../operator-node/compose.ts';
import { openDomains } from '../../operator-node/flow/own-domains.ts';
import type { NodeParts } from '../../operator-node/wiring/node-parts.ts';
import { maxBlockGapOf, type Config } from '../../operator-node/config.ts';
import type { Clock } from '../../operator-node/engine/clock.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { GroupCommitStore } from '../../operator-node/store/group-commit.ts';
import { SimulatedDisk } from '../../operator-node/store/memory.ts';
import { machines } from '../../operator-node/flow/machines.ts';
import { auditLogDomain } from './chain/audit-log.ts';
import { ChainPort, noTrouble, type ChainTrouble } from './chain/chain-port.ts';
import { processDisk, type WriteFate } from './disk.ts';
import type { Station } from './network.ts';
import type { Chance } from './random.ts';
import { analysis, configOf, directory } from './setting.ts';
import { recorded } from './transitions.ts';
import type { World } from './world.ts';

/** What a planted bug replaces or adds. */
export interface Plant {
  readonly parts?: (parts: NodeParts, world: World, operator: OperatorId) => NodeParts;
  readonly started?: (node: ComposedNode, world: World, operator: OperatorId) => void;
  /** Alarms that what is planted rings. */
  readonly rings?: readonly AlarmCode[];
  /** Writes are said to be done so long before they are. */
  readonly unsyncedMillis?: number;
}

/** When the process dies at a message that leaves it. */
export type SendFate = 'sent' | 'dies-before' | 'dies-after';

interface Process extends Station {
  readonly number: number;
  readonly node: ComposedNode;
  alive: boolean;
  /** Everything that is read at start has been read. */
  ready: boolean;
}

const restartMillis = 2_000;

export class SimulatedNode {
  readonly operator: OperatorId;
  readonly name: string;
  readonly disk = new SimulatedDisk();
  readonly config: Config;
  readonly chain: ChainTrouble = noTrouble();
  readonly chance: Chance;
  gatewayDown = false;
  /** The gateway takes messages and its reply is lost. */
  gatewayDeaf = 0;
  /** Added to what the process's clock says, in milliseconds. */
  clockError = 0;
  writes = 0;
  sends = 0;
  /** Do not start a process again by itself. */
  keptDown = false;
  /** How often `signer` and `account` were rotated; a process has the keys of when it was started. */
  keys = 0;
  /** Its transactions reach a pool so much later: it anchors when it likes to. */
  holdsBackMillis = 0;
  #process: Process | undefined;
  #processes = 0;
  #paused = false;
  readonly #backlog: (() => void)[] = [];
  readonly #world: World;

  constructor(world: World, operator: OperatorId) {
    this.#world = world;
    this.operator = operator;
    this.name = `op${operator}`;
    this.config = configOf(operator, world.timing, world.settlementRules);
    this.chance = world.chance.fork(`node ${operator}`);
  }

  get process(): Process | undefined {
    return this.#process;
  }

  /** The process that answers: up, and with everything read. */
  get serving(): Process | undefined {
    return this.#process?.ready === true ? this.#process : undefined;
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const action of this.#backlog.splice(0)) action();
  }

  /** The process is gone with all that it knew. */
  die(how: string): void {
    const process = this.#process;
    if (process === undefined) return;
    process.alive = false;
    this.#process = undefined;
    this.disk.crash('lost');
    this.#paused = false;
    this.#backlog.length = 0;
    this.#world.tell(this.name, 'dies', how);
    if (!this.keptDown) this.#startLater();
  }

  #startLater(): void {
    this.#world.time.after(this.chance.between(10, restartMillis), () => {
      if (this.#process === undefined && !this.keptDown) this.start();
    });
  }

  start(): void {
    this.keptDown = false;
    if (this.#process !== undefined) return;
    const process = this.#open();
    this.#process = process;
    this.#world.tell(this.name, 'starts', process.number);
    this.#world.plant?.started?.(process.node, this.#world, this.operator);
    process.node.start().then(
      () => {
        process.ready = true;
      },
      (error: unknown) => {
        if (!process.alive) return;
        this.die(`at start: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
  }

  #open(): Process {
    const { time, notary, chance, settlement } = this.#world;
    const number = this.#processes;
    this.#processes += 1;
    const isAlive = (): boolean => process.alive;
    const gate = (action: () => void): void => {
      if (!isAlive()) return;
      if (this.#paused)
        this.#backlog.push(() => {
          gate(action);
        });
      else action();
    };
    const after = (millis: number, action: () => void): (() => void) =>
      time.after(millis, () => {
        gate(action);
      });
    const clock: Clock = {
      now: () => (time.now + this.clockError) as UnixMillis,
      after,
    };
    const store = new GroupCommitStore(
      processDisk({
        disk: this.disk,
        unsyncedMillis: this.#world.plant?.unsyncedMillis ?? 0,
        fate: () => this.#nextWrite(),
        latency: () => this.#world.diskMillis(),
        after,
        written: (ops) => {
          this.#world.monitor.written(this.operator, ops);
          this.#world.written(this, ops);
        },
        die: (how) => {
          this.die(how);
        },
      }),
      { schedule: queueMicrotask, freeze: this.#world.strict },
    );
    const chain = new ChainPort({
      chain: this.#world.chain,
      notary,
      self: this.operator,
      hostile: () => this.#world.hostile,
      trouble: this.chain,
      chance: chance.fork(`endpoint ${this.operator} ${number}`),
      pass: (millis) =>
        millis === 0 && !this.#paused
          ? isAlive()
            ? Promise.resolve()
            : new Promise(() => undefined)
          : new Promise((resolve) => after(millis, resolve)),
      leaves: (raw) => {
        if (!isAlive()) return false;
        this.#world.monitor.broadcasts(this.operator, raw);
        return this.#leaves('transaction', process);
      },
      fired: (fault) => {
        this.#world.fired(fault, this.operator);
      },
      submit: (transaction) => {
        if (this.holdsBackMillis === 0) return this.#world.chain.submit(transaction);
        this.#world.time.after(this.holdsBackMillis, () => {
          this.#world.chain.submit(transaction);
        });
        return { outcome: 'held' };
      },
    });
    const failed = (where: string, error: unknown): void => {
      if (!isAlive()) return;
      const message = error instanceof Error ? error.message : String(error);
      this.#world.tell(this.name, 'trouble', where, message);
      if (error instanceof TandemError && error.code === 'store-failed') this.#fatal(message);
      else if (!(error instanceof TandemError)) this.#world.fault(this.operator, where, error);
    };
    const parts: NodeParts = {
      ...openDomains(this.config, analysis),
      config: this.config,
      operatorKey: chance.fork(`operator key ${this.operator}`).bytes(32),
      settlement,
      firstBlock: 1,
      maxBlockGapSeconds: maxBlockGapOf(this.config, {}),
      store,
      clock,
      random: chance.fork(`process ${this.operator} ${number}`),
      reader: chain,
      writer: chain,
      calls: notary.calls,
      auditLog: notary.auditLog,
      statements: { domain: auditLogDomain, calls: notary.statementCalls },
      signer: notary.batchSigner(this.operator, this.keys),
      ownKeys: {
        signer: notary.signerOf(this.operator, this.keys),
        account: notary.accountOf(this.operator, this.keys),
      },
      transactionSigners: {
        carrier: notary.transactionSigner(this.operator, 'carrier', 0),
        account: notary.transactionSigner(this.operator, 'account', this.keys),
      },
      analysis,
      directory,
      gateway: {
        name: 'phones',
        deliver: (messages) => this.#deliver(messages, process),
        close: () => Promise.resolve(),
      },
      remote: () => this.#world.network.channel(() => process),
      onEvent: (event) => {
        if (!isAlive()) return;
        this.#world.event(this.operator, event);
      },
      onFailure: failed,
      onFatal: (error) => {
        if (isAlive()) this.#fatal(error instanceof Error ? error.message : String(error));
      },
    };
    const node = composeNode(this.#recorded(this.#world.plant?.parts?.(parts, this.#world, this.operator) ?? parts));
    const process: Process = {
      number,
      operator: this.operator,
      node,
      handlers: this.#world.restore?.wrap(this.operator, node.handlers) ?? node.handlers,
      gate,
      alive: true,
      ready: false,
      asks: <M extends Method>(peer: OperatorId, method: M, request: Request<M>) => {
        if (!isAlive()) return false;
        this.#world.tell(this.name, 'asks', peer, method);
        this.#world.monitor.asks(this.operator, method, request);
        return this.#leaves('request', process);
      },
      answers: <M extends Method>(peer: OperatorId, method: M, answer: Answer<M>) => {
        if (!isAlive()) return false;
        this.#world.tell(this.name, 'answers', peer, method, 'answer' in answer ? answer.answer : '');
        this.#world.monitor.answers(this.operator, peer, method, answer);
        return this.#leaves('answer', process);
      },
    };
    return process;
  }

  /** Each step that a table takes is noted. */
  #recorded(parts: NodeParts): NodeParts {
    const { transitions } = this.#world;
    return { ...parts, machines: recorded(parts.machines ?? machines, (transition) => transitions.add(transition)) };
  }

  /** As a process whose store has failed: it ends, and is started again when there is room. */
  #fatal(message: string): void {
    this.die(`by itself: ${message}`);
  }

  #nextWrite(): WriteFate {
    this.writes += 1;
    return this.#world.writeFate(this);
  }

  #leaves(what: string, process: Process): boolean {
    this.sends += 1;
    const fate = this.#world.sendFate(this);
    if (fate === 'dies-before') {
      this.die(`before a ${what} leaves`);
      return false;
    }
    if (fate === 'dies-after') {
      this.#world.time.after(0, () => {
        if (process.alive) this.die(`after a ${what} has left`);
      });
    }
    return true;
  }

  async #deliver(messages: readonly OutboundMessage[], process: Process): Promise<void> {
    if (!process.alive) return new Promise(() => undefined);
    const { time, monitor, phones, tell } = this.#world;
    monitor.delivers(this.operator, messages);
    if (!this.#leaves('message', process)) return new Promise(() => undefined);
    await new Promise<void>((resolve) => {
      time.after(this.chance.between(1, 20), () => {
        if (!this.gatewayDown) for (const message of messages) phones.receive(message);
        process.gate(resolve);
      });
    });
    if (this.gatewayDown) {
      this.#world.fired('gateway-down', this.operator);
      throw new TandemError('gateway-unavailable', 'simulated: the gateway is down');
    }
    if (this.chance.happens(this.gatewayDeaf)) {
      this.#world.fired('receipt-lost', this.operator);
      throw new TandemError('gateway-unavailable', 'simulated: the receipt is lost');
    }
    tell.call(this.#world, this.name, 'delivered', messages.length);
  }
}
