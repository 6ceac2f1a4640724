/** How long a consortium's chain may go without a block before its nodes take no orders: `maxBlockGapSeconds` of `network.json`. */
import { providerOf } from '../../operator-node/chain/provider.ts';

const sampleBlocks = 100;
const blocks = 10;
const leastSeconds = 10;
const mostSeconds = 3_600;

/** Ten block times, at least 10 s. `seconds` is the time of a block. */
export const gapOf = (seconds: number): number =>
  Math.min(mostSeconds, Math.max(leastSeconds, Math.ceil(blocks * seconds)));

/**
 * The mean of the newest blocks, of which the first is left out: its time may be anything. A chain that has too few, or makes
 * them on demand, says nothing useful: name the time in the parameters then.
 */
export async function blockSeconds(rpcUrl: string, chainId: number): Promise<number> {
  const provider = providerOf(rpcUrl, chainId, { staticNetwork: true });
  try {
    const newest = await provider.getBlock('latest');
    const number = Math.max(1, (newest?.number ?? 0) - sampleBlocks);
    const before = await provider.getBlock(number);
    if (newest === null || before === null || newest.number <= number) return 0;
    return (newest.timestamp - before.timestamp) / (newest.number - number);
  } finally {
    provider.destroy();
  }
}
