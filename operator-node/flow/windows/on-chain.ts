/**
 * What of windows has to reach the chain: statements that both operators have signed, and discharges that staff has ordered.
 * How that comes about is `chain/duties.ts`.
 */
import type { StatementCalls } from '../../chain/audit-log.ts';
import { duty, type Duty, type Gate, type Order } from '../../chain/duties.ts';
import { dischargeToSign, statementToSign } from '../../commitment/audit-log-data.ts';
import type { Hash, Hex } from '../../model/ids.ts';
import type { SettlementDomain } from '../../model/records.ts';
import type { View } from '../../store/store.ts';
import type { FlowContext } from '../context.ts';
import { repropose } from './close.ts';
import { loadWindow, type WindowLine, type WindowRecord } from './window.ts';

interface LineItem {
  readonly statement: Hash;
}

type Needs = Pick<FlowContext, 'self' | 'engine' | 'signer' | 'peers' | 'windows'>;

interface Due {
  readonly window: WindowRecord;
  readonly line: WindowLine;
}

const linesDue = (
  { windows }: Needs,
  view: View,
  gate: Gate,
  isDue: (window: WindowRecord, line: WindowLine) => boolean,
): readonly Due[] =>
  [...windows.open()].flatMap(({ peer, content }) => {
    const window = loadWindow(view, peer, content.number);
    if (window === undefined) return [];
    return window.lines
      .filter((line) => isDue(window, line) && gate.free(line.statement))
      .map((line) => ({ window, line }));
  });

/** The proposer anchors what both have signed. */
export function statementDuty(flow: Needs, auditLog: SettlementDomain, calls: StatementCalls): Duty {
  const { self, signer, peers, engine } = flow;
  const due = (view: View, gate: Gate): readonly Due[] =>
    linesDue(
      flow,
      view,
      gate,
      ({ role, state }, { anchored }) => role === 'proposer' && state === 'signed' && anchored === undefined,
    );
  /** Without a signature that counts now the peer is asked for one, of the same content. */
  const ready = async (gate: Gate): Promise<void> => {
    const asked = new Set<WindowRecord>();
    for (const { window, line } of due(engine.newest, gate)) {
      const { peer, content } = window;
      const digest = statementToSign(auditLog, content.operatorA, content.operatorB, line.statement);
      const signers = peers.get(peer)?.signers ?? [];
      if (line.peerSignature !== undefined && (await signer.verify(digest, line.peerSignature, signers))) continue;
      gate.postpone(line.statement);
      asked.add(window);
    }
    if (asked.size === 0) return;
    await engine.run((work) => {
      for (const { peer, content } of asked) repropose(work, peer, content.number);
    });
  };
  return duty<LineItem>({
    name: 'statement',
    key: 'carrier',
    due: (view, gate) => due(view, gate).length > 0,
    ready,
    *orders(work, gate): Iterable<Order<LineItem>> {
      for (const { window, line } of due(work, gate)) {
        const { statement, peerSignature } = line;
        if (peerSignature === undefined) continue;
        const { operatorA, operatorB } = window.content;
        const own = signer.sign(statementToSign(auditLog, operatorA, operatorB, statement));
        const [signatureA, signatureB]: readonly [Hex, Hex] =
          self === operatorA ? [own, peerSignature] : [peerSignature, own];
        const rotating = [self, window.peer].some((id) => (peers.get(id)?.signers.length ?? 0) > 1);
        const care = { careful: rotating || gate.reverted(statement) };
        const call = calls.anchorStatement({ operatorA, operatorB, statement, signatureA, signatureB }, care);
        yield { item: { statement }, call };
      }
    },
    subjects: ({ statement }) => [statement],
    over: (log) => (log.type === 'StatementAnchored' ? [log.statement] : []),
  });
}

/** The payee says on chain that it was paid. */
export function dischargeDuty(flow: Needs, auditLog: SettlementDomain, calls: StatementCalls): Duty {
  const { self, signer } = flow;
  const due = (view: View, gate: Gate): readonly Due[] =>
    linesDue(
      flow,
      view,
      gate,
      ({ state }, { anchored, order, discharged }) =>
        (state === 'signed' || state === 'anchored') &&
        anchored !== undefined &&
        order !== undefined &&
        discharged === undefined,
    );
  return duty<LineItem>({
    name: 'discharge',
    key: 'carrier',
    due: (view, gate) => due(view, gate).length > 0,
    *orders(work, gate): Iterable<Order<LineItem>> {
      for (const { line } of due(work, gate)) {
        const { statement, order } = line;
        if (order === undefined) continue;
        const reference = order.digest;
        const signature = signer.sign(dischargeToSign(auditLog, self, statement, reference));
        yield { item: { statement }, call: calls.discharge({ payee: self, statement, reference, signature }) };
      }
    },
    subjects: ({ statement }) => [statement],
    over: (log) => (log.type === 'StatementDischarged' ? [log.statement] : []),
  });
}
