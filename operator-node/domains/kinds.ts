/** The private domains that a node has: what a service's two operations can be in, known before any of them is made. */
import type { Action } from '../model/records.ts';

export interface DomainKind {
  readonly name: string;
  readonly actions: readonly Action[];
}

export const paymentsKind = { name: 'payments', actions: ['debit', 'credit'] } as const satisfies DomainKind;
export const goodsKind = { name: 'goods', actions: ['sell'] } as const satisfies DomainKind;

export const domainKinds: readonly DomainKind[] = [paymentsKind, goodsKind];
