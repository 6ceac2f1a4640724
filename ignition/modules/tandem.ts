import { buildModule } from '@nomicfoundation/hardhat-ignition/modules';

/** `IConsortiumGovernor.Settings`. */
interface Governance {
  readonly votingDelaySeconds: number;
  readonly votingPeriodSeconds: number;
  readonly timelockSeconds: number;
  readonly emergencySeconds: number;
}

/**
 * The contracts of a consortium. Parameters: `authority`, who founds it and hands over afterwards; `maxWindow` in seconds;
 * `finality` as in `IOperatorRegistry.Finality`, mode 0 for a depth, 1 for the `finalized` tag; `governance`.
 */
export default buildModule('Tandem', (m) => {
  const authority = m.getParameter<string>('authority');
  const maxWindow = m.getParameter<number>('maxWindow', 86_400);
  const finality = m.getParameter<{ mode: number; depth: number }>('finality', { mode: 0, depth: 0 });
  const governance = m.getParameter<Governance & Record<string, number>>('governance');

  const registry = m.contract('OperatorRegistry', [authority, maxWindow, finality]);
  const settlement = m.contract('PairSettlement', [registry]);
  const auditLog = m.contract('AuditLog', [registry]);
  const governor = m.contract('ConsortiumGovernor', [registry, governance]);
  const timelock = m.contractAt('ConsortiumTimelock', m.staticCall(governor, 'timelock'));

  return {
    OperatorRegistry: registry,
    PairSettlement: settlement,
    AuditLog: auditLog,
    ConsortiumGovernor: governor,
    ConsortiumTimelock: timelock,
  };
});
