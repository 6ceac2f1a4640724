/**
 * Settlement windows that operators hand over (`tandem window export`), against the chain and against what the scan has
 * recomputed: both signed each statement, its net is what the pairs of its batches add up to, no batch is in two windows
 * or in none between them, and a reference is the one that the payee has anchored.
 */
import { statementDigest } from '../../commitment/window.ts';
import { TandemError } from '../../errors.ts';
import type { Hash } from '../../model/ids.ts';
import type { RangeChain } from '../audit-chain.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import type { BatchResult, ChainBatch } from './batch.ts';
import type { Findings } from './findings.ts';
import {
  checkReference,
  isAnchored,
  nameOf,
  statementsOf,
  type Anchored,
  type StatementLine,
  type StatementLog,
} from './statement-log.ts';
import { readWindows, type DisclosedWindow } from './windows-file.ts';

type Window = DisclosedWindow['window'];

export interface AuditedNet {
  readonly operatorA: number;
  readonly operatorB: number;
  readonly number: number;
  readonly asset: string;
  /** What both signed: above zero, A owes B. */
  readonly signed: string;
  /** By the signed terms of the committed pairs; absent where a batch is not in this scan. */
  readonly recomputed?: string;
  readonly anchoredBlock?: number;
  readonly dischargedBlock?: number;
}

/** Per batch, what A owes B by the terms of its pairs: A is the operator with the lower id. */
export class BatchNets {
  readonly #byLane = new Map<string, ReadonlyMap<string, bigint>>();

  /** A batch with pairs whose terms nobody discloses has no net. */
  add({ initiator, acceptor, sequence }: ChainBatch, { positions, unpriced }: BatchResult): void {
    if (unpriced > 0) return;
    const a = Math.min(initiator, acceptor);
    const nets = new Map<string, bigint>();
    for (const { operator, asset, signed } of positions) {
      if (operator === a) nets.set(asset, (nets.get(asset) ?? 0n) + signed);
    }
    this.#byLane.set(`${initiator}/${acceptor}/${sequence}`, nets);
  }

  /** Undefined where a batch of the window was not scanned. */
  of({ operatorA, operatorB, aToB, bToA }: Window): ReadonlyMap<string, bigint> | undefined {
    const sums = new Map<string, bigint>();
    for (const [initiator, acceptor, { from, to }] of [
      [operatorA, operatorB, aToB],
      [operatorB, operatorA, bToA],
    ] as const) {
      for (let sequence = from; sequence <= to; sequence += 1) {
        const nets = this.#byLane.get(`${initiator}/${acceptor}/${sequence}`);
        if (nets === undefined) return undefined;
        for (const [asset, net] of nets) sums.set(asset, (sums.get(asset) ?? 0n) + net);
      }
    }
    return sums;
  }
}

/** What is anchored, and opened by no file. */
function reportUnexplained(
  statements: ReadonlyMap<Hash, Anchored>,
  opened: ReadonlySet<Hash>,
  findings: Findings,
): void {
  for (const [statement, { operatorA, operatorB, block }] of statements) {
    if (opened.has(statement)) continue;
    const sentence = `a statement of operators ${operatorA} and ${operatorB} in block ${block} is in no file`;
    findings.add('statement-unexplained', sentence, { operatorA, operatorB, statement, block });
  }
}

const inOrder = (a: AuditedNet, b: AuditedNet): number =>
  a.operatorA - b.operatorA || a.operatorB - b.operatorB || a.number - b.number || (a.asset < b.asset ? -1 : 1);

async function checkLine(
  log: StatementLog,
  line: StatementLine,
  recomputed: ReadonlyMap<string, bigint> | undefined,
): Promise<AuditedNet> {
  const { operatorA, operatorB, number } = line.window;
  const anchored = await isAnchored(log, line);
  await checkReference(log, line);
  const { block, discharge } = (anchored ? log.statements.get(line.digest) : undefined) ?? {};
  return {
    operatorA,
    operatorB,
    number,
    asset: line.asset,
    signed: line.net,
    ...(recomputed === undefined ? {} : { recomputed: `${recomputed.get(line.asset) ?? 0n}` }),
    ...(block === undefined ? {} : { anchoredBlock: block }),
    ...(discharge === undefined ? {} : { dischargedBlock: discharge.block }),
  };
}

