import { describe, expect, it } from 'vitest';
import { sideMachine } from '../../operator-node/flow/flow.ts';
import { sideStates } from '../../operator-node/flow/pair.ts';
import { execute, release } from '../../operator-node/flow/steps.ts';

const events = [
  'agreed',
  'refused',
  'lapsed',
  'withdrawn',
  'cancel',
  'batched',
  'batch-refused',
  'countersigned',
  'yes',
  'no',
  'committed',
  'aborted',
  'heard',
  'told',
  'recovered-agreed',
  'recovered-batched',
  'recovered-committed',
  'recovered-aborted',
] as const;

const cells = (['initiator', 'acceptor'] as const).flatMap((role) =>
  sideStates.flatMap((state) => events.map((event) => ({ role, state, event, cell: sideMachine[role][state][event] }))),
);

const kindOf = (cell: (typeof cells)[number]['cell']): 'step' | 'ignore' | 'fault' =>
  'does' in cell ? 'step' : 'ignore' in cell ? 'ignore' : 'fault';

describe('the table of a side’s life', () => {
  it('has a cell for each role, state and event, and every cell that is no step says why', () => {
    expect(cells).toHaveLength(2 * 7 * 18);
    for (const { cell } of cells) {
      if (!('does' in cell)) expect(Object.values(cell)[0]).toMatch(/\w{4}/);
    }
  });

  it('counts its steps, ignored events and faults', () => {
    const count = { step: 0, ignore: 0, fault: 0 };
    for (const { cell } of cells) count[kindOf(cell)] += 1;
    expect(count).toMatchInlineSnapshot(`
      {
        "fault": 116,
        "ignore": 83,
        "step": 53,
      }
    `);
  });

  it('never releases by a timeout, a refusal or a cancellation what a batch has taken away', () => {
    for (const { role, state, event, cell } of cells) {
      const inBatch = state === 'signed' || state === 'countersigned' || state === 'accepted';
      const local = event === 'lapsed' || event === 'refused' || event === 'withdrawn';
      if (inBatch && local) expect({ role, state, event, kind: kindOf(cell) }).not.toMatchObject({ kind: 'step' });
    }
  });

  it('executes on a final commit and releases on a final abort, from every state in a batch', () => {
    const inBatch = cells.filter(
      ({ role, state }) =>
        ['signed', 'countersigned'].includes(state) ||
        (role === 'acceptor' && ['accepted', 'declined'].includes(state)),
    );
    for (const { event, cell } of inBatch) {
      if (event === 'committed') expect(cell).toMatchObject({ to: ['committed'], does: execute });
      if (event === 'aborted') expect(cell).toMatchObject({ to: ['aborted'], does: release });
    }
  });

  it('takes a yes only from an acceptor that is asked, and never twice', () => {
    const steps = cells.filter(({ event, cell }) => event === 'yes' && 'does' in cell);
    expect(steps.map(({ role, state }) => `${role} ${state}`)).toEqual(['acceptor countersigned']);
  });

  it('moves no side that is over, but to stand declined in a late batch, or to book what the chain committed', () => {
    const steps = cells.filter(
      ({ state, cell }) => 'does' in cell && (state === 'committed' || state === 'aborted') && !cell.to.includes(state),
    );
    expect(steps.map(({ role, state, event }) => `${role} ${state} ${event}`)).toEqual([
      'initiator aborted committed',
      'acceptor aborted batched',
      'acceptor aborted committed',
      'acceptor aborted recovered-batched',
    ]);
  });

  it('sends a decision from where a side is accepted or declined in a batch, and from nowhere else', () => {
    for (const { role, state, event, cell } of cells) {
      if (!('does' in cell)) continue;
      const decides = cell.to.some((to) => to === 'accepted' || to === 'declined');
      expect({ role, state, event, decides: cell.emits.includes('decision') }).toEqual({ role, state, event, decides });
    }
  });
});
