import type { OperatorId } from '../../operator-node/model/ids.ts';
import type { Violation } from './violation.ts';

/** What one run came to. */
export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly hash: string;
  readonly lines: readonly string[];
  readonly pairs: number;
  readonly committed: number;
  readonly events: number;
  readonly seconds: number;
  /** `<fault>|<role>|<state>`. */
  readonly coverage: ReadonlySet<string>;
  /** Steps that were taken: `<thing> <role> <state> <event> → <state>`. */
  readonly transitions: ReadonlySet<string>;
  readonly writes: ReadonlyMap<OperatorId, number>;
  readonly sends: ReadonlyMap<OperatorId, number>;
  /** How each pair ended, by its order of beginning. */
  readonly outcomes: readonly string[];
}
