import { buildModule } from '@nomicfoundation/hardhat-ignition/modules';

/**
 * Both contracts of a consortium. Parameters: `authority`, the address through which the consortium decides;
 * `maxWindow` in seconds; `finality` as in `IOperatorRegistry.Finality`, mode 0 for a depth, 1 for the `finalized` tag.
 */
export default buildModule('Tandem', (m) => {
  const authority = m.getParameter<string>('authority');
  const maxWindow = m.getParameter<number>('maxWindow', 86_400);
  const finality = m.getParameter<{ mode: number; depth: number }>('finality', { mode: 0, depth: 0 });

  const registry = m.contract('OperatorRegistry', [authority, maxWindow, finality]);
  const settlement = m.contract('PairSettlement', [registry]);

  return { OperatorRegistry: registry, PairSettlement: settlement };
});
