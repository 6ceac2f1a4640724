/**
 * THE MAIN PATH. A message on its way, in the order of the files:
 *
 *   receive    a message comes in: pass it on, or look at it
 *   order      what it means: two operations; the first is held, the pair begins
 *   propose    the peer holds the second, or refuses
 *   anchor     pairs in batches, both signatures
 *   steps      what can happen to one side of a pair (ask, accept, decline, execute, release …)
 *   answer     the second user's yes or no
 *   submit     batches, decisions and attestations to the chain
 *   blocks     what the chain says, back to the pairs
 *   attest     what was executed, told by the ledger
 *   tell       words to users
 *
 *   cancel, refund, account   what else a user can ask for
 *   recover                   the way back in
 *
 * Below is the whole of a side's life: for each role and state, what each event does. A cell that is no step says why.
 */
import { TandemError } from '../errors.ts';
import type { Work } from '../engine/engine.ts';
import { legOf, type Role } from '../model/ids.ts';
import type { FlowContext } from './context.ts';
import { loadSide, type PairSide, type SideStateName } from './pair.ts';
import * as steps from './steps.ts';
import type { EventOf, SideEvent, SideEventName, StepResult } from './steps.ts';

type Step<T extends SideEventName> = (flow: FlowContext, work: Work, side: PairSide, event: EventOf<T>) => StepResult;

/** Nothing to do, and that is as it should be: late, repeated, or meant for the other state. */
interface Ignored {
  readonly ignore: string;
}
/** Cannot happen while everybody keeps the protocol: kept as evidence, staff is told, nothing changes. */
interface Fault {
  readonly fault: string;
}

type Cell<T extends SideEventName> = Step<T> | Ignored | Fault;
type Row = { readonly [T in SideEventName]: Cell<T> };
export type Table = Readonly<Record<Role, Readonly<Record<SideStateName, Row>>>>;

const ignore = (why: string): Ignored => ({ ignore: why });
const fault = (why: string): Fault => ({ fault: why });

const notInitiators = fault('an event of the acceptor’s side');
const notAcceptors = fault('an event of the initiator’s side');
const repeated = ignore('repeated');
const over = ignore('the pair is over on this side');
const unsigned = fault('decided on chain though this operator has not signed it');
const neverHere = fault('no side of this role is ever in this state');

const initiatorTable: Table['initiator'] = {
  held: {
    agreed: steps.agree,
    refused: steps.refuse,
    lapsed: steps.lapseAsInitiator,
    withdrawn: notInitiators,
    cancel: steps.cancelHeld,
    batched: steps.enterBatch,
    'batch-refused': fault('it is in no batch'),
    countersigned: fault('it is in no batch'),
    yes: notInitiators,
    no: notInitiators,
    committed: unsigned,
    aborted: unsigned,
  },
  signed: {
    agreed: repeated,
    refused: ignore('the peer held it before; an old answer came late'),
    lapsed: ignore('its batch may have left'),
    withdrawn: notInitiators,
    cancel: steps.askToCancel,
    batched: repeated,
    'batch-refused': steps.loseBatch,
    countersigned: steps.countersignAsInitiator,
    yes: notInitiators,
    no: notInitiators,
    committed: steps.execute,
    aborted: steps.release,
  },
  countersigned: {
    agreed: repeated,
    refused: ignore('the peer held it before; an old answer came late'),
    lapsed: ignore('only the chain ends it now'),
    withdrawn: notInitiators,
    cancel: steps.askToCancel,
    batched: repeated,
    'batch-refused': fault('the acceptor has signed this batch'),
    countersigned: repeated,
    yes: notInitiators,
    no: notInitiators,
    committed: steps.execute,
    aborted: steps.release,
  },
  accepted: allCells(neverHere),
  declined: allCells(neverHere),
  committed: {
    agreed: over,
    refused: over,
    lapsed: over,
    withdrawn: notInitiators,
    cancel: ignore('too late'),
    batched: over,
    'batch-refused': over,
    countersigned: over,
    yes: notInitiators,
    no: notInitiators,
    committed: repeated,
    aborted: fault('aborted on chain after it was committed in a final block'),
  },
  aborted: {
    agreed: ignore('given up meanwhile; the withdrawal is on its way'),
    refused: over,
    lapsed: over,
    withdrawn: notInitiators,
    cancel: over,
    batched: over,
    'batch-refused': over,
    countersigned: ignore('its batch is dead and is anchored only to use its number up'),
    yes: notInitiators,
    no: notInitiators,
    committed: steps.executeAfterAll,
    aborted: repeated,
  },
};

