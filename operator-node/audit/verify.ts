/**
 * Checks an evidence bundle with nothing but its text, the auditor's network file and a chain endpoint. Read downwards:
 * the bundle in itself, then the bundle against the chain.
 */
import { checkAgreement } from './agreement.ts';
import { checkBatchId, checkInclusion } from './anchoring.ts';
import type { AuditChain } from './audit-chain.ts';
import { contractsAt } from './contracts.ts';
import { fails, holds, type Finding } from './finding.ts';
import { parseBundle, type EvidenceBundle, type RecordName } from './format.ts';
import type { AuditNetwork } from '../model/network-file.ts';
import { checkCommitments, openRecords, type OpenedRecords } from './records.ts';
import {
  checkBlock,
  checkContract,
  checkDecision,
  checkNetwork,
  checkPrepared,
  checkSignatures,
  checkSigners,
  finalBlock,
} from './settled.ts';

/** In the order in which they are made and shown. */
export const checkNames = [
  'form',
  'disclosures',
  'commitments',
  'agreement',
  'inclusion',
  'batch-id',
  'network',
  'blocks',
  'prepared',
  'signers',
  'signatures',
  'decision',
  'contract',
] as const;
export type CheckName = (typeof checkNames)[number];

export interface Check {
  readonly name: CheckName;
  /** `skipped`: could not be made, because of a check before it or because there is no network file. */
  readonly status: 'passed' | 'failed' | 'skipped';
  /** What was found, and what was expected where that differs. */
  readonly found: string;
}

/** `UNPINNED`: nothing is wrong with the bundle in itself, but no network file said which chain to ask. */
export type Verdict = 'PASS' | 'FAIL' | 'UNPINNED';

export interface Verification {
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  /** What the bundle says; only where its disclosures belong to its leaf. */
  readonly statement?: Statement;
}

export interface Statement {
  readonly pair: string;
  readonly status: 'committed' | 'aborted';
  readonly block: { readonly number: number; readonly timestamp: number };
  readonly disclosed: Readonly<Partial<Record<RecordName, Readonly<Record<string, string>>>>>;
}

class Protocol {
  readonly #findings = new Map<CheckName, Finding>();

  note(name: CheckName, finding: Finding): boolean {
    this.#findings.set(name, finding);
    return finding.ok;
  }

  get failed(): boolean {
    return [...this.#findings.values()].some(({ ok }) => !ok);
  }

  checks(pinned: boolean): Check[] {
    return checkNames.map((name) => {
      const finding = this.#findings.get(name);
      if (finding !== undefined) return { name, status: finding.ok ? 'passed' : 'failed', found: finding.found };
      const found = pinned ? 'not checked, because of what failed before' : 'not checked without a network file';
      return { name, status: 'skipped', found };
    });
  }
}

function checkInItself(
  protocol: Protocol,
  bundle: EvidenceBundle,
  network: AuditNetwork | undefined,
): OpenedRecords | undefined {
  const { finding, records } = openRecords(bundle);
  protocol.note('disclosures', finding);
  const committed = records !== undefined && protocol.note('commitments', checkCommitments(bundle, records));
  if (records !== undefined) protocol.note('agreement', checkAgreement(bundle, records));
  protocol.note('inclusion', checkInclusion(bundle));
  const domain =
    network === undefined
      ? { chainId: BigInt(bundle.chainId), contract: bundle.contract }
      : { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  protocol.note('batch-id', checkBatchId(bundle, domain));
  return committed ? records : undefined;
}

async function checkOnChain(
  protocol: Protocol,
  bundle: EvidenceBundle,
  network: AuditNetwork,
  chain: AuditChain,
): Promise<void> {
  const contracts = contractsAt(chain, network.contracts);
  const final = await finalBlock(chain, contracts, network);
  if (final === undefined) {
    protocol.note('network', fails('the endpoint has no block that is final by the network’s rule'));
    return;
  }
  if (!protocol.note('network', await checkNetwork(chain, contracts, network, bundle, final))) return;

  const prepared = await checkBlock(chain, network, bundle.prepared.block, final);
  const decided = await checkBlock(chain, network, bundle.decision.block, final);
  const failed = [prepared.finding, decided.finding].find(({ ok }) => !ok);
  protocol.note(
    'blocks',
    failed ?? holds(`both blocks are in the chain, and final: the newest final block is ${final.number}`),
  );

  const outcome = await contracts.batchOutcome(bundle.batchId, final.hash);
  if (outcome === undefined) {
    protocol.note('contract', fails('the contract does not answer'));
    return;
  }
  if (prepared.block !== undefined) {
    protocol.note('prepared', await checkPrepared(contracts, bundle, outcome));
    protocol.note('signers', await checkSigners(contracts, network, bundle, prepared.block, final));
    protocol.note('signatures', await checkSignatures(contracts, bundle, prepared.block, final));
  }
  if (decided.block !== undefined) protocol.note('decision', await checkDecision(contracts, bundle, outcome));
  protocol.note('contract', await checkContract(contracts, bundle, final));
}

function statementOf(bundle: EvidenceBundle, { terms, first, second }: OpenedRecords): Statement {
  return {
    pair: bundle.leaf.pair,
    status: bundle.decision.status,
    block: { number: bundle.decision.block.number, timestamp: bundle.decision.block.timestamp },
    disclosed: {
      terms: terms.values,
      ...(first === undefined ? {} : { first: first.values }),
      ...(second === undefined ? {} : { second: second.values }),
    },
  };
}

/**
 * `network` and `chain` come from the auditor. Without a network the verdict is never PASS, and the chain is not asked:
 * whatever it said could be about a look-alike.
 * @throws {TandemError} `chain-unavailable` when the endpoint does not answer and nothing has failed yet: then nothing is
 * known.
 */
export async function verifyBundle(
  text: string,
  pinned?: { readonly network: AuditNetwork; readonly chain: AuditChain },
): Promise<Verification> {
  const protocol = new Protocol();
  const parsed = parseBundle(text);
  let records: OpenedRecords | undefined;
  if (!parsed.ok) {
    protocol.note('form', fails(parsed.reason));
  } else {
    protocol.note('form', holds(`canonical JSON of ${parsed.bundle.format}, ${Buffer.byteLength(text)} bytes`));
    records = checkInItself(protocol, parsed.bundle, pinned?.network);
    if (pinned !== undefined) {
      try {
        await checkOnChain(protocol, parsed.bundle, pinned.network, pinned.chain);
      } catch (error) {
        // What is wrong in itself is wrong whatever the chain would have said.
        if (!protocol.failed) throw error;
      }
    }
  }
  const checks = protocol.checks(pinned !== undefined || !parsed.ok);
  const every = (...statuses: Check['status'][]) => checks.every(({ status }) => statuses.includes(status));
  let verdict: Verdict = 'FAIL';
  if (every('passed')) verdict = 'PASS';
  else if (pinned === undefined && every('passed', 'skipped')) verdict = 'UNPINNED';
  const statement = parsed.ok && records !== undefined ? statementOf(parsed.bundle, records) : undefined;
  return { verdict, checks, ...(statement === undefined ? {} : { statement }) };
}
