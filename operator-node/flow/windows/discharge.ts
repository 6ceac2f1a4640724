/**
 * The payee's staff says how a window was paid in one asset: stored, then signed and sent to the chain, where only a
 * salted digest of the reference is. Both operators book it when it is final there.
 */
import { referenceDigest } from '../../commitment/window.ts';
import { TandemError } from '../../errors.ts';
import type { Asset, OperatorId } from '../../model/ids.ts';
import type { FlowContext } from '../context.ts';
import { auditLogOf } from './close.ts';
import { loadWindow, payeeOf, type WindowRecord } from './window.ts';
import { advanceWindow } from './window-machine.ts';

export interface Payment {
  readonly peer: OperatorId;
  readonly number: number;
  readonly asset: Asset;
  /** The reference of the payment at the bank or the RTGS. */
  readonly reference: string;
}

/**
 * The same payment again changes nothing.
 * @throws {TandemError} `not-found` for a window or asset that there is not; `conflict` for another reference than was
 *   given before; `unprocessable` where this operator is not the payee, or the statement is not anchored yet
 */
export async function dischargeWindow(flow: FlowContext, payment: Payment): Promise<WindowRecord> {
  auditLogOf(flow);
  const { peer, number, asset, reference } = payment;
  return flow.engine.run((work) => {
    const window = loadWindow(work, peer, number);
    if (window === undefined)
      throw new TandemError('not-found', `Window ${number} with operator ${peer} does not exist.`);
    const line = window.lines.find((each) => each.asset === asset);
    if (line === undefined) {
      const there = window.lines.map((each) => each.asset).join(', ');
      throw new TandemError('not-found', `Window ${number} with operator ${peer} has no ${asset}, only ${there}.`);
    }
    const payee = payeeOf(window.content, line);
    if (payee !== flow.self) {
      const who = payee === undefined ? 'nothing is to be paid' : `operator ${payee} is paid, and says so`;
      throw new TandemError('unprocessable', `In ${asset} of window ${number} ${who}.`);
    }
    if (line.anchored === undefined) {
      throw new TandemError(
        'unprocessable',
        `The statement of window ${number} in ${asset} is not anchored yet: the window is ${window.state}.`,
      );
    }
    if (line.order !== undefined) {
      if (line.order.reference === reference) return window;
      throw new TandemError(
        'conflict',
        `Window ${number} in ${asset} was already discharged with reference "${line.order.reference}", not "${reference}".`,
      );
    }
    if (line.discharged !== undefined) {
      throw new TandemError(
        'conflict',
        `Window ${number} in ${asset} was already discharged on the chain, but not by this operator’s staff.`,
      );
    }
    const salt = Buffer.from(flow.engine.random.bytes(16)).toString('hex');
    const order = { reference, salt, digest: referenceDigest(salt, reference) };
    return advanceWindow(flow, work, window, { type: 'payment-ordered', asset, order });
  });
}
