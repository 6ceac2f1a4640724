/** The last block applied to the store, written in the same write as the block's effects. */
import { table } from '../store/store.ts';
import type { Block } from './chain.ts';

/** The last final block that is applied. Key: `chain`. */
export const cursorTable = table<Pick<Block, 'number' | 'hash' | 'timestamp'>>('cursor');
