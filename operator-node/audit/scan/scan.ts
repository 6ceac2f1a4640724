/**
 * The audit of a range of blocks: everything that was anchored in it, against what both operators disclosed. Needs a
 * network file, endpoints and the operators' files, and nothing of a node.
 */
import { TandemError } from '../../errors.ts';
import type { Hash } from '../../model/ids.ts';
import type { AuditBlock, RangeChain } from '../audit-chain.ts';
import { contractsAt, type Contracts } from '../contracts.ts';
import type { DisclosureIndex, Section } from '../disclosures/read.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import { checkNetwork, finalBlock } from '../settled.ts';
import { Across, type NetPosition } from './across.ts';
import { defaultTolerance, type BatchJob, type BatchResult, type ChainBatch, type Tolerance } from './batch.ts';
import { noteAbsent, noteForeign } from './absent.ts';
import type { Described } from './batch-state.ts';
import { checkEdge, checkReach } from './edge.ts';
import { agreeing, type NamedChain } from './endpoints.ts';
import type { EarlierScans } from './earlier.ts';
import { Findings, type FindingCode } from './findings.ts';
import { Pool } from './pool.ts';
import { readChain, type LaneHead } from './read-chain.ts';
import { Refunds } from './refunds.ts';
import {
  ScanTotals,
  type DayTotals,
  type LaneTotals,
  type OperatorTotals,
  type PairTotals,
  type Volume,
} from './scan-totals.ts';
import type { ScanState } from './state.ts';
import { checkedBatch, indexed, sectionKey, sectionsOf } from './given.ts';
import { checkHeads } from './heads.ts';
import { BatchNets, checkWindows, type AuditedNet } from './windows.ts';

export interface ScanRequest {
  readonly network: AuditNetwork;
  readonly endpoints: readonly NamedChain[];
  /** Disclosure files; or what gets them once it is known which blocks they are to have. */
  readonly files:
    readonly string[] | ((blocks: { from: number; to: number }, findings: Findings) => Promise<readonly string[]>);
  /** First block; by default where the state says, else the network's first. */
  readonly from?: number;
  /** Last block, by default the newest final one. */
  readonly to?: number;
  readonly state?: ScanState;
  /** What the scans before saw, with `state`: this one adds what it sees. */
  readonly earlier?: EarlierScans;
  readonly tolerance?: Tolerance;
  /** Files of settlement windows (`tandem window export`). */
  readonly windows?: readonly string[];
  /** Unix seconds by the auditor’s clock: without it the age of the chain is not judged. */
  readonly now?: number;
  /** 0: no threads. */
  readonly threads: number;
  readonly onProgress?: (done: number, all: number) => void;
}

export interface ScanResult {
  readonly chainId: string;
  readonly contract: string;
  readonly from: number;
  readonly to: number;
  /** `age`: seconds, by the auditor’s clock. */
  readonly final: { readonly number: number; readonly hash: string; readonly time: number; readonly age?: number };
  readonly totals: PairTotals;
  readonly services: Readonly<Record<string, number>>;
  readonly days: readonly DayTotals[];
  readonly volumes: readonly Volume[];
  /** What was handed in, with what its first line says of itself. */
  readonly inputs: readonly ScanInput[];
  readonly lanes: readonly LaneTotals[];
  readonly operators: readonly OperatorTotals[];
  readonly positions: readonly NetPosition[];
  /** From the window files, if any were given. */
  readonly windows: readonly AuditedNet[];
  readonly findings: Findings;
  /** Absent where it is in doubt what was read. */
  readonly state?: ScanState;
}

export interface ScanInput {
  readonly file: string;
  readonly kind: 'disclosures' | 'windows';
  readonly operator?: number;
  readonly policy?: string;
  readonly from?: number;
  readonly to?: number;
}

