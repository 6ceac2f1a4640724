/**
 * Watches what reaches the disks, what leaves the nodes and what becomes final, and checks I1–I5 with each of them. It
 * looks only at what changed; `audit.ts` looks at everything, once, at the end.
 */
import type { Answer, Method, Request } from '../../operator-node/channel/messages.ts';
import type { AlarmCode } from '../../operator-node/alarms/catalogue.ts';
import type { AlarmEvent, EngineEvent } from '../../operator-node/engine/engine.ts';
import type { BatchRecord, BatchState } from '../../operator-node/flow/batch.ts';
import type { Side, SideState, SideStateName } from '../../operator-node/flow/pair.ts';
import type { MessageItem } from '../../operator-node/flow/tell.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { BatchId, Hex, OperatorId, PairId, Role } from '../../operator-node/model/ids.ts';
import type { DiskOp } from '../../operator-node/store/disk.ts';
import type { SimulatedDisk } from '../../operator-node/store/memory.ts';
import type { DischargeRecord, PaymentRecord } from '../../operator-node/domains/payments/records.ts';
import type { ModelBlock } from './chain/model-chain.ts';
import { untrue } from './words.ts';
import { Violation, type Invariant } from './violation.ts';

interface ChainBatch {
  readonly parties: readonly OperatorId[];
  readonly deadline: number;
  readonly committed: bigint[];
  readonly aborted: bigint[];
}

interface Watched {
  readonly disk: SimulatedDisk;
  readonly operator: OperatorId;
  /** State of each side, by `<pairId>!<leg>`. */
  readonly sides: Map<string, SideState>;
  /** Sides that are not over, by `<role>|<state>`. */
  readonly open: Map<string, number>;
  /** Signed minor units in each bucket of the ledger. */
  readonly ledger: Map<string, bigint>;
  readonly totals: Map<string, bigint>;
  /** What the committed pairs make of each position. */
  readonly positions: Map<string, bigint>;
  /** State of each payment, by `<pairId>/<leg>`. */
  readonly payments: Map<string, PaymentRecord['state']>;
  readonly batches: Map<string, BatchRecord>;
  /** As last written, by `<pairId>!<leg>`. */
  readonly known: Map<string, Side>;
  /** Keys. */
  readonly outbox: Set<string>;
  readonly openBatches: Set<string>;
}

export interface MonitorOptions {
  readonly violated: (violation: Violation) => void;
  /** Alarms that the run itself is the cause of. */
  readonly expectedAlarm: (operator: OperatorId, event: AlarmEvent) => boolean;
}

/** Alarms of what the world does to a node: its chain, its disk. They accuse nobody. */
const ofSurroundings: ReadonlySet<AlarmCode> = new Set<AlarmCode>([
  ...(['nonce-gap', 'transaction-refused', 'transaction-reverted', 'fee-cap', 'journal-anchor-overdue'] as const),
  ...([
    'disk-nearly-full',
    'halted',
    'recovering',
    'overloaded',
    'transaction-stuck',
    'transaction-lost',
    'nonce-used-up',
  ] as const),
  ...(['chain-stalled', 'own-standing', 'peer-standing', 'registry-not-read'] as const),
]);

/** A theft shows as alarms, and as postings without a hold: below zero if need be. */
const bearsTheft: ReadonlySet<Invariant> = new Set<Invariant>(['alarm', 'hold']);

const roleOf = (key: string): Role => (key.endsWith('!first') ? 'initiator' : 'acceptor');

