/**
 * The edge of what a scan reads: how old the newest final block is, how far the endpoints are apart, and whether the files
 * know of blocks that the chain as it was read has not. An endpoint that is behind shortens an audit, and this shows it.
 */
import { counted } from '../../model/counted.ts';
import type { AuditBlock, RangeChain } from '../audit-chain.ts';
import type { DisclosureIndex } from '../disclosures/read.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import { utc } from '../settled.ts';
import type { NamedChain } from './endpoints.ts';
import type { Findings } from './findings.ts';
import { eachAtOnce } from './read-chain.ts';

/** Blocks that an honest endpoint can lag by, beside what finality takes. */
const blocksOfSlack = 3;
/** Where the network file does not say what the consortium has agreed on; what a node takes then. */
const unagreedGapSeconds = 60;
/** Two epochs of a proof-of-stake chain, and some: what is further back than that is not finality. */
const maxFinalityBlocks = 100;

interface Head {
  readonly name: string;
  readonly latest: AuditBlock;
  readonly final: number;
}

async function headOf({ name, chain }: NamedChain, depth: number | undefined): Promise<Head | undefined> {
  const latest = await chain.block('latest');
  if (latest === undefined) return undefined;
  const final = depth === undefined ? ((await chain.block('finalized'))?.number ?? 0) : latest.number - depth;
  return { name, latest, final };
}

function noteApart(heads: readonly Head[], explained: number, findings: Findings): void {
  const [first, ...others] = [...heads].sort((a, b) => b.final - a.final || b.latest.number - a.latest.number);
  for (const other of others) {
    if (first === undefined) return;
    const blocks = Math.max(first.final - other.final, first.latest.number - other.latest.number);
    if (blocks <= explained) continue;
    findings.add(
      'heads-apart',
      `${other.name} is ${counted(blocks, 'block')} behind ${first.name}: its newest is ${other.latest.number}, the other’s ${first.latest.number}`,
      { behind: other.name, newest: other.latest.number, ahead: first.name, blocks },
    );
  }
}

/** What an endpoint has of a chain that runs: `now` in Unix seconds. Without it only the heads are compared. */
export async function checkEdge(
  endpoints: readonly NamedChain[],
  network: Pick<AuditNetwork, 'finality' | 'maxBlockGapSeconds'>,
  final: AuditBlock,
  now: number | undefined,
  findings: Findings,
): Promise<void> {
  const { finality, maxBlockGapSeconds = unagreedGapSeconds } = network;
  const depth = finality?.mode === 'depth' ? finality.depth : undefined;
  const heads = (await Promise.all(endpoints.map((each) => headOf(each, depth)))).filter((head) => head !== undefined);
  const behind = Math.max(0, ...heads.map(({ latest, final: number }) => latest.number - number));
  const finalityBlocks = depth ?? Math.min(behind, maxFinalityBlocks);
  noteApart(heads, finalityBlocks + blocksOfSlack, findings);
  if (now === undefined) return;
  const age = now - final.timestamp;
  const allowed = (finalityBlocks + blocksOfSlack) * maxBlockGapSeconds;
  if (age <= allowed) return;
  findings.add(
    'chain-stale',
    `the newest final block, ${final.number} of ${utc(final.timestamp)}, is ${age} s old; on a chain that runs it is at most ${allowed} s`,
    { block: final.number, seconds: age, allowed },
  );
}

/** `final` and `latest`: as the chain is once the files are there. */
export async function checkReach(
  chain: RangeChain,
  files: readonly DisclosureIndex[],
  { final, latest }: { readonly final: number; readonly latest: number },
  findings: Findings,
): Promise<void> {
  const written = new Map<string, { operator: number; number: number; hash: string }>();
  for (const { file, header, sections } of files) {
    const { operator, to } = header;
    if (to > final) {
      const says = `the file of operator ${operator} is of blocks to ${to}; the newest final block is ${final}`;
      findings.add('file-ahead', says, { operator, file, block: to, final });
    }
    for (const { line } of sections)
      written.set(`${operator}/${line.asOf.number}/${line.asOf.hash}`, { operator, ...line.asOf });
    const before = sections.find(({ line }) => line.asOf.number < to)?.line.asOf.number;
    if (before === undefined) continue;
    const says = `the file of operator ${operator} is of blocks to ${to}, and says that it was written at block ${before}`;
    findings.add('file-malformed', says, { operator, file, block: to, asOf: before });
  }
  await eachAtOnce([...written.values()], async ({ operator, number, hash }) => {
    if (number > latest) {
      const says = `operator ${operator} discloses as of block ${number}; the newest block is ${latest}`;
      findings.add('file-ahead', says, { operator, block: number, newest: latest });
      return;
    }
    const found = (await chain.block(number))?.hash ?? 'none';
    if (found === hash) return;
    const says = `operator ${operator} discloses as of block ${number} with the hash ${hash}; the chain has ${found}`;
    findings.add('batch-differs', says, { operator, block: number, told: hash, found });
  });
}
