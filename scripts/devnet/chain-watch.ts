/** Reads the settlement contract's events block by block, for the screen and for the checks at the end. */
import { Interface } from 'ethers';
import { pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { rpc } from './rpc.ts';

export interface AnchoredBatch {
  readonly batchId: string;
  readonly initiator: number;
  readonly acceptor: number;
  readonly sequence: number;
  readonly count: number;
  committed: number;
  aborted: number;
  readonly attestedBy: number[];
  reconciled: boolean;
  discrepancy: boolean;
}

interface RawLog {
  readonly topics: string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly transactionHash: string;
}

const pollMillis = 300;
const bits = (mask: bigint): number => mask.toString(2).replaceAll('0', '').length;

export class ChainWatch {
  readonly batches = new Map<string, AnchoredBatch>();
  /** Hashes of the transactions that the contract's events came in. */
  readonly transactions = new Set<string>();
  readonly #rpcUrl: string;
  readonly #contract: string;
  readonly #handleOf: (id: number) => string;
  readonly #say: (text: string) => void;
  readonly #interface = new Interface(pairSettlementAbi);
  #next: number;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: {
    rpcUrl: string;
    contract: string;
    fromBlock: number;
    handleOf: (id: number) => string;
    say: (text: string) => void;
  }) {
    this.#rpcUrl = options.rpcUrl;
    this.#contract = options.contract;
    this.#next = options.fromBlock;
    this.#handleOf = options.handleOf;
    this.#say = options.say;
  }

  start(): void {
    this.#timer = setInterval(() => void this.read().catch(() => {}), pollMillis);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Everything up to the newest block. */
  read(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#readOn());
    return this.#reading;
  }

  async #readOn(): Promise<void> {
    const head = Number(await rpc<string>(this.#rpcUrl, 'eth_blockNumber'));
    if (head < this.#next) return;
    const logs = await rpc<RawLog[]>(this.#rpcUrl, 'eth_getLogs', [
      { address: this.#contract, fromBlock: `0x${this.#next.toString(16)}`, toBlock: `0x${head.toString(16)}` },
    ]);
    this.#next = head + 1;
    for (const log of logs) this.#take(log);
  }

  #take(log: RawLog): void {
    this.transactions.add(log.transactionHash);
    const event = this.#interface.parseLog(log);
    if (event === null) return;
    const args = event.args.toObject() as Record<string, unknown>;
    const batchId = String(args['batchId']);
    const block = `block ${Number(log.blockNumber)}`;
    if (event.name === 'BatchPrepared') {
      const prepared: AnchoredBatch = {
        batchId,
        initiator: Number(args['initiator']),
        acceptor: Number(args['acceptor']),
        sequence: Number(args['sequence']),
        count: Number(args['count']),
        committed: 0,
        aborted: 0,
        attestedBy: [],
        reconciled: false,
        discrepancy: false,
      };
      this.batches.set(batchId, prepared);
      const pairs = prepared.count === 1 ? '1 pair' : `${prepared.count} pairs`;
      this.#say(`${this.#name(prepared)} anchored: ${pairs}, ${block}`);
      return;
    }
    const batch = this.batches.get(batchId);
    if (batch === undefined) return;
    switch (event.name) {
      case 'PairsDecided': {
        const committed = bits(args['commitMask'] as bigint);
        const aborted = bits(args['abortMask'] as bigint);
        batch.committed += committed;
        batch.aborted += aborted;
        this.#say(`${this.#name(batch)} decided: ${committed} committed, ${aborted} aborted, ${block}`);
        break;
      }
      case 'BatchAttested':
        batch.attestedBy.push(Number(args['operatorId']));
        break;
      case 'BatchReconciled':
        batch.reconciled = true;
        this.#say(`${this.#name(batch)} reconciled: both operators attest the same, ${block}`);
        break;
      case 'BatchDiscrepancy':
        batch.discrepancy = true;
        this.#say(`${this.#name(batch)} DISCREPANCY: the operators attest different things, ${block}`);
        break;
      default:
    }
  }

  #name(batch: AnchoredBatch): string {
    return `${this.#handleOf(batch.initiator)} → ${this.#handleOf(batch.acceptor)} batch ${batch.sequence}`;
  }
}
