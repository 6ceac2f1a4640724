/**
 * What moved between two operators, told by this one's own ledger: by batch, and over ranges of batches. Positions come
 * from the journal of the postings, never from terms or the chain. A large window takes seconds: other work gets its
 * turn between batches.
 */
import { hash } from 'node:crypto';
import { fromHex, writePairId } from '../../commitment/bytes.ts';
import { TandemError } from '../../errors.ts';
import { legOf, type Asset, type Hash, type OperatorId, type PairId, type Role } from '../../model/ids.ts';
import type { LaneRange, WindowContent } from '../../model/records.ts';
import type { View } from '../../store/store.ts';
import { laneBatchKey, laneBatchTable, loadBatch, type KnownBatch } from '../batch.ts';
import type { FlowContext } from '../context.ts';
import { loadSide } from '../pair.ts';

/** Signed minor units by asset; above zero: this operator owes more. */
export type Sums = Map<Asset, bigint>;

const add = (sums: Sums, asset: Asset, amount: bigint): void => {
  sums.set(asset, (sums.get(asset) ?? 0n) + amount);
};

/** A batch whose every pair is final here, and which is on chain: nothing of it changes any more. */
export const isFinalBatch = ({ state }: KnownBatch): boolean =>
  state.state === 'countersigned' && state.remaining === 0 && state.prepared !== undefined;

export function batchOfLane(view: View, role: Role, peer: OperatorId, sequence: number): KnownBatch | undefined {
  const batchId = view.get(laneBatchTable, laneBatchKey(role, peer, sequence));
  return batchId === undefined ? undefined : loadBatch(view, batchId, role);
}

/** The last of the final batches that follow one another from `from` on; one less than `from` where there is none. */
export function finalPrefix(view: View, role: Role, peer: OperatorId, from: number): number {
  let to = from - 1;
  for (;;) {
    const known = batchOfLane(view, role, peer, to + 1);
    if (known === undefined || !isFinalBatch(known)) return to;
    to += 1;
  }
}

/** What this operator's bookings of a pair of that batch have made of the position, an asset each. */
function movedBy(flow: FlowContext, view: View, { record }: KnownBatch, pair: PairId): Sums {
  const leg = legOf(record.role);
  const sums: Sums = new Map();
  for (const { asset, amount } of flow.accounts.moved(view, pair, leg, record.peer)) add(sums, asset, amount);
  return sums;
}

const turn = (flow: FlowContext): Promise<void> =>
  new Promise((resolve) => {
    flow.engine.clock.after(0, resolve);
  });

/** Sums over batches of both lanes with that operator, from its final batches. */
export async function sumsOf(
  flow: FlowContext,
  peer: OperatorId,
  ranges: Readonly<Record<Role, LaneRange>>,
): Promise<Sums> {
  const sums: Sums = new Map();
  for (const role of ['initiator', 'acceptor'] as const) {
    for (let sequence = ranges[role].from; sequence <= ranges[role].to; sequence += 1) {
      const view = flow.engine.newest;
      const known = batchOfLane(view, role, peer, sequence);
      if (known === undefined || !isFinalBatch(known)) {
        throw new TandemError('internal', `Batch ${sequence} as ${role} with operator ${peer} was final and is not`);
      }
      for (const pair of known.record.pairs) {
        for (const [asset, amount] of movedBy(flow, view, known, pair)) add(sums, asset, amount);
      }
      await turn(flow);
    }
  }
  return sums;
}

/** As a window says it: sorted, from A's side. */
export const netsOf = (selfIsA: boolean, sums: Sums): WindowContent['nets'] =>
  [...sums]
    .map(([asset, amount]) => ({ asset, net: (selfIsA ? amount : -amount).toString() }))
    .sort((one, other) => (one.asset < other.asset ? -1 : 1));

const tag = Buffer.from('tandem/compare/1\0');

/**
 * The digest of one pair: its terms' secret, which only the two operators know, its id, and what moved from the
 * initiator to the acceptor by this ledger.
 */
function pairDigest(flow: FlowContext, view: View, known: KnownBatch, pair: PairId, as: 'booked' | 'agreed'): Buffer {
  const leg = legOf(known.record.role);
  const found = loadSide(view, pair, leg);
  if (found === undefined) throw new TandemError('internal', `Pair ${pair} of a stored batch is not in the store`);
  const { side, state } = found;
  const agreed: Sums = new Map();
  if (state.state === 'committed') {
    agreed.set(side.operation.asset, side.debits ? BigInt(side.operation.amount) : -BigInt(side.operation.amount));
  }
  const moved = as === 'agreed' ? agreed : movedBy(flow, view, known, pair);
  const sign = leg === 'first' ? 1n : -1n;
  const text = JSON.stringify(
    [...moved]
      .map(([asset, amount]) => [asset, (sign * amount).toString()])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
  const id = Buffer.alloc(16);
  writePairId(id, pair, 0);
  return hash('sha256', Buffer.concat([tag, fromHex(side.termsSecret), id, Buffer.from(text)]), 'buffer');
}

/** Over leaves of a batch, both ends included. */
export function pairsDigest(
  flow: FlowContext,
  view: View,
  known: KnownBatch,
  { from, to }: LaneRange,
  as: 'booked' | 'agreed' = 'booked',
): Hash {
  const digests = known.record.pairs.slice(from, to + 1).map((pair) => pairDigest(flow, view, known, pair, as));
  return `0x${hash('sha256', Buffer.concat([tag, fromHex(known.record.batchId), ...digests]), 'hex')}` as Hash;
}

/** Over batches of a lane, both ends included; undefined where one is not there or not final. */
export async function batchesDigest(
  flow: FlowContext,
  role: Role,
  peer: OperatorId,
  { from, to }: LaneRange,
): Promise<Hash | undefined> {
  const digests: Buffer[] = [];
  for (let sequence = from; sequence <= to; sequence += 1) {
    const view = flow.engine.newest;
    const known = batchOfLane(view, role, peer, sequence);
    if (known === undefined || !isFinalBatch(known)) return undefined;
    digests.push(fromHex(pairsDigest(flow, view, known, { from: 0, to: known.record.pairs.length - 1 })));
    await turn(flow);
  }
  return `0x${hash('sha256', Buffer.concat([tag, ...digests]), 'hex')}` as Hash;
}
