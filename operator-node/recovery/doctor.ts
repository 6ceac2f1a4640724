/**
 * A whole look at a node: its store by itself, against the chain, and against its peers; each difference is named. It
 * changes nothing and reads everything, so it is nothing for the way of a message.
 */
import { maxRegistryAgeMillis, type RegistryStatus } from '../chain/peers.ts';
import type { ChainReader, PeerRegistry } from '../chain/chain.ts';
import type { EndpointStatus } from '../chain/endpoints.ts';
import { endpointFindings } from '../chain/watch-endpoints.ts';
import type { Channel } from '../channel/channel.ts';
import type { Request } from '../channel/messages.ts';
import { checkBooks } from '../domains/payments/books.ts';
import { journalEntry, verifyJournal } from '../engine/journal.ts';
import { dischargeTable } from '../domains/payments/records.ts';
import { TandemError } from '../errors.ts';
import {
  batchStateTable,
  batchTable,
  laneBatchTable,
  laneKey,
  laneTable,
  readLane,
  type BatchRecord,
} from '../flow/batch.ts';
import { cursorTable } from '../chain/cursor.ts';
import { anchoredAt, checkpointTable, newestAnchored } from '../flow/checkpoint.ts';
import { isFinal, loadSide, openSideTable, sideStateTable, sideTable } from '../flow/pair.ts';
import { owedBy, windowTable } from '../flow/windows/window.ts';
import type { BatchId, Hash, Leg, OperatorId, PairId, Role } from '../model/ids.ts';
import { decisionOf, type BatchOutcome } from '../model/outcome.ts';
import type { Room } from '../store/room.ts';
import type { Store } from '../store/store.ts';
import { haltStatus } from './release.ts';
import { lostPairTable, recoveryOf } from '../flow/past.ts';

export type Part = 'store' | 'chain' | 'peers';

export interface Finding {
  readonly part: Part;
  /** One sentence: what is, and what should be. */
  readonly says: string;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** What was looked at, so that nothing found means something. */
  readonly looked: Readonly<Record<string, number>>;
}

export interface DoctorParts {
  readonly self: OperatorId;
  readonly store: Store;
  readonly room: Room;
  /** All records with their checksums compared; where the disk has any. */
  readonly records?: () => AsyncIterable<readonly [key: string, text: string]>;
  readonly reader: ChainReader;
  /** How the RPC endpoints stand when the chain has been read. */
  readonly endpoints?: () => readonly EndpointStatus[];
  readonly peers: PeerRegistry & { readonly status: RegistryStatus };
  /** What the running node has found of a block that it cannot apply. */
  readonly unreadable?: () => string | undefined;
  /** Why the sending keys cannot bring to the chain what is begun; where the node watches them. */
  readonly gas?: { readonly trouble: string | undefined };
  readonly channel: Channel;
  readonly hello: (peer: OperatorId) => Request<'hello'>;
  /** Lower case. */
  readonly signer: string;
  readonly account: string;
}

/** Sentences beyond these say nothing new. */
const maxFindingsAPart = 200;
const roles: readonly Role[] = ['initiator', 'acceptor'];

class Notes {
  readonly findings: Finding[] = [];
  readonly looked: Record<string, number> = {};

  add(part: Part, says: string): void {
    const before = this.findings.filter((finding) => finding.part === part).length;
    if (before < maxFindingsAPart) this.findings.push({ part, says });
  }

  count(what: string, by = 1): void {
    this.looked[what] = (this.looked[what] ?? 0) + by;
  }

  /** A look that cannot be finished is a finding too. */
  async look(part: Part, name: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      this.add(part, `${name}: ${error.message}`);
    }
  }
}

