/**
 * One run: operators, chain, network, phones and what goes wrong, all of one seed. First anything may happen, then
 * everything is healed and must come to its end (docs/simulation.md).
 */
import type { AlarmEvent, EngineEvent } from '../../operator-node/engine/engine.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { batchIdOf } from '../../operator-node/commitment/typed-data.ts';
import { maxBlockGapOf, type Config } from '../../operator-node/config.ts';
import type { Amount, Asset, BatchId, Hash, Hex, OperatorId, UnixSeconds } from '../../operator-node/model/ids.ts';
import type { Batch, SettlementDomain } from '../../operator-node/model/records.ts';
import type { DiskOp } from '../../operator-node/store/disk.ts';
import { auditStores } from './audit.ts';
import { Contract, type Call } from './chain/contract.ts';
import { ModelChain, type Market, type ModelTransaction } from './chain/model-chain.ts';
import { cheapNotary, realNotary, settlementAddress, type Notary } from './chain/notary.ts';
import type { WriteFate } from './disk.ts';
import { attackNames, attacks, type AttackName } from './attacks.ts';
import { beginFault, faultNames, type FaultName } from './faults.ts';
import { toldAnswer, toldRequests, type Liar, type LieName } from './lies.ts';
import { HostileMember } from './hostile.ts';
import { Monitor } from './monitor.ts';
import { ModelNetwork } from './network.ts';
import { Phones, type Person } from './phones.ts';
import { Chance } from './random.ts';
import { beginning, chainId, numberOf, serviceNumberOf } from './setting.ts';
import { SimulatedNode, type Plant, type SendFate } from './simulated-node.ts';
import { Restore, randomRestore, type RestoreName, type RestorePlan } from './restore.ts';
import { Story } from './story.ts';
import { Time } from './time.ts';
import type { RunResult } from './run-result.ts';
import { Violation, type Invariant } from './violation.ts';
import { planWindows, settleWindows } from './windows.ts';

export interface RunOptions {
  readonly seed: number;
  /** Keeps the story. */
  readonly trace?: boolean;
  /** No faults but those that are directed: for the golden run. */
  readonly calm?: boolean;
  /** Begins this fault when a side of one of the nodes first comes to this state. */
  readonly directed?: { readonly fault: FaultName | AttackName; readonly state: string };
  /** What happens at the k-th write or send of a node, counted from the beginning of the orders (1: the first). */
  readonly enumerated?: {
    readonly operator: OperatorId;
    readonly write?: { readonly at: number; readonly fate: WriteFate };
    readonly send?: { readonly at: number; readonly fate: SendFate };
  };
  /** These orders and no others; everybody who is asked says yes. */
  readonly script?: readonly Scripted[];
  /** What staff does and when, after the beginning of the orders; in the end every window is settled. Else by chance. */
  readonly staff?: readonly { readonly atMillis: number; readonly act: (world: World) => void }[];
  readonly plant?: Plant;
  /** Three operators, and the third is hostile from the beginning. */
  readonly hostile?: boolean;
  /** A store is lost and an old one takes its place. */
  readonly restore?: RestorePlan;
  /** Invariants that are not checked. */
  readonly deaf?: readonly Invariant[];
  readonly orders?: number;
  /** For how long users order and things go wrong. */
  readonly spanMillis?: number;
  readonly faults?: readonly (FaultName | AttackName)[];
  readonly timing?: Partial<Config['timing']>;
  readonly settlement?: Partial<Config['settlement']>;
}

export interface Scripted {
  /** After the beginning of the orders. */
  readonly atMillis: number;
  readonly from: readonly [operator: number, person: number];
  /** The operator's own number where `to` is absent. */
  readonly to?: readonly [operator: number, person: number];
  /** `{ref}` is the last ref that this person can give back or take back. */
  readonly text: string;
}

/** A registry that changes all the time, by one member's doing, is read by the others within this. */
const maxRegistryMillis = 30_000;
/** How often it is looked at what a node says of itself. */
const readinessMillis = 1_000;

export const authority = '0x' + 'aa'.repeat(20);
const maxWindow = 86_400;
const gwei = 1_000_000_000n;
/** For all transactions of a run. */
const plenty = 1_000_000n * 1_000_000n * gwei;
/** Longer than any run. */
const overlapSeconds = 1_800;

