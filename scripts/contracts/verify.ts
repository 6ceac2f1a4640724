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
export async function verifyDeployment({ rpcUrl, deployment, parameters }: VerifyRequest): Promise<readonly Finding[]> {
  const provider = providerOf(rpcUrl, undefined, { staticNetwork: true });
  const found = new Findings();
  try {
    await checkChain(found, provider, deployment);
    if (found.ok) await checkCode(found, provider, deployment);
    if (!found.ok) return found.all;
    const views = viewsOf(provider, deployment);
    await checkAuthority(found, provider, deployment, views);
    if (parameters !== undefined) await checkParameters(found, parameters, views);
    return found.all;
  } finally {
    provider.destroy();
  }
}

class Findings {
  readonly all: Finding[] = [];

  get ok(): boolean {
    return this.all.every(({ ok }) => ok);
  }

  check(check: string, wanted: unknown, got: unknown): void {
    const [expected, found] = [String(wanted), String(got)];
    this.all.push({ check, ok: expected.toLowerCase() === found.toLowerCase(), expected, found });
  }
}

/** A view of a contract, by their names. */
type Views = (name: ContractName, view: string, ...args: readonly unknown[]) => Promise<unknown>;

const viewsOf =
  (provider: JsonRpcProvider, { contracts }: Deployment): Views =>
  (name, view, ...args) =>
    new Contract(contracts[name], abis[name], provider).getFunction(view)(...args) as Promise<unknown>;

async function checkChain(found: Findings, provider: JsonRpcProvider, deployment: Deployment): Promise<void> {
  const { number, hash } = deployment.pinnedBlock;
  const [{ chainId }, pinned] = await Promise.all([provider.getNetwork(), provider.getBlock(number)]);
  found.check('chain id', deployment.chainId, chainId);
  found.check(number === 0 ? 'genesis block' : `block ${number}`, hash, pinned?.hash ?? 'none');
}

async function checkCode(
  found: Findings,
  provider: JsonRpcProvider,
  { contracts, codeHashes }: Deployment,
): Promise<void> {
  for (const name of contractNames) {
    const code = await provider.getCode(contracts[name]);
    found.check(`code hash of ${name}`, codeHashes[name], keccak256(code));
    const { deployedBytecode, immutableReferences } = await readArtifact(name);
    const holes = Object.values(immutableReferences ?? {}).flat();
    const [compiled, deployed] = [deployedBytecode, code].map((bytes) => keccak256(without(holes, bytes)));
    found.check(`code of ${name}, as compiled here`, compiled, deployed);
  }
}

/** Who may change what, and that somebody can. */
async function checkAuthority(
  found: Findings,
  provider: JsonRpcProvider,
  { contracts, firstBlock }: Deployment,
  views: Views,
): Promise<void> {
  const { OperatorRegistry, ConsortiumGovernor, ConsortiumTimelock } = contracts;
  for (const name of ['PairSettlement', 'AuditLog', 'ConsortiumGovernor'] as const) {
    found.check(`registry of ${name}`, OperatorRegistry, await views(name, 'REGISTRY'));
  }
  found.check('timelock of ConsortiumGovernor', ConsortiumTimelock, await views('ConsortiumGovernor', 'timelock'));
  found.check('authority over the registry', ConsortiumTimelock, await views('OperatorRegistry', 'owner'));
  found.check('authority that is on offer', ZeroAddress, await views('OperatorRegistry', 'pendingOwner'));
  found.check('guardian of the registry', ConsortiumGovernor, await views('OperatorRegistry', 'guardian'));
  const holders = await roleHolders(provider, ConsortiumTimelock, firstBlock);
  const wanted = {
    DEFAULT_ADMIN_ROLE: ConsortiumTimelock,
    PROPOSER_ROLE: ConsortiumGovernor,
    EXECUTOR_ROLE: ZeroAddress,
    CANCELLER_ROLE: ConsortiumGovernor,
  };
  for (const [role, hash] of Object.entries(roles)) {
    found.check(`holders of ${role}`, wanted[role as keyof typeof roles], holders.get(hash)?.join(', ') ?? 'none');
    holders.delete(hash);
  }
  found.check('holders of other roles', 'none', [...holders.values()].flat().join(', ') || 'none');
  const operators = Number(await views('OperatorRegistry', 'operatorCount'));
  found.check('an operator who can decide', true, operators > 0);
}

async function checkParameters(
  found: Findings,
  { governance, maxWindowSeconds, finality, founders }: Parameters,
  views: Views,
): Promise<void> {
  const { mode, depth } = encodeFinality(finality);
  found.check('maxWindow', maxWindowSeconds, await views('OperatorRegistry', 'maxWindow'));
  found.check('finality', `${mode},${depth}`, await views('OperatorRegistry', 'finality'));
  found.check('voting delay', governance.votingDelaySeconds, await views('ConsortiumGovernor', 'votingDelay'));
  found.check('voting period', governance.votingPeriodSeconds, await views('ConsortiumGovernor', 'votingPeriod'));
  found.check('delay of the timelock', governance.timelockSeconds, await views('ConsortiumTimelock', 'getMinDelay'));
  const emergency = await views('ConsortiumGovernor', 'EMERGENCY_SECONDS');
  found.check('length of an emergency', governance.emergencySeconds, emergency);
  for (const { handle } of founders) {
    const id = await views('OperatorRegistry', 'operatorByHandle', handle);
    found.check(`founder ${handle}`, true, id !== 0n);
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
