/** What an auditor asks the two contracts, at the hash of one block. Undefined: the code there does not answer so. */
import { Interface, ZeroHash, type LogDescription, type Result } from 'ethers';
import { operatorRegistryAbi, pairSettlementAbi } from '../chain/abi.ts';
import { FieldFault, Fields } from '../chain/fields.ts';
import type { BatchId, Hash, Hex, UnixSeconds } from '../model/ids.ts';
import type { BatchOutcome } from '../model/outcome.ts';
import type { AuditChain, AuditLog } from './audit-chain.ts';
import type { EvidenceBundle } from './format.ts';
import type { Finality } from '../model/network-file.ts';

export const settlement = new Interface(pairSettlementAbi);
export const registry = new Interface(operatorRegistryAbi);

const pairStatusNames = ['unknown', 'prepared', 'committed', 'aborted'] as const;
export type PairStatusName = (typeof pairStatusNames)[number];

export interface Contracts {
  /** The registry that the settlement contract asks, lower-case. */
  registryOf(at: Hash): Promise<string | undefined>;
  batchOutcome(batchId: BatchId, at: Hash): Promise<BatchOutcome | undefined>;
  pairStatus(batchId: BatchId, index: number, at: Hash): Promise<PairStatusName | undefined>;
  /** What the operator has attested of the batch; `none` where it has not, undefined where the contract does not answer. */
  attestedDigest(batchId: BatchId, operator: number, at: Hash): Promise<Hash | 'none' | undefined>;
  verifyPair(bundle: EvidenceBundle, leaf: Hex, at: Hash): Promise<boolean | undefined>;
  /** What the registry's state has of an operator's signer; `0x` where it was never admitted. */
  signerOf(operator: number, at: Hash): Promise<RegisteredSigner | undefined>;
  /**
   * What the registry calls an operator; undefined where it was never admitted. `unreadable`: fields of its entry that
   * cannot be read, which says nothing of the others.
   */
  entryOf(
    operator: number,
    at: Hash,
  ): Promise<{ readonly handle: string; readonly unreadable: readonly string[] } | undefined>;
  /** What happened to an operator's signer, in order, in blocks from … to. */
  signerEvents(operator: number, from: number, to: number): Promise<readonly SignerEvent[]>;
  finality(at: Hash): Promise<Finality | undefined>;
  /**
   * Whether the signer, a contract or a verifier with a key, takes the signature at that block (ERC-1271, ERC-7913).
   * `now` is a newer block: who has no code there was no contract before.
   */
  signerAccepts(signer: Hex, digest: BatchId, signature: Hex, at: Hash, now: Hash): Promise<boolean>;
  /** The settlement contract's events in that block. */
  events(at: Hash): Promise<readonly SettlementEvent[]>;
}

/** ERC-7913 bytes; the previous one counts until and including its timestamp. */
export interface RegisteredSigner {
  readonly signer: Hex;
  readonly previousSigner: Hex;
  /** Unix seconds. */
  readonly previousSignerUntil: number;
}

export interface SignerEvent {
  readonly block: number;
  /** What the signer was before, where the event says it. */
  readonly previous?: Hex;
  after(before: RegisteredSigner): RegisteredSigner;
}

export interface SettlementEvent {
  readonly name: string;
  readonly args: Result;
  readonly transactionHash: Hash;
}

const entryFieldNames = (registry.getFunction('operator')?.outputs[0]?.components ?? []).map(({ name }) => name);

