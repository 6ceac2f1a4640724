/** Settlement windows and caps for staff (docs/settlement.md): read from the store, changed by the flow, journaled there. */
import { TandemError } from '../errors.ts';
import type { FlowContext } from '../flow/context.ts';
import { changeCap } from '../flow/greet.ts';
import { closeWindow } from '../flow/windows/close.ts';
import { dischargeWindow } from '../flow/windows/discharge.ts';
import { locate, type Located } from '../flow/windows/locate.ts';
import { isOverdue } from '../flow/windows/windows.ts';
import { loadWindow, owedBy, payeeOf, windowTable, type WindowRecord } from '../flow/windows/window.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import { toTimestamp, type Amount, type Asset, type OperatorId } from '../model/ids.ts';
import { windowReference } from '../statements/ids.ts';
import { pacs009OfWindow } from '../statements/pacs009.ts';
import { counterpartyOf, institutionOf } from './node-statements.ts';
import type { CapState, WindowPayment, WindowView } from './services.ts';

const viewOf = (flow: FlowContext, window: WindowRecord): WindowView => {
  const { peer, role, content, state, opened, since, refusal } = window;
  return {
    counterparty: peer,
    number: content.number,
    role,
    state,
    overdue: isOverdue(flow, window, flow.engine.clock.now()),
    opened: toTimestamp(opened),
    since: toTimestamp(since),
    ...(refusal === undefined ? {} : { refusal }),
    operatorA: content.operatorA,
    operatorB: content.operatorB,
    aToB: content.aToB,
    bToA: content.bToA,
    secret: content.secret,
    lines: window.lines.map((line) => {
      const { asset, net, statement, anchored, order, discharged } = line;
      const payee = payeeOf(content, line);
      return {
        asset,
        net,
        owed: owedBy(flow.self, content, line).toString(),
        ...(payee === undefined ? {} : { payee }),
        statement,
        endToEndId: windowReference(statement),
        ...(anchored === undefined ? {} : { anchoredBlock: anchored.number }),
        ...(order === undefined ? {} : { reference: order.reference, referenceSalt: order.salt }),
        ...(discharged === undefined
          ? {}
          : {
              referenceDigest: discharged.reference,
              dischargedBlock: discharged.block,
              booked: toTimestamp(discharged.at),
            }),
      };
    }),
  };
};

/** All of them, or those with one operator, in their order. */
export async function windowsOf(flow: FlowContext, counterparty: string | undefined): Promise<readonly WindowView[]> {
  const range = counterparty === undefined ? {} : { prefix: `${counterpartyOf(flow, counterparty)}!` };
  const found: WindowView[] = [];
  for await (const [, window] of flow.engine.store.scan(windowTable, range)) found.push(viewOf(flow, window));
  return found;
}

export const closeFor = async (flow: FlowContext, counterparty: string): Promise<WindowView> =>
  viewOf(flow, await closeWindow(flow, counterpartyOf(flow, counterparty)));

export const dischargeFor = async (flow: FlowContext, payment: WindowPayment): Promise<WindowView> =>
  viewOf(flow, await dischargeWindow(flow, { ...payment, peer: counterpartyOf(flow, payment.counterparty) }));

export const compareWith = (flow: FlowContext, counterparty: string): Promise<Located> =>
  locate(flow, counterpartyOf(flow, counterparty));

/** The payment of a window in one asset, for the bank. @throws {TandemError} `not-found`; `unprocessable` where the other pays */
export async function paymentOf(
  flow: FlowContext,
  { counterparty, number, asset }: Omit<WindowPayment, 'reference'>,
): Promise<string> {
  const peer = counterpartyOf(flow, counterparty);
  const exponent = flow.config.assets.find((entry) => entry.asset === asset)?.exponent;
  const { engine } = flow;
  const window = await engine.run((work) => loadWindow(work, peer, number));
  const line = window?.lines.find((each) => each.asset === asset);
  if (window === undefined || line === undefined || exponent === undefined) {
    throw new TandemError('not-found', `There is no window ${number} with operator ${peer} in ${asset}.`);
  }
  if (line.anchored === undefined) {
    throw new TandemError(
      'unprocessable',
      `Window ${number} is ${window.state}: nothing is paid before it is anchored.`,
    );
  }
  const amount = owedBy(flow.self, window.content, line);
  const text = [
    ...pacs009OfWindow({
      reference: windowReference(line.statement),
      payer: institutionOf(flow, flow.self),
      payee: institutionOf(flow, peer),
      asset,
      exponent,
      amount,
      created: engine.clock.now(),
      window: number,
    }),
  ].join('');
  await engine.run((work) => {
    work.journal('staff', { what: 'payment of a window', peer, number, asset, amount: amount.toString() });
  });
  return text;
}

/** Of each counterparty that there was ever a position with, or that a cap is set for. */
export async function capsOf(flow: FlowContext, payments: PaymentsDomain): Promise<readonly CapState[]> {
  return flow.engine.run((view) => {
    const used = new Map(payments.exposures(view).map((each) => [`${each.operator}/${each.asset}`, each]));
    return flow.peers.all().flatMap(({ id }): CapState[] => {
      if (id === flow.self) return [];
      return flow.caps.view(id).flatMap(({ operator, asset, ...caps }): CapState[] => {
        const exposure = used.get(`${operator}/${asset}`);
        if (exposure === undefined && Object.keys(caps).length === 0) return [];
        const { owes = 0n, owed = 0n } = exposure ?? {};
        return [{ operator, asset, ...caps, mayOwe: owes.toString(), mayBeOwed: owed.toString() }];
      });
    });
  });
}

/** For the metrics: of each cap that there is, how much is used, holds counted. */
export function capsUsed(
  flow: FlowContext,
  payments: PaymentsDomain,
): readonly { readonly operator: OperatorId; readonly asset: Asset; readonly share: number }[] {
  return payments.exposures(flow.engine.newest).flatMap(({ operator, asset, owes, owed }) => {
    const cap = flow.caps.of(operator, asset);
    if (cap === undefined) return [];
    const used = Number(owes > owed ? owes : owed);
    return [{ operator, asset, share: cap === '0' ? 1 : used / Number(cap) }];
  });
}

export async function setCap(
  flow: FlowContext,
  { counterparty, asset, cap }: { readonly counterparty: string; readonly asset: Asset; readonly cap: Amount | '' },
): Promise<{ readonly operator: OperatorId; readonly asset: Asset; readonly agreed?: Amount }> {
  const peer = counterpartyOf(flow, counterparty);
  if (!flow.config.assets.some((entry) => entry.asset === asset)) {
    throw new TandemError('not-found', `This node keeps no accounts in ${asset}.`);
  }
  await changeCap(flow, peer, asset, cap === '' ? undefined : cap);
  const agreed = flow.caps.of(peer, asset) as Amount | undefined;
  return { operator: peer, asset, ...(agreed === undefined ? {} : { agreed }) };
}
