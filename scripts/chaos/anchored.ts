/** Everything that the settlement contract has said since its first block. */
import { Interface } from 'ethers';
import { auditLogAbi, pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { rpc } from '../devnet/rpc.ts';

export interface Anchored {
  readonly batchId: string;
  readonly initiator: number;
  readonly acceptor: number;
  readonly sequence: number;
  readonly count: number;
  readonly root: string;
  readonly committed: Set<number>;
  readonly aborted: Set<number>;
  readonly attestedBy: number[];
  reconciled: boolean;
  discrepancy: boolean;
}

export interface OnChain {
  /** The block of the last event. */
  readonly lastBlock: number;
  readonly batches: ReadonlyMap<string, Anchored>;
  /** Bits that were set twice. */
  readonly faults: readonly string[];
}

/** Blocks that the chain lacks or that do not follow the one before: then the run says nothing about the nodes. */
export async function gapsOf(rpcUrl: string): Promise<readonly string[]> {
  const head = Number(await rpc<string>(rpcUrl, 'eth_blockNumber'));
  const gaps: string[] = [];
  let before: { readonly hash: string } | undefined;
  for (let number = 0; number <= head; number += 1) {
    const params = [`0x${number.toString(16)}`, false];
    const block = await rpc<{ hash: string; parentHash: string } | null>(rpcUrl, 'eth_getBlockByNumber', params);
    if (block === null) gaps.push(`the chain has lost block ${number} of ${head}`);
    else if (before !== undefined && block.parentHash !== before.hash) {
      gaps.push(`block ${number} of the chain does not follow block ${number - 1}`);
    }
    before = block ?? undefined;
  }
  return gaps;
}

/** A head of an operator's journal. */
export interface AnchoredHead {
  readonly operator: number;
  readonly entry: number;
  readonly head: string;
}

/** Every head that AuditLog has been given. */
export async function readHeads(rpcUrl: string, contract: string): Promise<readonly AnchoredHead[]> {
  const reading = new Interface(auditLogAbi);
  const logs = await rpc<RawLog[]>(rpcUrl, 'eth_getLogs', [{ address: contract, fromBlock: '0x0', toBlock: 'latest' }]);
  return logs.flatMap((log) => {
    const event = reading.parseLog(log);
    if (event?.name !== 'JournalCheckpoint') return [];
    const { operatorId, entry, journalHead } = event.args.toObject() as Record<string, unknown>;
    return [{ operator: Number(operatorId), entry: Number(entry), head: String(journalHead) }];
  });
}

interface RawLog {
  readonly topics: string[];
  readonly data: string;
  readonly blockNumber: string;
}

function bitsOf(mask: bigint, word: number): number[] {
  const found: number[] = [];
  for (let bit = 0; bit < 256; bit += 1) if (((mask >> BigInt(bit)) & 1n) === 1n) found.push(word * 256 + bit);
  return found;
}

export async function readChain(rpcUrl: string, contract: string): Promise<OnChain> {
  const reading = new Interface(pairSettlementAbi);
  const batches = new Map<string, Anchored>();
  const faults: string[] = [];
  const logs = await rpc<RawLog[]>(rpcUrl, 'eth_getLogs', [{ address: contract, fromBlock: '0x0', toBlock: 'latest' }]);
  for (const log of logs) {
    const event = reading.parseLog(log);
    if (event === null) continue;
    const args = event.args.toObject() as Record<string, unknown>;
    const batchId = String(args['batchId']);
    if (event.name === 'BatchPrepared') {
      if (batches.has(batchId)) faults.push(`${batchId} was prepared twice`);
      batches.set(batchId, {
        batchId,
        initiator: Number(args['initiator']),
        acceptor: Number(args['acceptor']),
        sequence: Number(args['sequence']),
        count: Number(args['count']),
        root: String(args['root']),
        committed: new Set(),
        aborted: new Set(),
        attestedBy: [],
        reconciled: false,
        discrepancy: false,
      });
      continue;
    }
    const batch = batches.get(batchId);
    if (batch === undefined) {
      faults.push(`${event.name} of ${batchId}, which was never prepared`);
      continue;
    }
    if (event.name === 'PairsDecided') {
      const word = Number(args['word']);
      for (const index of bitsOf(args['commitMask'] as bigint, word)) {
        if (batch.committed.has(index) || batch.aborted.has(index)) faults.push(`${batchId}/${index} is decided twice`);
        batch.committed.add(index);
      }
      for (const index of bitsOf(args['abortMask'] as bigint, word)) {
        if (batch.committed.has(index) || batch.aborted.has(index)) faults.push(`${batchId}/${index} is decided twice`);
        batch.aborted.add(index);
      }
    } else if (event.name === 'BatchAttested') batch.attestedBy.push(Number(args['operatorId']));
    else if (event.name === 'BatchReconciled') batch.reconciled = true;
    else if (event.name === 'BatchDiscrepancy') batch.discrepancy = true;
  }
  return { lastBlock: Number(logs.at(-1)?.blockNumber ?? 0), batches, faults };
}
