/**
 * Checks an excerpt of a journal with nothing but its text, the auditor's network file and a chain endpoint: that the
 * entries lead to the head that was anchored, and that each was anchored soon after the time it says. An entry that is
 * under an anchored head cannot have been written after that block; one that came under a head late may have been written
 * late too, whatever it says.
 */
import { Interface, keccak256 } from 'ethers';
import { auditLogAbi } from '../../chain/abi.ts';
import { Fields } from '../../chain/fields.ts';
import type { Hash } from '../../model/ids.ts';
import { pinnedBlockOf, pinnedName } from '../../model/records.ts';
import type { AuditChain } from '../audit-chain.ts';
import { contractsAt, eventIn } from '../contracts.ts';
import { fails, holds, type Finding } from '../finding.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import { checkBlock, finalBlock, utc } from '../settled.ts';
import { counted } from '../../model/counted.ts';
import { headOf, parseExcerpt, type Excerpt } from './excerpt.ts';

const excerptChecks = ['form', 'pair', 'path', 'network', 'anchor', 'times'] as const;
export type ExcerptCheck = (typeof excerptChecks)[number];

export interface ExcerptVerification {
  readonly verdict: 'PASS' | 'FAIL' | 'UNPINNED';
  readonly checks: readonly {
    readonly name: ExcerptCheck;
    readonly status: 'passed' | 'failed' | 'skipped';
    readonly found: string;
  }[];
  /** What it says; only where it leads to its head. */
  readonly excerpt?: Excerpt;
}

/** A journal is anchored at least once an hour (protocol §7); a transaction takes its time. */
const anchoredWithinSeconds = 3600 + 600;
/** What the node's clock may differ from the time of blocks. */
const clockSeconds = 120;

const auditLog = new Interface(auditLogAbi);

interface Head {
  readonly entry: number;
  readonly head: string;
  readonly block: number;
  /** Block in which the operator's controller took it back: it vouches for nothing. */
  disowned?: number;
}

/**
 * Every head of that operator, in the order of the chain. What was disowned stays with the others, marked: what it covered is
 * as young as the head that was anchored in its place.
 */
async function headsOf(chain: AuditChain, address: string, operator: number, to: number, from: number) {
  const topic = `0x${operator.toString(16).padStart(64, '0')}` as Hash;
  const logs = await chain.history(address, topic, from, to);
  const heads: Head[] = [];
  for (const { topics, data, blockNumber } of logs) {
    const event = eventIn(auditLog, { topics, data });
    if (event?.name !== 'JournalCheckpoint' && event?.name !== 'JournalHeadsDisowned') continue;
    const fields = new Fields(event.args);
    const entry = Number(fields.big('entry'));
    if (event.name === 'JournalCheckpoint') heads.push({ entry, head: fields.hash('journalHead'), block: blockNumber });
    else for (const head of heads) if (head.entry > entry) head.disowned ??= blockNumber;
  }
  return heads;
}

const counts = ({ disowned }: Head): boolean => disowned === undefined;

/** An order came before there was a pair: it names none. All else does. */
function ofPair({ pair, entries }: Excerpt): Finding {
  for (const [index, { sequence, kind, payload }] of entries.entries()) {
    const value = JSON.parse(payload) as Readonly<Record<string, unknown>>;
    const named = value['pair'] ?? value['cancel'] ?? (kind === 'order' ? pair : undefined);
    if (named !== pair) return fails(`entry ${sequence} is not of pair ${pair}`);
    if (sequence <= (entries[index - 1]?.sequence ?? 0)) return fails(`entry ${sequence} is out of its order`);
  }
  return holds(
    `${counted(entries.length, 'entry', 'entries')} of pair ${pair}: ${entries.map(({ kind }) => kind).join(', ')}`,
  );
}

function leads(excerpt: Excerpt): Finding {
  const found = headOf(excerpt);
  if ('fault' in found) return fails(found.fault);
  const { entry, head } = excerpt.anchor;
  return `0x${found.hash}` === head
    ? holds(`entries ${excerpt.entries[0]?.sequence ?? 0} to ${entry} lead to the head ${head}`)
    : fails(`entry ${entry} comes out as 0x${found.hash}; the head that it names is ${head}`);
}

