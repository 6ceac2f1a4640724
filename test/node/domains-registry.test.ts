import { beforeAll, describe, expect, it } from 'vitest';
import { domainKinds } from '../../operator-node/domains/kinds.ts';
import { createDomains, type Domains } from '../../operator-node/domains/registry.ts';
import { makeWorld } from './domains.fixture.ts';

let domains: Domains;
beforeAll(async () => {
  const { payments, goods } = await makeWorld();
  domains = createDomains([payments, goods]);
});
const debit = { domain: 'payments', action: 'debit' } as const;

describe('createDomains', () => {
  it('refuses two domains of one name', () => {
    const payments = domains.get('payments');
    expect(() => createDomains([payments, payments])).toThrow(/Two domains are called payments/);
  });
});

describe('get', () => {
  it('refuses a name that is none', () => {
    expect(() => domains.get('tickets')).toThrow(/Unknown domain tickets; known are payments, goods/);
  });

  it('finds a domain by its name', () => {
    expect(domains.all.map(({ name }) => domains.get(name).name)).toEqual(['payments', 'goods']);
  });
});

describe('checkPlan', () => {
  it('refuses a domain that there is not, and names service and leg', () => {
    const plan = { first: debit, second: { domain: 'tickets', action: 'issue' } } as const;
    expect(() => domains.checkPlan('travel', plan)).toThrow(
      /Service travel: its second operation is in domain tickets/,
    );
  });

  it('refuses an action that the domain cannot do', () => {
    const plan = { first: { domain: 'goods', action: 'debit' }, second: debit } as const;
    expect(() => domains.checkPlan('buy', plan)).toThrow(/its first operation is to debit in goods, which can sell/);
  });

  it('accepts what there is', () => {
    domains.checkPlan('buy', { first: debit, second: { domain: 'goods', action: 'sell' } });
  });
});

describe('domainKinds', () => {
  it('are the domains that a node makes, so that a catalogue is judged by what there is', () => {
    expect(domainKinds.map(({ name, actions }) => ({ name, actions }))).toEqual(
      domains.all.map(({ name, actions }) => ({ name, actions })),
    );
  });
});
