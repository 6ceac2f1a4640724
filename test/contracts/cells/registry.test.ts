import { describe, expect, it } from 'vitest';

import { openConsortium } from '../consortium.ts';
import { refusalOf } from '../outcome.ts';
import { contractBy, registryTable, registryWorld, unknownOperator } from './registry.ts';
import { testTable } from './suite.ts';

const current = testTable({
  contract: 'OperatorRegistry',
  table: registryTable,
  cells: 470,
  open: async (chain) => registryWorld(await openConsortium(chain)),
  contractOf: ({ consortium }) => consortium.registry,
});

describe('OperatorRegistry, never admitted', () => {
  it.each(unknownOperator)('%s: %s', async (who, method, args) => {
    const refusal = ['OperatorRegistryUnknownOperator', 9n];
    expect(await refusalOf(contractBy(current(), who), method, ...args)).toEqual(refusal);
  });
});
