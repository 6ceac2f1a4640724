/** What the journal has of a pair, with its path to a head that the chain has: handed over in a dispute, and journaled. */
import { encodeExcerpt, excerptFormat, maxPathEntries, type Excerpt } from '../audit/journal/excerpt.ts';
import type { FiledRequest } from '../chain/chain.ts';
import { policyOf } from '../audit/disclosures/policies.ts';
import { firstEntryFrom, isReadable, scanJournal, type OpenEntry } from '../engine/journal.ts';
import { TandemError } from '../errors.ts';
import { anchoredFrom } from '../flow/checkpoint.ts';
import type { FlowContext } from '../flow/context.ts';
import { isOfPair } from '../flow/pair-entries.ts';
import type { PairSide } from '../flow/pair.ts';
import { hasKeys } from '../users/keys.ts';
import { handedUnder } from './handed-under.ts';
import type { Disclosing } from './common-fields.ts';

/** A clock may have been set back a little between two entries. */
const backMillis = 300_000;

const isOf = (entry: OpenEntry, sides: readonly PairSide[]): boolean => sides.some((found) => isOfPair(entry, found));

const textOf = ({ payload }: OpenEntry): string => JSON.stringify(payload);

async function entriesOf(flow: FlowContext, sides: readonly PairSide[], from: number): Promise<readonly OpenEntry[]> {
  const found: OpenEntry[] = [];
  for await (const entry of scanJournal(flow.engine.store, from))
    if (isReadable(entry) && isOf(entry, sides)) found.push(entry);
  return found;
}

/** For whom an excerpt is made, where that is not staff. */
export interface ExcerptScope {
  /** In the AuditLog: what it is handed over for. */
  readonly request?: FiledRequest;
  /** In place of what the journal says of one for staff. */
  readonly journal: Readonly<Record<string, unknown>>;
}

/** @throws {TandemError} `not-found` for a policy, `unprocessable`, `not-ready` while the entries are not anchored */
export async function journalExcerpt(
  flow: FlowContext,
  sides: readonly PairSide[],
  auditLog: string | undefined,
  { policy: name, recipient, reason }: Disclosing,
  scope?: ExcerptScope,
): Promise<string> {
  const policy = policyOf(flow.config.disclosure.policies, name);
  if (policy === undefined) throw new TandemError('not-found', `This node has no disclosure policy ${name}.`);
  const refuse = (why: string): TandemError => new TandemError('unprocessable', why);
  if (policy.journal !== true) throw refuse(`The policy ${name} hands over nothing of the journal.`);
  if (auditLog === undefined) throw refuse('This network has no AuditLog: no head of a journal is anchored.');
  const pair = sides[0]?.side.pair;
  if (pair === undefined) throw refuse('There is no pair.');
  const begun = Math.min(...sides.map(({ side }) => side.heldAt));
  const near = await entriesOf(flow, sides, firstEntryFrom(flow.engine.newest, begun - backMillis));
  // A clock that was far off when the pair began: then all of it is looked at.
  const entries = near.length > 0 ? near : await entriesOf(flow, sides, 1);
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined)
    throw refuse(`The journal has nothing of pair ${pair}, or it is erased.`);
  const anchor = await anchoredFrom(flow.engine.store, last.sequence);
  if (anchor === undefined) {
    const { anchorSeconds } = flow.config.journal;
    throw new TandemError(
      'not-ready',
      `Entry ${last.sequence} is not covered by an anchored head yet; heads are anchored every ${anchorSeconds} s.`,
    );
  }
  if (anchor.entry - first.sequence > maxPathEntries) {
    throw refuse(`The path from entry ${first.sequence} to the head of entry ${anchor.entry} is too long.`);
  }
  const shown = new Set(entries.map(({ sequence }) => sequence));
  const path: Excerpt['path'] = [];
  for await (const entry of scanJournal(flow.engine.store, first.sequence)) {
    const { sequence, at, kind, payloadDigest } = entry;
    if (sequence > anchor.entry) break;
    if (!shown.has(sequence)) path.push([sequence, at, kind, payloadDigest]);
  }
  const text = encodeExcerpt({
    format: excerptFormat,
    chainId: `${flow.settlement.chainId}`,
    auditLog: auditLog.toLowerCase(),
    operator: flow.self,
    pair,
    before: first.previous,
    entries: entries.map((entry) => {
      const { sequence, at, kind, salt } = entry;
      return { sequence, at, kind, payload: textOf(entry), salt };
    }),
    path,
    anchor: { entry: anchor.entry, head: anchor.head, block: anchor.block },
  });
  await flow.engine.run((work) => {
    // The reason of a dispute may name the person whom it is about.
    const about = sides.find(({ side }) => hasKeys(work, side.user))?.side.user;
    const who = scope?.journal ?? { pair, what: 'journal excerpt', policy: name, recipient, reason };
    work.journal('disclosure', { ...who, ...handedUnder(work, scope?.request, text) }, about);
  });
  return text;
}