export class World {
  readonly chance: Chance;
  readonly time = new Time(beginning);
  readonly story: Story;
  readonly operators: readonly OperatorId[];
  readonly notary: Notary;
  readonly settlement: SettlementDomain = { chainId, contract: settlementAddress };
  readonly timing: Partial<Config['timing']>;
  readonly settlementRules: Partial<Config['settlement']>;
  readonly monitor: Monitor;
  readonly chain: ModelChain;
  readonly network: ModelNetwork;
  readonly phones: Phones;
  readonly plant: Plant | undefined;
  readonly restore: Restore | undefined;
  /** Real keys, schema checks and frozen records. */
  readonly strict: boolean;
  violation: Violation | undefined;
  /** Says no whatever it is asked. */
  readonly refuser = numberOf(2, 3);
  /** Who has turned on all the others, where somebody has. */
  hostile: HostileMember | undefined;
  stalled = false;
  leftOut = 0.02;
  readonly #options: RunOptions;
  /** Who lies to whom now, and how: `<liar>!<victim>`. */
  readonly #lies = new Map<string, LieName>();
  readonly #nodes: ReadonlyMap<OperatorId, SimulatedNode>;
  /** Have said what no honest node would say. */
  readonly #toldExtremes = new Set<OperatorId>();
  readonly #rotated = new Set<OperatorId>();
  /** Could not pay for gas at some time, or not be sure to. */
  readonly #poor = new Set<OperatorId>();
  #feesAreRaised = false;
  readonly #coverage = new Set<string>();
  readonly transitions = new Set<string>();
  readonly #ends = new Map<number, () => void>();
  readonly #nextWrite = new Map<OperatorId, WriteFate>();
  readonly #nextSend = new Map<OperatorId, SendFate>();
  readonly #counted = new Map<OperatorId, { writes: number; sends: number }>();
  readonly #blockMillis: number;
  readonly #slowDisk: number;
  /** The chain makes no block without a transaction. */
  readonly #onDemand: boolean;
  /** Since when a node says that it is not ready, by what it says is wrong. */
  readonly #notReady = new Map<OperatorId, ReadonlyMap<string, number>>();
  #endId = 0;
  #authorityNonce = 0;
  /** Handed to the pool again and again, as the consortium would. */
  readonly #governing: ModelTransaction[] = [];
  #counting = false;
  #directed = false;
  #besieged = false;
  #faulty = false;

