import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Chain, openChain } from '../chain.ts';
import { openConsortium } from '../consortium.ts';
import { refusalOf } from '../outcome.ts';
import { type RegistryWorld, contractBy, registryTable, registryWorld, unknownOperator } from './registry.ts';
import { functionOf, gaps, runCell, writersOf } from './table.ts';

let chain: Chain;
let world: RegistryWorld;
beforeAll(async () => {
  chain = await openChain();
  world = await registryWorld(await openConsortium(chain));
});
afterAll(() => chain.close());

describe('the table of OperatorRegistry', () => {
  it('has every function that writes, and an outcome for each in every state', () => {
    expect(new Set(registryTable.columns.map(functionOf))).toEqual(new Set(writersOf(world.consortium.registry)));
    expect(gaps(registryTable)).toEqual([]);
  });
});

describe.each(registryTable.states)('OperatorRegistry, $name', (state) => {
  it.each(registryTable.columns)('$name', async (column) => {
    const undo = await chain.snapshot();
    try {
      const { found, expected } = await runCell(chain, world, state, column);
      expect(found).toEqual(expected);
    } finally {
      await undo();
    }
  });
});

describe('OperatorRegistry, never admitted', () => {
  it.each(unknownOperator)('%s: %s', async (who, method, args) => {
    const refusal = ['OperatorRegistryUnknownOperator', 9n];
    expect(await refusalOf(contractBy(world, who), method, ...args)).toEqual(refusal);
  });
});
