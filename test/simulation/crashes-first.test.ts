/** Operator 1 dies at every write and at every send of the golden run, and every pair still comes to its end. */
import { describe } from 'vitest';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { describeCrashes } from './crashes.behavior.ts';

describe('crashes of operator 1', () => {
  describeCrashes(1 as OperatorId);
});
