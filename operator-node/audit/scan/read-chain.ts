/**
 * All batches prepared in a range of blocks, with what became of them, from events; compared with the contract's state.
 */
import type { Result } from 'ethers';
import { decodeCount } from '../../chain/decode.ts';
import { TandemError } from '../../errors.ts';
import type { BatchId, Hash, Hex, OperatorId } from '../../model/ids.ts';
import type { AuditBlock, AuditLog, RangeChain } from '../audit-chain.ts';
import { eventIn, settlement, type Contracts } from '../contracts.ts';
import type { AuditNetwork } from '../../model/network-file.ts';
import { counted } from '../../model/counted.ts';
import { settledBatch, type Described, type StateView } from './batch-state.ts';
import type { ChainAttestation, ChainBatch, ChainDecision } from './batch.ts';
import type { Findings } from './findings.ts';

/** Blocks a request for logs; halved where an endpoint refuses so many. */
const blocksPerRequest = 1_000;
const requestsAtOnce = 16;

export interface LaneHead {
  readonly initiator: number;
  readonly acceptor: number;
  /** The sequence of the last known batch. */
  readonly sequence: number;
}

export interface ChainScan {
  readonly batches: readonly ChainBatch[];
  readonly lanes: readonly LaneHead[];
}

/** Runs at most `requestsAtOnce` at a time; answers come in the order of the items. */
export async function eachAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(requestsAtOnce, items.length) }, run));
  return results;
}

/** Each log once: one that is given twice is told, and changes nothing. */
export async function logsBetween(
  chain: RangeChain,
  address: string,
  from: number,
  to: number,
  findings: Findings,
): Promise<AuditLog[]> {
  const logs: AuditLog[] = [];
  const seen = new Set<string>();
  const twice: AuditLog[] = [];
  const take = (log: AuditLog): void => {
    const { blockNumber, transactionHash, topics, data } = log;
    const key = `${blockNumber}/${transactionHash}/${topics.join('')}/${data}`;
    (seen.has(key) ? twice : logs).push(log);
    seen.add(key);
  };
  let step = blocksPerRequest;
  for (let at = from; at <= to;) {
    const until = Math.min(to, at + step - 1);
    try {
      for (const log of await chain.range(address, at, until)) take(log);
      at = until + 1;
    } catch (error) {
      if (!(error instanceof TandemError) || step === 1) throw error;
      step = Math.ceil(step / 10);
    }
  }
  const [first] = twice;
  if (first !== undefined) {
    const { blockNumber: block, transactionHash: transaction } = first;
    const says = `${counted(twice.length, 'log')} of ${address} came twice, the first in block ${block}`;
    findings.add('chain-inconsistent', says, { block, transaction, logs: twice.length });
  }
  return logs;
}

interface Building {
  batch: Omit<ChainBatch, 'decisions' | 'attestations'>;
  decisions: ChainDecision[];
  attestations: ChainAttestation[];
}

/** @returns false for an event that comes a second time: no contract emits it */
function take(
  building: Map<string, Building>,
  name: string,
  args: Result,
  block: number,
  time: number,
  to: number,
): boolean {
  const batchId = args.getValue('batchId') as BatchId;
  const number = (field: string): number => Number(args.getValue(field) as bigint);
  if (name === 'BatchPrepared') {
    if (building.has(batchId)) return false;
    if (block > to) return true;
    building.set(batchId, {
      batch: {
        ordinal: building.size,
        batchId,
        initiator: number('initiator') as OperatorId,
        acceptor: number('acceptor') as OperatorId,
        sequence: number('sequence'),
        deadline: number('deadline'),
        count: number('count'),
        root: args.getValue('root') as Hash,
        preparedBlock: block,
        preparedTime: time,
      },
      decisions: [],
      attestations: [],
    });
    return true;
  }
  // Of a batch that was prepared before or after the range.
  const found = building.get(batchId);
  if (found === undefined) return true;
  if (name === 'PairsDecided') {
    const [commitMask, abortMask] = [args.getValue('commitMask') as bigint, args.getValue('abortMask') as bigint];
    const word = number('word');
    // Only bits that were not set before are in an event.
    const again = found.decisions.some(
      (each) => each.word === word && ((each.commitMask & commitMask) !== 0n || (each.abortMask & abortMask) !== 0n),
    );
    if (again) return false;
    found.decisions.push({ word, commitMask, abortMask, block, time });
  } else if (name === 'BatchAttested') {
    const digest = args.getValue('executedDigest') as Hash;
    const operator = number('operatorId') as OperatorId;
    if (found.attestations.some((each) => each.operator === operator)) return false;
    found.attestations.push({ operator, digest, block, time });
  }
  return true;
}

export interface ChainRange {
  readonly network: AuditNetwork;
  readonly from: number;
  readonly to: number;
  readonly final: AuditBlock;
  /** What is known from before; a lane that is not in it is asked of the contract. */
  readonly before: readonly LaneHead[];
  readonly described: Described;
}