export async function examine(parts: DoctorParts): Promise<Diagnosis> {
  const notes = new Notes();
  await notes.look('store', 'records', () => everyRecord(parts, notes));
  await notes.look('store', 'disk', () => diskRoom(parts, notes));
  await notes.look('store', 'journal', () => wholeJournal(parts.store, notes));
  await notes.look('store', 'books', () => books(parts.store, notes));
  await notes.look('store', 'pairs', () => pairsAndBatches(parts.store, notes));
  await notes.look('store', 'windows', () => windows(parts, notes));
  await notes.look('chain', 'registry', () => registry(parts, notes));
  await notes.look('chain', 'registry', () => ownEntry(parts, notes));
  await notes.look('chain', 'blocks', () => nextBlocks(parts, notes));
  await notes.look('chain', 'halt', () => halted(parts, notes));
  await notes.look('chain', 'journal', () => anchoredJournal(parts, notes));
  await notes.look('chain', 'lanes', () => lanes(parts, notes));
  await notes.look('chain', 'outcomes', () => outcomes(parts, notes));
  if (parts.gas?.trouble !== undefined) notes.add('chain', `No new orders are taken: ${parts.gas.trouble}`);
  for (const says of endpointFindings(parts.endpoints?.() ?? [])) notes.add('chain', says);
  await everyPeer(parts, notes);
  return { findings: notes.findings, looked: notes.looked };
}

/** Room that is short now; not short yet is said by the metrics. */
async function diskRoom({ room }: DoctorParts, notes: Notes): Promise<void> {
  await room.look();
  notes.count('mebibytes free', Math.floor((room.freeBytes ?? 0) / 1024 / 1024));
  if (!room.short) return;
  const [free, least] = [room.freeBytes ?? 0, room.minFreeBytes].map((bytes) => Math.floor(bytes / 1024 / 1024));
  notes.add('store', `The disk has ${free} MiB free, less than disk.minFreeMebibytes (${least}): no orders are taken`);
}

async function everyRecord({ records, store }: DoctorParts, notes: Notes): Promise<void> {
  for await (const _ of records?.() ?? []) notes.count('records');
  const recovery = recoveryOf(store.newest);
  if (recovery !== undefined) {
    notes.add('store', `The store may be behind (${recovery.why}): run tandem recover`);
  }
}

async function wholeJournal(store: Store, notes: Notes): Promise<void> {
  const { entries, fault } = await verifyJournal(store);
  notes.count('journal entries', entries);
  if (fault !== undefined) notes.add('store', `Journal: ${fault}`);
}

async function books(store: Store, notes: Notes): Promise<void> {
  const { totals, faults } = await checkBooks(store);
  notes.count('assets', totals.size);
  for (const fault of faults) notes.add('store', `Books: ${fault}`);
}

/** What one table says of another. */
async function pairsAndBatches(store: Store, notes: Notes): Promise<void> {
  for await (const [key] of store.scan(sideStateTable)) {
    // As it is now, like the list that it is compared with: a scan shows what it was.
    const state = store.newest.get(sideStateTable, key);
    if (state === undefined) continue;
    notes.count('sides');
    if (store.newest.get(sideTable, key) === undefined) notes.add('store', `Side ${key} has a state and no content`);
    const open = store.newest.get(openSideTable, key) !== undefined;
    if (open === state.told) {
      notes.add('store', `Side ${key} is ${state.told ? 'over' : 'open'}, and the list of open ones says otherwise`);
    }
  }
  for await (const [key, record] of store.scan(batchTable)) {
    notes.count('batches');
    const state = store.newest.get(batchStateTable, key);
    if (state === undefined) {
      notes.add('store', `Batch ${key} has no state`);
      continue;
    }
    const leg: Leg = record.role === 'initiator' ? 'first' : 'second';
    const sides = record.pairs.map((pair) => loadSide(store.newest, pair, leg));
    const isLost = (pair: PairId): boolean => store.newest.get(lostPairTable, `${pair}!${record.role}`) !== undefined;
    const lost = record.pairs.filter(isLost).length;
    if (lost > 0) notes.count('lost pairs', lost);
    const missing = sides.filter((side, index) => side === undefined && !isLost(record.pairs[index] as PairId)).length;
    const open = sides.filter((side) => side !== undefined && !isFinal(side.state)).length;
    if (missing > 0) notes.add('store', `Batch ${key}: ${missing} of its ${sides.length} pairs are not in the store`);
    if (state.state !== 'refused' && missing === 0 && state.remaining !== open) {
      notes.add('store', `Batch ${key} counts ${state.remaining} pairs without an outcome; ${open} have none`);
    }
  }
  for await (const [key] of store.scan(laneTable)) {
    let expected = 1;
    for await (const [at] of store.scan(laneBatchTable, { prefix: `${key}!` })) {
      const sequence = Number(at.slice(key.length + 1));
      if (sequence !== expected) notes.add('store', `Lane ${key}: batch ${expected} is missing, ${sequence} is there`);
      expected = sequence + 1;
    }
    notes.count('lanes');
    // As it is now, so not behind what the scan has shown. The last one may be refused, and its number free again.
    const next = store.newest.get(laneTable, key)?.next ?? 1;
    if (expected > next + 1) notes.add('store', `Lane ${key} is at ${next} and holds batch ${expected - 1}`);
  }
}

