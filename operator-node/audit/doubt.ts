/**
 * A signed in-doubt list against the chain: whose it is by the registry, whether the batches in it are what both sides would
 * have signed, and whether the chain has of each batch and pair what the list says. The list is another operator's word, and
 * is taken for nothing more.
 */
import { z } from 'zod';
import { batchIdOf, recoverSigner } from '../commitment/typed-data.ts';
import { TandemError } from '../errors.ts';
import { parseJson } from '../json.ts';
import {
  hashPattern,
  hexPattern,
  otherRole,
  pairIdPattern,
  timestampPattern,
  type BatchId,
  type Hex,
} from '../model/ids.ts';
import { decisionOf, type BatchOutcome } from '../model/outcome.ts';
import type { Batch } from '../model/records.ts';
import { doubtDigest, type Doubt } from './doubt-list.ts';
import type { AuditBlock, AuditChain } from './audit-chain.ts';
import { contractsAt, type Contracts } from './contracts.ts';
import type { AuditNetwork } from '../model/network-file.ts';
import { checkNetwork, finalBlock, utc } from './settled.ts';
import { registeredSigners } from './signers.ts';

const operator = z.number().int().min(1).max(0xffffffff);
const hash = z.string().regex(hashPattern);
const hex = z.string().regex(hexPattern);
const timestamp = z.string().regex(timestampPattern);
const role = z.enum(['initiator', 'acceptor']);

/** What is looked at; the rest is covered by the signature and shown to nobody. */
const listSchema = z.looseObject({
  format: z.literal('tandem/doubt/1'),
  operator,
  chainId: z.string().regex(/^[1-9][0-9]{0,77}$/),
  settlement: z.string().regex(/^0x[0-9a-f]{40}$/),
  at: timestamp,
  block: z.looseObject({ number: z.number().int().min(0), hash, timestamp: z.number().int().min(0) }).optional(),
  batches: z.array(
    z.looseObject({
      batchId: hash,
      role,
      peer: operator,
      batch: z.strictObject({
        initiator: operator,
        acceptor: operator,
        sequence: z.number().int().min(1),
        deadline: z.number().int().min(0).max(0xffffffffff),
        count: z.number().int().min(1).max(4096),
        root: hash,
      }),
      initiatorSignature: hex.optional(),
      acceptorSignature: hex.optional(),
      onChain: z
        .looseObject({ prepared: z.boolean(), commitWords: z.array(hash).max(16), abortWords: z.array(hash).max(16) })
        .optional(),
    }),
  ),
  pairs: z.array(
    z.looseObject({
      pair: z.string().regex(pairIdPattern),
      role,
      peer: operator,
      batchId: hash.optional(),
      index: z.number().int().min(0).max(4095).optional(),
      signed: z.strictObject({ own: z.boolean(), peer: z.boolean() }),
      chain: z.enum(['unknown', 'not-anchored', 'undecided', 'committed', 'aborted']),
    }),
  ),
});
const fileSchema = z.strictObject({ doubt: listSchema, signature: hex });

type DoubtList = z.output<typeof listSchema>;
type DoubtBatch = DoubtList['batches'][number];
type DoubtPair = DoubtList['pairs'][number];

export interface DoubtFile {
  readonly list: DoubtList;
  /** The address whose key signed it; undefined where the signature is none of this content. */
  readonly signer: string | undefined;
}