export async function readChain(
  chain: RangeChain,
  contracts: Contracts,
  range: ChainRange,
  findings: Findings,
): Promise<ChainScan> {
  const { network, from, to, final, described } = range;
  const address = network.contracts.PairSettlement;
  const logs = await logsBetween(chain, address, from, final.number, findings);
  const numbers = [...new Set(logs.map(({ blockNumber }) => blockNumber))];
  const times = new Map(
    await eachAtOnce(numbers, async (number) => {
      const block = await chain.block(number);
      if (block === undefined)
        throw new TandemError('chain-unavailable', `The endpoint has logs of block ${number}, but not the block.`);
      return [number, block.timestamp] as const;
    }),
  );
  const building = new Map<string, Building>();
  for (const { topics, data, blockNumber, transactionHash } of logs) {
    const event = eventIn(settlement, { topics, data });
    if (event !== undefined) {
      if (take(building, event.name, event.args, blockNumber, times.get(blockNumber) ?? 0, to)) continue;
      const says = `an event ${event.name} in block ${blockNumber}, transaction ${transactionHash}, is of what an earlier one says`;
      findings.add('chain-inconsistent', says, { block: blockNumber, transaction: transactionHash });
    } else if (settlement.getEvent(topics[0] ?? '') !== null) {
      const says = `a log in block ${blockNumber}, transaction ${transactionHash}, is no event of the contract`;
      findings.add('chain-inconsistent', says, { block: blockNumber, transaction: transactionHash });
    }
  }
  const view: StateView = { contracts, network, final, described };
  const settled = await eachAtOnce([...building.values()], ({ batch, decisions, attestations }) =>
    settledBatch(view, { ...batch, decisions, attestations }, findings),
  );
  const batches = settled
    .filter((batch) => batch !== undefined)
    .map((batch, ordinal): ChainBatch => ({ ...batch, ordinal }));
  return { batches, lanes: await checkLanes(chain, range, batches, findings) };
}

/** The number of a lane's last batch at a block; undefined where the endpoint has let go of that state. */
async function sequenceAt(
  chain: RangeChain,
  to: string,
  lane: Pick<LaneHead, 'initiator' | 'acceptor'>,
  at: Hash,
): Promise<number | undefined> {
  try {
    const data = settlement.encodeFunctionData('nextSequence', [lane.initiator, lane.acceptor]) as Hex;
    const answer = await chain.call(to, data, at);
    return answer === undefined ? undefined : decodeCount(settlement, 'nextSequence', answer) - 1;
  } catch (error) {
    const gone = error instanceof TandemError && ['chain-unavailable', 'chain-unreadable'].includes(error.code);
    if (gone) return undefined;
    throw error;
  }
}

async function checkLanes(
  chain: RangeChain,
  range: ChainRange,
  batches: readonly ChainBatch[],
  findings: Findings,
): Promise<LaneHead[]> {
  const { network, from, to, final, before } = range;
  const address = network.contracts.PairSettlement;
  const lanes = new Map<string, { initiator: number; acceptor: number; sequences: ChainBatch[] }>();
  const laneOf = (initiator: number, acceptor: number) => {
    const key = `${initiator}/${acceptor}`;
    let lane = lanes.get(key);
    if (lane === undefined) lanes.set(key, (lane = { initiator, acceptor, sequences: [] }));
    return lane;
  };
  for (const { initiator, acceptor } of before) laneOf(initiator, acceptor);
  for (const batch of batches) laneOf(batch.initiator, batch.acceptor).sequences.push(batch);
  const start = from <= network.firstBlock ? undefined : await chain.block(from - 1);
  const end = to === final.number ? final : await chain.block(to);
  return eachAtOnce([...lanes.values()], async (lane): Promise<LaneHead> => {
    const { initiator, acceptor } = lane;
    const known = before.find((head) => head.initiator === initiator && head.acceptor === acceptor)?.sequence;
    const first = lane.sequences[0];
    const atStart = known ?? (start === undefined ? 0 : await sequenceAt(chain, address, lane, start.hash));
    // Old state gone and nothing known: the first one seen is where the lane is taken up.
    let last = atStart ?? (first === undefined ? 0 : first.sequence - 1);
    const gap = (found: string, expected: number): void => {
      findings.add('sequence-gap', `in the lane ${initiator} to ${acceptor} ${found}; expected is batch ${expected}`, {
        initiator,
        acceptor,
        expected,
      });
    };
    for (const { sequence, preparedBlock } of lane.sequences) {
      if (sequence !== last + 1) gap(`batch ${sequence} comes after ${last}, in block ${preparedBlock}`, last + 1);
      last = sequence;
    }
    const atEnd = end === undefined ? undefined : await sequenceAt(chain, address, lane, end.hash);
    if (atEnd !== undefined && atEnd !== last) {
      gap(
        `the contract has anchored ${counted(atEnd, 'batch', 'batches')} at block ${end?.number ?? to}, and the last event is of batch ${last}`,
        last + 1,
      );
    }
    return { initiator, acceptor, sequence: last };
  });
}