const inputsOf = ({ paths, files }: Material, windows: readonly string[] = []): ScanInput[] => [
  ...paths.map((path): ScanInput => {
    const header = files.find(({ file }) => file === path)?.header;
    if (header === undefined) return { file: path, kind: 'disclosures' };
    const { operator, policy, from, to } = header;
    return { file: path, kind: 'disclosures', operator, policy, from, to };
  }),
  ...windows.map((file): ScanInput => ({ file, kind: 'windows' })),
];

/** Findings after which a scan leaves no state. */
const doubts = ['history-rewritten', 'endpoints-disagree', 'wrong-network'] as const satisfies FindingCode[];

async function rangeOf(
  { from, to, state, network }: ScanRequest,
  chain: RangeChain,
  final: { number: number },
  findings: Findings,
): Promise<{ from: number; to: number; before: readonly LaneHead[] }> {
  const last = to ?? final.number;
  if (last > final.number)
    throw new TandemError('unprocessable', `Block ${last} is not final: the newest final block is ${final.number}.`);
  if (state !== undefined) {
    if (state.chainId !== network.chainId || state.contract !== network.contracts.PairSettlement) {
      throw new TandemError(
        'config-invalid',
        `The state file is of chain ${state.chainId}, contract ${state.contract}.`,
      );
    }
    const { number, hash } = state.last;
    const there = await chain.block(number);
    if (there?.hash !== hash) {
      findings.add(
        'history-rewritten',
        `block ${number} was ${hash} when it was last scanned, and final; the chain has ${there?.hash ?? 'no such block'} now`,
        { block: number, seen: hash, found: there?.hash ?? '' },
      );
    }
  }
  const first = from ?? state?.next ?? network.firstBlock;
  if (state !== undefined && ((from ?? 0) > state.next || (to ?? Infinity) < state.last.number)) {
    throw new TandemError(
      'unprocessable',
      `Blocks ${first} to ${last} would skip some: the last scan ended at block ${state.last.number} and is continued from ${state.next}. Scan them without the state file.`,
    );
  }
  // Nothing new since the last scan is no fault: that its block is still there has been checked.
  if (first > last && (state === undefined || from !== undefined))
    throw new TandemError('unprocessable', `Nothing to scan: block ${first} is after block ${last}.`);
  return { from: first, to: last, before: state !== undefined && first === state.next ? state.lanes : [] };
}

function stateAfter(
  { network }: ScanRequest,
  batches: readonly ChainBatch[],
  open: ReadonlySet<number>,
  lanes: readonly LaneHead[],
  last: { number: number; hash: string },
): ScanState {
  const oldest = batches.find(({ ordinal }) => open.has(ordinal));
  const next = oldest?.preparedBlock ?? last.number + 1;
  const heads = lanes.map(({ initiator, acceptor, sequence }) => {
    const after = batches.filter(
      (batch) => batch.initiator === initiator && batch.acceptor === acceptor && batch.preparedBlock >= next,
    ).length;
    return { initiator, acceptor, sequence: sequence - after };
  });
  return {
    format: 'tandem/scan-state/2',
    chainId: network.chainId,
    contract: network.contracts.PairSettlement,
    last: { number: last.number, hash: last.hash as ScanState['last']['hash'] },
    next,
    lanes: heads,
  };
}

/** What the registry calls them, and what of their entries cannot be read. */
async function handlesOf(
  contracts: Contracts,
  lanes: readonly LaneHead[],
  /** Who has anchored something else in these blocks. */
  others: ReadonlySet<number>,
  final: { readonly number: number; readonly hash: Hash },
  findings: Findings,
): Promise<ReadonlyMap<number, string>> {
  const handles = new Map<number, string>();
  const inLanes = lanes.flatMap(({ initiator, acceptor }) => [initiator, acceptor]);
  for (const operator of new Set([...inLanes, ...others])) {
    const { handle = '', unreadable = [] } = (await contracts.entryOf(operator, final.hash)) ?? {};
    handles.set(operator, handle);
    if (unreadable.length === 0) continue;
    const fields = unreadable.join(', ');
    const says = `operator ${operator}: its entry in the registry at block ${final.number} cannot be read: ${fields}`;
    findings.add('operator-unreadable', says, { operator, block: final.number, fields });
  }
  return handles;
}