  constructor(options: RunOptions) {
    this.#options = options;
    const { seed, trace = false, plant } = options;
    this.chance = new Chance(`seed ${seed}`);
    this.plant = plant;
    this.strict = seed % 50 === 0;
    this.story = new Story(beginning, trace);
    this.operators = (seed % 10 === 3 || options.hostile === true ? [1, 2, 3] : [1, 2]) as OperatorId[];
    const lost =
      options.restore ??
      (ofChance(options) && options.hostile !== true
        ? randomRestore(seed, this.operators, this.chance.fork('restore'))
        : undefined);
    this.restore = lost === undefined ? undefined : new Restore(this, lost);
    // It is rotated without overlap, which would end the other rotation's.
    if (lost !== undefined) this.#rotated.add(lost.operator);
    this.notary = this.strict ? realNotary() : cheapNotary(chainId);
    this.timing = options.timing ?? {};
    this.settlementRules = options.settlement ?? {};
    const { chance } = this;
    this.#blockMillis = chance.pick([1_000, 2_000, 3_000]);
    this.#onDemand = seed % 7 === 5;
    this.#slowDisk = chance.pick([0, 1, 5, 40]);
    this.monitor = new Monitor({
      violated: (violation) => {
        this.violated(violation);
      },
      expectedAlarm: (operator, event) => this.#expectedAlarm(operator, event),
    });
    const { notary } = this;
    const contract = new Contract(
      {
        batchIdOf: remembered((batch) => batchIdOf(this.settlement, batch)),
        signed: notary.signed,
        authority,
        maxWindow,
      },
      new Map(
        this.operators.map((operator) => [
          operator,
          {
            status: 'active',
            controller: authority,
            account: notary.accountOf(operator, 0),
            previousAccount: '',
            previousAccountUntil: 0,
            signer: notary.signerOf(operator, 0),
            previousSigner: '0x' as Hex,
            previousSignerUntil: 0,
          },
        ]),
      ),
    );
    this.chain = new ModelChain({
      chance: chance.fork('chain'),
      contract,
      genesisTime: beginning / 1000 - 10,
      // Where blocks come on demand, depth would take longer than these short deadlines.
      depth: this.#onDemand ? 0 : chance.pick([0, 0, 1, 2, 3]),
      market: this.#openMarket(),
      onFinal: (block) => {
        this.monitor.final(block);
      },
    });
    this.network = new ModelNetwork({
      time: this.time,
      chance: chance.fork('network'),
      checked: this.strict,
      suspects: (operator) => this.hostile?.operator === operator || this.#toldExtremes.has(operator),
      stationOf: (operator) => this.node(operator).serving,
      waylays: (from, to, method, request) => this.restore?.waylays(from, to, method, request) === true,
      fired: (fault, from, to) => {
        if (fault === 'link-cut') {
          this.fired('link-cut-out', from);
          this.fired('link-cut-in', to);
          return;
        }
        this.fired(fault, from);
        this.fired(fault, to);
      },
      said: (from, to, method, request) => {
        const lie = this.#lies.get(`${from}!${to}`);
        if (lie === undefined) return [request];
        this.tell(`op${from}`, 'lies', to, lie, method);
        return toldRequests(lie, this.#liar(from), method, request);
      },
      replied: (from, to, method, request, answer) => {
        const lie = this.#lies.get(`${from}!${to}`);
        return lie === undefined ? answer : toldAnswer(lie, this.#liar(from), method, request, answer);
      },
    });
    this.network.latencyMillis = chance.pick([5, 5, 50, 300]);
    this.#nodes = new Map(this.operators.map((operator) => [operator, new SimulatedNode(this, operator)]));
    for (const node of this.#nodes.values()) this.monitor.watch(node.operator, node.disk);
    this.phones = new Phones(this, 9);
  }

  /** A chain that asks for nothing, where nobody has anything; one that takes nothing but nothing; or one with fees. */
  #openMarket(): Market {
    const chance = this.chance.fork('market');
    const kind = chance.pick(['free', 'free', 'only free', 'fees', 'fees'] as const);
    const balances = new Map<string, bigint>();
    const market = {
      baseFee: kind === 'fees' ? gwei / 2n : 0n,
      tip: kind === 'fees' ? gwei : 0n,
      onlyFree: kind === 'only free',
      balances,
    };
    const rich = kind === 'fees' || (kind === 'only free' && chance.happens(0.5));
    for (const operator of this.operators) {
      for (const address of this.#addressesOf(operator)) balances.set(address, rich ? plenty : 0n);
    }
    return market;
  }

  /** Those that transactions of its go from, now and after rotations. */
  #addressesOf(operator: OperatorId): readonly string[] {
    return [
      this.notary.transactionSigner(operator, 'carrier', 0).address,
      ...[0, 1, 2, 3].map((version) => this.notary.accountOf(operator, version)),
    ];
  }

  /** The next orders of this operator cannot be paid for; undone by `fund`. */
  empty({ operator }: SimulatedNode): void {
    this.#poor.add(operator);
    const { balances } = this.chain.market;
    for (const address of this.#addressesOf(operator)) if (this.chance.happens(0.7)) balances.set(address, 0n);
  }

  fund({ operator }: SimulatedNode): void {
    const { balances, baseFee } = this.chain.market;
    if (baseFee === 0n) return;
    for (const address of this.#addressesOf(operator)) balances.set(address, plenty);
  }

  /** Gas costs more, or anything at all. @returns what ends it */
  raiseFees(): () => void {
    const { market } = this.chain;
    const { baseFee } = market;
    if (market.onlyFree || this.#feesAreRaised) return () => undefined;
    this.#feesAreRaised = true;
    for (const operator of this.operators) this.#poor.add(operator);
    market.baseFee = baseFee === 0n ? this.chance.pick([1n, gwei]) : baseFee * this.chance.pick([3n, 40n]);
    return () => {
      this.#feesAreRaised = false;
      market.baseFee = baseFee;
    };
  }

  node(operator: OperatorId): SimulatedNode {
    const node = this.#nodes.get(operator);
    if (node === undefined) throw new RangeError(`there is no operator ${operator}`);
    return node;
  }

  // ---- the run

  async run(): Promise<RunResult> {
    try {
      await this.#play();
    } catch (error) {
      if (error instanceof Violation) this.violated(error);
      else throw error;
    }
    for (const node of this.#nodes.values()) {
      node.keptDown = true;
      node.die('the run is over');
    }
    const sidesOf = (operator: OperatorId): readonly string[] =>
      [...this.monitor.sides(operator)].map(
        ([key, { state, reason }]) => `${operator} ${key.slice(37)} ${state} ${reason ?? ''}`,
      );
    return {
      seed: this.#options.seed,
      violation: this.violation,
      hash: this.story.hash,
      lines: this.story.lines,
      pairs: this.monitor.pairsBegun,
      committed: this.monitor.pairsCommitted,
      events: this.time.events,
      seconds: (this.time.now - beginning) / 1000,
      coverage: this.#coverage,
      transitions: this.transitions,
      writes: new Map([...this.#counted].map(([operator, { writes }]) => [operator, writes])),
      sends: new Map([...this.#counted].map(([operator, { sends }]) => [operator, sends])),
      outcomes: this.operators.flatMap(sidesOf),
    };
  }

  async #play(): Promise<void> {
    this.#makeBlocks();
    this.#watchReadiness();
    for (const node of this.#nodes.values()) node.start();
    await this.#until(
      5_000,
      () =>
        this.operators.every(
          (operator) =>
            this.node(operator).process?.node.sender.ready === true && this.node(operator).serving !== undefined,
        ),
      'nodes start',
    );
    await this.#openAccounts();
    this.#counting = true;
    this.restore?.begin();
    const { chance } = this;
    const span = this.#options.spanMillis ?? chance.between(15_000, 60_000);
    this.#order(span);
    this.#faulty = this.#options.calm !== true;
    if (this.#options.hostile === true) this.#besiege();
    if (this.#faulty && !this.#besieged) this.#planFaults(span);
    await this.time.run(this.time.now + span + 1_000, () => this.violation !== undefined);
    if (this.#options.directed !== undefined) await this.#awaitDirected();
    this.#check();
    this.restore?.force();
    this.#heal();
    const { restore } = this;
    if (restore !== undefined) await this.#until(120_000, () => restore.done, 'the restored node goes on (rule 11)');
    const { acceptSeconds, commitMarginSeconds } = this.node(1 as OperatorId).config.timing;
    // An order by a clock that was ahead has a deadline that is far.
    const last = Math.max(this.time.now + (acceptSeconds + 15) * 1000, this.#latestDeadline());
    const bound = last + (commitMarginSeconds + 100) * 1000 + this.#finalityMillis() - this.time.now;
    await this.#until(bound, () => this.quiet, 'every pair is final and every user told (I6)');
    if (this.restore?.meetsForgotten === true) await this.#meetForgotten();
    await this.#probe();
    if (this.restore !== undefined) await this.#until(bound, () => this.monitor.quiet, 'every batch is over (I6)');
    if (this.#options.script === undefined || this.#options.staff !== undefined) {
      await settleWindows(this, (done, what) => this.#until(60_000 + 4 * this.#finalityMillis(), done, what));
    }
    auditStores(this);
    this.restore?.check();
    this.#check();
  }

  /** A member is hostile from now on. In every second such run nothing else goes wrong, and nobody else may be hindered. */
  #besiege(): void {
    this.turnHostile(this.node(3 as OperatorId));
    this.#besieged = this.chance.happens(0.5);
    if (!this.#besieged) return;
    const ready = new Set<OperatorId>();
    const look = (): void => {
      if (!this.#faulty) return;
      for (const operator of this.able) {
        const node = this.node(operator).serving?.node;
        const { ageMillis = 0 } = node?.peers.status ?? {};
        if (ageMillis > maxRegistryMillis) {
          this.violated(new Violation('ready', `operator ${operator} has not read the registry for ${ageMillis} ms`));
        }
        const blocking = node?.flow.readiness.blocking();
        if (blocking === undefined) ready.add(operator);
        // Until the first final block a node catches up. Where blocks come on demand, a chain that nobody uses stands still.
        if (!ready.has(operator) || blocking === undefined || (this.#onDemand && blocking.name === 'chain')) continue;
        this.violated(new Violation('ready', `operator ${operator} is hindered: ${blocking.detail}`));
      }
      this.time.after(2_000, look);
    };
    look();
    this.time.after(14_000 + this.#finalityMillis(), () => {
      const waiting = this.able.find((operator) => !ready.has(operator));
      if (waiting !== undefined) this.violated(new Violation('ready', `operator ${waiting} is not ready in time`));
    });
  }

  /** k blocks, of the batch, of its decisions and of both attestations; on demand each takes a block gap. */
  #finalityMillis(): number {
    const gap = maxBlockGapOf(this.node(1 as OperatorId).config, {});
    const block = this.#onDemand ? (gap + 10) * 1000 : this.#blockMillis;
    return 4 * (this.chain.depth + 1) * block;
  }

  #order(span: number): void {
    const { script, seed, staff } = this.#options;
    for (const { atMillis, act } of staff ?? []) {
      this.time.after(atMillis, () => {
        act(this);
      });
    }
    if (script === undefined && staff === undefined) planWindows(this, span);
    if (script !== undefined) {
      this.phones.lively = false;
      for (const line of script) {
        this.time.after(line.atMillis, () => {
          this.phones.follow(line);
        });
      }
      return;
    }
    const [least, most] = seed % 10 === 7 ? [150, 400] : [20, 90];
    const orders = this.#options.orders ?? this.chance.between(least, most);
    for (let count = 0; count < orders; count += 1) {
      this.time.after(this.chance.below(span), () => {
        this.phones.act();
      });
    }
  }

  /** Some states come only when deadlines are past. */
  async #awaitDirected(): Promise<void> {
    const over = (): boolean => this.violation !== undefined;
    if (!this.#directed) await this.time.run(this.time.now + 60_000, () => over() || this.#directed);
    await this.time.run(this.time.now + 4_000, over);
  }

  #latestDeadline(): number {
    let latest = 0;
    for (const node of this.#nodes.values()) {
      for (const [key, { told }] of this.monitor.sides(node.operator)) {
        if (told) continue;
        const { deadline } = JSON.parse(node.disk.peek(`side!${key}`) ?? '{"deadline":0}') as { deadline: number };
        latest = Math.max(latest, deadline * 1000);
      }
    }
    return latest;
  }

  get quiet(): boolean {
    const governed = (this.chain.final.nonces.get(authority) ?? 0) === this.#authorityNonce;
    const quiet = this.restore === undefined ? this.monitor.quiet : this.restore.quiet;
    return governed && this.phones.waiting === 0 && quiet;
  }

  async #until(millis: number, done: () => boolean, what: string): Promise<void> {
    if (!done()) await this.time.run(this.time.now + millis, () => this.violation !== undefined || done());
    this.#check();
    if (done()) return;
    const rest = [...this.monitor.unfinished()].slice(0, 6).join('; ');
    throw new Violation('I6', `not within ${millis / 1000} s: ${what}: ${rest} (${this.phones.waiting} messages wait)`);
  }

  #check(): void {
    if (this.violation !== undefined) throw this.violation;
  }

  #makeBlocks(): void {
    this.time.after(this.#blockMillis, () => {
      if (!this.stalled) this.#produce();
      this.#makeBlocks();
    });
  }

  #watchReadiness(): void {
    this.time.after(readinessMillis, () => {
      for (const { operator } of this.#nodes.values()) {
        const before = this.#notReady.get(operator);
        const since = this.#failing(operator).map((what) => [what, before?.get(what) ?? this.time.now] as const);
        this.#notReady.set(operator, new Map(since));
      }
      this.#watchReadiness();
    });
  }

  /** What it says is wrong, without the numbers that change. */
  #failing(operator: OperatorId): readonly string[] {
    const checks = this.node(operator).serving?.node.flow.readiness.checks() ?? [];
    return checks.flatMap(({ name, ok, detail }) => (ok ? [] : [`${name}: ${detail.replaceAll(/[0-9]+/g, 'N')}`]));
  }

  /** What a node says of itself is what it does; a step that was under way when it changed is none. */
  #checkReadiness(operator: OperatorId, { pair }: EngineEvent & { readonly pair?: unknown }): void {
    const since = this.#notReady.get(operator);
    // Since the same thing was wrong: a node may have become ready between two looks, and a clock jump at this very write.
    const failing = this.#failing(operator).filter(
      (what) => this.time.now - (since?.get(what) ?? this.time.now) >= 3_000,
    );
    if (failing.length === 0) return;
    this.violated(
      new Violation('ready', `operator ${operator} says ${failing.join('; ')}, and begins ${String(pair)}`),
    );
  }

  #produce(): void {
    for (const transaction of this.#governing) this.chain.submit(transaction);
    if (this.#onDemand && this.chain.pooled === 0) return;
    const { number, transactions } = this.chain.produce(Math.floor(this.time.now / 1000), this.leftOut);
    if (transactions.length > 0) {
      this.tell('chain', 'block', number, transactions.map(({ call }) => call.name).join(' '));
    }
  }

  async #openAccounts(): Promise<void> {
    const opened: Promise<unknown>[] = [];
    let waiting = 0;
    for (const person of this.phones.people) {
      const process = this.node(person.operator).serving;
      if (process === undefined) throw new Error('a node is not up');
      const { staff } = process.node;
      waiting += 1;
      opened.push(
        staff
          .createUser({
            number: person.number,
            name: `P${person.number.slice(-4)}`,
            language: person.language,
            kind: person.kind,
            assets: ['SEK' as Asset, 'EUR' as Asset],
            joined: true,
            autoAccept: person.autoAccept,
            goods: person.sells
              ? [
                  {
                    item: '12',
                    label: 'cola',
                    asset: 'SEK' as Asset,
                    price: '1500' as Amount,
                    codes: Array.from({ length: 8 }, (_, index) => `code-${index}`),
                  },
                ]
              : [],
          })
          .then(() =>
            staff.move('deposit', {
              id: `deposit ${person.number}`,
              number: person.number,
              asset: 'SEK' as Asset,
              amount: '20000' as Amount,
              reason: 'at the counter',
            }),
          )
          .then(() => {
            waiting -= 1;
          }),
      );
    }
    await this.#until(20_000, () => waiting === 0, 'accounts open');
    await Promise.all(opened);
  }

  /** A lane with a liar may be blocked for good, and who was robbed begins nothing new: the others go on. */
  get able(): readonly OperatorId[] {
    const { liars, robbed } = this.monitor;
    return this.operators.filter((operator) => !liars.has(operator) && !robbed.has(operator));
  }

  /** In each direction a new pair settles; without this a lane that is blocked for ever passes every other check. */
  async #probe(): Promise<void> {
    for (const payer of this.able) {
      for (const payee of this.able) {
        if (payer === payee && !this.monitor.attacked) continue;
        const before = this.monitor.pairsCommitted;
        const [from, to] = this.phones.pairOf(payer, payee);
        this.phones.send(from, serviceNumberOf(from.operator), 'JOIN');
        this.phones.send(to, serviceNumberOf(to.operator), 'JOIN');
        await this.#fund(from, `probe ${payer} to ${payee}`);
        await this.time.run(this.time.now + 4_000);
        this.phones.send(from, to.number, 'PAY 1');
        const what = `a new pair settles from ${payer} to ${payee} (I6)`;
        await this.#until(
          60_000 + this.#finalityMillis(),
          () => this.monitor.pairsCommitted > before && this.quiet,
          what,
        );
      }
    }
  }

  /** Whoever has spent everything would be told so, and nothing would be shown. */
  async #fund({ operator, number }: Person, id: string): Promise<void> {
    // Healed a moment ago, where no pair had to be waited for, it may still be starting.
    await this.#until(20_000, () => this.node(operator).serving !== undefined, 'the node of the payer is up');
    const deposit = { id, number, asset: 'SEK' as Asset, amount: '100' as Amount, reason: 'at the counter' };
    let done = false;
    // The node may stop at this write, and then says nothing: staff asks again, which has no second effect.
    const put = (): void => {
      if (done) return;
      Promise.try(async () => this.node(operator).serving?.node.staff.move('deposit', deposit)).then(
        (moved) => {
          if (moved !== undefined) done = true;
        },
        (error: unknown) => {
          if (!(error instanceof TandemError)) throw error;
        },
      );
      this.time.after(1_000, put);
    };
    put();
    await this.#until(20_000, () => done, 'money put in');
  }

  /** The first order in a lane may meet a batch of the lost store, and fail; then it is out of the way when that is dead. */
  async #meetForgotten(): Promise<void> {
    for (const payer of this.operators) {
      for (const payee of this.operators) {
        if (payer === payee) continue;
        const [from, to] = this.phones.pairOf(payer, payee);
        this.phones.send(from, to.number, 'PAY 1');
      }
    }
    await this.time.run(this.time.now + 60_000 + this.#finalityMillis(), () => this.violation !== undefined);
    this.#check();
  }

  // ---- faults

  #planFaults(span: number): void {
    const { chance } = this;
    const kinds = this.#options.faults ?? this.#anyFaults();
    if (this.#options.directed !== undefined) return;
    const incidents = chance.between(2, 14);
    for (let count = 0; count < incidents; count += 1) {
      const fault = chance.pick(kinds);
      const node = this.node(chance.pick(this.operators));
      this.time.after(chance.below(span), () => {
        this.begin(fault, node);
      });
    }
  }

  /** Attacks in one seed of eight: after one, less is asked of those who took part. */
  #anyFaults(): readonly (FaultName | AttackName)[] {
    const { chance } = this;
    const kinds: (FaultName | AttackName)[] = Array.from({ length: chance.between(1, 5) }, () =>
      chance.pick(faultNames),
    );
    if (chance.happens(0.125) && this.restore === undefined) kinds.push(chance.pick(attackNames));
    return kinds;
  }

