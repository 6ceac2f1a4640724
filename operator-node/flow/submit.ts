/**
 * What has to reach the chain, until it is final there: batches, decisions, attestations. All of it follows from what is
 * stored: a countersigned batch that is not prepared is carried, a stored decision without a final bit is sent, an ended
 * batch without attestation is attested. A transaction only takes its entries out of the next round; a receipt ends
 * nothing (rule 2), a revert puts them back.
 */
import { maxEntriesACall, type Decision, type SettlementCalls } from '../chain/calls.ts';
import type { Care } from '../chain/gas-limits.ts';
import type { ContractCall, SendingKey, TransactionOutcome, TransactionSender } from '../chain/chain.ts';
import { wordHex } from '../commitment/executed.ts';
import { hasPassed } from '../engine/clock.ts';
import type { Work } from '../engine/engine.ts';
import { toUnixSeconds, type BatchId, type Hex, type Role, type UnixMillis } from '../model/ids.ts';
import { bitOf, hasBit, wordOf } from '../model/outcome.ts';
import type { SignedBatch } from '../model/records.ts';
import { table, type Tx } from '../store/store.ts';
import { executedOf } from './attest.ts';
import { batchKey, batchStateTable, loadBatch, type BatchState, type KnownBatch } from './batch.ts';
import type { FlowContext } from './context.ts';
import type { OpenBatch } from './open.ts';
import type { Side, SideState } from './pair.ts';
import { Reverts } from './reverts.ts';

type Submission =
  | { readonly kind: 'carry'; readonly batchId: BatchId; readonly role: Role; readonly key: SendingKey }
  | {
      readonly kind: 'decide';
      readonly entries: readonly { readonly batchId: BatchId; readonly word: number; readonly mask: Hex }[];
      /** The batch that this call also prepares. */
      readonly settles?: BatchId;
    }
  | { readonly kind: 'attest'; readonly batches: readonly BatchId[] };

/** What a transaction under way is for. Key: its tag. */
export const submissionTable = table<Submission>('submission');

interface Pending {
  readonly commit: boolean;
  readonly since: UnixMillis;
  /** The transaction that it is under way in. */
  tag: string | undefined;
}

export class Submitter {
  private readonly decisions = new Map<BatchId, Map<number, Pending>>();
  /** What is under way for a batch: `carry`, `carry-account`, `attest`, by tag. */
  private readonly underWay = new Map<string, string>();
  /** Transactions in a final block that the watcher has not come to yet. */
  private readonly landed: { readonly tag: string; readonly blockNumber: number }[] = [];
  private readonly calls: SettlementCalls;
  private readonly sender: TransactionSender;
  private flow: FlowContext | undefined;
  private counter = 0;
  /** By kind and batch: what has reverted goes alone. */
  private readonly reverted = new Reverts<string>();
  /** Batches that a call of this round prepares from the account. */
  private readonly carriedNow = new Set<BatchId>();
  private running = false;
  private uncarriedSince: UnixMillis | undefined;

  constructor(calls: SettlementCalls, sender: TransactionSender) {
    this.calls = calls;
    this.sender = sender;
  }

  attach(flow: FlowContext): void {
    this.flow = flow;
  }

  /** At start: what the stored decisions and the transactions under way say. */
  async load(flow: FlowContext): Promise<void> {
    for await (const [tag, submission] of flow.engine.store.scan(submissionTable)) this.mark(tag, submission);
  }

  /** As a side is on disk: its decision is to be sent from when it is stored until the chain has ended the pair. */
  sideFound({ role }: Side, { state, batch, index, since }: SideState): void {
    if (role !== 'acceptor' || batch === undefined || index === undefined) return;
    if (state === 'accepted' || state === 'declined') this.#decide(batch, index, state === 'accepted', since);
    else if (state === 'committed' || state === 'aborted') this.#decided(batch, index);
  }

