/** What a deployment is: its contracts, and the consortium's parameters as a file gives them. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseJson } from '../../operator-node/json.ts';

export const contractNames = [
  'OperatorRegistry',
  'PairSettlement',
  'AuditLog',
  'ConsortiumGovernor',
  'ConsortiumTimelock',
] as const;

export type ContractName = (typeof contractNames)[number];
export type ByContract<Value> = Readonly<Record<ContractName, Value>>;

const byContract = <Value>(make: (name: ContractName) => Value): ByContract<Value> =>
  Object.fromEntries(contractNames.map((name) => [name, make(name)])) as Record<ContractName, Value>;

export type Finality = { readonly mode: 'depth'; readonly depth: number } | { readonly mode: 'finalized' };

/** `IConsortiumGovernor.Settings`. */
export interface Governance {
  readonly votingDelaySeconds: number;
  readonly votingPeriodSeconds: number;
  readonly timelockSeconds: number;
  /** At least the sum of the three. */
  readonly emergencySeconds: number;
}

/** A day to read a proposal, three to vote on it, a day until it is done; an emergency lasts a week. */
export const defaultGovernance: Governance = {
  votingDelaySeconds: 86_400,
  votingPeriodSeconds: 259_200,
  timelockSeconds: 86_400,
  emergencySeconds: 604_800,
};

export interface Deployment {
  readonly chainId: number;
  /** Hash of the pinned block, which is block 0 where the chain has one. */
  readonly genesisHash: string;
  readonly pinnedBlock: { readonly number: number; readonly hash: string };
  readonly contracts: ByContract<string>;
  /** keccak-256 of the deployed code. */
  readonly codeHashes: ByContract<string>;
  /** The block of the first deployment. */
  readonly firstBlock: number;
}

export interface Admission {
  readonly handle: string;
  readonly controller: string;
  readonly account: string;
  /** ERC-7913 bytes: an address, or verifier and key. */
  readonly signer: string;
  /** SHA-256 of the SubjectPublicKeyInfo of the operator's TLS key. */
  readonly pin: string;
  readonly endpoint: string;
}

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'expected 0x and 40 hex digits');
const bytes32 = z.string().regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hex digits');
const seconds = z.number().int().min(0);

const parametersSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,32}$/, 'expected 1 to 32 of a-z, 0-9 and -'),
  chainId: z.number().int().min(1),
  maxWindowSeconds: z.number().int().min(60).max(2_592_000),
  /** For so long the chain may make no block; measured where it is left out (`block-gap.ts`). */
  maxBlockGapSeconds: z.number().int().min(1).max(3600).exactOptional(),
  finality: z.discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('depth'), depth: z.number().int().min(0) }),
    z.strictObject({ mode: z.literal('finalized') }),
  ]),
  governance: z.strictObject({
    votingDelaySeconds: seconds,
    votingPeriodSeconds: seconds,
    timelockSeconds: seconds,
    emergencySeconds: seconds,
  }),
  founders: z
    .array(
      z.strictObject({
        handle: z.string().min(1).max(32),
        controller: address,
        account: address,
        signer: z.string().regex(/^0x([0-9a-fA-F]{2}){20,1024}$/, 'expected 0x and 20 to 1024 bytes in hex'),
        pin: bytes32,
        endpoint: z.url({ protocol: /^https$/ }).max(256),
      }),
    )
    .min(1),
});

/** The parameter file of a named network. */
export type Parameters = z.infer<typeof parametersSchema>;

/** @throws naming the file and each field that is not as expected. */
export function readParameters(file: string): Parameters {
  const result = parametersSchema.safeParse(parseJson(readFileSync(file, 'utf8')));
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `  ${path.join('.') || '(top)'}: ${message}`);
  throw new Error(`${file} is not valid:\n${issues.join('\n')}`);
}

const networkSchema = z.object({
  chainId: z.string().regex(/^[1-9][0-9]*$/, 'expected decimal digits'),
  genesisHash: bytes32,
  /** Files from before it was written have block 0. */
  pinnedBlock: z.object({ number: z.number().int().min(0), hash: bytes32 }).exactOptional(),
  contracts: z.object(byContract(() => address)),
  codeHashes: z.object(byContract(() => bytes32)),
  firstBlock: z.number().int().min(0),
});

/** What `network.json` says of a deployment (protocol §7). @throws naming each field that is not as expected. */
export function parseDeployment(value: unknown): Deployment {
  const result = networkSchema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.map(({ path, message }) => `  ${path.join('.') || '(top)'}: ${message}`);
    throw new Error(`The network file is not one of a whole deployment:\n${issues.join('\n')}`);
  }
  const { chainId, pinnedBlock, ...rest } = result.data;
  return { chainId: Number(chainId), pinnedBlock: pinnedBlock ?? { number: 0, hash: rest.genesisHash }, ...rest };
}

/** What nodes of the consortium have in common beyond the contracts. */
export interface Agreed {
  readonly finality: Finality;
  readonly maxBlockGapSeconds: number;
}

/** `network.json`: published by the consortium, given to nodes and verifiers. */
export const networkFile = (deployment: Deployment, agreed: Agreed): string =>
  `${JSON.stringify({ ...deployment, chainId: String(deployment.chainId), ...agreed }, undefined, 2)}\n`;
