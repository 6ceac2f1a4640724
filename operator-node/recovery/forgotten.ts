/**
 * What comes up after a recovery of a past that the restored store does not know: an offer that was still on its way when
 * the acceptor was asked for everything, or a batch that the initiator made meanwhile. Either is asked for when it shows.
 */
import type { Request } from '../channel/messages.ts';
import { laneBatchKey, laneBatchTable, loadBatch, readLane, type BatchRecord } from '../flow/batch.ts';
import type { FlowContext } from '../flow/context.ts';
import { loadSide } from '../flow/pair.ts';
import { TandemError } from '../errors.ts';
import type { BatchId, OperatorId, Role } from '../model/ids.ts';
import { withOwnNumbers } from './own-number.ts';
import { batchFault, rebuildBatch, withheld } from './rebuild.ts';
import { lostPairTable, wasBehind, type GivenBatch } from '../flow/past.ts';

/**
 * A whole batch of the peer's, in as many requests as it takes; undefined where it knows none of that number.
 * @throws {TandemError} `unprocessable` for what is no batch of that lane, with what is wrong with it
 */
export async function askForBatch(
  flow: FlowContext,
  peer: OperatorId,
  role: Role,
  sequence: number,
): Promise<GivenBatch | undefined> {
  let whole: GivenBatch | undefined;
  for (let first = 0; ;) {
    const answer = await flow.channel.call(peer, 'sealed', { role, sequence, first });
    if (answer.answer === 'none') return undefined;
    whole = { ...answer, pairs: [...(whole?.pairs ?? []), ...answer.pairs] };
    first += answer.pairs.length;
    if (first + answer.left !== answer.batch.count) {
      throw new TandemError(
        'unprocessable',
        `Operator ${peer} gives ${first} pairs of batch ${sequence} and has ${answer.left} more; the batch has ${answer.batch.count}.`,
      );
    }
    if (answer.left === 0) break;
    if (answer.pairs.length === 0) {
      throw new TandemError('unprocessable', `Operator ${peer} gave only ${first} pairs of batch ${sequence}.`);
    }
  }
  const fault = batchFault(flow, role, peer, sequence, whole);
  if (fault === undefined) return withOwnNumbers(flow, peer, role, whole);
  throw new TandemError('unprocessable', `Operator ${peer} gave an invalid batch ${sequence}: ${fault}.`);
}

/** The acceptor says that the number of an offered batch is taken: by one that the lost store had offered? */
export async function askForForgotten(
  flow: FlowContext,
  { peer, batchId, batch }: BatchRecord,
): Promise<GivenBatch | undefined> {
  if (!wasBehind(flow.engine.newest)) return undefined;
  const given = await askForBatch(flow, peer, 'initiator', batch.sequence);
  if (given === undefined || given.batchId === batchId) return undefined;
  // A pair is put into one batch only, and only what this operator has sealed can be its own.
  const { newest } = flow.engine;
  const elsewhere = given.pairs.some(({ terms }) => {
    const known = loadSide(newest, terms.pair, 'first')?.state.batch;
    return known !== undefined && known !== batchId;
  });
  return elsewhere || withheld(flow, newest, 'initiator', peer, given).length > 0 ? undefined : given;
}

/** An offer of pairs that the lost store may have held: its initiator has them. */
export async function rememberOffer(
  flow: FlowContext,
  from: OperatorId,
  batchId: BatchId,
  { batch, pairs }: Request<'offer'>,
): Promise<void> {
  const { newest } = flow.engine;
  if (from === flow.self || !wasBehind(newest) || loadBatch(newest, batchId, 'acceptor') !== undefined) return;
  const lane = readLane(newest, 'acceptor', from);
  if (batch.initiator !== from || batch.sequence !== lane.next || lane.waitsFor !== undefined) return;
  const unknown = pairs.some(
    ({ pair }) =>
      loadSide(newest, pair, 'second') === undefined && newest.get(lostPairTable, `${pair}!acceptor`) === undefined,
  );
  if (!unknown) return;
  const given = await askForBatch(flow, from, 'acceptor', batch.sequence);
  if (given?.batchId !== batchId) return;
  await flow.engine.run((work) => {
    const taken = work.get(laneBatchTable, laneBatchKey('acceptor', from, batch.sequence)) !== undefined;
    if (!taken) rebuildBatch(flow, work, 'acceptor', from, given);
  });
}
