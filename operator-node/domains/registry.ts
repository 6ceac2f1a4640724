/** The private domains of an operator, by name. */
import { TandemError } from '../errors.ts';
import type { Action } from '../model/records.ts';
import type { PrivateDomain } from './domain.ts';

export interface DomainAction {
  readonly domain: string;
  readonly action: Action;
}

export interface Domains {
  readonly all: readonly PrivateDomain[];
  /** @throws {TandemError} `internal` for a name that is none: plans are checked at start. */
  get(name: string): PrivateDomain;
  /** @throws {TandemError} `catalogue-invalid` when a service needs a domain or an action that there is not. */
  checkPlan(service: string, plan: { readonly first: DomainAction; readonly second: DomainAction }): void;
}

/** @throws {TandemError} `config-invalid` for two domains of one name. */
export function createDomains(all: readonly PrivateDomain[]): Domains {
  const byName = new Map<string, PrivateDomain>();
  for (const domain of all) {
    if (byName.has(domain.name)) throw new TandemError('config-invalid', `Two domains are called ${domain.name}`);
    byName.set(domain.name, domain);
  }
  const names = [...byName.keys()].join(', ');

  return {
    all,
    get: (name) => {
      const domain = byName.get(name);
      if (domain === undefined) throw new TandemError('internal', `Unknown domain ${name}; known are ${names}`);
      return domain;
    },
    checkPlan: (service, { first, second }) => {
      for (const [leg, { domain: name, action }] of Object.entries({ first, second })) {
        const domain = byName.get(name);
        if (domain === undefined) {
          throw new TandemError(
            'catalogue-invalid',
            `Service ${service}: its ${leg} operation is in domain ${name}; this operator has ${names}`,
          );
        }
        if (!domain.actions.includes(action)) {
          throw new TandemError(
            'catalogue-invalid',
            `Service ${service}: its ${leg} operation is to ${action} in ${name}, which can ${domain.actions.join(', ')}`,
          );
        }
      }
    },
  };
}
