/**
 * Settlement windows that operators hand over (`tandem window export`), against the chain and against what the scan has
 * recomputed: both signed each statement, its net is what the pairs of its batches add up to, no batch is in two windows
 * or in none between them, and a reference is the one that the payee has anchored.
 */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { auditLogInterface } from '../../chain/decode.ts';
import { windowSchema } from '../../channel/messages.ts';
import { referenceDigest, statementDigest } from '../../commitment/window.ts';
import { TandemError } from '../../errors.ts';
import { isAsset, type Hash } from '../../model/ids.ts';
import type { RangeChain } from '../audit-chain.ts';
import { parseBounded } from '../bounded.ts';
import { eventIn } from '../contracts.ts';
import type { AuditNetwork } from '../network.ts';
import type { ChainBatch, PositionPart } from './batch.ts';
import { isMissing } from '../disclosures/read.ts';
import type { Findings } from './findings.ts';
import { logsBetween } from './read-chain.ts';

export const windowsFormat = 'tandem/windows/1';

export const windowsFileSchema = z.strictObject({
  format: z.literal(windowsFormat),
  windows: z.array(
    z.strictObject({
      window: windowSchema,
      /** What the file's operator knows of the payments to it. */
      references: z.array(
        z.strictObject({
          asset: z.string().refine(isAsset, 'expected an asset'),
          reference: z.string().max(1000),
          salt: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hex digits'),
        }),
      ),
    }),
  ),
});

type DisclosedWindow = z.output<typeof windowsFileSchema>['windows'][number];

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

  add({ initiator, acceptor, sequence }: ChainBatch, positions: readonly PositionPart[]): void {
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

/** Some hundred thousand windows. */
const maxWindowsBytes = 67_108_864;
const maxWindowsValues = 3_000_000;

/** What a file has, or why it is none: then it is a finding, and the other files are judged. */
function readWindows(file: string, findings: Findings): readonly DisclosedWindow[] {
  let value: unknown;
  try {
    const { size } = statSync(file);
    if (size > maxWindowsBytes) throw new RangeError(`it has ${size} bytes; at most ${maxWindowsBytes} are read`);
    value = parseBounded(readFileSync(file, 'utf8'), maxWindowsValues);
  } catch (error) {
    if (isMissing(error)) throw new TandemError('not-found', `Cannot read ${file}: ${(error as Error).message}`);
    findings.add('file-malformed', `${file} is no file of windows: ${(error as Error).message}`, { file });
    return [];
  }
  const parsed = windowsFileSchema.safeParse(value);
  if (parsed.success) return parsed.data.windows;
  const [issue] = parsed.error.issues;
  const why = `${issue?.path.join('.') || '(top)'}: ${issue?.message ?? ''}`;
  findings.add('file-malformed', `${file} is no file of windows: ${why}`, { file });
  return [];
}

interface Anchored {
  readonly operatorA: number;
  readonly operatorB: number;
  readonly block: number;
  discharge?: { readonly reference: Hash; readonly block: number };
}

async function statementsOf(
  chain: RangeChain,
  address: string,
  from: number,
  to: number,
): Promise<Map<Hash, Anchored>> {
  const statements = new Map<Hash, Anchored>();
  for (const { topics, data, blockNumber: block } of await logsBetween(chain, address, from, to)) {
    const event = eventIn(auditLogInterface, { topics, data });
    if (event === undefined) continue;
    const statement = event.args.getValue.bind(event.args);
    if (event.name === 'StatementAnchored') {
      const [operatorA, operatorB] = [Number(statement('operatorA')), Number(statement('operatorB'))];
      statements.set(statement('statementDigest') as Hash, { operatorA, operatorB, block });
    } else if (event.name === 'StatementDischarged') {
      const found = statements.get(statement('statementDigest') as Hash);
      if (found !== undefined) found.discharge = { reference: statement('referenceDigest') as Hash, block };
    }
  }
  return statements;
}

const nameOf = ({ operatorA, operatorB, number }: Window): string =>
  `window ${number} of operators ${operatorA} and ${operatorB}`;

type Window = DisclosedWindow['window'];

/** Each statement of a window against what is anchored of it. */
function auditWindow(
  { window, references }: DisclosedWindow,
  domain: Parameters<typeof statementDigest>[0],
  statements: ReadonlyMap<Hash, Anchored>,
  recomputed: ReadonlyMap<string, bigint> | undefined,
  findings: Findings,
): { readonly digest: Hash; readonly net: AuditedNet }[] {
  const { operatorA, operatorB, number } = window;
  return window.nets.map(({ asset, net }) => {
    const digest = statementDigest(domain, window, asset);
    const anchored = statements.get(digest);
    const evidence = { operatorA, operatorB, window: number, asset, statement: digest };
    const fits = anchored?.operatorA === operatorA && anchored.operatorB === operatorB;
    if (!fits) {
      const sentence = `${nameOf(window)}: no statement of ${asset} is anchored that both signed`;
      findings.add('window-unanchored', sentence, evidence);
    }
    const given = references.find((each) => each.asset === asset);
    const discharge = fits ? anchored.discharge : undefined;
    if (given !== undefined && discharge?.reference !== referenceDigest(given.salt, given.reference)) {
      const sentence = `${nameOf(window)}: the reference of the payment in ${asset} is not the one that is anchored`;
      findings.add('reference-differs', sentence, evidence);
    }
    const audited = {
      operatorA,
      operatorB,
      number,
      asset,
      signed: net,
      ...(recomputed === undefined ? {} : { recomputed: `${recomputed.get(asset) ?? 0n}` }),
      ...(fits ? { anchoredBlock: anchored.block } : {}),
      ...(discharge === undefined ? {} : { dischargedBlock: discharge.block }),
    };
    return { digest, net: audited };
  });
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

/** @throws {TandemError} `not-found` for a file that is not there, `config-invalid` for a network without an AuditLog */
export async function checkWindows(
  files: readonly string[],
  chain: RangeChain,
  network: AuditNetwork,
  final: { readonly number: number },
  nets: BatchNets,
  findings: Findings,
): Promise<readonly AuditedNet[]> {
  if (files.length === 0) return [];
  const { AuditLog } = network.contracts;
  if (AuditLog === undefined) throw new TandemError('config-invalid', 'The network file names no AuditLog.');
  const domain = { chainId: BigInt(network.chainId), contract: AuditLog };
  const statements = await statementsOf(chain, AuditLog, network.firstBlock, final.number);
  const opened = new Set<Hash>();
  const audited = new Map<string, AuditedNet>();
  /** By the two operators and number: the first that was seen, and all that differ from it. */
  const contents = new Map<string, Window[]>();
  for (const disclosed of files.flatMap((file) => readWindows(file, findings))) {
    const { window } = disclosed;
    const key = `${window.operatorA}/${window.operatorB}/${window.number}`;
    const seen = contents.get(key) ?? [];
    contents.set(key, seen);
    if (!seen.some((other) => JSON.stringify(other) === JSON.stringify(window))) seen.push(window);
    const recomputed = nets.of(window);
    for (const { digest, net } of auditWindow(disclosed, domain, statements, recomputed, findings)) {
      opened.add(digest);
      audited.set(`${key}/${net.asset}`, net);
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
    findings.add('window-unchecked', `${nameOf(window)} covers batches that this scan has not`, evidence);
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