/** The event that a log is; undefined for one of another contract, or one whose bytes are none of that contract's. */
export function eventIn(
  contract: Interface,
  { topics, data }: Pick<AuditLog, 'topics' | 'data'>,
): LogDescription | undefined {
  try {
    return contract.parseLog({ topics, data }) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The one value that a view gives; ethers keeps what is wrong with it until it is asked for. */
function valueIn(result: Result | undefined): unknown {
  try {
    return result?.[0] as unknown;
  } catch {
    return undefined;
  }
}

const walletInterface = new Interface([
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
  'function verify(bytes key, bytes32 hash, bytes signature) view returns (bytes4)',
]);

/** The first topic after the event's own, of every event about one operator. */
export const operatorTopic = (operator: number): Hash => `0x${operator.toString(16).padStart(64, '0')}` as Hash;

/** `KeyKind.Signer` of the registry. */
const signerKind = 1n;

function signerEvent(block: number, name: string, args: Result): SignerEvent[] {
  switch (name) {
    case 'OperatorAdmitted': {
      const signer = args.getValue('signer') as Hex;
      return [{ block, previous: '0x' as Hex, after: (before) => ({ ...before, signer }) }];
    }
    case 'OperatorSignerRotated': {
      const [previousSigner, signer] = [args.getValue('previousSigner') as Hex, args.getValue('signer') as Hex];
      const until = Number(args.getValue('previousUntil') as bigint);
      const previous = until === 0 ? { previousSigner: '0x' as Hex } : { previousSigner };
      return [{ block, previous: previousSigner, after: () => ({ signer, ...previous, previousSignerUntil: until }) }];
    }
    case 'OperatorOverlapEnded':
      return args.getValue('kind') === signerKind
        ? [{ block, after: (before) => ({ ...before, previousSigner: '0x' as Hex, previousSignerUntil: 0 }) }]
        : [];
    default:
      return [];
  }
}

/** Calls of one contract's views as of a block; undefined where it does not answer, or answers something else. */
type ViewCall = (name: string, args: readonly unknown[], at: Hash) => Promise<Result | undefined>;

function viewsOf(chain: AuditChain, abi: Interface, to: string): ViewCall {
  return async (name, args, at) => {
    const answer = await chain.call(to, abi.encodeFunctionData(name, args) as Hex, at);
    if (answer === undefined) return undefined;
    try {
      return abi.decodeFunctionResult(name, answer);
    } catch {
      return undefined;
    }
  };
}

type SettlementReads = 'registryOf' | 'batchOutcome' | 'attestedDigest' | 'pairStatus' | 'verifyPair' | 'events';

function settlementReads(chain: AuditChain, address: string): Pick<Contracts, SettlementReads> {
  const ask = viewsOf(chain, settlement, address);
  return {
    async registryOf(at) {
      const address = valueIn(await ask('REGISTRY', [], at));
      return typeof address === 'string' ? address.toLowerCase() : undefined;
    },

    async batchOutcome(batchId, at) {
      const answer = await ask('batchOutcome', [batchId], at);
      if (answer === undefined) return undefined;
      const [prepared, deadline, count, commitWords, abortWords] = answer as unknown as [
        boolean,
        bigint,
        bigint,
        Result,
        Result,
      ];
      return {
        prepared,
        deadline: Number(deadline) as UnixSeconds,
        count: Number(count),
        commitWords: commitWords.toArray() as bigint[],
        abortWords: abortWords.toArray() as bigint[],
      };
    },

    async pairStatus(batchId, index, at) {
      const status = valueIn(await ask('pairStatus', [batchId, index], at));
      return pairStatusNames[Number(status)];
    },

    async attestedDigest(batchId, operator, at) {
      const digest = valueIn(await ask('executedDigestOf', [batchId, operator], at));
      if (typeof digest !== 'string') return undefined;
      return digest === ZeroHash ? 'none' : (digest as Hash);
    },

    async verifyPair({ batch, index, proof }, leaf, at) {
      const answer = valueIn(await ask('verifyPair', [batch, index, leaf, proof], at));
      return typeof answer === 'boolean' ? answer : undefined;
    },

    async events(at) {
      const logs: readonly AuditLog[] = await chain.logs(address, at);
      return logs.flatMap(({ topics, data, transactionHash }) => {
        const event = eventIn(settlement, { topics, data });
        return event === undefined ? [] : [{ name: event.name, args: event.args, transactionHash }];
      });
    },
  };
}

function registryReads(chain: AuditChain, address: string): Omit<Contracts, SettlementReads | 'signerAccepts'> {
  const ask = viewsOf(chain, registry, address);
  async function entryFields(operator: number, at: Hash): Promise<Fields | undefined> {
    const entry = valueIn(await ask('operator', [operator], at));
    return entry === undefined ? undefined : new Fields(entry as Result);
  }
  return {
    async signerOf(operator, at) {
      const entry = await entryFields(operator, at);
      // Only these: whatever else the operator has written there has nothing to do with who signed.
      return entry === undefined
        ? undefined
        : {
            signer: entry.hex('signer'),
            previousSigner: entry.hex('previousSigner'),
            previousSignerUntil: entry.number('previousSignerUntil'),
          };
    },

    async entryOf(operator, at) {
      const entry = await entryFields(operator, at);
      if (entry === undefined || entry.number('status') === 0) return undefined;
      const unreadable = entryFieldNames.filter((name) => {
        try {
          entry.raw(name);
          return false;
        } catch (error) {
          if (error instanceof FieldFault) return true;
          throw error;
        }
      });
      return { handle: unreadable.includes('handle') ? '' : entry.text('handle'), unreadable };
    },

    async signerEvents(operator, from, to) {
      const logs = await chain.history(address, operatorTopic(operator), from, to);
      return logs.flatMap(({ topics, data, blockNumber }) => {
        const event = eventIn(registry, { topics, data });
        return event === undefined ? [] : signerEvent(blockNumber, event.name, event.args);
      });
    },

    async finality(at) {
      const answer = valueIn(await ask('finality', [], at));
      if (answer === undefined) return undefined;
      const { mode, depth } = (answer as Result).toObject() as { mode: bigint; depth: bigint };
      return mode === 1n ? { mode: 'finalized' } : { mode: 'depth', depth: Number(depth) };
    },
  };
}

export function contractsAt(
  chain: AuditChain,
  addresses: { readonly PairSettlement: string; readonly OperatorRegistry: string },
): Contracts {
  return {
    ...settlementReads(chain, addresses.PairSettlement),
    ...registryReads(chain, addresses.OperatorRegistry),

    async signerAccepts(signer, digest, signature, at, now) {
      const to = signer.slice(0, 42);
      if ((await chain.code(to, now)) === '0x') return false;
      const key = `0x${signer.slice(42)}`;
      const [name, args] =
        key === '0x' ? ['isValidSignature', [digest, signature]] : ['verify', [key, digest, signature]];
      const magic = valueIn(await viewsOf(chain, walletInterface, to)(name, args, at));
      return magic === walletInterface.getFunction(name)?.selector;
    },
  };
}
