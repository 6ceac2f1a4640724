/** I1–I4 and I7 on the stores of all operators and the chain: outcomes, books, signatures, commitments. */
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import { operationCommitment, termsCommitment } from '../../operator-node/commitment/record.ts';
import { operationSecret } from '../../operator-node/commitment/secrets.ts';
import { isWhole } from '../../operator-node/engine/journal.ts';
import type { KnownBatch } from '../../operator-node/flow/batch.ts';
import type { Anchored, AnchoredHead, OnChain } from './anchored.ts';
import type { Audited } from './audit.ts';
import type { StoredNode } from './stores.ts';

/** What is wrong, one sentence each. */
export type Problems = string[];

/** I1: what a store says of a pair is what the chain says, and what the other store says. */
export function oneOutcome(nodes: readonly StoredNode[], chain: OnChain): Problems {
  const problems: Problems = [];
  const committed = new Map<string, boolean>();
  for (const { handle, sides } of nodes) {
    for (const [key, { state, side }] of sides) {
      if (state.state !== 'committed' && state.state !== 'aborted') {
        problems.push(`${handle}: ${key} is ${state.state}, which is no end`);
        continue;
      }
      const is = state.state === 'committed';
      const batch = state.batch === undefined ? undefined : chain.batches.get(state.batch);
      const bit = batch !== undefined && state.index !== undefined && batch.committed.has(state.index);
      if (is !== bit)
        problems.push(`${handle}: ${key} is ${state.state}; its commit bit is ${bit ? 'set' : 'not set'}`);
      const other = committed.get(side.pair);
      if (other !== undefined && other !== is)
        problems.push(`${side.pair} is committed on one side and not on the other`);
      committed.set(side.pair, is);
    }
  }
  for (const [pair, is] of committed) {
    if (!is) continue;
    const legs = nodes.flatMap(({ sides }) => ['first', 'second'].filter((leg) => sides.has(`${pair}!${leg}`)));
    if (legs.length !== 2) problems.push(`${pair} is committed with ${legs.length} legs`);
  }
  return problems;
}

/** I2: the books of each operator balance, nothing is on hold, only deposits have brought money, positions mirror. */
export function books(nodes: readonly StoredNode[], deposits: ReadonlyMap<string, bigint>): Problems {
  const problems: Problems = [];
  for (const { handle, operator, books: own, positions } of nodes) {
    problems.push(...own.faults.map((fault) => `${handle}: ${fault}`));
    for (const [asset, { held, cash }] of own.totals) {
      if (held !== 0n) problems.push(`${handle}: ${held} ${asset} are still on hold`);
      const paidIn = deposits.get(`${handle} ${asset}`) ?? 0n;
      if (cash !== -paidIn) problems.push(`${handle}: ${paidIn} ${asset} were paid in, the books say ${-cash}`);
    }
    for (const [key, balance] of positions) {
      const [peer, asset] = key.split('/');
      if (Number(peer) === operator) continue;
      const mirror = nodes.find((node) => node.operator === Number(peer))?.positions.get(`${operator}/${asset}`) ?? 0n;
      if (mirror !== -balance) problems.push(`${handle}: position ${key} is ${balance}, the other side's ${mirror}`);
    }
  }
  return problems;
}

/** I3: one decision a pair on chain, one booking in each store, of exactly the pairs that are committed. */
export function onceOnly(nodes: readonly StoredNode[], chain: OnChain): Problems {
  const problems: Problems = [...chain.faults];
  for (const { handle, payments, sides } of nodes) {
    for (const [key, { entries, state, withoutHold }] of payments) {
      const commits = entries.filter(({ kind }) => kind === 'commit').length;
      if (commits > 1) problems.push(`${handle}: ${key} is booked ${commits} times`);
      if (state === 'held') problems.push(`${handle}: ${key} is still on hold`);
      if (withoutHold) problems.push(`${handle}: ${key} was booked without a hold`);
      const side = sides.get(key.replace('/', '!'));
      if ((side?.state.state === 'committed') !== (commits === 1)) {
        problems.push(`${handle}: ${key} is ${side?.state.state ?? 'unknown'} and has ${commits} bookings`);
      }
    }
    for (const [key, { state }] of sides) {
      if (state.state === 'committed' && !payments.has(key.replace('!', '/'))) {
        problems.push(`${handle}: ${key} is committed and has no booking`);
      }
    }
  }
  return problems;
}

