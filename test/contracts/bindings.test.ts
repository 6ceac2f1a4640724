import { describe, expect, it } from 'vitest';

import { bindingsAreFresh } from '../../scripts/contracts/bindings.ts';

describe('operator-node/chain/abi.ts', () => {
  it('is what the contracts give (node scripts/contracts/bindings.ts writes it)', async () => {
    expect(await bindingsAreFresh()).toBe(true);
  });
});
