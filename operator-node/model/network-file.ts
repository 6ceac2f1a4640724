/** `network.json`: what the auditor brings along, published by the consortium (protocol §7). */
import { ZeroHash } from 'ethers';
import { z } from 'zod';
import { TandemError } from '../errors.ts';
import { isHash, type Hash } from './ids.ts';
import type { Network } from './records.ts';

const hash = z.string().refine(isHash, 'expected 0x and 64 lower-case hex digits');
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'expected 0x and 40 hex digits')
  .transform((value) => value.toLowerCase());

export type Finality = Network['finality'];

/** Where the file leaves `finality` out, the registry on chain says it. */
export type AuditNetwork = Omit<Network, 'finality'> & { readonly finality?: Finality };

const fields = z.object({
  chainId: z.string().regex(/^[1-9][0-9]{0,77}$/, 'expected decimal digits'),
  genesisHash: hash.exactOptional(),
  pinnedBlock: z.object({ number: z.number().int().min(0), hash }).exactOptional(),
  contracts: z.object({ OperatorRegistry: address, PairSettlement: address, AuditLog: address.exactOptional() }),
  codeHashes: z.object({ OperatorRegistry: hash, PairSettlement: hash, AuditLog: hash.exactOptional() }),
  firstBlock: z.number().int().min(0),
  maxBlockGapSeconds: z.number().int().min(1).max(3600).exactOptional(),
  finality: z
    .discriminatedUnion('mode', [
      z.object({ mode: z.literal('depth'), depth: z.number().int().min(0) }),
      z.object({ mode: z.literal('finalized') }),
    ])
    .exactOptional(),
});

/** `genesisHash` is the older form: of block 0, where nothing else is said. */
const schema = fields
  .superRefine(({ genesisHash, pinnedBlock }, context) => {
    if (genesisHash === undefined || pinnedBlock === undefined || genesisHash === pinnedBlock.hash) return;
    const message = `is ${genesisHash}, and pinnedBlock has ${pinnedBlock.hash}: both are the hash of the pinned block`;
    context.addIssue({ code: 'custom', path: ['genesisHash'], message });
  })
  .transform(({ genesisHash, pinnedBlock, ...rest }) => ({
    ...rest,
    genesisHash: pinnedBlock?.hash ?? genesisHash ?? (ZeroHash as Hash),
    ...(pinnedBlock === undefined ? {} : { pinnedBlock }),
  }));

/** Looked for before the fields: with all that is missing, this is said too. */
const namesNoBlock = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !('genesisHash' in value) && !('pinnedBlock' in value);

/** Addresses come out in lower case. @throws {TandemError} `config-invalid`, naming the field. */
export function parseNetwork(value: unknown): AuditNetwork {
  const result = schema.safeParse(value);
  if (result.success && !namesNoBlock(value)) return result.data;
  const issues = (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.') || '(top)'}: ${message}`);
  if (namesNoBlock(value))
    issues.push('pinnedBlock, or the older genesisHash: missing; expected {"number": …, "hash": "0x…"}');
  throw new TandemError('config-invalid', `The network file is not valid:\n  ${issues.join('\n  ')}`);
}