  begin(fault: FaultName | AttackName, node: SimulatedNode): void {
    if (!this.#faulty) return;
    this.tell('fault', fault, node.operator);
    this.fired(fault, node.operator);
    if (fault in attacks) {
      attacks[fault as AttackName](this, node);
      return;
    }
    if (everywhere.has(fault as FaultName)) for (const operator of this.operators) this.fired(fault, operator);
    beginFault(fault as FaultName, this, node);
  }

  get faulty(): boolean {
    return this.#faulty;
  }

  // ---- attacks

  /** From now on `liar` says this to `victim`. */
  lie(name: LieName, liar: SimulatedNode, victim: SimulatedNode): void {
    this.monitor.liars.add(liar.operator);
    if (name === 'lie-extreme') this.#toldExtremes.add(liar.operator);
    this.#lies.set(`${liar.operator}!${victim.operator}`, name);
  }

  lieNoMore(liar: SimulatedNode, victim: SimulatedNode): void {
    this.#lies.delete(`${liar.operator}!${victim.operator}`);
  }

  #liar(operator: OperatorId): Liar {
    const process = this.node(operator).process;
    if (process === undefined) throw new Error(`operator ${operator} says something and is down`);
    return { chance: this.chance, store: process.node.engine.store };
  }

  /** One member, once in a run; until the world is healed. */
  turnHostile(node: SimulatedNode): void {
    if (this.hostile !== undefined) return;
    this.tell('member', 'turns hostile', node.operator);
    this.hostile = new HostileMember(this, node);
    const member = this.hostile;
    member.begin();
    this.untilHealed(10 * 60_000, () => {
      member.end();
    });
  }

