/** What can happen to a window as one operator keeps it. `window-machine.ts` has what each state does with each. */
import type { Work } from '../../engine/engine.ts';
import type { Cell } from '../../engine/state-table.ts';
import type { Asset, Hash, OperatorId } from '../../model/ids.ts';
import type { WindowContent } from '../../model/records.ts';
import type { FlowContext } from '../context.ts';
import type { DischargeOrder, StatementSeen, WindowLine, WindowRecord, WindowStateName } from './window.ts';

export const windowQueue = 'window';
export const locateQueue = 'locate';

export interface LocateItem {
  readonly peer: OperatorId;
}

export interface WindowItem {
  readonly peer: OperatorId;
  readonly number: number;
}

interface Contents {
  readonly content: WindowContent;
  readonly lines: readonly WindowLine[];
}

export type WindowEvent =
  /** Proposer: what was found other is added up anew and asked for again. */
  | ({ readonly type: 'proposed' } & Contents)
  /** Proposer: the peer's signatures have come, and each line has its own. */
  | ({ readonly type: 'peer-signed' } & Contents)
  /** Proposer: the peer will not sign it. */
  | { readonly type: 'not-signed'; readonly refusal: string }
  /** Proposer: the peer's signature is by no key that counts. It is asked for until it does. */
  | { readonly type: 'signature-unknown'; readonly refusal: string }
  /** The peer asks for the same number, and what it has agrees with the own books: this operator signs. */
  | ({ readonly type: 'agreed' } & Contents)
  /** Answerer: the proposer has left it unanchored; from here on this operator asks and anchors. */
  | { readonly type: 'taken-over' }
  /** In a final block. */
  | { readonly type: 'anchored'; readonly statement: Hash; readonly seen: Required<Pick<StatementSeen, 'anchored'>> }
  | {
      readonly type: 'discharged';
      readonly statement: Hash;
      readonly seen: Required<Pick<StatementSeen, 'discharged'>>;
    }
  /** Payee: staff has said how one line was paid. */
  | { readonly type: 'payment-ordered'; readonly asset: Asset; readonly order: DischargeOrder };

export type WindowEventName = WindowEvent['type'];
export type WindowEventOf<T extends WindowEventName> = Extract<WindowEvent, { type: T }>;

/** Queues, and what follows from the state: statements to anchor, and discharges that staff has ordered. */
export type WindowSends = 'window' | 'locate' | 'statement' | 'discharge';

/** What a step makes of the window; what is not named stays, but for a refusal, which is of the moment. */
export type NextWindow = Pick<WindowRecord, 'state'> &
  Partial<Pick<WindowRecord, 'role' | 'content' | 'lines' | 'refusal'>>;

export type WindowStep<T extends WindowEventName> = (
  flow: FlowContext,
  work: Work,
  window: WindowRecord,
  event: WindowEventOf<T>,
) => NextWindow;

export type WindowCell<T extends WindowEventName> = Cell<WindowStateName, WindowSends, WindowStep<T>>;
