/**
 * Which fields are handed over, by name. A configuration can add policies and replace these; what no discloser may hide
 * (protocol §7) is disclosed whatever a policy says.
 */
import { z } from 'zod';
import { operationFields, termsFields } from '../../commitment/schema.ts';
import type { DisclosurePolicy } from '../bundle.ts';

const minimum = ['pair', 'leg', 'operator', 'action', 'asset', 'amount', 'heldAt'] as const;

export const builtInPolicies = {
  /** What a supervisor needs to recount everything: of the customer, nothing. */
  'regulator-minimum': { terms: termsFields, operation: minimum },
  /** The same, whose operation it is, and what the journal has of the pair: for a complaint about one pair. */
  dispute: { terms: termsFields, operation: [...minimum, 'subject', 'counterparty'], journal: true },
  /** What both operators know, and of one's own user nothing: a node's own choice. */
  shared: { terms: termsFields, operation: ['pair', 'leg', 'operator', 'action'] },
  /** Everything: for a party to the pair, or under a court's order. */
  full: { terms: termsFields, operation: operationFields, journal: true },
} as const satisfies Readonly<Record<string, DisclosurePolicy>>;

export const policyName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a lower-case name');

/** As in a node's configuration: `disclosure.policies`. */
export const policiesSchema = z
  .record(
    policyName,
    z.strictObject({
      terms: z.array(z.enum(termsFields)),
      operation: z.array(z.enum(operationFields)),
      journal: z.boolean().optional(),
    }),
  )
  .default({});

export type Policies = Readonly<Record<string, DisclosurePolicy>>;

export function policyOf(configured: Policies, name: string): DisclosurePolicy | undefined {
  const all: Policies = { ...builtInPolicies, ...configured };
  return Object.hasOwn(all, name) ? all[name] : undefined;
}