  /** By the account of `node`, whoever has its key. */
  asMember({ operator, keys }: SimulatedNode, call: Call): void {
    this.#asThief(this.notary.accountOf(operator, keys), call);
  }

  /** With the account's key: decides pairs that are open, any way; where there are none, uses a nonce up. */
  stealAccount({ operator, keys }: SimulatedNode): void {
    this.monitor.robbed.add(operator);
    const { state, timestamp } = this.chain.newest;
    const decisions = [...state.headers].flatMap(([batchId, { acceptor, deadline, count, committed, aborted }]) => {
      if (acceptor !== operator || deadline <= timestamp) return [];
      const all = (1n << BigInt(Math.min(count, 256))) - 1n;
      const open = all & ~((committed[0] ?? 0n) | (aborted[0] ?? 0n));
      const mask = open & BigInt(this.chance.next());
      const commit = this.chance.happens(0.6);
      return mask === 0n ? [] : [{ batchId, word: 0, commitMask: commit ? mask : 0n, abortMask: commit ? 0n : mask }];
    });
    const call: Call = decisions.length === 0 ? { name: 'nothing' } : { name: 'decide', decisions };
    this.#asThief(this.notary.accountOf(operator, keys), call);
  }

  /** With its account: heads that its journal does not have, one as far from the other as the contract takes. */
  stealJournal({ operator, keys }: SimulatedNode, heads: number): void {
    this.monitor.robbed.add(operator);
    const last = this.chain.newest.state.lastCheckpoint(operator)?.entry ?? 0;
    const calls = Array.from({ length: heads }, (_, index): Call => {
      const head = `0x${Buffer.from(this.chance.bytes(32)).toString('hex')}` as Hash;
      return { name: 'checkpoint', operator, entry: last + 65_536 * (index + 1), head };
    });
    this.#asThief(this.notary.accountOf(operator, keys), { name: 'multicall', calls });
  }