const acceptorTable: Table['acceptor'] = {
  held: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: steps.lapseAsAcceptor,
    withdrawn: steps.withdraw,
    cancel: steps.cancelHeldAsAcceptor,
    batched: steps.enterBatch,
    'batch-refused': notAcceptors,
    countersigned: fault('it is in no batch'),
    yes: fault('nobody was asked'),
    no: fault('nobody was asked'),
    committed: unsigned,
    aborted: unsigned,
  },
  signed: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: ignore('it is in a signed batch'),
    withdrawn: fault('withdrawn after its batch had left'),
    cancel: steps.cancelAsAcceptor,
    batched: repeated,
    'batch-refused': notAcceptors,
    countersigned: steps.ask,
    yes: fault('nobody was asked'),
    no: fault('nobody was asked'),
    committed: steps.execute,
    aborted: steps.release,
  },
  countersigned: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: ignore('it is in a signed batch'),
    withdrawn: fault('withdrawn after its batch had left'),
    cancel: steps.cancelAsAcceptor,
    batched: repeated,
    'batch-refused': notAcceptors,
    countersigned: repeated,
    yes: steps.accept,
    no: steps.decline,
    committed: steps.execute,
    aborted: steps.release,
  },
  accepted: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: ignore('it is in a signed batch'),
    withdrawn: fault('withdrawn after its batch had left'),
    cancel: ignore('too late: the second user has accepted'),
    batched: repeated,
    'batch-refused': notAcceptors,
    countersigned: repeated,
    yes: repeated,
    no: ignore('answered before'),
    committed: steps.execute,
    aborted: steps.release,
  },
  declined: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: ignore('it is in a signed batch'),
    withdrawn: ignore('declined already'),
    cancel: ignore('declined already'),
    batched: repeated,
    'batch-refused': notAcceptors,
    countersigned: ignore('declined before the other signature came'),
    yes: ignore('answered before'),
    no: repeated,
    committed: steps.execute,
    aborted: steps.release,
  },
  committed: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: over,
    withdrawn: fault('withdrawn after its batch had left'),
    cancel: ignore('too late'),
    batched: over,
    'batch-refused': notAcceptors,
    countersigned: over,
    yes: over,
    no: over,
    committed: repeated,
    aborted: fault('aborted on chain after it was committed in a final block'),
  },
  aborted: {
    agreed: notAcceptors,
    refused: notAcceptors,
    lapsed: over,
    withdrawn: over,
    cancel: over,
    batched: steps.enterBatchDeclined,
    'batch-refused': notAcceptors,
    countersigned: over,
    yes: over,
    no: over,
    committed: steps.executeAfterAll,
    aborted: repeated,
  },
};

function allCells(cell: Fault): Row {
  return {
    agreed: cell,
    refused: cell,
    lapsed: cell,
    withdrawn: cell,
    cancel: cell,
    batched: cell,
    'batch-refused': cell,
    countersigned: cell,
    yes: cell,
    no: cell,
    committed: cell,
    aborted: cell,
  };
}

export const table: Table = { initiator: initiatorTable, acceptor: acceptorTable };

export type Advance = StepResult | 'ignored' | 'fault';

/** One event of one side: looks the cell up and does what it says. */
export function advance<T extends SideEventName>(
  flow: FlowContext,
  work: Work,
  found: PairSide,
  event: EventOf<T>,
): Advance {
  const { side, state } = found;
  const name: T = event.type;
  const cell: Cell<T> = flow.table[side.role][state.state][name];
  if (typeof cell === 'function') return cell(flow, work, found, event);
  if ('ignore' in cell) return 'ignored';
  work.journal('fault', {
    what: cell.fault,
    pair: side.pair,
    leg: side.leg,
    role: side.role,
    state: state.state,
    event: name,
  });
  work.emit({
    ...{ type: 'alarm', what: 'impossible-event', why: cell.fault, peer: side.peer },
    ...{ pair: side.pair, leg: side.leg, state: state.state, event: name },
  });
  return 'fault';
}

/** The same, for a side that is known to be there by its role. */
export function advancePair(
  flow: FlowContext,
  work: Work,
  pair: PairSide['side']['pair'],
  role: Role,
  event: SideEvent,
): Advance {
  const found = loadSide(work, pair, legOf(role));
  if (found === undefined) throw new TandemError('internal', `Pair ${pair} is not in this store as ${role}.`);
  return advance(flow, work, found, event);
}