/** @throws {TandemError} `bad-request` for a file that is none, saying where */
export function readDoubt(text: string): DoubtFile {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new TandemError('bad-request', `it is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TandemError('bad-request', `${issue?.path.join('.') || '(top)'}: ${issue?.message ?? 'malformed'}`);
  }
  const { doubt: list, signature } = parsed.data;
  return { list, signer: recoverSigner(doubtDigest(list as unknown as Doubt), signature as Hex) };
}

export interface DoubtFinding {
  readonly what: 'network' | 'signer' | 'block' | 'batch' | 'pair';
  readonly id: string;
  readonly ok: boolean;
  readonly says: string;
}

export interface DoubtCheck {
  readonly findings: readonly DoubtFinding[];
  /** What the chain says of each pair of the list at the newest final block. */
  readonly pairs: readonly {
    readonly pair: string;
    readonly now: 'not-anchored' | 'undecided' | 'committed' | 'aborted';
  }[];
  readonly final: AuditBlock | undefined;
}

interface Asked {
  readonly list: DoubtList;
  readonly contracts: Contracts;
  readonly network: AuditNetwork;
  readonly final: AuditBlock;
  /** The block that the list was made at, where this chain has it. */
  readonly then: AuditBlock | undefined;
}

/** @throws {TandemError} `chain-unavailable` */
export async function checkDoubt(
  { list, signer }: DoubtFile,
  { network, chain }: { readonly network: AuditNetwork; readonly chain: AuditChain },
): Promise<DoubtCheck> {
  const contracts = contractsAt(chain, network.contracts);
  const final = await finalBlock(chain, contracts, network);
  if (final === undefined) {
    const says = 'the endpoint has no final block by the consortium’s rule';
    return { findings: [{ what: 'network', id: network.chainId, ok: false, says }], pairs: [], final };
  }
  const named = { chainId: list.chainId, contract: list.settlement as Hex };
  const { ok, found } = await checkNetwork(chain, contracts, network, named, final);
  const findings: DoubtFinding[] = [
    { what: 'network', id: list.chainId, ok, says: found.replaceAll('the bundle', 'the list') },
  ];
  if (!ok) return { findings, pairs: [], final };
  const block = await checkBlockOf(list, chain, final);
  const asked: Asked = { list, contracts, network, final, then: block.then };
  const outcomes = new Map<string, BatchOutcome | undefined>();
  for (const { batchId } of list.batches) {
    outcomes.set(batchId, await contracts.batchOutcome(batchId as BatchId, final.hash));
  }
  findings.push(await checkSigner(asked, signer), block.finding);
  for (const batch of list.batches) findings.push(await checkBatch(asked, batch, outcomes.get(batch.batchId)));
  const before =
    block.then === undefined ? new Map<string, BatchOutcome>() : await outcomesAt(contracts, list, block.then);
  for (const pair of list.pairs) findings.push(checkPair(asked, pair, outcomes, before));
  return { findings, pairs: list.pairs.map((pair) => ({ pair: pair.pair, now: nowOf(pair, outcomes, final) })), final };
}

/** What the contract said at the list's own block; nothing where the endpoint has let go of that state. */
async function outcomesAt(
  contracts: Contracts,
  { batches }: DoubtList,
  { hash: at }: AuditBlock,
): Promise<ReadonlyMap<string, BatchOutcome>> {
  const found = new Map<string, BatchOutcome>();
  try {
    for (const { batchId } of batches) {
      const outcome = await contracts.batchOutcome(batchId as BatchId, at);
      if (outcome !== undefined) found.set(batchId, outcome);
    }
  } catch (error) {
    if (!(error instanceof TandemError && error.code === 'chain-unavailable')) throw error;
  }
  return found;
}

async function checkBlockOf(
  { block }: DoubtList,
  chain: AuditChain,
  final: AuditBlock,
): Promise<{ readonly finding: DoubtFinding; readonly then?: AuditBlock }> {
  const what = 'block';
  if (block === undefined) {
    return { finding: { what, id: '', ok: true, says: 'the list was made while its chain was out of reach' } };
  }
  const id = `${block.number}`;
  const found = block.number > final.number ? undefined : await chain.block(block.number);
  if (found?.hash === block.hash && found.timestamp === block.timestamp) {
    return { finding: { what, id, ok: true, says: `as of block ${id}, ${utc(found.timestamp)}` }, then: found };
  }
  const there = found === undefined ? `none that is final: the newest is ${final.number}` : `another, ${found.hash}`;
  return {
    finding: { what, id, ok: false, says: `the list names block ${id}, ${block.hash}; this chain has ${there}` },
  };
}

/** Whether that key speaks for the operator by the registry, now or when the list was made. */
async function standingOf(
  { contracts, network, final, then }: Asked,
  id: number,
  signs: (signer: Hex, at: AuditBlock) => Promise<boolean>,
): Promise<'unknown operator' | 'counts' | 'counted then' | 'no'> {
  if ((await contracts.entryOf(id, final.hash)) === undefined) return 'unknown operator';
  for (const block of [final, ...(then === undefined ? [] : [then])]) {
    const known = await registeredSigners(contracts, { operator: id, firstBlock: network.firstBlock, block, final });
    for (const signer of known) if (await signs(signer, block)) return block === final ? 'counts' : 'counted then';
  }
  return 'no';
}

async function checkSigner(asked: Asked, signer: string | undefined): Promise<DoubtFinding> {
  const id = asked.list.operator;
  const finding = (ok: boolean, says: string): DoubtFinding => ({ what: 'signer', id: `${id}`, ok, says });
  if (signer === undefined) return finding(false, 'the signature is no signature of this content');
  const standing = await standingOf(asked, id, (known) => Promise.resolve(known === signer));
  switch (standing) {
    case 'unknown operator':
      return finding(false, `the registry knows no operator ${id}`);
    case 'no':
      return finding(false, `${signer} is and was no signer of operator ${id} in the registry`);
    case 'counted then':
      return finding(true, `signed by ${signer}, which was operator ${id}’s signer then and has been rotated since`);
    case 'counts':
      return finding(true, `signed by ${signer}, operator ${id}’s signer`);
  }
}

const words = (mask: readonly string[]): bigint[] => mask.map((word) => BigInt(word));

/** Bits are set and never taken back: what the list says must be within what there is now. */
const within = (listed: readonly bigint[], found: readonly bigint[]): boolean =>
  listed.every((word, at) => (word & ~(found[at] ?? 0n)) === 0n);

async function checkBatch(
  asked: Asked,
  { batchId, role: side, peer, batch, onChain, ...signatures }: DoubtBatch,
  outcome: BatchOutcome | undefined,
): Promise<DoubtFinding> {
  const { list, contracts, network, final } = asked;
  const faults: string[] = [];
  const domain = { chainId: BigInt(network.chainId), contract: network.contracts.PairSettlement };
  const computed = batchIdOf(domain, batch as Batch);
  if (computed !== batchId) faults.push(`its fields make ${computed}`);
  const other = otherRole(side);
  if (batch[side] !== list.operator || batch[other] !== peer) {
    faults.push(`it is of operator ${batch.initiator} to ${batch.acceptor}, and listed as one with operator ${peer}`);
  }
  for (const each of ['initiator', 'acceptor'] as const) {
    const signature = signatures[`${each}Signature`] as Hex | undefined;
    const id = batch[each];
    if ((await contracts.entryOf(id, final.hash)) === undefined) faults.push(`the registry knows no operator ${id}`);
    else if (signature !== undefined) {
      const recovered = recoverSigner(batchId as BatchId, signature);
      const standing = await standingOf(asked, id, async (signer, at) =>
        signer === recovered
          ? true
          : contracts.signerAccepts(signer, batchId as BatchId, signature, at.hash, final.hash),
      );
      // A key that counted when it signed and does not now cannot carry the batch any more: that is what is said.
      if (standing !== 'counts' && outcome?.prepared !== true) {
        faults.push(
          `the ${each}’s signature, by ${recovered ?? 'nobody'}, is by no key that counts for operator ${id} now`,
        );
      }
    }
  }
  if (onChain?.prepared === true && outcome?.prepared !== true)
    faults.push('the list has it on the chain, and it is not');
  if (onChain !== undefined && outcome !== undefined) {
    const [commit, abort] = [words(onChain.commitWords), words(onChain.abortWords)];
    if (!within(commit, outcome.commitWords) || !within(abort, outcome.abortWords)) {
      faults.push('the list has decisions that the chain has not');
    }
  }
  if (outcome?.prepared === true && (outcome.count !== batch.count || outcome.deadline !== batch.deadline)) {
    faults.push(`the chain has it with ${outcome.count} pairs until ${utc(outcome.deadline)}`);
  }
  const state = outcome?.prepared === true ? 'on the chain' : 'not on the chain';
  return {
    what: 'batch',
    id: batchId,
    ok: faults.length === 0,
    says: faults.length === 0 ? `operator ${batch.initiator} to ${batch.acceptor}, ${state}` : faults.join('; '),
  };
}

function nowOf(
  { batchId, index }: DoubtPair,
  outcomes: ReadonlyMap<string, BatchOutcome | undefined>,
  final: AuditBlock,
): DoubtCheck['pairs'][number]['now'] {
  const outcome = batchId === undefined ? undefined : outcomes.get(batchId);
  if (outcome?.prepared !== true || index === undefined) return 'not-anchored';
  const decision = decisionOf(outcome, index);
  return decision === 'undecided' && final.timestamp > outcome.deadline ? 'aborted' : decision;
}

function checkPair(
  { list, final }: Asked,
  pair: DoubtPair,
  outcomes: ReadonlyMap<string, BatchOutcome | undefined>,
  before: ReadonlyMap<string, BatchOutcome>,
): DoubtFinding {
  const finding = (ok: boolean, says: string): DoubtFinding => ({ what: 'pair', id: pair.pair, ok, says });
  const batch = list.batches.find(({ batchId, role: side }) => batchId === pair.batchId && side === pair.role);
  if (pair.batchId === undefined || pair.index === undefined) {
    const wrong = pair.chain === 'committed' || pair.chain === 'aborted' || pair.signed.own || pair.signed.peer;
    return wrong
      ? finding(false, `the list has it as ${pair.chain} and signed, and in no batch`)
      : finding(true, 'in no batch: nothing is signed');
  }
  if (batch === undefined) return finding(false, `its batch, ${pair.batchId}, is not in the list`);
  if (pair.index >= batch.batch.count)
    return finding(false, `its batch has ${batch.batch.count} pairs, not ${pair.index + 1}`);
  const [own, peer] =
    pair.role === 'initiator' ? (['initiator', 'acceptor'] as const) : (['acceptor', 'initiator'] as const);
  if (
    pair.signed.own !== (batch[`${own}Signature`] !== undefined) ||
    pair.signed.peer !== (batch[`${peer}Signature`] !== undefined)
  ) {
    return finding(false, 'what it says is signed is not what the list has signatures of');
  }
  const now = nowOf(pair, outcomes, final);
  const then = before.get(pair.batchId);
  const was = then === undefined ? undefined : then.prepared ? decisionOf(then, pair.index) : 'not-anchored';
  if (was !== undefined && pair.chain !== 'unknown' && pair.chain !== was) {
    return finding(false, `the list has it as ${pair.chain}; at its own block the chain had it as ${was}`);
  }
  const decided = pair.chain === 'committed' || pair.chain === 'aborted';
  if (decided && pair.chain !== now)
    return finding(false, `the list has it as ${pair.chain}; the chain has it as ${now}`);
  if (pair.chain === 'undecided' && now === 'not-anchored') {
    return finding(false, 'the list has its batch on the chain, and it is not');
  }
  return finding(true, now === pair.chain ? now : `${now} by now; ${pair.chain} when the list was made`);
}
