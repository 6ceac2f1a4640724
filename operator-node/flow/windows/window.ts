/**
 * A settlement window as one of its two operators keeps it (docs/settlement.md): what moved between them in the batches
 * from one sequence to another, in both directions; what that comes to in each asset; who has signed it, where it is
 * anchored, and that it was paid. A node signs one content for a number, for good.
 */
import { statementDigest } from '../../commitment/window.ts';
import type { Asset, Hash, Hex, OperatorId, UnixMillis } from '../../model/ids.ts';
import type { SettlementDomain, WindowContent } from '../../model/records.ts';
import { table, type View } from '../../store/store.ts';

/**
 * proposed    proposer only: stored, sent unsigned, not answered yet. Left by: the peer's signature, or its refusal.
 * differs     proposer only: the peer's books, lanes or numbers are others; nobody has signed it. Left by: another proposal.
 * signed      this operator has signed it, and the proposer has both signatures. Left by: every statement of it anchored.
 * anchored    every statement of it is anchored in a final block. Left by: every statement that is owed, discharged.
 * discharged  paid, and booked here.
 */
export const windowStates = ['proposed', 'differs', 'signed', 'anchored', 'discharged'] as const;
export type WindowStateName = (typeof windowStates)[number];

/** What the payee signs: the reference is told to nobody, its salted digest is on chain. */
export interface DischargeOrder {
  readonly reference: string;
  /** Hex of 16 bytes. */
  readonly salt: string;
  readonly digest: Hash;
}

/** One asset of a window: a statement of its own on chain, paid by itself. */
export interface WindowLine {
  readonly asset: Asset;
  /** Signed minor units; above zero: A owes B. */
  readonly net: string;
  /** The salted digest that is signed and anchored. */
  readonly statement: Hash;
  readonly peerSignature?: Hex;
  /** The final block that it was anchored in. */
  readonly anchored?: { readonly number: number; readonly hash: Hash };
  /** Payee only: staff has said how it was paid. */
  readonly order?: DischargeOrder;
  /** In a final block, and booked in the same write. */
  readonly discharged?: { readonly reference: Hash; readonly block: number; readonly at: UnixMillis };
}

export interface WindowRecord {
  readonly peer: OperatorId;
  readonly role: 'proposer' | 'answerer';
  readonly content: WindowContent;
  readonly lines: readonly WindowLine[];
  readonly state: WindowStateName;
  /** Why the peer has not signed. */
  readonly refusal?: string;
  /** When it was first stored here: from here on it can be overdue. */
  readonly opened: UnixMillis;
  readonly since: UnixMillis;
}

/** Keys of these two: `<peer>!<number, 8 digits>`. */
export const windowTable = table<WindowRecord>('window');
/** Windows that are not discharged. */
export const openWindowTable = table<true>('open-window');
/** The number of the last window with that operator. Key: `<peer>`. */
export const windowHeadTable = table<number>('window-head');

export interface StatementPlace {
  readonly peer: OperatorId;
  readonly number: number;
  readonly asset: Asset;
}
/** Key: the digest. */
export const statementTable = table<StatementPlace>('statement');

export interface StatementSeen {
  readonly anchored?: WindowLine['anchored'];
  readonly discharged?: { readonly reference: Hash; readonly block: number };
}
/** What the chain has of statements that this store does not know: taken up when it learns of them. Key: the digest. */
export const statementSeenTable = table<StatementSeen>('statement-seen');

export const windowKey = (peer: OperatorId, number: number): string => `${peer}!${String(number).padStart(8, '0')}`;

export const loadWindow = (view: View, peer: OperatorId, number: number): WindowRecord | undefined =>
  view.get(windowTable, windowKey(peer, number));

export function lastWindow(view: View, peer: OperatorId): WindowRecord | undefined {
  const number = view.get(windowHeadTable, String(peer));
  return number === undefined ? undefined : loadWindow(view, peer, number);
}

/** Both have signed it, or this operator has as the one that was asked: its content stands. */
export const isBound = ({ state }: WindowRecord): boolean => state !== 'proposed' && state !== 'differs';

const isSettled = (line: WindowLine): boolean =>
  line.anchored !== undefined && (line.net === '0' || line.discharged !== undefined);

/** What this operator owes the other by this line, in minor units; below zero: is owed. */
export const owedBy = (self: OperatorId, content: WindowContent, { net }: Pick<WindowLine, 'net'>): bigint =>
  self === content.operatorA ? BigInt(net) : -BigInt(net);

/** The one that signs the discharge; undefined where nothing is to be paid. */
export function payeeOf(
  { operatorA, operatorB }: WindowContent,
  { net }: Pick<WindowLine, 'net'>,
): OperatorId | undefined {
  if (net === '0') return undefined;
  return net.startsWith('-') ? operatorA : operatorB;
}

/** Of a window that is bound: it follows from its lines. */
export function stateOf(lines: readonly WindowLine[]): Exclude<WindowStateName, 'proposed' | 'differs'> {
  if (lines.every(isSettled)) return 'discharged';
  return lines.every(({ anchored }) => anchored !== undefined) ? 'anchored' : 'signed';
}

export const linesOf = (auditLog: SettlementDomain, content: WindowContent): readonly WindowLine[] =>
  content.nets.map(({ asset, net }) => ({ asset, net, statement: statementDigest(auditLog, content, asset) }));

export const sameContent = (one: WindowContent, other: WindowContent): boolean =>
  JSON.stringify(canonical(one)) === JSON.stringify(canonical(other));

const canonical = ({ number, operatorA, operatorB, aToB, bToA, nets, secret }: WindowContent): unknown => [
  [number, operatorA, operatorB, aToB.from, aToB.to, bToA.from, bToA.to, secret],
  nets.map(({ asset, net }) => [asset, net]),
];
