/** How an endpoint of the chain can behave, as its proxy is told: what a real one does, does badly, or does on purpose. */
import { z } from 'zod';

const blocks = z.number().int().min(1).max(1_000_000_000);

export const behaviourSchema = z.discriminatedUnion('kind', [
  /** Answers as the chain does. */
  z.strictObject({ kind: z.literal('honest') }),
  /** Every request is cut off. */
  z.strictObject({ kind: z.literal('dead') }),
  /** Takes each request and never answers. */
  z.strictObject({ kind: z.literal('silent') }),
  /** Answers after so long. */
  z.strictObject({ kind: z.literal('slow'), millis: z.number().int().min(1).max(600_000) }),
  /** HTTP 429; with a `Retry-After` where it is given. */
  z.strictObject({ kind: z.literal('busy'), retryAfterSeconds: z.number().int().min(0).max(86_400).optional() }),
  /** Knows nothing of the newest blocks. */
  z.strictObject({ kind: z.literal('behind'), blocks }),
  /** Shows a newest block that is so far ahead and does not exist. */
  z.strictObject({ kind: z.literal('lying-head'), blocks }),
  /** `missing`: there are no logs; `forged`: those that there are say something else. */
  z.strictObject({ kind: z.literal('lying-logs'), how: z.enum(['missing', 'forged']) }),
  /** What contracts say is changed in its last byte. */
  z.strictObject({ kind: z.literal('lying-state') }),
  /** Refuses more calls than that in one request, and logs of more blocks than that in one call. */
  z.strictObject({
    kind: z.literal('limited'),
    calls: z.number().int().min(1).max(10_000),
    blocks,
    /** `error`: one JSON-RPC error for all; `http`: HTTP 413. */
    as: z.enum(['error', 'http']).default('error'),
  }),
  /** Right in everything but the form: ids as strings, `error: null` beside a result, answers in another order. */
  z.strictObject({ kind: z.literal('odd-form') }),
]);

export type Behaviour = z.output<typeof behaviourSchema>;

/** As it is given in a request or on the command line. @throws {Error} that says what is wrong with it */
export function parseBehaviour(value: unknown): Behaviour {
  const result = behaviourSchema.safeParse(value);
  if (result.success) return result.data;
  const kinds = behaviourSchema.options.map(({ shape }) => shape.kind.value).join(', ');
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'kind'}: ${message}`);
  throw new Error(`This is no behaviour of an endpoint: ${issues.join('; ')}. "kind" is one of ${kinds}.`);
}

/** In the words of a run's story. */
export function behaviourText(behaviour: Behaviour): string {
  switch (behaviour.kind) {
    case 'honest':
      return 'is honest';
    case 'dead':
      return 'is dead';
    case 'silent':
      return 'never answers';
    case 'slow':
      return `answers after ${behaviour.millis} ms`;
    case 'busy':
      return 'answers HTTP 429';
    case 'behind':
      return `is ${behaviour.blocks} blocks behind`;
    case 'lying-head':
      return `shows a newest block ${behaviour.blocks} ahead`;
    case 'lying-logs':
      return behaviour.how === 'missing' ? 'leaves out all logs' : 'forges logs';
    case 'lying-state':
      return 'changes what contracts say';
    case 'limited':
      return `takes ${behaviour.calls} calls at once and logs of ${behaviour.blocks} blocks`;
    case 'odd-form':
      return 'answers in an unusual form';
  }
}
