/** What is mutated, and which tests must notice. */
export interface Subject {
  readonly file: string;
  /** The contract whose code the file is part of. */
  readonly contract: string;
  /** Files and folders for vitest, the quickest to notice first. */
  readonly tests: readonly string[];
}

const settlementTests = [
  'test/contracts/pair-settlement',
  'test/contracts/attacks.test.ts',
  'test/contracts/event-log.test.ts',
  'test/contracts/vectors.test.ts',
];

const governorTests = [
  'test/contracts/governance.test.ts',
  'test/contracts/governance-bounds.test.ts',
  'test/contracts/emergency-pause.test.ts',
  'test/contracts/event-log-governor.test.ts',
];

export const subjects: readonly Subject[] = [
  { file: 'contracts/PairSettlement.sol', contract: 'PairSettlement', tests: settlementTests },
  { file: 'contracts/libraries/InclusionProof.sol', contract: 'PairSettlement', tests: settlementTests },
  {
    file: 'contracts/OperatorRegistry.sol',
    contract: 'OperatorRegistry',
    tests: [
      'test/contracts/operator-registry.test.ts',
      'test/contracts/operator-registry-standing.test.ts',
      'test/contracts/governance.test.ts',
      'test/contracts/event-log.test.ts',
      'test/contracts/attacks.test.ts',
    ],
  },
  { file: 'contracts/AuditLog.sol', contract: 'AuditLog', tests: ['test/contracts/audit-log'] },
  {
    file: 'contracts/ConsortiumGovernor.sol',
    contract: 'ConsortiumGovernor',
    tests: governorTests,
  },
  {
    file: 'contracts/ConsortiumTimelock.sol',
    contract: 'ConsortiumGovernor',
    tests: governorTests,
  },
];
