/** Whether a deployment is what it should be, read from any JSON-RPC endpoint: code, roles, parameters, hand-over. */
import {
  Contract,
  Interface,
  ZeroAddress,
  ZeroHash,
  getBytes,
  hexlify,
  id,
  keccak256,
  type JsonRpcProvider,
} from 'ethers';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  auditLogAbi,
  consortiumGovernorAbi,
  consortiumTimelockAbi,
  operatorRegistryAbi,
  pairSettlementAbi,
} from '../../operator-node/chain/abi.ts';
import { providerOf } from '../../operator-node/chain/provider.ts';
import { encodeFinality } from './deploy.ts';
import { type ContractName, type Deployment, type Parameters, contractNames } from './deployment.ts';

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly found: string;
}

export interface VerifyRequest {
  readonly rpcUrl: string;
  /** What the consortium published. */
  readonly deployment: Deployment;
  /** What it agreed on; without it the parameters are not compared. */
  readonly parameters?: Parameters;
}

interface Artifact {
  readonly deployedBytecode: string;
  readonly immutableReferences?: Readonly<Record<string, readonly { start: number; length: number }[]>>;
}

const root = join(import.meta.dirname, '..', '..');
const abis = {
  OperatorRegistry: operatorRegistryAbi,
  PairSettlement: pairSettlementAbi,
  AuditLog: auditLogAbi,
  ConsortiumGovernor: consortiumGovernorAbi,
  ConsortiumTimelock: consortiumTimelockAbi,
};
const roles = {
  DEFAULT_ADMIN_ROLE: ZeroHash,
  PROPOSER_ROLE: id('PROPOSER_ROLE'),
  EXECUTOR_ROLE: id('EXECUTOR_ROLE'),
  CANCELLER_ROLE: id('CANCELLER_ROLE'),
};

/** @returns every check, in order. @throws when the endpoint does not answer. */
export async function verifyDeployment(request: VerifyRequest): Promise<readonly Finding[]> {
  const { deployment, parameters } = request;
  const { contracts } = deployment;
  const provider = providerOf(request.rpcUrl, undefined, { staticNetwork: true });
  const findings: Finding[] = [];
  const check = (name: string, expected: unknown, found: unknown): void => {
    const [wanted, got] = [String(expected), String(found)];
    findings.push({ check: name, ok: wanted.toLowerCase() === got.toLowerCase(), expected: wanted, found: got });
  };
  try {
    const { number, hash } = deployment.pinnedBlock;
    const [{ chainId }, pinned] = await Promise.all([provider.getNetwork(), provider.getBlock(number)]);
    check('chain id', deployment.chainId, chainId);
    check(number === 0 ? 'genesis block' : `block ${number}`, hash, pinned?.hash ?? 'none');
    if (findings.some(({ ok }) => !ok)) return findings;

    for (const name of contractNames) {
      const code = await provider.getCode(contracts[name]);
      check(`code hash of ${name}`, deployment.codeHashes[name], keccak256(code));
      const { deployedBytecode, immutableReferences } = await readArtifact(name);
      const holes = Object.values(immutableReferences ?? {}).flat();
      check(
        `code of ${name}, as compiled here`,
        keccak256(without(holes, deployedBytecode)),
        keccak256(without(holes, code)),
      );
    }
    if (findings.some(({ ok }) => !ok)) return findings;

    const at = (name: ContractName): ((view: string) => Promise<unknown>) => {
      const contract = new Contract(contracts[name], abis[name], provider);
      return (view) => contract.getFunction(view)() as Promise<unknown>;
    };
    const [registry, governor, timelock] = [at('OperatorRegistry'), at('ConsortiumGovernor'), at('ConsortiumTimelock')];
    check('registry of PairSettlement', contracts.OperatorRegistry, await at('PairSettlement')('REGISTRY'));
    check('registry of AuditLog', contracts.OperatorRegistry, await at('AuditLog')('REGISTRY'));
    check('registry of ConsortiumGovernor', contracts.OperatorRegistry, await governor('REGISTRY'));
    check('timelock of ConsortiumGovernor', contracts.ConsortiumTimelock, await governor('timelock'));

    check('authority over the registry', contracts.ConsortiumTimelock, await registry('owner'));
    check('authority that is on offer', ZeroAddress, await registry('pendingOwner'));
    check('guardian of the registry', contracts.ConsortiumGovernor, await registry('guardian'));
    const holders = await roleHolders(provider, contracts.ConsortiumTimelock, deployment.firstBlock);
    const wanted = {
      DEFAULT_ADMIN_ROLE: contracts.ConsortiumTimelock,
      PROPOSER_ROLE: contracts.ConsortiumGovernor,
      EXECUTOR_ROLE: ZeroAddress,
      CANCELLER_ROLE: contracts.ConsortiumGovernor,
    };
    for (const [role, hash] of Object.entries(roles)) {
      check(`holders of ${role}`, wanted[role as keyof typeof roles], holders.get(hash)?.join(', ') ?? 'none');
      holders.delete(hash);
    }
    check('holders of other roles', 'none', [...holders.values()].flat().join(', ') || 'none');
    check('an operator who can decide', true, Number(await registry('operatorCount')) > 0);

    if (parameters !== undefined) {
      const { governance, maxWindowSeconds, finality } = parameters;
      check('maxWindow', maxWindowSeconds, await registry('maxWindow'));
      const { mode, depth } = encodeFinality(finality);
      check('finality', `${mode},${depth}`, await registry('finality'));
      check('voting delay', governance.votingDelaySeconds, await governor('votingDelay'));
      check('voting period', governance.votingPeriodSeconds, await governor('votingPeriod'));
      check('delay of the timelock', governance.timelockSeconds, await timelock('getMinDelay'));
      check('length of an emergency', governance.emergencySeconds, await governor('EMERGENCY_SECONDS'));
      const entries = new Contract(contracts.OperatorRegistry, operatorRegistryAbi, provider);
      for (const { handle } of parameters.founders) {
        check(`founder ${handle}`, true, (await entries.getFunction('operatorByHandle')(handle)) !== 0n);
      }
    }
    return findings;
  } finally {
    provider.destroy();
  }
}

async function readArtifact(name: ContractName): Promise<Artifact> {
  const path = join(root, 'artifacts', 'contracts', `${name}.sol`, `${name}.json`);
  return JSON.parse(await readFile(path, 'utf8')) as Artifact;
}

/** The code with zeros where its constructor wrote. */
function without(holes: readonly { start: number; length: number }[], code: string): string {
  const bytes = getBytes(code);
  for (const { start, length } of holes) bytes.fill(0, start, start + length);
  return hexlify(bytes);
}

/** By role, who holds it, from every grant and revocation there ever was. */
async function roleHolders(provider: JsonRpcProvider, timelock: string, from: number): Promise<Map<string, string[]>> {
  const abi = new Interface(consortiumTimelockAbi);
  const holders = new Map<string, string[]>();
  for (const log of await provider.getLogs({ address: timelock, fromBlock: from })) {
    const parsed = abi.parseLog(log);
    if (parsed?.name !== 'RoleGranted' && parsed?.name !== 'RoleRevoked') continue;
    const role = String(parsed.args['role']);
    const account = String(parsed.args['account']);
    const others = (holders.get(role) ?? []).filter((holder) => holder !== account);
    holders.set(role, parsed.name === 'RoleGranted' ? [...others, account] : others);
  }
  return holders;
}
