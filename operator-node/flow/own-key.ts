/** Whether what this node signs counts: after a rotation its new key does only when that block is final. */
import { hash } from 'node:crypto';
import type { BatchId, Hex } from '../model/ids.ts';
import type { FlowContext } from './context.ts';

/** No batch has this id: it is signed only to find out which key signs. */
const probe = `0x${hash('sha256', 'tandem/own-key/1', 'hex')}` as BatchId;

/** One look for each reading of the registry. */
const looks = new WeakMap<readonly Hex[], Promise<boolean>>();

export function ownKeyCounts({ peers, self, signer }: FlowContext): Promise<boolean> {
  const signers = peers.get(self)?.signers ?? [];
  let look = looks.get(signers);
  if (look === undefined) looks.set(signers, (look = signer.verify(probe, signer.sign(probe), signers)));
  return look;
}