/** What the chain and the files have of the range, before any batch is checked. */
interface Material {
  readonly chain: RangeChain;
  readonly final: AuditBlock;
  readonly range: { readonly from: number; readonly to: number };
  readonly paths: readonly string[];
  readonly files: readonly DisclosureIndex[];
  readonly sections: ReadonlyMap<string, Section>;
  readonly batches: readonly ChainBatch[];
  readonly lanes: readonly LaneHead[];
  readonly handles: ReadonlyMap<number, string>;
}

async function materialOf(request: ScanRequest, findings: Findings): Promise<Material> {
  const { network } = request;
  const chain = agreeing(request.endpoints, findings);
  const contracts = contractsAt(chain, network.contracts);
  const final = await finalBlock(chain, contracts, network);
  if (final === undefined) throw new TandemError('chain-unavailable', 'The endpoints have no final block.');
  const expected = { chainId: network.chainId, contract: network.contracts.PairSettlement };
  const identity = await checkNetwork(chain, contracts, network, expected, final);
  if (!identity.ok) findings.add('wrong-network', identity.found);
  const range = await rangeOf(request, chain, final, findings);
  const paths = typeof request.files === 'function' ? await request.files(range, findings) : request.files;
  const files = paths.flatMap((path) => indexed(path, findings));
  const sections = sectionsOf(files, network, findings);
  await checkEdge(request.endpoints, network, final, request.now, findings);
  const latest = await chain.block('latest');
  const newest = { final: (await finalBlock(chain, contracts, network))?.number ?? 0, latest: latest?.number ?? 0 };
  const own = files.filter(
    ({ header }) => header.chainId === network.chainId && header.contract === network.contracts.PairSettlement,
  );
  await checkReach(chain, own, newest, findings);
  const described = describedIn(sections);
  const { batches, lanes } =
    range.from > range.to
      ? { batches: [], lanes: range.before }
      : await readChain(chain, contracts, { network, final, described, ...range }, findings);
  noteAbsent(network.contracts.PairSettlement, files, batches, sections, findings);
  await noteForeign({ contracts, chain, network, final, described }, batches, sections, range, findings);
  const anchoring = await checkHeads(chain, network, range, findings);
  const handles = await handlesOf(contracts, lanes, anchoring, final, findings);
  return { chain, final, range, paths, files, sections, batches, lanes, handles };
}

/** What the files' sections say of a batch, where the endpoint's event of it cannot be right. */
const describedIn =
  (sections: ReadonlyMap<string, Section>): Described =>
  (batchId) =>
    [...sections.values()].filter(({ line }) => line.batchId === batchId).map(({ line }) => line.batch);

/** Checks every batch, several at once, and adds up what they show. */
class BatchChecks {
  readonly totals: ScanTotals;
  readonly across: Across;
  readonly nets = new BatchNets();
  /** Places of the sections that were read. */
  readonly checked = new Set<string>();
  readonly #refunds = new Refunds();
  /** Sections that no check comes to the end of. */
  readonly #unusable = new Set<Section>();
  readonly #material: Material;
  readonly #request: ScanRequest;
  readonly #earlier: EarlierScans | undefined;
  readonly #findings: Findings;
  #done = 0;

  constructor(material: Material, request: ScanRequest, earlier: EarlierScans | undefined, findings: Findings) {
    this.#material = material;
    this.#request = request;
    this.#earlier = earlier;
    this.#findings = findings;
    this.totals = new ScanTotals(material.batches.length);
    this.across = new Across(material.batches, findings);
  }

