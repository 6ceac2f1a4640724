/**
 * I7, once, at the end: what an auditor rebuilds from the records is what was anchored, and what both operators attested
 * is the same; and nothing is left over in any store.
 */
import { operationCommitment, termsCommitment } from '../../operator-node/commitment/record.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import { operationSecret } from '../../operator-node/commitment/secrets.ts';
import type { BatchRecord } from '../../operator-node/flow/batch.ts';
import type { Side } from '../../operator-node/flow/pair.ts';
import type { Hash, OperatorId } from '../../operator-node/model/ids.ts';
import type { UserKeys } from '../../operator-node/store/codec.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export function auditStores(world: World): void {
  const commitments = new TermsCommitments();
  for (const operator of world.operators) {
    if (world.monitor.liars.has(operator)) continue;
    const { disk } = world.node(operator);
    const read = <T>(key: string): T => {
      const text = disk.peek(key);
      if (text === undefined) throw new Violation('I7', `operator ${operator} cannot open ${key}`);
      return JSON.parse(text) as T;
    };
    for (const [key, record] of world.monitor.batches(operator)) {
      auditBatch(world, operator, key, record, read, commitments);
    }
    if (!world.monitor.robbed.has(operator)) leftOver(world, operator);
  }
}

function auditBatch(
  world: World,
  operator: OperatorId,
  key: string,
  { batchId, role, batch, pairs }: BatchRecord,
  read: <T>(key: string) => T,
  commitments: TermsCommitments,
): void {
  const { state } = world.chain.final;
  const state_ = read<{ state: string }>(`batch-state!${key}`);
  const anchored = state.headers.get(batchId);
  const { liars, robbed } = world.monitor;
  const astray = [batch.initiator, batch.acceptor].some((party) => liars.has(party) || robbed.has(party));
  if (anchored === undefined) {
    if (astray) return;
    if (state_.state !== 'refused') throw new Violation('I7', `operator ${operator}: batch ${batchId} is not on chain`);
    return;
  }
  if (anchored.reconciliation !== 'reconciled' && !astray) {
    throw new Violation('I7', `batch ${batchId} is ${anchored.reconciliation} on chain, not reconciled`);
  }
  const leg = role === 'initiator' ? 'first' : 'second';
  const leaves = pairs.map((pair) => {
    const side = read<Side>(`side!${pair}!${leg}`);
    const keys = read<UserKeys>(`user-key!${side.user}`);
    if (side.record === undefined) throw new Violation('I7', `operator ${operator} has no record of ${pair}`);
    const own = operationCommitment(operationSecret(keys.ledger, pair, leg), side.record);
    const others = read<Hash>(`peer-commitment!${pair}!${role}`);
    const terms = commitments.of(side);
    return encodeLeaf({ pair, terms, first: leg === 'first' ? own : others, second: leg === 'first' ? others : own });
  });
  const root = `0x${merkleTree(leaves).root.toString('hex')}`;
  if (root !== batch.root) throw new Violation('I7', `operator ${operator}: ${batchId} opens to root ${root}`);
}

/** Each side has terms and secret in its own store: where they are the same text, so is the commitment. */
class TermsCommitments {
  readonly #known = new Map<string, Hash>();

  of({ termsSecret, terms }: Side): Hash {
    const text = `${termsSecret} ${JSON.stringify(terms)}`;
    const commitment = this.#known.get(text) ?? termsCommitment(termsSecret, terms);
    this.#known.set(text, commitment);
    return commitment;
  }
}

function leftOver(world: World, operator: OperatorId): void {
  for (const [key, amount] of world.monitor.ledger(operator)) {
    const text = world.node(operator).disk.peek(key);
    if (text === undefined) continue;
    const record = JSON.parse(text) as { held?: string; debits?: string; credits?: string };
    for (const [what, value] of [
      ['held', record.held],
      ['debits', record.debits],
      ['credits', record.credits],
    ] as const) {
      if (value !== undefined && value !== '0') {
        throw new Violation('I6', `operator ${operator}: ${key} still has ${what} ${value}`);
      }
    }
    if (!key.startsWith('position!')) continue;
    mirrored(world, operator, key, amount);
  }
}

/** I2: the positions of two operators mirror each other. */
function mirrored(world: World, operator: OperatorId, key: string, amount: bigint): void {
  const [, peer = '', asset = ''] = /^position!(\d+)\/(.+)$/.exec(key) ?? [];
  if (Number(peer) === operator || world.monitor.liars.has(Number(peer) as OperatorId)) return;
  const other = world.monitor.ledger(Number(peer) as OperatorId).get(`position!${operator}/${asset}`) ?? 0n;
  if (other !== -amount) {
    throw new Violation('I2', `operator ${operator}: ${key} is ${amount}, the peer’s is ${other}`);
  }
}
