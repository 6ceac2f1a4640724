/**
 * Windows that are not discharged, in memory, and what of them has to reach the chain until it is final there: statements
 * that both have signed, and discharges that staff has ordered. As with batches it all follows from what is stored; a
 * transaction only takes its statement out of the next round, a final event ends it, a revert puts it back.
 */
import type { StatementCalls } from '../../chain/audit-log.ts';
import type { TransactionOutcome, TransactionSender } from '../../chain/chain.ts';
import { dischargeToSign, statementToSign } from '../../commitment/audit-log-data.ts';
import type { Work } from '../../engine/engine.ts';
import type { Hash, Hex, OperatorId, UnixMillis } from '../../model/ids.ts';
import { table, type Tx } from '../../store/store.ts';
import type { FlowContext } from '../context.ts';
import { Reverts } from '../reverts.ts';
import { repropose } from './close.ts';
import { Judging } from './judging.ts';
import { loadWindow, openWindowTable, windowKey, type WindowLine, type WindowRecord } from './window.ts';

type Purpose = 'statement' | 'discharge';

/** What a transaction under way is for. Key: its tag. */
export const windowSubmissionTable = table<{ readonly purpose: Purpose; readonly statement: Hash }>(
  'window-submission',
);

interface Place {
  readonly peer: OperatorId;
  readonly number: number;
}

export class Windows {
  private readonly calls: StatementCalls | undefined;
  private readonly sender: TransactionSender;
  private readonly openPlaces = new Map<string, Place>();
  /** By `<purpose>!<statement>`: the tag of the transaction. */
  private readonly underWay = new Map<string, string>();
  private readonly reverted = new Reverts<string>();
  readonly judging = new Judging();
  private flow: FlowContext | undefined;
  private counter = 0;
  private running = false;

  constructor(calls: StatementCalls | undefined, sender: TransactionSender) {
    this.calls = calls;
    this.sender = sender;
  }

  attach(flow: FlowContext): void {
    this.flow = flow;
  }

  async load(flow: FlowContext): Promise<void> {
    for await (const [key] of flow.engine.store.scan(openWindowTable)) {
      const [peer, number] = key.split('!').map(Number);
      this.openPlaces.set(key, { peer: peer as OperatorId, number: number ?? 0 });
    }
    for await (const [tag, { purpose, statement }] of flow.engine.store.scan(windowSubmissionTable)) {
      this.underWay.set(`${purpose}!${statement}`, tag);
    }
  }

  /** The window's newest form is durable. */
  moved({ peer, content, state }: WindowRecord): void {
    const key = windowKey(peer, content.number);
    if (state === 'discharged') this.openPlaces.delete(key);
    else this.openPlaces.set(key, { peer, number: content.number });
    this.wake();
  }

  /** Not discharged yet, the oldest of each peer first. */
  *open(): Iterable<WindowRecord> {
    for (const { peer, number } of this.openPlaces.values()) {
      const found = this.flow === undefined ? undefined : loadWindow(this.flow.engine.newest, peer, number);
      if (found !== undefined) yield found;
    }
  }

  /** Looks at once. What fails is looked at again by the clock. */
  wake(): void {
    this.round().catch(() => undefined);
  }

  async round(): Promise<void> {
    const { flow, calls } = this;
    if (flow === undefined || calls === undefined || this.running) return;
    this.running = true;
    try {
      for (const window of [...this.open()]) {
        if (window.role === 'proposer' && window.state === 'signed') await this.anchor(flow, calls, window);
        if (window.state === 'signed' || window.state === 'anchored') await this.sendDischarges(flow, calls, window);
      }
    } finally {
      this.running = false;
    }
  }

