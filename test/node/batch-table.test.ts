import { describe, expect, it } from 'vitest';
import { batchMachine } from '../../operator-node/flow/batch-machine.ts';
import type { AnyTable } from '../../operator-node/engine/state-table.ts';

const machine: AnyTable = batchMachine;
const cells = Object.entries(machine).flatMap(([role, states]) =>
  Object.entries(states).flatMap(([state, row]) =>
    Object.entries(row).map(([event, cell]) => ({ role, state, event, cell })),
  ),
);
const steps = cells.flatMap(({ cell, ...at }) => ('does' in cell ? [{ ...at, to: cell.to, emits: cell.emits }] : []));

describe('the table of a batch’s life', () => {
  it('has a cell for each role, state and event, and every cell that is no step says why', () => {
    expect(cells).toHaveLength(2 * 4 * 12);
    for (const { cell } of cells) {
      if (!('does' in cell)) expect(Object.values(cell)[0]).toMatch(/\w{4}/);
    }
  });

  it('counts its steps, ignored events and faults', () => {
    const kinds = cells.map(({ cell }) => ('does' in cell ? 'step' : 'ignore' in cell ? 'ignore' : 'fault'));
    const count = (kind: string): number => kinds.filter((each) => each === kind).length;
    expect({ step: count('step'), ignore: count('ignore'), fault: count('fault') }).toMatchInlineSnapshot(`
      {
        "fault": 58,
        "ignore": 9,
        "step": 29,
      }
    `);
  });

  it('takes no batch back that both have signed', () => {
    const back = steps.filter(({ state, to }) => state === 'countersigned' && to.some((next) => next !== state));
    expect(back).toEqual([]);
  });

  it('gives a number up only where nobody has signed its content', () => {
    const refusing = steps.filter(({ to }) => to.includes('refused'));
    expect(refusing.map(({ role, state, event }) => `${role} ${state} ${event}`)).toEqual([
      'initiator offered refused',
    ]);
  });

  it('hands the own signature over from where it was made, and from nowhere else', () => {
    const handing = steps.filter(({ emits }) => emits.includes('countersign'));
    expect(handing.map(({ role, state, event }) => `${role} ${state} ${event}`)).toEqual([
      'initiator offered accepted',
      'initiator countersigned accepted',
      'initiator countersigned keys-changed',
    ]);
  });
});
