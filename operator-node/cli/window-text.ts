/** A settlement window as people read it in a terminal. */
import type { WindowView } from '../api/window-routes.ts';
import { table } from './format.ts';
import type { Money } from './money.ts';

const laneText = ({ from, to }: WindowView['aToB']): string =>
  to < from ? 'none' : from === to ? `${from}` : `${from}–${to}`;

export function windowText(window: WindowView, money: Money): string {
  const { counterparty, number, state, overdue, opened, operatorA, operatorB, aToB, bToA, refusal, lines } = window;
  const head = `Window ${number} with operator ${counterparty}: ${state}${overdue ? ', OVERDUE' : ''}, since ${opened}`;
  const rows = lines.map(({ asset, owed, anchoredBlock, reference, dischargedBlock, statement }) => [
    asset,
    owed === '0' ? 'nothing to pay' : owed.startsWith('-') ? 'is paid' : 'pays',
    money.text(owed.replace('-', ''), asset),
    dischargedBlock !== undefined
      ? `discharged in block ${dischargedBlock}`
      : anchoredBlock !== undefined
        ? `anchored in block ${anchoredBlock}`
        : 'not anchored',
    reference ?? '',
    statement,
  ]);
  return [
    head,
    `Batches ${operatorA} to ${operatorB}: ${laneText(aToB)}; ${operatorB} to ${operatorA}: ${laneText(bToA)}`,
    ...(refusal === undefined ? [] : [`The other operator did not sign: ${refusal}. See tandem window compare.`]),
    table(rows, [2]),
  ].join('\n');
}