  async run(): Promise<void> {
    await using pool = new Pool(this.#request.threads);
    const running: Promise<void>[] = [];
    for (const batch of this.#material.batches) {
      this.totals.begin(batch);
      const job = this.#jobOf(batch);
      for (const { operator, file, offset } of job.sections) {
        this.totals.disclosed(operator);
        this.checked.add(`${file}@${offset}`);
      }
      await pool.room();
      const checking = this.#check(pool, batch, job);
      // Told below, where all are awaited.
      checking.catch(() => undefined);
      running.push(checking);
    }
    await Promise.all(running);
    await this.#refunds.check(this.across, pool, (batch) => this.#jobOf(batch), this.#earlier, this.#findings);
  }

  #jobOf(batch: ChainBatch): BatchJob {
    const { final, sections } = this.#material;
    return {
      batch,
      final: { number: final.number, time: final.timestamp },
      sections: [...new Set([batch.initiator, batch.acceptor])]
        .flatMap((operator) => sections.get(sectionKey(operator, batch.batchId)) ?? [])
        .filter((section) => !this.#unusable.has(section)),
      tolerance: this.#request.tolerance ?? defaultTolerance,
      ...(this.#earlier === undefined ? {} : { moved: true }),
    };
  }

  async #check(pool: Pool, batch: ChainBatch, job: BatchJob): Promise<void> {
    const result = await checkedBatch(pool, job, this.#unusable, this.#findings);
    this.#take(batch, result);
    const earlier = this.#earlier;
    if (earlier === undefined) return;
    this.across.addEarlier(batch, 'pair-twice', await earlier.pairsElsewhere(batch, result));
    this.across.addEarlier(batch, 'posting-shared', await earlier.postingsElsewhere(batch, result));
    await earlier.remember(batch, result);
  }

  #take(batch: ChainBatch, result: BatchResult): void {
    for (const finding of result.findings) this.#findings.take(finding);
    for (const [code, more] of Object.entries(result.more)) this.#findings.count(code as FindingCode, more);
    this.across.add(result);
    this.nets.add(batch, result);
    this.#refunds.add(result.refunds);
    this.totals.add(batch, result);
    this.#done += 1;
    this.#request.onProgress?.(this.#done, this.#material.batches.length);
  }
}

/** @throws {TandemError} `chain-unavailable`, `config-invalid`, `not-found`, `unprocessable`: then nothing is known. */
export async function scan(request: ScanRequest): Promise<ScanResult> {
  const { network } = request;
  const findings = new Findings();
  const material = await materialOf(request, findings);
  const { chain, final, range, batches, lanes } = material;
  const last = range.to === final.number ? final : await chain.block(range.to);
  // What was seen before is not written over with what nobody can stand for.
  const doubtful = doubts.some((code) => code in findings.counts);
  const earlier = doubtful ? undefined : request.earlier;
  const checks = new BatchChecks(material, request, earlier, findings);
  await checks.run();
  const { totals } = checks;
  const positions = checks.across.positions(material.files, checks.checked);
  const windows = await checkWindows(request.windows ?? [], chain, network, final, checks.nets, findings);
  const state =
    doubtful || last === undefined ? undefined : stateAfter(request, batches, totals.stillOpen, lanes, last);
  if (state !== undefined) await earlier?.finish(state.last);
  return {
    chainId: network.chainId,
    contract: network.contracts.PairSettlement,
    from: range.from,
    to: range.to,
    final: {
      number: final.number,
      hash: final.hash,
      time: final.timestamp,
      ...(request.now === undefined ? {} : { age: request.now - final.timestamp }),
    },
    totals: totals.pairs,
    services: totals.services,
    days: totals.days,
    volumes: totals.volumes,
    inputs: inputsOf(material, request.windows),
    lanes: totals.lanes(lanes),
    operators: totals.operators(material.handles),
    positions,
    windows,
    findings,
    ...(state === undefined ? {} : { state }),
  };
}