/** I4: one content for a number of a lane, no number left out, a pair in one batch. */
export function oneContent(nodes: readonly StoredNode[], chain: OnChain): Problems {
  const problems: Problems = [];
  for (const { handle, batches } of nodes) {
    const numbers = new Map<string, string>();
    const pairs = new Map<string, string>();
    for (const { record, state } of batches.values()) {
      const { batchId, role, batch } = record;
      const own = role === 'initiator' ? state.initiatorSignature : state.acceptorSignature;
      if (own === undefined) continue;
      const number = `${role} ${batch.initiator}→${batch.acceptor} ${batch.sequence}`;
      const known = numbers.get(number);
      if (known !== undefined) problems.push(`${handle} signed two contents for ${number}: ${known}, ${batchId}`);
      numbers.set(number, batchId);
      if (!chain.batches.has(batchId)) problems.push(`${handle}: ${batchId} is signed and not on chain`);
      for (const pair of record.pairs) {
        const key = `${role} ${pair}`;
        const before = pairs.get(key);
        if (before !== undefined) problems.push(`${handle} signed ${pair} in two batches: ${before}, ${batchId}`);
        pairs.set(key, batchId);
      }
    }
  }
  const lanes = new Map<string, number>();
  for (const { initiator, acceptor, sequence } of chain.batches.values()) {
    const lane = `${initiator}→${acceptor}`;
    if (sequence !== (lanes.get(lane) ?? 0) + 1)
      problems.push(`${lane} goes from ${lanes.get(lane) ?? 0} to ${sequence}`);
    lanes.set(lane, sequence);
  }
  return problems;
}

/** The root that a node's own records and its peer's commitments make. */
function rootOf(node: StoredNode, { record }: KnownBatch): string {
  const leg = record.role === 'initiator' ? 'first' : 'second';
  const leaves = record.pairs.map((pair) => {
    const side = node.sides.get(`${pair}!${leg}`)?.side;
    const keys = side === undefined ? undefined : node.userKeys.get(side.user);
    const other = node.peerCommitments.get(`${pair}!${record.role}`);
    if (side?.record === undefined || keys === undefined || other === undefined)
      throw new Error(`${pair} cannot be opened`);
    const own = operationCommitment(operationSecret(keys.ledger, pair, leg), side.record);
    const terms = termsCommitment(side.termsSecret, side.terms);
    return encodeLeaf({ pair, terms, first: leg === 'first' ? own : other, second: leg === 'first' ? other : own });
  });
  return `0x${merkleTree(leaves).root.toString('hex')}`;
}

function opens(nodes: readonly StoredNode[], { batchId, initiator, acceptor, root }: Anchored): Problems {
  const problems: Problems = [];
  for (const [operator, role] of [
    [initiator, 'initiator'],
    [acceptor, 'acceptor'],
  ] as const) {
    const node = nodes.find((each) => each.operator === operator);
    const known = node?.batches.get(`${batchId}!${role}`);
    if (node === undefined || known === undefined) {
      problems.push(`operator ${operator} does not know ${batchId}, in which it is the ${role}`);
      continue;
    }
    try {
      const opened = rootOf(node, known);
      if (opened !== root) problems.push(`${node.handle}: ${batchId} opens to ${opened}, anchored is ${root}`);
    } catch (error) {
      problems.push(`${node.handle}: ${batchId}: ${(error as Error).message}`);
    }
  }
  return problems;
}