  private async anchor(flow: FlowContext, calls: StatementCalls, { peer, content }: WindowRecord): Promise<void> {
    const { auditLog, self, signer, peers, engine } = flow;
    if (auditLog === undefined) return;
    const { operatorA, operatorB } = content;
    const due = (window: WindowRecord | undefined): WindowLine[] =>
      window?.state === 'signed'
        ? window.lines.filter(({ anchored, statement }) => anchored === undefined && this.mayGo('statement', statement))
        : [];
    const lines = due(loadWindow(engine.newest, peer, content.number));
    for (const { statement, peerSignature } of lines) {
      const digest = statementToSign(auditLog, operatorA, operatorB, statement);
      const signers = peers.get(peer)?.signers ?? [];
      if (peerSignature !== undefined && (await signer.verify(digest, peerSignature, signers))) continue;
      // The peer has another signer since: the same content, signed again. One that has none is not asked all the time.
      this.reverted.again(`statement!${statement}`, this.now);
      await engine.run((work) => {
        repropose(work, peer, content.number);
      });
      return;
    }
    if (lines.length === 0) return;
    await engine.run((work) => {
      for (const { statement, peerSignature } of due(loadWindow(work, peer, content.number))) {
        if (peerSignature === undefined) continue;
        const own = signer.sign(statementToSign(auditLog, operatorA, operatorB, statement));
        const [signatureA, signatureB]: readonly [Hex, Hex] =
          self === operatorA ? [own, peerSignature] : [peerSignature, own];
        const rotating = [self, peer].some((id) => (peers.get(id)?.signers.length ?? 0) > 1);
        const care = { careful: rotating || this.reverted.has(`statement!${statement}`) };
        const call = calls.anchorStatement({ operatorA, operatorB, statement, signatureA, signatureB }, care);
        this.submit(work, 'statement', statement, call);
      }
    });
  }

  private async sendDischarges(
    flow: FlowContext,
    calls: StatementCalls,
    { peer, content }: WindowRecord,
  ): Promise<void> {
    const { auditLog, self, signer, engine } = flow;
    if (auditLog === undefined) return;
    const due = (window: WindowRecord | undefined): WindowLine[] =>
      (window?.lines ?? []).filter(
        ({ anchored, order, discharged, statement }) =>
          anchored !== undefined &&
          order !== undefined &&
          discharged === undefined &&
          this.mayGo('discharge', statement),
      );
    if (due(loadWindow(engine.newest, peer, content.number)).length === 0) return;
    await engine.run((work) => {
      for (const { statement, order } of due(loadWindow(work, peer, content.number))) {
        if (order === undefined) continue;
        const reference = order.digest;
        const signature = signer.sign(dischargeToSign(auditLog, self, statement, reference));
        this.submit(work, 'discharge', statement, calls.discharge({ payee: self, statement, reference, signature }));
      }
    });
  }

  private submit(work: Work, purpose: Purpose, statement: Hash, call: Parameters<TransactionSender['send']>[2]): void {
    this.counter += 1;
    const tag = `window!${purpose}!${work.now}!${this.counter}`;
    this.sender.send(work, 'carrier', call, tag);
    work.put(windowSubmissionTable, tag, { purpose, statement });
    work.afterwards(() => {
      this.underWay.set(`${purpose}!${statement}`, tag);
    });
  }

  private mayGo(purpose: Purpose, statement: Hash): boolean {
    const name = `${purpose}!${statement}`;
    return !this.underWay.has(name) && !this.reverted.waits(name, this.now);
  }

  /** What the sender tells of a transaction, in the sender's own write: only a revert changes anything here. */
  onOutcome(tx: Tx, { tag, status, final }: TransactionOutcome): void {
    const submission = tx.get(windowSubmissionTable, tag);
    if (!final || submission === undefined) return;
    tx.del(windowSubmissionTable, tag);
    const name = `${submission.purpose}!${submission.statement}`;
    if (status === 'included') {
      this.reverted.forget(name);
      return;
    }
    this.reverted.again(name, this.now);
    this.underWay.delete(name);
  }

  private get now(): UnixMillis {
    return this.flow?.engine.clock.now() ?? (0 as UnixMillis);
  }

  /** The event is in a final block that is applied: nothing of it is under way any more. */
  landed(purpose: Purpose, statement: Hash): void {
    this.underWay.delete(`${purpose}!${statement}`);
  }

  /** For how long the oldest of these has been open, in seconds; 0 for none. */
  oldestSeconds(now: UnixMillis): number {
    let oldest = now;
    for (const { opened } of this.open()) if (opened < oldest) oldest = opened;
    return Math.max(0, now - oldest) / 1000;
  }

  overdue(now: UnixMillis): number {
    let count = 0;
    for (const window of this.open()) if (this.flow !== undefined && isOverdue(this.flow, window, now)) count += 1;
    return count;
  }
}

export const isOverdue = ({ config }: Pick<FlowContext, 'config'>, window: WindowRecord, now: UnixMillis): boolean =>
  window.state !== 'discharged' && now - window.opened > config.settlement.overdueSeconds * 1000;