  /** With the signing keys of both: the lane's next number is used up by a batch that neither has made. */
  stealSigners({ operator }: SimulatedNode): void {
    const peer = this.chance.pick(this.operators.filter((other) => other !== operator));
    this.monitor.robbed.add(operator);
    this.monitor.robbed.add(peer);
    const [initiator, acceptor] = this.chance.happens(0.5) ? [operator, peer] : [peer, operator];
    const { state, timestamp } = this.chain.newest;
    const batch: Batch = {
      initiator,
      acceptor,
      sequence: state.nextSequence(initiator, acceptor),
      deadline: (timestamp + 30) as UnixSeconds,
      count: 2,
      root: `0x${Buffer.from(this.chance.bytes(32)).toString('hex')}` as Hash,
    };
    const batchId = batchIdOf(this.settlement, batch);
    const [first, second] = [initiator, acceptor].map((signer) => {
      return this.notary.batchSigner(signer, this.node(signer).keys).sign(batchId);
    });
    if (first === undefined || second === undefined) return;
    this.#asThief('0x' + '7f'.repeat(20), { name: 'prepare', batch, first, second });
  }

  #asThief(from: string, call: Call): void {
    const nonce = this.chain.newest.nonces.get(from) ?? 0;
    const hash = `0x${Buffer.from(this.chance.bytes(32)).toString('hex')}` as Hash;
    this.tell('thief', call.name, from.slice(0, 10), nonce);
    const { onlyFree, balances } = this.chain.market;
    const [gas, most] = [100_000n, 1_000_000n * gwei];
    // As much as it can where it can pay, so that nothing of the owner's comes first.
    const pays = !onlyFree && (balances.get(from) ?? plenty) >= most * gas;
    this.chain.submit({ hash, from, nonce, fee: pays ? most : 0n, gas, call });
  }

  /** Notes which states a fault has met. */
  fired(fault: FaultName | AttackName | RestoreName, operator: OperatorId): void {
    for (const state of this.monitor.openStates(operator)) this.#coverage.add(`${fault}|${state}`);
  }

  /** Runs `end` after a while, or when the world is healed. */
  untilHealed(millis: number, end: () => void): void {
    const id = this.#endId;
    this.#endId += 1;
    const once = (): void => {
      if (this.#ends.delete(id)) end();
    };
    this.#ends.set(id, once);
    this.time.after(millis, once);
  }

  #heal(): void {
    this.tell('world', 'heals');
    this.#faulty = false;
    this.phones.lively = false;
    for (const end of [...this.#ends.values()]) end();
    this.network.heal();
    this.#nextSend.clear();
    this.#nextWrite.clear();
    for (const node of this.#nodes.values()) node.start();
  }

  atNextWrite(node: SimulatedNode, fate: WriteFate): void {
    this.#nextWrite.set(node.operator, fate);
  }

  atNextSend(node: SimulatedNode, fate: SendFate): void {
    this.#nextSend.set(node.operator, fate);
  }

  writeFate({ operator }: SimulatedNode): WriteFate {
    const count = this.#count(operator, 'writes');
    const { enumerated } = this.#options;
    if (enumerated?.operator === operator && enumerated.write?.at === count) return enumerated.write.fate;
    const fate = this.#nextWrite.get(operator) ?? 'done';
    this.#nextWrite.delete(operator);
    return fate;
  }

  sendFate({ operator }: SimulatedNode): SendFate {
    const count = this.#count(operator, 'sends');
    const { enumerated } = this.#options;
    if (enumerated?.operator === operator && enumerated.send?.at === count) return enumerated.send.fate;
    const fate = this.#nextSend.get(operator) ?? 'sent';
    this.#nextSend.delete(operator);
    return fate;
  }

  #count(operator: OperatorId, what: 'writes' | 'sends'): number {
    if (!this.#counting) return 0;
    const counted = this.#counted.get(operator) ?? { writes: 0, sends: 0 };
    counted[what] += 1;
    this.#counted.set(operator, counted);
    return counted[what];
  }

  reorganise(lost: number): void {
    const replaced = this.chain.reorganise(lost);
    this.tell('chain', 'replaces', replaced);
  }

  /**
   * New `signer` and `account`, the old ones good for so long that everything under way can finish; the node is started
   * again with its new keys when they are final. Once an operator: a second rotation would end the first overlap.
   */
  rotateKeys(node: SimulatedNode): void {
    const { operator } = node;
    if (this.#rotated.has(operator)) return;
    this.#rotated.add(operator);
    const until = Math.floor(this.time.now / 1000) + overlapSeconds;
    const account = this.notary.accountOf(operator, 1);
    this.asAuthority({ name: 'rotateAccount', operator, account, until });
    this.asAuthority({ name: 'rotateSigner', operator, signer: this.notary.signerOf(operator, 1), until });
    const look = (): void => {
      const entry = this.chain.final.state.registry.get(operator);
      if (entry?.account !== account || entry.signer !== this.notary.signerOf(operator, 1)) {
        this.time.after(1_000, look);
        return;
      }
      node.keys = 1;
      node.die('to be started with its new keys');
    };
    look();
  }

  asAuthority(call: Call): void {
    const nonce = this.#authorityNonce;
    this.#authorityNonce += 1;
    const hash = `0x${'a'.repeat(56)}${nonce.toString(16).padStart(8, '0')}` as Hash;
    this.#governing.push({ hash, from: authority, nonce, fee: 1n, gas: 100_000n, call });
  }

  /** Addresses that sign for it now: signer and account. */
  keysOf(operator: OperatorId): readonly string[] {
    const { keys } = this.node(operator);
    return [this.notary.signerOf(operator, keys), this.notary.accountOf(operator, keys)];
  }

  /** New keys without overlap, and a new process that has them. */
  rotate(node: SimulatedNode): void {
    node.keptDown = true;
    node.die('to have its keys rotated');
    node.keys += 1;
    const [signer = '', account = ''] = this.keysOf(node.operator);
    this.tell('controller', 'rotates', node.operator);
    this.asAuthority({ name: 'rotateSigner', operator: node.operator, signer: signer as Hex, until: 0 });
    this.asAuthority({ name: 'rotateAccount', operator: node.operator, account, until: 0 });
    this.time.after(100, () => {
      node.start();
    });
  }

  // ---- what the parts tell

  written(node: SimulatedNode, ops: readonly DiskOp[]): void {
    this.restore?.written(node.operator);
    const { directed } = this.#options;
    if (directed === undefined || this.#directed || !this.#faulty) return;
    if (!ops.some(({ key }) => key.startsWith('side-state!'))) return;
    for (const state of this.monitor.openStates(node.operator)) {
      if (state !== directed.state) continue;
      this.#directed = true;
      this.begin(directed.fault, node);
      return;
    }
  }

  /** The node has told the gateway that it has taken this message. */
  taken(operator: OperatorId, id: string): void {
    if (this.node(operator).disk.peek(`inbound!${id}`) === undefined) {
      this.violated(new Violation('I5', `operator ${operator} has taken message ${id}, which is not on its disk`));
    }
  }

  event(operator: OperatorId, event: EngineEvent): void {
    const { type, ...facts } = event;
    if (type !== 'block') this.tell(`op${operator}`, type, ...Object.values(facts).map(String));
    if (event.type === 'ordered' || event.type === 'held') this.#checkReadiness(operator, event);
    this.monitor.event(operator, event);
  }

  /** A fault that the code did not expect. */
  fault(operator: OperatorId, where: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.violated(new Violation('process', `operator ${operator}, ${where}: ${stack}`));
  }

  violated(violation: Violation): void {
    if (this.violation !== undefined || this.#options.deaf?.includes(violation.invariant) === true) return;
    this.violation = violation;
    this.tell('world', 'VIOLATION', violation.message);
  }

  tell(who: string, what: string, ...details: readonly (string | number)[]): void {
    this.story.tell(this.time.now, who, what, ...details);
  }

  diskMillis(): number {
    return this.#slowDisk === 0 ? 0 : this.chance.below(this.#slowDisk + 1);
  }

  /** A clock that is an hour wrong makes an honest peer's batch look too far away; another version takes no proposal. */
  #expectedAlarm(operator: OperatorId, event: AlarmEvent): boolean {
    if (event.what === 'gas-empty' || event.what === 'gas-low') return this.#poor.has(operator);
    // Nobody is called a thief who is none; what a lost store had sent it may meet again.
    if (event.what === 'nonce-used-elsewhere') return this.restore !== undefined;
    if (this.restore?.expects(event) === true || this.plant?.rings?.includes(event.what) === true) return true;
    if (event.what === 'batch-refused') return event.refusal === 'deadline';
    // Signed with a new key of that peer's, which this node, whose view of the chain is behind, does not know yet.
    const wrongSignature = event.what === 'wrong-signature' || event.refusal === 'wrong signature';
    if (wrongSignature) return this.#rotated.has(event.peer as OperatorId);
    return event.what === 'proposal-not-taken' && this.network.versionsDiffered;
  }
}

/** Faults of the world as a whole: they meet the states of every node. */
const everywhere: ReadonlySet<FaultName> = new Set<FaultName>([
  'message-lost',
  'message-doubled',
  'message-late',
  'partition',
  'pool-dropped',
  'fees-raised',
  'nonce-used-up',
  'reorganised',
  'chain-stalled',
  'blocks-half-full',
  'user-message-doubled',
]);

/** A batch does not change, and its id costs more than all else that the contract does. */
function remembered(batchIdOf: (batch: Batch) => BatchId): (batch: Batch) => BatchId {
  const known = new WeakMap<Batch, BatchId>();
  return (batch) => {
    const id = known.get(batch) ?? batchIdOf(batch);
    known.set(batch, id);
    return id;
  };
}

/** Nothing of it is laid down but the seed, and perhaps a planted bug. */
const ofChance = ({ calm, directed, enumerated, script, staff, faults }: RunOptions): boolean =>
  [calm, directed, enumerated, script, staff, faults].every((laidDown) => laidDown === undefined);

export const simulate = (options: RunOptions): Promise<RunResult> => new World(options).run();
