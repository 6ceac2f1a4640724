import { describe } from 'vitest';
import { describeDirected } from './directed.behavior.ts';

describe('directed seeds, the second half of the faults', () => {
  describeDirected(1);
});