/** I7: every batch is reconciled, and each of its operators can open every commitment in it. */
export function opened(nodes: readonly StoredNode[], chain: OnChain): Problems {
  return [...chain.batches.values()].flatMap((batch) => [
    ...(batch.reconciled && !batch.discrepancy
      ? []
      : [`${batch.batchId} is not reconciled: attested by ${batch.attestedBy.join()}`]),
    ...opens(nodes, batch),
  ]);
}

/** I7: what the auditor counted is what the stores have. */
export function auditedAll(nodes: readonly StoredNode[], { problems, committed }: Audited): Problems {
  const stored = nodes
    .flatMap(({ sides }) => [...sides.values()])
    .filter(({ side, state }) => side.role === 'initiator' && state.state === 'committed').length;
  const wrong =
    stored === committed ? [] : [`an auditor finds ${committed} committed pairs, the stores have ${stored}`];
  return [...problems, ...wrong];
}

/** The journal of each node is one chain of entries without a gap, and holds each of its heads that is on the chain. */
export function journals(nodes: readonly StoredNode[], heads: readonly AnchoredHead[]): Problems {
  const problems: Problems = [];
  for (const { handle, operator, journal } of nodes) {
    const own = heads.filter((anchored) => anchored.operator === operator);
    const hashes = new Map(journal.map(({ sequence, hash }) => [sequence, hash]));
    if (own.length === 0) problems.push(`${handle}: no head of its journal is on the chain`);
    for (const { entry, head } of own) {
      const found = hashes.get(entry);
      if (`0x${found}` !== head) problems.push(`${handle}: entry ${entry} is ${found}, anchored is ${head}`);
    }
    let before = { sequence: 0, hash: '0'.repeat(64) };
    for (const entry of journal) {
      const fits = entry.sequence === before.sequence + 1 && entry.previous === before.hash && isWhole(entry);
      if (!fits) problems.push(`${handle}: journal entry ${entry.sequence} does not follow ${before.sequence}`);
      before = entry;
    }
  }
  return problems;
}

/** I6: nothing is left to do, and nobody has stopped. */
export function nothingLeft(nodes: readonly StoredNode[]): Problems {
  return nodes.flatMap(({ handle, leftOver, sides }) => [
    ...Object.entries(leftOver).flatMap(([table, keys]) =>
      keys.length === 0 ? [] : [`${handle}: ${keys.length} left in ${table}: ${keys.slice(0, 3).join(', ')}`],
    ),
    ...[...sides].flatMap(([key, { state }]) => (state.told ? [] : [`${handle}: ${key} (${state.state}) is not told`])),
  ]);
}

/** Alarms that the faults of a run can be the cause of: the chain's pool and blocks are lost, a disk is full, and a node says so. */
export const ofTheFaults: ReadonlySet<string> = new Set([
  ...['nonce-gap', 'transaction-reverted', 'transaction-refused', 'fee-cap', 'disk-nearly-full'],
  ...['transaction-lost', 'transaction-stuck', 'journal-anchor-overdue', 'overloaded', 'chain-stalled'],
  // Of an endpoint that is told to misbehave, and of links that are cut.
  ...['endpoint-disagrees', 'endpoint-silent', 'registry-not-read'],
]);

/** All operators keep the protocol, so nothing may look as if one of them did not. */
export function nobodyAccused(nodes: readonly StoredNode[], alarms: ReadonlyMap<string, number>): Problems {
  return [
    ...nodes.flatMap(({ handle, journal }) =>
      journal.flatMap(({ kind, payload }) =>
        kind === 'fault' ? [`${handle} noted a fault: ${JSON.stringify(payload)}`] : [],
      ),
    ),
    ...[...alarms].flatMap(([what, count]) => (ofTheFaults.has(what) ? [] : [`${count} alarms: ${what}`])),
  ];
}