/** Windows against the ledger: what is discharged is booked once, and what is not stays in the position. */
async function windows({ self, store }: DoctorParts, notes: Notes): Promise<void> {
  // First: a window is there before it is booked.
  const booked: string[] = [];
  for await (const [statement] of store.scan(dischargeTable)) booked.push(statement);
  const statements = new Set<string>();
  for await (const [key] of store.scan(windowTable)) {
    const window = store.newest.get(windowTable, key);
    if (window === undefined) continue;
    notes.count('windows');
    const { content, lines, state, refusal } = window;
    if (state === 'differs') {
      notes.add('store', `Window ${key} is not signed by the other operator (${refusal ?? ''}): tandem window compare`);
    }
    for (const line of lines) {
      const found = store.newest.get(dischargeTable, line.statement);
      const owed = owedBy(self, content, line).toString();
      if (line.discharged !== undefined && found?.amount !== owed) {
        notes.add(
          'store',
          `Window ${key} is discharged in ${line.asset} and booked with ${found?.amount ?? 'nothing'}, not ${owed}`,
        );
      }
      if (line.discharged === undefined && found !== undefined) {
        notes.add('store', `Window ${key} is booked in ${line.asset} and not discharged`);
      }
      statements.add(line.statement);
    }
  }
  for (const statement of booked) {
    if (!statements.has(statement)) notes.add('store', `The discharge of ${statement} is of no window`);
  }
}

/** How old it is, and what of whose entry cannot be read. */
async function registry({ peers }: DoctorParts, notes: Notes): Promise<void> {
  const { ageMillis, block, trouble } = peers.status;
  if (ageMillis > maxRegistryAgeMillis) {
    const of = block === undefined ? '' : `; what is known is of block ${block.number}`;
    const why = trouble === undefined ? '' : `: ${trouble}`;
    notes.add('chain', `The registry has not been read for ${Math.round(ageMillis / 1000)} s${of}${why}`);
  }
  for (const { id, unreadable = [] } of peers.all()) {
    if (unreadable.length === 0) continue;
    notes.add('chain', `Of operator ${id} the registry has what cannot be read: ${unreadable.join(', ')}`);
  }
}

/** Blocks after the last one applied that are looked at. */
const blocksAhead = 100;