/** That `named` and the endpoint are of the network file's chain and AuditLog. `what`: what names them. */
export async function checkAuditLog(
  chain: AuditChain,
  network: AuditNetwork,
  what: string,
  named: Pick<Excerpt, 'chainId' | 'auditLog'>,
  at: Hash,
): Promise<Finding> {
  const { AuditLog } = network.contracts;
  if (AuditLog === undefined || network.codeHashes.AuditLog === undefined) {
    return fails('the network file names no AuditLog: nothing says where to look');
  }
  const pinned = pinnedBlockOf(network);
  const [chainId, found, code] = await Promise.all([
    chain.chainId(),
    chain.block(pinned.number),
    chain.code(AuditLog, at),
  ]);
  const expected: readonly (readonly [name: string, wanted: string, found: string])[] = [
    [`the ${what}’s chain id`, network.chainId, named.chainId],
    [`the ${what}’s AuditLog`, AuditLog, named.auditLog],
    ['the endpoint’s chain id', network.chainId, `${chainId}`],
    [`the endpoint’s ${pinnedName(pinned)}`, pinned.hash, found?.hash ?? 'none'],
    ['the code hash of AuditLog', network.codeHashes.AuditLog, keccak256(code)],
  ];
  for (const [name, wanted, got] of expected) {
    if (wanted !== got) return fails(`${name} is ${got}; the network file has ${wanted}`);
  }
  return holds(`chain ${network.chainId}, AuditLog ${AuditLog}`);
}

/** When each entry first came under a head, against the time that it says. */
async function times(chain: AuditChain, heads: readonly Head[], { entries }: Excerpt): Promise<Finding> {
  for (const { sequence, at } of entries) {
    const first = heads.find((head) => counts(head) && head.entry >= sequence);
    const block = first === undefined ? undefined : await chain.block(first.block);
    if (first === undefined || block === undefined) return fails(`entry ${sequence} is under no anchored head`);
    const said = Math.floor(at / 1000);
    const anchored = `it was first under a head in block ${block.number}, ${utc(block.timestamp)}`;
    if (said > block.timestamp + clockSeconds) return fails(`entry ${sequence} says ${utc(said)}, and ${anchored}`);
    if (block.timestamp - said > anchoredWithinSeconds) {
      return fails(`entry ${sequence} says ${utc(said)} and may be written later than that: ${anchored}`);
    }
  }
  return holds(`each entry was anchored within ${anchoredWithinSeconds / 60} minutes of the time it says`);
}

async function onChain(
  note: (name: ExcerptCheck, finding: Finding) => boolean,
  excerpt: Excerpt,
  network: AuditNetwork,
  chain: AuditChain,
): Promise<void> {
  const final = await finalBlock(chain, contractsAt(chain, network.contracts), network);
  if (final === undefined) {
    note('network', fails('the endpoint has no block that is final by the network’s rule'));
    return;
  }
  if (!note('network', await checkAuditLog(chain, network, 'excerpt', excerpt, final.hash))) return;
  const { entry, head, block } = excerpt.anchor;
  const heads = await headsOf(chain, excerpt.auditLog, excerpt.operator, final.number, network.firstBlock);
  const same = heads.filter((each) => each.entry === entry && each.head === head && each.block === block.number);
  const disowned = same.find((each) => !counts(each))?.disowned;
  const { finding } = await checkBlock(chain, network, block, final);
  const anchored = same.some(counts)
    ? finding.ok
      ? holds(`operator ${excerpt.operator} anchored it in block ${block.number}, ${utc(block.timestamp)}`)
      : finding
    : fails(
        disowned === undefined
          ? `operator ${excerpt.operator} has not anchored the head ${head} of entry ${entry} in block ${block.number}`
          : `operator ${excerpt.operator} disowned the head ${head} of entry ${entry} in block ${disowned}: by what it says now its journal does not have it`,
      );
  if (!note('anchor', anchored)) return;
  note('times', await times(chain, heads, excerpt));
}

/** As `verifyBundle`. @throws {TandemError} `chain-unavailable` when nothing has failed yet and the chain does not answer */
export async function verifyExcerpt(
  text: string,
  pinned?: { readonly network: AuditNetwork; readonly chain: AuditChain },
): Promise<ExcerptVerification> {
  const findings = new Map<ExcerptCheck, Finding>();
  const note = (name: ExcerptCheck, finding: Finding): boolean => {
    findings.set(name, finding);
    return finding.ok;
  };
  const parsed = parseExcerpt(text);
  note('form', parsed.ok ? holds('canonical JSON of an excerpt of a journal') : fails(parsed.reason));
  if (parsed.ok) {
    const own = note('pair', ofPair(parsed.excerpt));
    const whole = note('path', leads(parsed.excerpt));
    if (own && whole && pinned !== undefined) await onChain(note, parsed.excerpt, pinned.network, pinned.chain);
  }
  const failed = [...findings.values()].some(({ ok }) => !ok);
  const verdict = failed ? 'FAIL' : pinned === undefined ? 'UNPINNED' : 'PASS';
  const skipped =
    pinned === undefined ? 'not checked without a network file' : 'not checked, because of what failed before';
  return {
    verdict,
    checks: excerptChecks.map((name) => {
      const finding = findings.get(name);
      if (finding === undefined) return { name, status: 'skipped', found: skipped };
      return { name, status: finding.ok ? 'passed' : 'failed', found: finding.found };
    }),
    ...(parsed.ok && !failed ? { excerpt: parsed.excerpt } : {}),
  };
}
