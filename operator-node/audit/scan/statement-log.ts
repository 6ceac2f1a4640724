/**
 * The statements of settlement windows as the AuditLog has them: by its events, and where these disagree with what is handed
 * over by its state, so that an event that an endpoint keeps back or alters is held against nobody else.
 */
import { auditLogInterface } from '../../chain/decode.ts';
import { referenceDigest } from '../../commitment/window.ts';
import type { Asset, Hash, Hex } from '../../model/ids.ts';
import type { RangeChain } from '../audit-chain.ts';
import { eventIn } from '../contracts.ts';
import type { AuditFinding, Findings } from './findings.ts';
import { logsBetween } from './read-chain.ts';
import type { DisclosedWindow } from './windows-file.ts';

type Window = DisclosedWindow['window'];
type Reference = DisclosedWindow['references'][number];

export interface Anchored {
  readonly operatorA: number;
  readonly operatorB: number;
  readonly block: number;
  discharge?: { readonly reference: Hash; readonly block: number };
}

export async function statementsOf(
  chain: RangeChain,
  address: string,
  from: number,
  to: number,
  findings: Findings,
): Promise<Map<Hash, Anchored>> {
  const statements = new Map<Hash, Anchored>();
  for (const { topics, data, blockNumber: block } of await logsBetween(chain, address, from, to, findings)) {
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

export const nameOf = ({ operatorA, operatorB, number }: Window): string =>
  `window ${number} of operators ${operatorA} and ${operatorB}`;

/** What the statements of the windows are held against: the AuditLog’s events, and where these disagree its state. */
export interface StatementLog {
  readonly chain: RangeChain;
  readonly address: string;
  readonly final: { readonly number: number; readonly hash: Hash };
  readonly statements: ReadonlyMap<Hash, Anchored>;
  readonly findings: Findings;
}

async function inState(
  { chain, address, final }: StatementLog,
  name: string,
  args: readonly unknown[],
): Promise<unknown> {
  const answer = await chain.call(address, auditLogInterface.encodeFunctionData(name, args) as Hex, final.hash);
  if (answer === undefined) return undefined;
  try {
    return auditLogInterface.decodeFunctionResult(name, answer)[0] as unknown;
  } catch {
    return undefined;
  }
}

export interface StatementLine {
  readonly window: Window;
  readonly asset: Asset;
  readonly net: string;
  readonly digest: Hash;
  readonly given: Reference | undefined;
  readonly evidence: AuditFinding['evidence'];
}

const kept = (log: StatementLog, { window, asset, evidence }: StatementLine, what: string): void =>
  log.findings.add(
    'chain-inconsistent',
    `${nameOf(window)}: the AuditLog has ${what} of ${asset}, and the endpoint gives no event that says so`,
    evidence,
  );

export async function isAnchored(log: StatementLog, line: StatementLine): Promise<boolean> {
  const { operatorA, operatorB } = line.window;
  const anchored = log.statements.get(line.digest);
  if (anchored?.operatorA === operatorA && anchored.operatorB === operatorB) return true;
  const other = await inState(log, 'counterpartyOf', [line.digest, operatorA]);
  if (other === BigInt(operatorB)) {
    kept(log, line, 'a statement');
    return true;
  }
  const says = `${nameOf(line.window)}: no statement of ${line.asset} is anchored that both signed`;
  log.findings.add('window-unanchored', says, line.evidence);
  return false;
}

export async function checkReference(log: StatementLog, line: StatementLine): Promise<void> {
  const { window, asset, net, given, evidence } = line;
  const discharged = log.statements.get(line.digest)?.discharge?.reference;
  if (given === undefined) {
    if (discharged === undefined) return;
    const says = `${nameOf(window)}: ${asset} is discharged on chain, and no file has the reference of the payment`;
    log.findings.add('reference-missing', says, evidence);
    return;
  }
  const told = referenceDigest(given.salt, given.reference);
  if (discharged === told) return;
  const payee = net.startsWith('-') ? window.operatorA : window.operatorB;
  if ((await inState(log, 'dischargeOf', [line.digest, payee])) === told) {
    kept(log, line, 'that discharge');
    return;
  }
  const says = `${nameOf(window)}: the reference of the payment in ${asset} is not the one that is anchored`;
  log.findings.add('reference-differs', says, evidence);
}