/** Whether what comes next can be read: a node stays at a block that cannot, and applies nothing after it. */
async function nextBlocks({ store, reader, unreadable }: DoctorParts, notes: Notes): Promise<void> {
  const found = unreadable?.();
  if (found !== undefined) {
    notes.add('chain', found);
    return;
  }
  const cursor = store.newest.get(cursorTable, 'chain');
  if (cursor === undefined) return;
  const { number: final } = await reader.finalHead();
  for (let number = cursor.number + 1; number <= Math.min(final, cursor.number + blocksAhead); number += 1) {
    const { hash } = await reader.block(number);
    try {
      await reader.logs(hash);
    } catch (error) {
      if (!(error instanceof TandemError && error.code === 'chain-unreadable')) throw error;
      notes.add('chain', `Block ${number} cannot be read: ${error.message}`);
      return;
    }
  }
}

async function ownEntry({ peers, self, signer, account }: DoctorParts, notes: Notes): Promise<void> {
  const entry = peers.get(self);
  if (entry === undefined) {
    notes.add('chain', `The registry has no operator ${self}`);
    return;
  }
  if (entry.status !== 'active') notes.add('chain', `Operator ${self} is ${entry.status} in the registry`);
  if (!entry.signers.some((known) => known === signer)) {
    notes.add(
      'chain',
      `The signer of the keys file, ${signer}, is none of this operator's in the registry: ${entry.signers.join(', ')}`,
    );
  }
  if (!entry.accounts.some((known) => known.toLowerCase() === account)) {
    notes.add(
      'chain',
      `The account of the keys file, ${account}, is none of this operator's in the registry: ${entry.accounts.join(', ')}`,
    );
  }
}

async function halted({ self, store, reader, signer, account }: DoctorParts, notes: Notes): Promise<void> {
  const {
    halted: is,
    says,
    holds,
  } = await haltStatus({
    self,
    view: store.newest,
    reader,
    keys: { signer, account },
  });
  if (is) notes.add('chain', [says.replace(/\.$/, ''), ...holds, 'See tandem resume'].join('. '));
}

const noHead = `0x${'0'.repeat(64)}`;

/** The heads that were anchored against the journal: those that the store knows of, and the newest on the chain. */
async function anchoredJournal({ self, store, reader }: DoctorParts, notes: Notes): Promise<void> {
  const compare = (entry: number, head: Hash, where: string): void => {
    const found = journalEntry(store.newest, entry);
    notes.count('anchored heads');
    if (found === undefined || `0x${found.hash}` !== head) {
      const here = found === undefined ? 'is not in this journal' : `has the hash 0x${found.hash} here`;
      const held = newestAnchored(store.newest)?.entry ?? 0;
      notes.add(
        'chain',
        `Journal: entry ${entry}, anchored with the head ${head} ${where}, ${here}. The newest anchored head that it holds is of entry ${held}`,
      );
    }
  };
  for await (const [, { entry, head, block, disowned }] of store.scan(checkpointTable)) {
    if (disowned === undefined) compare(entry, head, `in block ${block.number}`);
  }
  const { hash, number } = await reader.finalHead();
  const newest = await reader.lastCheckpoint(self, hash);
  if (newest === undefined) {
    notes.count('anchored heads', 0);
    return;
  }
  // The node may be some blocks behind. After a disowning there is nothing to compare with.
  if (newest.head !== noHead && anchoredAt(store.newest, newest.entry) === undefined) {
    compare(newest.entry, newest.head, `at block ${number}`);
  }
}

/** The last sequence of each lane, on the chain and here. */
async function lanes({ self, store, reader, peers }: DoctorParts, notes: Notes): Promise<void> {
  // In this order: what is applied here is never ahead of what the chain says afterwards.
  const cursor = store.newest.get(cursorTable, 'chain');
  const block = await reader.finalHead();
  if (cursor !== undefined && cursor.number > block.number) {
    notes.add('chain', `The store has applied block ${cursor.number}; the newest final block is ${block.number}`);
  }
  if (cursor !== undefined && cursor.number <= block.number) {
    const now = await reader.block(cursor.number);
    if (now.hash !== cursor.hash) {
      notes.add('chain', `Block ${cursor.number} was applied as ${cursor.hash} and is ${now.hash} on the chain`);
    }
  }
  for (const { id } of peers.all()) {
    for (const role of roles) {
      const chain =
        role === 'initiator'
          ? await reader.nextSequence(self, id, block.hash)
          : await reader.nextSequence(id, self, block.hash);
      const here = readLane(store.newest, role, id).next;
      notes.count('lanes on chain');
      // The node may be some blocks behind, and what is countersigned may be on its way.
      if (chain > here)
        notes.add('chain', `Lane ${laneKey(role, id)}: the chain is at batch ${chain}, the store at ${here}`);
    }
  }
}