export class Monitor {
  readonly #nodes = new Map<OperatorId, Watched>();
  readonly #options: MonitorOptions;
  /** Final on chain. */
  readonly #chain = new Map<BatchId, ChainBatch>();
  readonly #pairsOf = new Map<BatchId, readonly PairId[]>();
  #finalTime = 0;
  /** Batch by `<signer>!<initiator>!<acceptor>!<sequence>`, and by `<signer>!<pairId>`. */
  readonly #signed = new Map<string, BatchId>();
  /** The first answer to a proposal, by `<answerer>!<pairId>`. */
  readonly #answered = new Map<string, string>();
  /** Ids of messages to users that were ever on disk. */
  readonly #messages = new Set<string>();
  /** Raw transactions that were ever on disk. */
  readonly #transactions = new Set<string>();
  /** A store is read as it is: nothing in it happens now. */
  #takingUp = false;
  readonly #wereRestored = new Set<OperatorId>();
  pairsBegun = 0;
  pairsCommitted = 0;
  /** Have lied: what they say and store binds nobody. Their peers keep every promise all the same. */
  readonly liars = new Set<OperatorId>();
  /** Had a key stolen: the chain may say what they never decided, or that they never signed (rule 4). */
  readonly robbed = new Set<OperatorId>();

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  watch(operator: OperatorId, disk: SimulatedDisk): void {
    this.#nodes.set(operator, {
      disk,
      operator,
      sides: new Map(),
      open: new Map(),
      ledger: new Map(),
      totals: new Map(),
      positions: new Map(),
      payments: new Map(),
      batches: new Map(),
      known: new Map(),
      outbox: new Set(),
      openBatches: new Set(),
    });
  }

  /** Its disk holds an old snapshot now: what it says from here on is judged by that. */
  restored(operator: OperatorId): void {
    const { disk } = this.#node(operator);
    this.watch(operator, disk);
    this.#wereRestored.add(operator);
    const { pairsBegun, pairsCommitted } = this;
    this.#takingUp = true;
    // What it has forgotten to have signed, and the chain has not, is no content any more (rule 8).
    for (const [key, batchId] of this.#signed) {
      if (key.startsWith(`${operator}!`) && !this.#chain.has(batchId)) this.#signed.delete(key);
    }
    for (const key of this.#answered.keys()) if (key.startsWith(`${operator}!`)) this.#answered.delete(key);
    this.written(operator, disk.records());
    this.#takingUp = false;
    this.pairsBegun = pairsBegun;
    this.pairsCommitted = pairsCommitted;
  }

  /** `<role>|<state>` of the sides that are not over at that node. */
  openStates(operator: OperatorId): Iterable<string> {
    return this.#node(operator).open.keys();
  }

  sides(operator: OperatorId): ReadonlyMap<string, SideState> {
    return this.#node(operator).sides;
  }

  batches(operator: OperatorId): ReadonlyMap<string, BatchRecord> {
    return this.#node(operator).batches;
  }

  ledger(operator: OperatorId): ReadonlyMap<string, bigint> {
    return this.#node(operator).ledger;
  }

  /** Somebody acted on purpose: lanes may be blocked for good, and batches wait for what never comes. */
  get attacked(): boolean {
    return this.liars.size > 0 || this.robbed.size > 0;
  }

  /** Nothing is under way at any node; after an attack, no pair and no message of an honest one. */
  get quiet(): boolean {
    return this.quietBut(() => false);
  }

  /** The same, but for open batches that something else is waited for with. */
  quietBut(waits: (operator: OperatorId, batchKey: string) => boolean): boolean {
    const { attacked } = this;
    for (const node of this.#nodes.values()) {
      if (this.liars.has(node.operator)) continue;
      if (attacked ? !this.#quietUnderAttack(node) : node.open.size + node.outbox.size > 0) return false;
      if (attacked) continue;
      for (const key of node.openBatches) if (!waits(node.operator, key.slice('open-batch!'.length))) return false;
    }
    return true;
  }

  #quietUnderAttack({ operator, open, outbox, openBatches, batches }: Watched): boolean {
    const robbed = this.robbed.has(operator);
    for (const state of open.keys()) {
      // Shown a batch that it does not know, a node gives nothing up (rule 11): what is held stays until staff has looked.
      if (!robbed || !state.endsWith('|held')) return false;
    }
    for (const key of outbox) if (key.startsWith('outbox!message!')) return false;
    for (const key of openBatches) {
      const peer = batches.get(key.slice('open-batch!'.length))?.peer;
      if (!robbed && peer !== undefined && !this.liars.has(peer) && !this.robbed.has(peer)) return false;
    }
    return true;
  }

  /** What keeps it from being quiet. */
  *unfinished(): Iterable<string> {
    for (const { operator, sides, batches, outbox, disk } of this.#nodes.values()) {
      if (this.liars.has(operator)) continue;
      for (const [key, state] of sides) {
        if (!state.told) yield `operator ${operator}: side ${key} is ${state.state}, not told`;
      }
      for (const key of batches.keys()) {
        if (disk.peek(`open-batch!${key}`) === undefined) continue;
        yield `operator ${operator}: batch ${key} is open: ${disk.peek(`batch-state!${key}`) ?? ''}`;
      }
      if (outbox.size > 0) yield `operator ${operator}: in the outbox ${[...outbox].join(', ')}`;
    }
  }

  // ---- what is on disk

  written(operator: OperatorId, ops: readonly DiskOp[]): void {
    const node = this.#node(operator);
    const moved: (readonly [string, SideState])[] = [];
    const ledger: DiskOp[] = [];
    for (const op of ops) {
      const cut = op.key.indexOf('!');
      switch (op.key.slice(0, cut)) {
        case 'side-state':
          if (op.type === 'put') moved.push([op.key.slice(cut + 1), JSON.parse(op.value) as SideState]);
          break;
        case 'side':
          node.known.delete(op.key.slice(cut + 1));
          break;
        case 'account':
        case 'position':
        case 'internal':
          ledger.push(op);
          break;
        case 'batch':
          if (op.type === 'put') this.#batchStored(node, op.key.slice(cut + 1), JSON.parse(op.value) as BatchRecord);
          break;
        case 'open-batch':
          if (op.type === 'put') node.openBatches.add(op.key);
          else node.openBatches.delete(op.key);
          break;
        case 'outbox':
          this.#countOutbox(node, op);
          break;
        case 'sent':
          if (op.type === 'put') this.#transactions.add(`${operator}!${/"raw":"([^"]+)"/.exec(op.value)?.[1] ?? ''}`);
          break;
        case 'discharge':
          if (op.type === 'put') this.#discharged(node, JSON.parse(op.value) as DischargeRecord);
          break;
        case 'payment':
          if (op.type === 'put') this.#paymentStored(node, op.key.slice(cut + 1), op.value);
          else node.payments.delete(op.key.slice(cut + 1));
      }
    }
    for (const [key, state] of moved) this.#sideMoved(node, key, state);
    this.#checkLedger(node, ledger);
  }

  #countOutbox({ operator, outbox }: Watched, op: DiskOp): void {
    if (op.type === 'del') {
      outbox.delete(op.key);
      return;
    }
    outbox.add(op.key);
    if (!op.key.startsWith('outbox!message!')) return;
    const { message } = JSON.parse(op.value) as MessageItem;
    if (message !== undefined) this.#messages.add(`${operator}!${message.id}`);
  }

  #batchStored(node: Watched, key: string, record: BatchRecord): void {
    node.batches.set(key, record);
    this.#pairsOf.set(record.batchId, record.pairs);
  }

  /** I3: applied at most once in each store. */
  #paymentStored({ operator, payments }: Watched, key: string, text: string): void {
    const { entries, state, withoutHold } = JSON.parse(text) as PaymentRecord;
    payments.set(key, state);
    const commits = entries.filter(({ kind }) => kind === 'commit').length;
    if (commits > 1) this.#violated(operator, 'I3', `operator ${operator} has booked ${key} ${commits} times`);
    if (state === 'committed' && withoutHold) {
      this.#violated(operator, 'hold', `operator ${operator} has booked ${key} without a hold`);
    }
  }

  #sideMoved(node: Watched, key: string, state: SideState): void {
    const before = node.sides.get(key);
    node.sides.set(key, state);
    const role = roleOf(key);
    if (before === undefined && role === 'initiator') this.pairsBegun += 1;
    this.#count(node.open, before, role, -1);
    this.#count(node.open, state, role, 1);
    if (before?.state === state.state) return;
    if (this.#takingUp) {
      if (state.state === 'committed') this.#addPosition(node, key);
      return;
    }
    this.#checkMove(node, key, role, before, state);
    this.#checkHold(node, key, role, state);
  }

  #count(open: Map<string, number>, state: SideState | undefined, role: Role, by: number): void {
    if (state === undefined || state.told) return;
    const name = `${role}|${state.state}`;
    const count = (open.get(name) ?? 0) + by;
    if (count === 0) open.delete(name);
    else open.set(name, count);
  }

  /** I1: what a store says is final is what the chain says, and stays. */
  #checkMove(node: Watched, key: string, role: Role, before: SideState | undefined, state: SideState): void {
    const { operator } = node;
    const said = `operator ${operator}: ${key} went from ${before?.state ?? 'nothing'} to ${state.state}`;
    if (before?.state === 'committed') this.#violated(operator, 'I1', said);
    if (state.state === 'committed') {
      if (role === 'initiator') this.pairsCommitted += 1;
      else if (before?.state !== 'accepted') this.#mustHalt(node, said);
      this.#addPosition(node, key);
      if (this.#bit(state, 'committed') !== true) this.#violated(operator, 'I1', `${said} without a final commit bit`);
    }
    if (state.state !== 'aborted') return;
    if (state.batch === undefined || state.reason === 'batch-refused') return;
    const batch = this.#chain.get(state.batch);
    const record = node.batches.get(`${state.batch}!${role}`);
    const past = record !== undefined && this.#finalTime > record.batch.deadline;
    const bit = this.#bit(state, 'aborted') === true;
    if (bit && role === 'acceptor' && before?.state !== 'declined') this.#mustHalt(node, said);
    if (batch !== undefined && this.#bit(state, 'committed') === true)
      this.#violated(operator, 'I1', `${said}, committed on chain`);
    if (!bit && !past) this.#violated(operator, 'I1', `${said} before any final block says so`);
  }

  /** Somebody else has decided: nothing new may be begun (faults.md 20). */
  #mustHalt({ operator, disk }: Watched, said: string): void {
    if (disk.peek('halt!halt') === undefined) this.#violated(operator, 'halt', `${said}, and goes on as before`);
  }

  #bit({ batch, index }: SideState, which: 'committed' | 'aborted'): boolean | undefined {
    const found = batch === undefined ? undefined : this.#chain.get(batch);
    if (found === undefined || index === undefined) return undefined;
    return (((found[which][index >> 8] ?? 0n) >> BigInt(index & 255)) & 1n) === 1n;
  }

  /** What a state promises of the ledger: a hold from the order on, for the acceptor from where rule 1 says. */
  #checkHold(node: Watched, key: string, role: Role, { state }: SideState): void {
    const [pair, leg] = key.split('!');
    const found = node.payments.get(`${pair ?? ''}/${leg ?? ''}`) ?? 'none';
    const wrong = (expected: string): void => {
      this.#violated(
        node.operator,
        'hold',
        `operator ${node.operator}: ${key} is ${state}, its payment ${found}, not ${expected}`,
      );
    };
    const due: Readonly<Record<SideStateName, boolean>> = {
      held: role === 'initiator' || !this.#side(node, key).debits,
      signed: role === 'initiator',
      countersigned: role === 'initiator',
      accepted: true,
      declined: false,
      committed: false,
      aborted: false,
    };
    if (due[state] && found !== 'held') wrong('held');
    if (state === 'committed' && found !== 'committed') wrong('committed');
    if ((state === 'aborted' || state === 'declined') && found !== 'released' && found !== 'none') wrong('released');
  }

  #side(node: Watched, key: string): Side {
    const known = node.known.get(key);
    if (known !== undefined) return known;
    const text = node.disk.peek(`side!${key}`);
    if (text === undefined) throw new Error(`operator ${node.operator} has the state of ${key} and no side`);
    const side = JSON.parse(text) as Side;
    node.known.set(key, side);
    return side;
  }

  #addPosition(node: Watched, key: string): void {
    const { operation } = this.#side(node, key);
    const position = `${operation.counterparty}/${operation.asset}`;
    const amount = BigInt(operation.amount) * (operation.action === 'debit' ? 1n : -1n);
    node.positions.set(position, (node.positions.get(position) ?? 0n) + amount);
  }

  #discharged(node: Watched, { operator, asset, amount }: DischargeRecord): void {
    const position = `${operator}/${asset}`;
    node.positions.set(position, (node.positions.get(position) ?? 0n) - BigInt(amount));
  }

  /** I2: every asset sums to zero, and a position is what the committed pairs and the discharged windows make of it. */
  #checkLedger(node: Watched, ops: readonly DiskOp[]): void {
    for (const { key, ...op } of ops) {
      const cut = key.indexOf('!');
      const asset = key.slice(key.lastIndexOf('/') + 1);
      const value = op.type === 'put' ? (JSON.parse(op.value) as string | { balance: string; held?: string }) : '0';
      const amount = typeof value === 'string' ? BigInt(value) : BigInt(value.balance) + BigInt(value.held ?? '0');
      const before = node.ledger.get(key) ?? 0n;
      node.ledger.set(key, amount);
      node.totals.set(asset, (node.totals.get(asset) ?? 0n) + amount - before);
      if (!key.startsWith('position!')) continue;
      const expected = node.positions.get(key.slice(cut + 1)) ?? 0n;
      if (expected !== amount) {
        this.#violated(
          node.operator,
          'I2',
          `operator ${node.operator}: ${key} is ${amount}, its committed pairs make ${expected}`,
        );
      }
    }
    if (ops.length === 0) return;
    for (const [asset, total] of node.totals) {
      if (total !== 0n)
        this.#violated(node.operator, 'I2', `operator ${node.operator}: the ledger in ${asset} sums to ${total}`);
    }
  }

  // ---- what is final on chain

  final({ logs, timestamp }: ModelBlock): void {
    this.#finalTime = timestamp;
    for (const log of logs) {
      if (log.type === 'BatchPrepared') {
        const words = Math.ceil(log.count / 256);
        const nothing = (): bigint[] => Array.from({ length: words }, () => 0n);
        const parties = [log.initiator, log.acceptor];
        this.#chain.set(log.batchId, { parties, deadline: log.deadline, committed: nothing(), aborted: nothing() });
      } else if (log.type === 'PairsDecided') {
        const batch = this.#chain.get(log.batchId);
        if (batch === undefined) continue;
        if (((batch.committed[log.word] ?? 0n) & log.abortMask) !== 0n)
          this.#violated(undefined, 'I3', 'a bit set twice on chain');
        batch.committed[log.word] = (batch.committed[log.word] ?? 0n) | log.commitMask;
        batch.aborted[log.word] = (batch.aborted[log.word] ?? 0n) | log.abortMask;
        this.#checkNotReleased(log.batchId, log.word, log.commitMask);
      } else if (log.type === 'BatchDiscrepancy') {
        const parties = this.#chain.get(log.batchId)?.parties ?? [];
        const liar = parties.find((operator) => this.liars.has(operator));
        this.#violated(liar, 'I7', `the operators attested different digests of ${log.batchId}`);
      }
    }
  }

  #checkNotReleased(batchId: BatchId, word: number, commitMask: bigint): void {
    this.#pairsOf.get(batchId)?.forEach((pair, index) => {
      if (index >> 8 !== word || ((commitMask >> BigInt(index & 255)) & 1n) === 0n) return;
      for (const { operator, sides } of this.#nodes.values()) {
        for (const leg of ['first', 'second']) {
          if (sides.get(`${pair}!${leg}`)?.state === 'aborted') {
            this.#violated(
              operator,
              'I1',
              `${pair} is committed on chain; operator ${operator} has released its ${leg} leg`,
            );
          }
        }
      }
    });
  }

  // ---- what leaves a node (I4, I5)

  asks<M extends Method>(from: OperatorId, method: M, request: Request<M>): void {
    const { disk } = this.#node(from);
    const durable = (key: string, what: string): void => {
      if (disk.peek(key) === undefined)
        this.#violated(from, 'I5', `operator ${from} sends ${what} that is not on its disk`);
    };
    if (method === 'propose') {
      for (const { terms } of (request as Request<'propose'>).proposals)
        durable(`side!${terms.pair}!first`, 'a proposal');
    } else if (method === 'offer') {
      const { batch, pairs } = request as Request<'offer'>;
      for (const { pair } of pairs) {
        const state = this.#node(from).sides.get(`${pair}!first`);
        if (state?.batch === undefined) {
          this.#violated(from, 'I5', `operator ${from} offers ${pair} in batch ${batch.sequence}, unknown to its disk`);
        }
      }
    } else if (method === 'countersign') {
      const { batchId, signature } = request as Request<'countersign'>;
      this.#signatureLeaves(from, batchId, 'initiator', signature);
    } else if (method === 'withdraw') {
      for (const pair of (request as Request<'withdraw'>).pairs) {
        if (this.#node(from).sides.get(`${pair}!first`)?.state !== 'aborted') {
          this.#violated(from, 'I5', `operator ${from} withdraws ${pair}, which it has not given up on disk`);
        }
      }
    }
  }

  answers<M extends Method>(from: OperatorId, to: OperatorId, method: M, answer: Answer<M>): void {
    const { disk, sides } = this.#node(from);
    // A liar asks for one pair with two contents: each has an answer of its own. What is signed counts all the same.
    if (this.liars.has(to) && method !== 'offer') return;
    const mustBe = (there: boolean, what: string): void => {
      if (!there) this.#violated(from, 'I5', `operator ${from} answers ${what}, which is not on its disk`);
    };
    if (method === 'propose') {
      for (const each of (answer as Answer<'propose'>).answers) {
        const { pair } = each;
        if (each.answer === 'held') mustBe(sides.has(`${pair}!second`), `that it holds ${pair}`);
        else if (each.answer === 'given-up') {
          const lapsed = sides.get(`${pair}!second`)?.state === 'aborted';
          mustBe(lapsed || disk.peek(`withdrawn!${to}!${pair}`) !== undefined, `that ${pair} is given up`);
        } else if (each.reason === 'busy' || each.reason === 'cannot-settle') {
          // No refusal for good: a later try may be taken.
          continue;
        } else mustBe(disk.peek(`refused!${pair}`) !== undefined, `a refusal of ${pair}`);
        this.#sameAnswer(from, pair, each.answer);
      }
    } else if (method === 'offer') {
      const offered = answer as Answer<'offer'>;
      if (offered.answer === 'signed') {
        this.#signatureLeaves(from, offered.batchId, 'acceptor', offered.signature);
      } else if (offered.answer === 'refused') {
        // What was never for this operator to judge has the same answer whenever it is asked: nothing of it is kept.
        if (this.liars.has(to) && offered.reason === 'lane') return;
        mustBe(disk.peek(`refused-batch!${offered.batchId}`) !== undefined, `a refusal of ${offered.batchId}`);
      }
    } else if (method === 'countersign') {
      const { batchId, answer: said } = answer as Answer<'countersign'>;
      const text = disk.peek(`batch-state!${batchId}!acceptor`);
      const stored = text !== undefined && (JSON.parse(text) as BatchState).initiatorSignature !== undefined;
      if (said === 'stored') mustBe(stored, `that it has the signature of ${batchId}`);
    } else if (method === 'withdraw') {
      for (const { pair, answer: said } of (answer as Answer<'withdraw'>).answers) {
        if (said === 'given-up') mustBe(disk.peek(`withdrawn!${to}!${pair}`) !== undefined, `that ${pair} is given up`);
        // It was refused by a liar who has signed it.
        else if (!this.liars.has(from) && !this.#wereRestored.has(to))
          this.#violated(to, 'answer', `operator ${to} withdrew ${pair}, which is in a batch of ${from}`);
      }
    } else if (method === 'cancel') {
      const { pair, answer: said } = answer as Answer<'cancel'>;
      const state = sides.get(`${pair}!second`)?.state;
      if (said === 'declined') mustBe(state === 'declined' || state === 'aborted', `that ${pair} is declined`);
    }
  }

  /** The same proposal has one answer, until it is given up. */
  #sameAnswer(from: OperatorId, pair: PairId, said: string): void {
    const key = `${from}!${pair}`;
    const first = this.#answered.get(key);
    if (first === undefined || said === 'given-up') this.#answered.set(key, said);
    else if (first !== said) this.#violated(from, 'answer', `operator ${from} answered ${pair} ${first}, then ${said}`);
  }

  /** I4: one content for a sequence, one batch for a pair, n+1 only when n is countersigned. */
  #signatureLeaves(from: OperatorId, batchId: BatchId, role: Role, signature: Hex): void {
    const { disk, batches } = this.#node(from);
    const stateOf = (id: BatchId): BatchState | undefined => {
      const text = disk.peek(`batch-state!${id}!${role}`);
      return text === undefined ? undefined : (JSON.parse(text) as BatchState);
    };
    const state = stateOf(batchId);
    const stored = role === 'initiator' ? state?.initiatorSignature : state?.acceptorSignature;
    if (stored !== signature)
      this.#violated(from, 'I5', `operator ${from} hands out a signature of ${batchId} before storing it`);
    const record = batches.get(`${batchId}!${role}`);
    if (record === undefined) return;
    const { initiator, acceptor, sequence } = record.batch;
    const lane = `${from}!${role}!${initiator}!${acceptor}`;
    this.#once(from, `${lane}!${sequence}`, batchId, `${from} signed two contents for sequence ${sequence}`);
    for (const pair of record.pairs) {
      this.#once(from, `${from}!${role}!${pair}`, batchId, `${from} put ${pair} into two batches`);
    }
    // By the node's own list: a signature that came another way may never have left.
    const before = disk.peek(`lane-batch!${role}!${record.peer}!${String(sequence - 1).padStart(12, '0')}`);
    const countersigned = before !== undefined && stateOf(JSON.parse(before) as BatchId)?.state === 'countersigned';
    // What only a lost store knew has no record here.
    const forgotten = before === undefined && this.#wereRestored.has(from);
    if (sequence > 1 && !countersigned && !forgotten) {
      this.#violated(from, 'I4', `${from} signed ${sequence} before ${sequence - 1} was countersigned`);
    }
  }

  #once(from: OperatorId, key: string, batchId: BatchId, what: string): void {
    const known = this.#signed.get(key);
    if (known === undefined) this.#signed.set(key, batchId);
    else if (known !== batchId) this.#violated(from, 'I4', `operator ${what}: ${known} and ${batchId}`);
  }

  broadcasts(from: OperatorId, raw: Hex): void {
    if (!this.#transactions.has(`${from}!${raw}`)) {
      this.#violated(from, 'I5', `operator ${from} sends a transaction that was never on its disk`);
    }
  }

  delivers(from: OperatorId, messages: readonly OutboundMessage[]): void {
    for (const { id, text, pair } of messages) {
      if (pair !== undefined) this.#checkWords(from, pair, text);
      // Passed on for another operator: kept nowhere, by design.
      if (/^\d+-/.test(id)) continue;
      if (!this.#messages.has(`${from}!${id}`)) {
        this.#violated(from, 'I5', `operator ${from} tells a user what is not on its disk: message ${id}`);
      }
    }
  }

  /** Of a pair that somebody lies about, the first user hears what the liar says. */
  #checkWords(from: OperatorId, pair: PairId, text: string): void {
    for (const { operator, sides } of this.#nodes.values()) {
      if (this.liars.has(operator)) continue;
      const wrong = untrue(text, sides.get(`${pair}!second`));
      if (wrong !== undefined) {
        this.#violated(
          from,
          'words',
          `operator ${from} says "${text}" of ${pair}, and at operator ${operator} ${wrong}`,
        );
      }
    }
  }

  event(operator: OperatorId, event: EngineEvent): void {
    if (event.type !== 'alarm' || ofSurroundings.has(event.what) || this.#options.expectedAlarm(operator, event))
      return;
    // Who is lied to says so, of the one who lies; a batch's discrepancy names the batch.
    const { peer, operator: about, subject, by, batchId } = event;
    const named = [peer, about, subject, by]
      .map((name) => Number(String(name).replace(/^operator /, '')) as OperatorId)
      .filter((name) => Number.isSafeInteger(name));
    const parties = named.length === 0 ? this.#chain.get(batchId as BatchId)?.parties : named;
    if (parties?.some((party) => this.liars.has(party)) === true) return;
    this.#violated(operator, 'alarm', `operator ${operator}: ${JSON.stringify(event)}`);
  }

  /** `operator` has broken it; nobody in particular where undefined. */
  #violated(operator: OperatorId | undefined, invariant: Invariant, what: string): void {
    if (operator !== undefined && this.liars.has(operator)) return;
    if (operator !== undefined && this.robbed.has(operator) && bearsTheft.has(invariant)) return;
    this.#options.violated(new Violation(invariant, what));
  }

  #node(operator: OperatorId): Watched {
    const node = this.#nodes.get(operator);
    if (node === undefined) throw new RangeError(`operator ${operator} is not watched`);
    return node;
  }
}
