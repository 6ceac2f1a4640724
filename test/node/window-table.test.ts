import { describe, expect, it } from 'vitest';
import type { AnyTable } from '../../operator-node/engine/state-table.ts';
import { windowStates } from '../../operator-node/flow/windows/window.ts';
import { windowMachine } from '../../operator-node/flow/windows/window-machine.ts';

const machine: AnyTable = windowMachine;
const cells = Object.entries(machine).flatMap(([role, states]) =>
  Object.entries(states).flatMap(([state, row]) =>
    Object.entries(row).map(([event, cell]) => ({ role, state, event, cell })),
  ),
);
const steps = cells.flatMap(({ cell, ...at }) => ('does' in cell ? [{ ...at, to: cell.to, emits: cell.emits }] : []));
const named = (some: typeof steps): readonly string[] =>
  some.map(({ role, state, event }) => `${role} ${state} ${event}`);

describe('the table of a window’s life', () => {
  it('has a cell for each role, state and event, and every cell that is no step says why', () => {
    expect(cells).toHaveLength(2 * windowStates.length * 9);
    for (const { cell } of cells) {
      if (!('does' in cell)) expect(Object.values(cell)[0]).toMatch(/\w{4}/);
    }
  });

  it('counts its steps, ignored events and faults', () => {
    const kinds = cells.map(({ cell }) => ('does' in cell ? 'step' : 'ignore' in cell ? 'ignore' : 'fault'));
    const count = (kind: string): number => kinds.filter((each) => each === kind).length;
    expect({ step: count('step'), ignore: count('ignore'), fault: count('fault') }).toMatchInlineSnapshot(`
      {
        "fault": 47,
        "ignore": 25,
        "step": 18,
      }
    `);
  });

  it('puts no other content under a number that is signed', () => {
    const again = steps.filter(({ state, event }) => windowStates.indexOf(state as never) > 1 && event === 'proposed');
    expect(named(again)).toEqual([]);
    expect(named(steps.filter(({ event }) => event === 'agreed'))).toEqual([
      'proposer proposed agreed',
      'proposer differs agreed',
    ]);
  });

  it('never goes back from what is signed, anchored or discharged', () => {
    for (const { state, to } of steps) {
      const from = windowStates.indexOf(state as never);
      if (from > 1) for (const next of to) expect(windowStates.indexOf(next as never)).toBeGreaterThanOrEqual(from);
    }
  });

  it('takes the order of a payment only where it can be on the chain', () => {
    expect(named(steps.filter(({ event }) => event === 'payment-ordered'))).toEqual([
      'proposer signed payment-ordered',
      'proposer anchored payment-ordered',
      'answerer signed payment-ordered',
      'answerer anchored payment-ordered',
    ]);
  });
});