  #decide(batchId: BatchId, index: number, commit: boolean, since: UnixMillis): void {
    let ofBatch = this.decisions.get(batchId);
    if (ofBatch === undefined) this.decisions.set(batchId, (ofBatch = new Map<number, Pending>()));
    if (!ofBatch.has(index)) ofBatch.set(index, { commit, since, tag: undefined });
  }

  #decided(batchId: BatchId, index: number): void {
    const ofBatch = this.decisions.get(batchId);
    ofBatch?.delete(index);
    if (ofBatch?.size === 0) this.decisions.delete(batchId);
  }

  /**
   * Since when the oldest waits of what has to be on the chain in time: a batch that both have signed, a decision. As of the
   * last look at the batches.
   */
  get oldestSince(): UnixMillis | undefined {
    let oldest = this.uncarriedSince;
    for (const ofBatch of this.decisions.values()) {
      // In the order in which they were made.
      const [first] = ofBatch.values();
      if (first !== undefined && (oldest === undefined || first.since < oldest)) oldest = first.since;
    }
    return oldest;
  }

  get pending(): number {
    let count = 0;
    for (const ofBatch of this.decisions.values()) count += ofBatch.size;
    return count;
  }

  /** Something new is there to send: looks at once. What fails is looked at again by the clock. */
  wake(): void {
    this.round().catch(() => undefined);
  }

  /** One empty transaction, so that the chain makes a block (rule 3). */
  poke(work: Work): void {
    this.sender.poke(work, 'carrier');
  }

  /** One look at everything that has to reach the chain; called by the clock, and when something new is there. */
  async round(): Promise<void> {
    const { flow } = this;
    if (flow === undefined || this.running) return;
    this.running = true;
    this.carriedNow.clear();
    try {
      const due = this.due(flow);
      if (!due.decide && due.carry.length + due.attest.length === 0) return;
      await flow.engine.run((work) => {
        this.carry(work, due.carry);
        if (due.decide) this.sendDecisions(flow, work);
        this.attest(flow, work, due.attest);
      });
    } finally {
      this.running = false;
    }
  }

  /** One look at each open batch, of its state alone: there may be many that wait for blocks. */
  private due(flow: FlowContext): { readonly decide: boolean } & Record<'carry' | 'attest', OpenBatch[]> {
    const carry: OpenBatch[] = [];
    const attest: OpenBatch[] = [];
    this.uncarriedSince = undefined;
    for (const open of flow.open.allBatches()) {
      const state = flow.engine.newest.get(batchStateTable, batchKey(open.batchId, open.role));
      if (state?.state === 'countersigned' && state.prepared === undefined) {
        const { uncarriedSince } = this;
        if (uncarriedSince === undefined || state.since < uncarriedSince) this.uncarriedSince = state.since;
      }
      if (this.carryDue(flow, open, state)) carry.push(open);
      if (this.attestDue(open, state)) attest.push(open);
    }
    return { decide: this.undecided(), carry: carry.sort(bySequence), attest: attest.sort(bySequence) };
  }

  /** Whether a decision is under way in no transaction. */
  private undecided(): boolean {
    for (const ofBatch of this.decisions.values()) {
      for (const { tag } of ofBatch.values()) if (tag === undefined) return true;
    }
    return false;
  }

  private carryDue(flow: FlowContext, { batchId, role, peer }: OpenBatch, state: BatchState | undefined): boolean {
    if (state?.state !== 'countersigned' || state.prepared !== undefined) return false;
    if (state.initiatorSignature === undefined || state.acceptorSignature === undefined) return false;
    if (state.othersVoid === true || state.ownVoid === true) return false;
    if (this.underWay.has(`carry!${batchId}`) || this.waits('carry', batchId)) return false;
    // On us the initiator's record carries it.
    if (role === 'acceptor' && peer === flow.self) return false;
    return role === 'initiator' || hasPassed(flow.engine.clock, state.since, flow.config.timing.carrySeconds * 1000);
  }

  private attestDue({ batchId, role, peer }: OpenBatch, state: BatchState | undefined): boolean {
    if (role === 'acceptor' && peer === this.flow?.self) return false;
    return (
      state?.remaining === 0 &&
      state.prepared !== undefined &&
      state.attested === undefined &&
      !this.underWay.has(`attest!${batchId}`) &&
      !this.waits('attest', batchId)
    );
  }

  private submit(work: Work, submission: Submission, key: SendingKey, call: ContractCall): void {
    this.counter += 1;
    const tag = `${submission.kind}!${work.now}!${this.counter}`;
    this.sender.send(work, key, call, tag);
    work.put(submissionTable, tag, submission);
    work.afterwards(() => {
      this.mark(tag, submission);
    });
  }

  private mark(tag: string, submission: Submission): void {
    if (submission.kind === 'carry')
      this.underWay.set(`${submission.key === 'account' ? 'carry-account' : 'carry'}!${submission.batchId}`, tag);
    else if (submission.kind === 'attest')
      for (const batchId of submission.batches) this.underWay.set(`attest!${batchId}`, tag);
    else {
      if (submission.settles !== undefined) this.underWay.set(`carry-account!${submission.settles}`, tag);
      for (const { batchId, word, mask } of submission.entries) {
        const bits = BigInt(mask);
        for (const [index, pending] of this.decisions.get(batchId) ?? []) {
          if (wordOf(index) === word && hasBit(bits, index)) pending.tag = tag;
        }
      }
    }
  }

  /** Its transaction is none any more: what it was for is sent again. */
  unmark(tag: string): void {
    for (const [name, owner] of this.underWay) if (owner === tag) this.underWay.delete(name);
    for (const ofBatch of this.decisions.values()) {
      for (const pending of ofBatch.values()) if (pending.tag === tag) pending.tag = undefined;
    }
  }

  private carry(work: Work, due: readonly OpenBatch[]): void {
    // In order of sequence: whoever carries n carries those before it too.
    for (const open of due) {
      const signed = signedBatch(loadBatch(work, open.batchId, open.role));
      if (signed === undefined) continue;
      this.submit(
        work,
        { kind: 'carry', batchId: open.batchId, role: open.role, key: 'carrier' },
        'carrier',
        this.calls.prepare(signed, this.care('carry', signed)),
      );
    }
  }

  private sendDecisions(flow: FlowContext, work: Work): void {
    const batches = [...flow.open.allBatches()].sort(bySequence);
    const headTime = flow.chainView.headTime ?? toUnixSeconds(work.now);
    const anchored: Decision[] = [];
    for (const open of batches) {
      if (open.role !== 'acceptor' || open.deadline < headTime || !this.decisions.has(open.batchId)) continue;
      const found = loadBatch(work, open.batchId, 'acceptor');
      if (found === undefined) continue;
      const entries = this.entriesOf(open.batchId, found.record.batch.count);
      if (entries.length === 0 || this.waits('decide', open.batchId)) continue;
      if (found.state.prepared !== undefined) {
        anchored.push(...entries);
        continue;
      }
      const signed = signedBatch(found);
      if (signed === undefined) continue;
      for (const before of batches) {
        if (before.role === 'acceptor' && before.peer === open.peer && before.sequence < open.sequence)
          this.carryFirst(work, before);
      }
      this.carriedNow.add(open.batchId);
      this.submit(
        work,
        { ...decideSubmission(entries), settles: open.batchId },
        'account',
        this.calls.settle(signed, entries, this.care('decide', signed)),
      );
    }
    for (const entries of this.grouped('decide', anchored, ({ batchId }) => batchId)) {
      for (const call of this.calls.decide(entries)) this.submit(work, decideSubmission(entries), 'account', call);
    }
  }

  private care(kind: Submission['kind'], { batchId, batch: { initiator, acceptor } }: SignedBatch): Care {
    const rotating = [initiator, acceptor].some((id) => (this.flow?.peers.get(id)?.signers.length ?? 0) > 1);
    return { careful: rotating || this.reverted.has(`${kind}!${batchId}`) };
  }

  /** From the account that the settle goes from, so that it lands first. */
  private carryFirst(work: Work, before: OpenBatch): void {
    const found = loadBatch(work, before.batchId, 'acceptor');
    if (
      found === undefined ||
      found.state.prepared !== undefined ||
      this.underWay.has(`carry-account!${before.batchId}`) ||
      this.carriedNow.has(before.batchId)
    )
      return;
    const signed = signedBatch(found);
    if (signed === undefined) return;
    this.carriedNow.add(before.batchId);
    this.submit(
      work,
      { kind: 'carry', batchId: before.batchId, role: 'acceptor', key: 'account' },
      'account',
      this.calls.prepare(signed, this.care('carry', signed)),
    );
  }

  /**
   * For a transaction that others wait behind: what it decides, and all else that is decided and not final, also what goes
   * in those behind it, which then say it once more and change nothing. Its bits are as they were stored, so a commit stays
   * one. Only of batches that are prepared, and whose deadline is no earlier than its own: no entry makes it fail sooner.
   */
  enlarge(tx: Tx, tag: string, call: ContractCall): ContractCall | undefined {
    const { flow } = this;
    const submission = tx.get(submissionTable, tag);
    if (flow === undefined || submission?.kind !== 'decide') return undefined;
    const own = new Set(submission.entries.map(({ batchId }) => batchId));
    const acceptors = [...flow.open.allBatches()].filter(({ role }) => role === 'acceptor');
    const earliest = Math.min(...acceptors.flatMap(({ batchId, deadline }) => (own.has(batchId) ? [deadline] : [])));
    const more = acceptors.flatMap(({ batchId, deadline }) => {
      if (deadline < earliest || this.reverted.has(`decide!${batchId}`)) return [];
      const found = loadBatch(flow.engine.newest, batchId, 'acceptor');
      if (found === undefined || (found.state.prepared === undefined && batchId !== submission.settles)) return [];
      return this.entriesOf(batchId, found.record.batch.count, true);
    });
    return this.calls.enlarged(call, more);
  }

  private entriesOf(batchId: BatchId, count: number, underWayToo = false): Decision[] {
    const masks = new Map<number, { commitMask: bigint; abortMask: bigint }>();
    for (const [index, { commit, tag }] of this.decisions.get(batchId) ?? []) {
      if ((tag !== undefined && !underWayToo) || index >= count) continue;
      const word = wordOf(index);
      const mask = masks.get(word) ?? { commitMask: 0n, abortMask: 0n };
      if (commit) mask.commitMask |= bitOf(index);
      else mask.abortMask |= bitOf(index);
      masks.set(word, mask);
    }
    // What comes again after a revert, or beside what is under way, may meet a word that is decided in part.
    const isFresh = !underWayToo && !this.reverted.has(`decide!${batchId}`);
    return [...masks].map(([word, mask]) => ({
      ...{ batchId, word, ...mask },
      ...(isFresh ? { pairs: Math.min(count - 256 * word, 256) } : {}),
    }));
  }

  private attest(flow: FlowContext, work: Work, due: readonly OpenBatch[]): void {
    const batches = due.flatMap((open) => loadBatch(work, open.batchId, open.role) ?? []);
    for (const group of this.grouped('attest', batches, ({ record }) => record.batchId)) {
      const attestations = group.map((found) => ({
        batchId: found.record.batchId,
        executedDigest: executedOf(flow, work, found),
      }));
      const submission: Submission = { kind: 'attest', batches: attestations.map(({ batchId }) => batchId) };
      for (const call of this.calls.attest(flow.self, attestations)) this.submit(work, submission, 'account', call);
    }
  }

  /**
   * What the sender tells of a transaction, in the sender's own write. When it is in a final block, what it was for is
   * looked at again: at once if it failed, otherwise when the watcher has come to that block.
   */
  onOutcome(tx: Tx, outcome: TransactionOutcome): void {
    const { tag, status, block } = outcome;
    const submission = tx.get(submissionTable, tag);
    if (!outcome.final || submission === undefined) return;
    tx.del(submissionTable, tag);
    if (status === 'included' && block !== undefined) {
      for (const name of namesOf(submission)) this.reverted.forget(name);
      this.landed.push({ tag, blockNumber: block.number });
      return;
    }
    for (const name of namesOf(submission)) this.reverted.again(name, this.now);
    this.unmark(tag);
  }

  private get now(): UnixMillis {
    return this.flow?.engine.clock.now() ?? (0 as UnixMillis);
  }

  private waits(kind: Submission['kind'], batchId: BatchId): boolean {
    return this.reverted.waits(`${kind}!${batchId}`, this.now);
  }

  /** One faulty entry reverts a whole call: what has reverted before goes alone, the rest together. */
  private *grouped<T>(
    kind: Submission['kind'],
    items: readonly T[],
    batchOf: (item: T) => BatchId,
  ): Iterable<readonly T[]> {
    const alone = items.filter((item) => this.reverted.has(`${kind}!${batchOf(item)}`));
    const together = items.filter((item) => !alone.includes(item));
    for (const item of alone) yield [item];
    for (let start = 0; start < together.length; start += maxEntriesACall) {
      yield together.slice(start, start + maxEntriesACall);
    }
  }

  /** The watcher has applied the final block of that number and all before it. */
  applied(blockNumber: number): void {
    while (this.landed[0] !== undefined && this.landed[0].blockNumber <= blockNumber) {
      const landed = this.landed.shift();
      if (landed !== undefined) this.unmark(landed.tag);
    }
  }

  /** The batch is prepared in a final block, so nothing of the way there is under way any more. */
  prepared(batchId: BatchId): void {
    this.underWay.delete(`carry-account!${batchId}`);
  }
}

const namesOf = (submission: Submission): readonly string[] => {
  if (submission.kind === 'carry') return [`carry!${submission.batchId}`];
  const batches = submission.kind === 'attest' ? submission.batches : submission.entries.map(({ batchId }) => batchId);
  return batches.map((batchId) => `${submission.kind}!${batchId}`);
};

const decideSubmission = (entries: readonly Decision[]): Extract<Submission, { kind: 'decide' }> => ({
  kind: 'decide',
  entries: entries.map(({ batchId, word, commitMask, abortMask }) => ({
    batchId,
    word,
    mask: wordHex(commitMask | abortMask),
  })),
});

const bySequence = (a: OpenBatch, b: OpenBatch): number => a.sequence - b.sequence;

function signedBatch(found: KnownBatch | undefined): SignedBatch | undefined {
  if (found === undefined) return undefined;
  const { record, state } = found;
  const { initiatorSignature, acceptorSignature, othersVoid, ownVoid } = state;
  if (initiatorSignature === undefined || acceptorSignature === undefined) return undefined;
  if (othersVoid === true || ownVoid === true) return undefined;
  return { batchId: record.batchId, batch: record.batch, initiatorSignature, acceptorSignature };
}
