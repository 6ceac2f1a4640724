/** SHA-256 of what was handed in, so that a report can be tied to it. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import type { ScanInput } from '../scan/scan.ts';

/** By file, in hex. What is no regular file has none. */
export async function digestsOf(inputs: readonly ScanInput[]): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const { file } of inputs) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    const digest = createHash('sha256');
    for await (const chunk of createReadStream(file)) digest.update(chunk as Buffer);
    digests.set(file, digest.digest('hex'));
  }
  return digests;
}