/** What was executed and released here against the bits on the chain, at a block that is no older than what is here. */
async function outcomes({ store, reader }: DoctorParts, notes: Notes): Promise<void> {
  let block = await reader.finalHead();
  const known = new Map<BatchId, BatchOutcome>();
  for await (const [key, record] of store.scan(batchTable)) {
    const state = store.newest.get(batchStateTable, key);
    if (state === undefined || state.state === 'refused') continue;
    const ends = endsOf(store, record);
    const applied = store.newest.get(cursorTable, 'chain')?.number ?? 0;
    if (applied > block.number) {
      known.clear();
      block = await reader.finalHead();
      // An endpoint that is behind: `lanes` says so, and nothing can be compared.
      if (applied > block.number) continue;
    }
    let outcome = known.get(record.batchId);
    if (outcome === undefined) {
      known.clear();
      outcome = await reader.batchOutcome(record.batchId, block.hash);
      known.set(record.batchId, outcome);
    }
    if (state.prepared !== undefined && !outcome.prepared) {
      notes.add('chain', `Batch ${record.batchId} was seen in block ${state.prepared.number} and is not on the chain`);
    }
    notes.count('batches on chain');
    compareEnds(ends, outcome, block.hash, notes);
  }
}

interface End {
  readonly pair: PairId;
  readonly index: number;
  readonly state: string;
}

/** The pairs of a batch that are final here. */
function endsOf(store: Store, { batchId, pairs, role }: BatchRecord): readonly End[] {
  return pairs.flatMap((pair, index) => {
    const state = loadSide(store.newest, pair, role === 'initiator' ? 'first' : 'second')?.state;
    return state?.batch === batchId && isFinal(state) ? [{ pair, index, state: state.state }] : [];
  });
}

function compareEnds(ends: readonly End[], outcome: BatchOutcome, at: Hash, notes: Notes): void {
  for (const { pair, index, state } of ends) {
    const committed = decisionOf(outcome, index) === 'committed';
    notes.count('outcomes on chain');
    if (committed !== (state === 'committed')) {
      notes.add(
        'chain',
        `Pair ${pair} is ${state} here and ${committed ? 'committed' : 'not committed'} on the chain at block ${at}`,
      );
    }
  }
}

async function everyPeer({ self, peers, channel, hello: greeting }: DoctorParts, notes: Notes): Promise<void> {
  for (const { id, status } of peers.all()) {
    if (id === self || (status !== 'active' && status !== 'suspended')) continue;
    notes.count('peers');
    await notes.look('peers', `Operator ${id}`, async () => {
      const hello = greeting(id);
      const answer = await channel.call(id, 'hello', hello);
      if (answer.operator !== id || answer.chainId !== hello.chainId || answer.settlement !== hello.settlement) {
        notes.add(
          'peers',
          `Operator ${id} greets as operator ${answer.operator} of contract ${answer.settlement} on chain ${answer.chainId}`,
        );
      }
      const own = new Map(hello.assets.map(({ asset, exponent }) => [asset, exponent]));
      for (const { asset, exponent } of answer.assets) {
        const here = own.get(asset);
        if (here !== undefined && here !== exponent) {
          notes.add('peers', `Operator ${id} has ${asset} with exponent ${exponent}, this node with ${here}`);
        }
      }
    });
  }
}