/** Each window once for each content that it is given with; the references of all files with it belong together. */
function byContent(given: readonly DisclosedWindow[]): readonly DisclosedWindow[] {
  const windows = new Map<string, DisclosedWindow>();
  for (const { window, references } of given) {
    const key = JSON.stringify(window);
    windows.set(key, { window, references: [...(windows.get(key)?.references ?? []), ...references] });
  }
  return [...windows.values()];
}

const keyOf = ({ operatorA, operatorB, number }: Window): string => `${operatorA}/${operatorB}/${number}`;

/** @throws {TandemError} `not-found` for a file that is not there, `config-invalid` for a network without an AuditLog */
export async function checkWindows(
  files: readonly string[],
  chain: RangeChain,
  network: AuditNetwork,
  final: { readonly number: number; readonly hash: Hash },
  nets: BatchNets,
  findings: Findings,
): Promise<readonly AuditedNet[]> {
  if (files.length === 0) return [];
  const { AuditLog: address } = network.contracts;
  if (address === undefined) throw new TandemError('config-invalid', 'The network file names no AuditLog.');
  const domain = { chainId: BigInt(network.chainId), contract: address };
  const statements = await statementsOf(chain, address, network.firstBlock, final.number, findings);
  const log: StatementLog = { chain, address, final, statements, findings };
  const opened = new Set<Hash>();
  const audited = new Map<string, AuditedNet>();
  /** By the two operators and number: the first that was seen, and all that differ from it. */
  const contents = new Map<string, Window[]>();
  for (const { window, references } of byContent(files.flatMap((file) => readWindows(file, findings)))) {
    contents.set(keyOf(window), [...(contents.get(keyOf(window)) ?? []), window]);
    const recomputed = nets.of(window);
    for (const { asset, net } of window.nets) {
      const digest = statementDigest(domain, window, asset);
      opened.add(digest);
      const { operatorA, operatorB, number } = window;
      const evidence = { operatorA, operatorB, window: number, asset, statement: digest };
      const given = references.find((each) => each.asset === asset);
      const line = { window, asset, net, digest, given, evidence };
      audited.set(`${keyOf(window)}/${asset}`, await checkLine(log, line, recomputed));
    }
    compare(window, recomputed, findings);
  }
  checkOrder(contents, findings);
  reportUnexplained(statements, opened, findings);
  return [...audited.values()].sort(inOrder);
}

function compare(window: Window, recomputed: ReadonlyMap<string, bigint> | undefined, findings: Findings): void {
  const evidence = { operatorA: window.operatorA, operatorB: window.operatorB, window: window.number };
  if (recomputed === undefined) {
    findings.add(
      'window-unchecked',
      `${nameOf(window)} covers batches that this scan has not, or of which it knows no amounts`,
      evidence,
    );
    return;
  }
  const signed = new Map(window.nets.map(({ asset, net }) => [asset as string, BigInt(net)]));
  for (const asset of new Set([...signed.keys(), ...recomputed.keys()])) {
    const [said, found] = [signed.get(asset), recomputed.get(asset) ?? 0n];
    // What moved and came back to nothing is in a window, and no committed pair in that asset is not.
    if ((said ?? 0n) === found) continue;
    findings.add(
      'window-differs',
      `${nameOf(window)}: both signed ${said ?? 'nothing'} in ${asset}, its pairs add up to ${found}`,
      { ...evidence, asset, signed: `${said ?? ''}`, recomputed: `${found}` },
    );
  }
}

function checkOrder(contents: ReadonlyMap<string, readonly Window[]>, findings: Findings): void {
  const gap = (window: Window, how: string): void => {
    const { operatorA, operatorB, number } = window;
    findings.add('window-gap', `${nameOf(window)} ${how}`, { operatorA, operatorB, window: number });
  };
  for (const [window, another] of contents.values()) {
    if (window === undefined) continue;
    if (another !== undefined) gap(window, 'is given with two contents');
    const { operatorA, operatorB, number, aToB, bToA } = window;
    const [before] = contents.get(`${operatorA}/${operatorB}/${number - 1}`) ?? [];
    if (before === undefined && number > 1) gap(window, 'is given without the one before');
    const follows = aToB.from === (before?.aToB.to ?? 0) + 1 && bToA.from === (before?.bToA.to ?? 0) + 1;
    if ((before !== undefined || number === 1) && !follows) gap(window, 'does not begin where the one before ended');
  }
}
