/**
 * The registry as it was last read, in the store: what a node starts with while the chain cannot be read. It is written
 * when something of it has changed, with the final block that it is as of.
 */
import { table, type Store } from '../store/store.ts';
import type { Block, OperatorEntry } from './chain.ts';

export interface KeptRegistry {
  readonly block: Block;
  /** By that final block, less what the latest one of then took away. */
  readonly entries: readonly OperatorEntry[];
}

/** Key: `last`. */
export const registryTable = table<KeptRegistry>('registry');

/** Where `ChainPeers` keeps what it has read. */
export interface RegistryShelf {
  load(): KeptRegistry | undefined;
  keep(registry: KeptRegistry): Promise<void>;
}

export const shelfOf = (store: Pick<Store, 'newest' | 'transact'>): RegistryShelf => ({
  load: () => store.newest.get(registryTable, 'last'),
  async keep(registry) {
    await store.transact((tx) => {
      const before = tx.get(registryTable, 'last');
      // Never older answers over newer ones.
      if (before === undefined || before.block.number <= registry.block.number) tx.put(registryTable, 'last', registry);
    });
  },
});
