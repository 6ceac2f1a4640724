/** The list of a node's parts: what each owns, and that nobody else does. */
import { describe, expect, it } from 'vitest';
import { duty } from '../../operator-node/chain/duties.ts';
import { checkParts, logs, peerMethod, queue, type Part } from '../../operator-node/parts/part.ts';
import { table } from '../../operator-node/store/store.ts';

const nothing = async (): Promise<never> => Promise.reject(new Error('not called'));

const one: Omit<Part, 'name'> = {
  tables: [table<true>('toy')],
  queues: [queue('toy', { lane: () => '', gatherMillis: 0, maxGroup: 1, retryMillis: [1] }, nothing)],
  clocks: [{ name: 'toy', millis: 1, action: () => undefined }],
  peerMethods: [peerMethod('hello', nothing)],
  logs: logs(['OperatorChanged'], () => undefined),
  duties: [duty({ name: 'toy', key: 'carrier', due: () => false, orders: () => [], subjects: () => [] })],
  gauges: [{ name: 'toy', help: '', read: () => 1 }],
  routes: [{ name: 'toy', routes: [{ operationId: 'toy', method: 'get', path: '/v1/toy' }] }],
};

describe('checkParts', () => {
  it.each([
    ['tables', 'table toy'],
    ['queues', 'queue toy'],
    ['clocks', 'clock toy'],
    ['peerMethods', 'peer method hello'],
    ['logs', 'log OperatorChanged'],
    ['duties', 'duty toy'],
    ['gauges', 'gauge toy'],
    ['routes', 'route GET /v1/toy'],
  ] as const)('ends the start where two parts declare the same of their %s, and names both', (what, says) => {
    const parts: readonly Part[] = [
      { name: 'first', [what]: one[what] },
      { name: 'between' },
      { name: 'last', [what]: one[what] },
    ];
    expect(() => {
      checkParts(parts);
    }).toThrow(`The parts first and last both declare the ${says}`);
  });

  it('takes one name for things of different kinds', () => {
    checkParts([{ name: 'one', ...one }, { name: 'other' }]);
  });
});
