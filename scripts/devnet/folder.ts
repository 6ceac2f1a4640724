/** A devnet's folder: what it was made with, whether it can be resumed, and its being cleared where it cannot. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import type { GasMode } from './chain.ts';
import { DevnetError, root, type Layout } from './layout.ts';

export interface Deployed {
  readonly contracts: DevnetFile['contracts'];
  readonly codeHashes: DevnetFile['contracts'];
  /** Absent from a devnet that was made when there was only this one. */
  readonly gas?: GasMode;
}

export const listed = (names: readonly string[]): string =>
  new Intl.ListFormat('en-GB', { type: 'conjunction' }).format(names);

export interface Made extends Deployed {
  readonly portBase: number;
  /** Handles, in the order of their ids; absent from a devnet that was made when there were only these two. */
  readonly operators?: readonly string[];
  /** What the contracts were compiled from. */
  readonly contractsBuild: string;
  readonly finished?: boolean;
}

const contractsBuild = (): string => {
  const stamp = join(root, '.runtime', 'contracts-setup');
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
};

export const readMade = (place: Layout): Made => JSON.parse(readFileSync(place.madeFile, 'utf8')) as Made;

export function writeMade(place: Layout, deployed: Deployed): void {
  const operators = place.operators.map(({ handle }) => handle);
  const made: Made = { ...deployed, portBase: place.portBase, operators, contractsBuild: contractsBuild() };
  writeFileSync(place.madeFile, `${JSON.stringify(made, undefined, 2)}\n`);
}

/** @returns whether the folder holds a finished devnet to go on with; otherwise it is empty now. */
export function prepareFolder(
  place: Layout,
  options: { readonly fresh: boolean; readonly gas?: GasMode; readonly say: (text: string) => void },
): boolean {
  const made = existsSync(place.madeFile) ? readMade(place) : undefined;
  const resumable = made?.finished === true && existsSync(place.chainStateFile) && !options.fresh;
  if (resumable && made.contractsBuild !== contractsBuild()) {
    options.say('The contracts have changed since this devnet was made: starting afresh');
  } else if (resumable) {
    if (made.portBase !== place.portBase) {
      throw new DevnetError(
        `The devnet in ${place.dir} was made with port base ${made.portBase}, which is also on its chain, and is now ` +
          `asked for with ${place.portBase}. Use that base again, or --fresh, or another TANDEM_DEVNET_DIR.`,
      );
    }
    const { gas = 'free' } = made;
    if (gas !== (options.gas ?? 'free')) {
      throw new DevnetError(
        `The devnet in ${place.dir} was made with --gas ${gas}, which is on its chain. Start it with that again, or with ` +
          '--fresh, or use another TANDEM_DEVNET_DIR.',
      );
    }
    const asked = place.operators.map(({ handle }) => handle);
    const { operators = ['aurora', 'borealis'] } = made;
    if (operators.join() !== asked.join()) {
      throw new DevnetError(
        `The devnet in ${place.dir} was made with ${listed(operators)}, who are on its chain, and is now asked for ` +
          `with ${listed(asked)}. Start it with the same --operators and --file again, or with --fresh, or use another ` +
          'TANDEM_DEVNET_DIR.',
      );
    }
    rmSync(place.devnetFile, { force: true });
    return true;
  }
  mkdirSync(place.dir, { recursive: true });
  for (const name of readdirSync(place.dir)) {
    if (join(place.dir, name) !== place.lockFile) rmSync(join(place.dir, name), { recursive: true, force: true });
  }
  return false;
}
