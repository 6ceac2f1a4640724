/**
 * The way out of a halt. What halted the node stays on the chain for good: what has to be over is that whoever made it can
 * make more. So the key that it was made with must count no more in the registry, and the node's own one must. Staff that
 * knows better (the second process on a clone is gone, say) says so, and it is in the journal with who and why.
 */
import type { ChainReader } from '../chain/chain.ts';
import { TandemError } from '../errors.ts';
import { haltCauses, haltTable, type Halt, type OwnKeys } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { toTimestamp, type OperatorId, type Timestamp } from '../model/ids.ts';
import type { View } from '../store/store.ts';

export interface HaltStatus {
  readonly halted: boolean;
  /** In words. */
  readonly what?: string;
  readonly batchId?: string;
  readonly since?: Timestamp;
  /** What has to be done before the node is released; nothing where it can be. */
  readonly holds: readonly string[];
  readonly says: string;
}

export interface HaltView {
  readonly self: OperatorId;
  readonly view: View;
  readonly reader: Pick<ChainReader, 'finalHead' | 'operators' | 'batchOutcome'>;
  /** What the node signs with now. */
  readonly keys: OwnKeys;
}

const bitsOf = (words: readonly bigint[]): number =>
  words.reduce((sum, word) => sum + word.toString(2).replaceAll('0', '').length, 0);

/** Reads the chain. @throws {TandemError} `chain-unavailable` */
export async function haltStatus({ self, view, reader, keys }: HaltView): Promise<HaltStatus> {
  const halt = view.get(haltTable, 'halt');
  if (halt === undefined) return { halted: false, holds: [], says: 'The node is not halted.' };
  const { batchId } = halt;
  const block = await reader.finalHead();
  const entry = (await reader.operators(block.hash)).find(({ id }) => id === self);
  const { key: kind, text: what } = haltCauses[halt.what];
  const counting = (kind === 'signer' ? entry?.signers : entry?.accounts)?.map((key) => key.toLowerCase()) ?? [];
  const holds: string[] = [];
  const then = halt.keys?.[kind];
  if (then === undefined) holds.push(`Which ${kind} the node had then was not noted`);
  else if (counting.includes(then)) {
    holds.push(
      `The ${kind} of then, ${then}, still counts: who has used it can do so again. Stop the node and have the controller rotate without overlap (tandem recover --controller FILE)`,
    );
  }
  if (!counting.includes(keys[kind])) holds.push(`The node’s ${kind}, ${keys[kind]}, is not in the registry`);
  const since = toTimestamp(halt.at);
  return {
    halted: true,
    what,
    ...(batchId === undefined ? {} : { batchId }),
    since,
    holds,
    says: `Halted since ${since}: ${what}${batchId === undefined ? '' : `, batch ${batchId}${await chainSays(reader, batchId, block.hash)}`}. It begins nothing new; what is open goes on.`,
  };
}

async function chainSays(
  reader: HaltView['reader'],
  batchId: NonNullable<Halt['batchId']>,
  hash: Parameters<ChainReader['batchOutcome']>[1],
): Promise<string> {
  const { prepared, commitWords, abortWords } = await reader.batchOutcome(batchId, hash);
  if (!prepared) return ', which is not on the chain any more';
  return `, of which the chain has ${bitsOf(commitWords)} pairs committed and ${bitsOf(abortWords)} aborted`;
}

export interface ReleaseOrder {
  /** Who, as staff calls itself, and why: both are kept in the journal. */
  readonly by: string;
  readonly because: string;
  /** Staff knows that nobody else has the keys, whatever still counts. */
  readonly keysAreSafe: boolean;
}

/**
 * @throws {TandemError} `unprocessable` where nothing is halted, or with what has to be done first; `chain-unavailable`
 */
export async function release(flow: FlowContext, keys: OwnKeys, order: ReleaseOrder): Promise<HaltStatus> {
  const { engine, chain: reader, self } = flow;
  const { halted, holds, says } = await haltStatus({ self, view: engine.newest, reader, keys });
  if (!halted) throw new TandemError('unprocessable', says);
  const { by, because, keysAreSafe } = order;
  if (holds.length > 0 && !keysAreSafe) {
    throw new TandemError(
      'unprocessable',
      `${says} ${holds.join('. ')}. If it is certain that nobody else has the keys: tandem resume --keys-are-safe. If the store may be behind: tandem recover --begin.`,
      { facts: { holds } },
    );
  }
  await engine.run((work) => {
    const halt = work.get(haltTable, 'halt');
    if (halt === undefined) return;
    work.del(haltTable, 'halt');
    work.journal('staff', { did: 'released', by, because, halt, despite: holds });
    work.emit({ type: 'released', by, what: halt.what });
    work.afterwards(() => {
      flow.open.halted = false;
    });
  });
  return haltStatus({ self, view: engine.newest, reader, keys });
}
