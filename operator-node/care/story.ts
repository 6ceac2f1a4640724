/**
 * What happened to a pair, from what this operator has kept: its journal (what was written, asked, answered and told, in the
 * words of then), its ledger (held, booked, given back) and the chain as it was read. Nothing waits for an anchored head:
 * this is for whoever helps the caller. What is handed over as proof is an excerpt of the journal, or a bundle.
 */
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { firstEntryFrom, isReadable, scanJournal, type JournalEntry } from '../engine/journal.ts';
import { loadBatch } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { isFinal, type EndReason, type PairSide } from '../flow/pair.ts';
import { isOfPair } from '../flow/pair-entries.ts';
import type { Leg, OperatorId, UnixMillis } from '../model/ids.ts';
import { nextSteps, type NextStep } from '../audit/doubt-list.ts';
import { lookInto } from '../recovery/doubt.ts';

/** Of what came to nothing, why: to be read to the user. */
export const reasons: Readonly<Record<EndReason, string>> = {
  declined: 'The other user declined.',
  'not-held':
    'The user accepted, and the amount could not be held: there was not enough money, or a limit was reached.',
  spent: 'The question was closed after too many wrong codes.',
  cancelled: 'The user who ordered took it back.',
  expired: 'The other user did not accept in time.',
  late: 'The user accepted, and the chain did not take the answer in time.',
  refused: 'The other operator refused the order.',
  unreachable: 'The other operator could not be reached in time.',
  lapsed: 'The operator of the user who ordered did not go on with it in time.',
  'given-up': 'The operator of the user who ordered gave it up.',
  'batch-refused': 'The two operators did not agree on the batch that the order was in.',
};

/** In this order where several came in one write. */
export const happenings = [
  'ordered',
  'cancel-asked',
  'held',
  'asked',
  'answered',
  'anchored',
  'booked',
  'released',
  'told',
] as const;

export interface Happening {
  readonly at: UnixMillis;
  readonly what: (typeof happenings)[number];
  /** What was written by a user or sent to one, as it was; absent where it is erased. */
  readonly text?: string;
  /** The block, for what the chain did. */
  readonly block?: number;
}

const inOrder = (one: Happening, other: Happening): number =>
  one.at - other.at || happenings.indexOf(one.what) - happenings.indexOf(other.what);

export interface SideStory {
  readonly leg: Leg;
  readonly found: PairSide;
  /** In the order of time. */
  readonly happened: readonly Happening[];
  /** Why it came to nothing. */
  readonly why?: string;
  /** Of a pair that is open: what comes next, and whom it waits for. */
  readonly next?: { readonly step: NextStep; readonly says: string; readonly waitsFor: OperatorId | 'user' | 'chain' };
  /** The last word has not left yet, or the gateway has not taken it. */
  readonly told: boolean;
}

/** The journal is read from shortly before the pair began; a clock may have been set back a little. */
const backMillis = 300_000;
/** And to so long after its end: what was told late, and what staff did. */
const afterMillis = 3_600_000;
const mostEntries = 200_000;

const whatOf = {
  order: 'ordered',
  question: 'asked',
  answer: 'answered',
  confirmation: 'told',
} as const;

function happeningOf({ kind, at, payload = {} }: JournalEntry): Happening | undefined {
  const what = whatOf[kind as keyof typeof whatOf] as Happening['what'] | undefined;
  if (what === undefined) return undefined;
  if (payload['cancel'] !== undefined) return { at, what: 'cancel-asked' };
  if (what === 'answered') return { at, what, text: payload['yes'] === true ? 'yes' : 'no' };
  const { text } = payload;
  return { at, what, ...(typeof text === 'string' ? { text } : {}) };
}

async function journaled(flow: Pick<FlowContext, 'engine'>, found: PairSide): Promise<readonly Happening[]> {
  const { side, state } = found;
  const end = state.told ? state.since + afterMillis : Number.POSITIVE_INFINITY;
  const said: Happening[] = [];
  let looked = 0;
  for await (const entry of scanJournal(
    flow.engine.store,
    firstEntryFrom(flow.engine.newest, side.heldAt - backMillis),
  )) {
    looked += 1;
    if (entry.at > end || looked > mostEntries) break;
    if (!isReadable(entry) || !isOfPair(entry, found)) continue;
    const happening = happeningOf(entry);
    if (happening !== undefined) said.push(happening);
  }
  return said;
}

const bookings = { hold: 'held', commit: 'booked', release: 'released' } as const;

function booked(flow: Pick<FlowContext, 'engine'>, payments: PaymentsDomain, { side }: PairSide): Happening[] {
  const record = payments.payment(flow.engine.newest, side.pair, side.leg);
  return (record?.entries ?? []).flatMap(({ kind, at }) =>
    kind === 'hold' || kind === 'commit' || kind === 'release' ? [{ at, what: bookings[kind] }] : [],
  );
}

async function anchored({ engine, chain }: FlowContext, { side, state }: PairSide): Promise<readonly Happening[]> {
  const known = state.batch === undefined ? undefined : loadBatch(engine.newest, state.batch, side.role);
  const number = known?.state.prepared?.number;
  if (number === undefined) return [];
  const block = await chain.block(number).catch(() => undefined);
  // Without the chain the time is not known; then it stands where the pair was begun.
  return [
    { at: (block === undefined ? side.heldAt : block.timestamp * 1000) as UnixMillis, what: 'anchored', block: number },
  ];
}

const waitsForUser: ReadonlySet<NextStep> = new Set(['user-answers']);
const waitsForPeer: ReadonlySet<NextStep> = new Set(['peer-answers', 'batch-comes', 'peer-signs', 'peer-decides']);

async function nextOf(flow: FlowContext, found: PairSide): Promise<SideStory['next']> {
  if (isFinal(found.state)) return undefined;
  const { pairs } = await lookInto(flow, [found]);
  const step = pairs[0]?.next;
  if (step === undefined) return undefined;
  const { peer } = found.side;
  const other = step === 'initiator-signs' && found.side.role === 'acceptor';
  const waitsFor = waitsForUser.has(step) ? 'user' : waitsForPeer.has(step) || other ? peer : 'chain';
  return { step, says: nextSteps[step], waitsFor };
}

/** One side of a pair, from its order to its last word. */
export async function storyOf(flow: FlowContext, payments: PaymentsDomain, found: PairSide): Promise<SideStory> {
  const { reason, told } = found.state;
  const parts = await Promise.all([journaled(flow, found), anchored(flow, found)]);
  const happened = [...parts.flat(), ...booked(flow, payments, found)].sort(inOrder);
  const next = await nextOf(flow, found);
  return {
    leg: found.side.leg,
    found,
    happened,
    ...(reason === undefined ? {} : { why: reasons[reason] }),
    ...(next === undefined ? {} : { next }),
    told,
  };
}
