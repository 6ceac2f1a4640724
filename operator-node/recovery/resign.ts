/**
 * After a rotation without overlap what the old key signed and is not on the chain is no content any more (protocol §3,
 * rule 8). The same batch is signed again: by this operator at once, by the other when it is asked. Until both signatures
 * count it is not carried. The batch stays countersigned: only the chain ends what its initiator has signed (rule 1). Looked
 * at when the registry changes, and at start, before anything is carried.
 */
import { loadBatch, type KnownBatch } from '../flow/batch.ts';
import { advanceBatch } from '../flow/batch-machine.ts';
import type { FlowContext } from '../flow/context.ts';
import { ownKeyCounts } from '../flow/own-key.ts';
import type { OperatorId } from '../model/ids.ts';

export async function signAgain(flow: FlowContext): Promise<void> {
  for (const { batchId, role } of [...flow.open.allBatches()]) {
    const known = loadBatch(flow.engine.newest, batchId, role);
    if (known === undefined || !isCarried(known)) continue;
    await signBatchAgain(flow, known);
  }
}

const isCarried = ({ state }: KnownBatch): boolean => state.state === 'countersigned' && state.prepared === undefined;

async function signBatchAgain(flow: FlowContext, { record, state }: KnownBatch): Promise<void> {
  const { batchId, peer, role } = record;
  const { initiatorSignature, acceptorSignature } = state;
  if (initiatorSignature === undefined || acceptorSignature === undefined) return;
  const [ownSignature, othersSignature] =
    role === 'initiator' ? [initiatorSignature, acceptorSignature] : [acceptorSignature, initiatorSignature];
  const signersOf = (operator: OperatorId) => flow.peers.get(operator)?.signers ?? [];
  // A registry that is not read yet, or a rotation that is not final, says nothing of old keys.
  if (signersOf(peer).length === 0 || signersOf(flow.self).length === 0) return;
  const own = await flow.signer.verify(batchId, ownSignature, signersOf(flow.self));
  const others = await flow.signer.verify(batchId, othersSignature, signersOf(peer));
  const may = own || (await ownKeyCounts(flow));
  const signature = own || !may ? ownSignature : flow.signer.sign(batchId);
  const changed = signature !== ownSignature;
  if (!changed && others === (state.othersVoid !== true) && may === (state.ownVoid !== true)) return;
  await flow.engine.run((work) => {
    const now = loadBatch(work, batchId, role);
    if (now === undefined || !isCarried(now)) return;
    const newer = role === 'initiator' ? now.state.acceptorSignature : now.state.initiatorSignature;
    const othersVoid = !others && newer === othersSignature;
    advanceBatch(flow, work, now, { type: 'keys-changed', othersVoid, ownVoid: !may, signature });
  });
}
