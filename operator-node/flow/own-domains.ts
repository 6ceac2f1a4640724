/** The private domains of one operator, and the rules that they keep. */
import type { Analysis } from '../analysis/analysis.ts';
import type { Config } from '../config.ts';
import { createGoods, type GoodsDomain } from '../domains/goods/goods.ts';
import { createPayments, type PaymentsDomain } from '../domains/payments/payments.ts';
import { createDomains, type Domains } from '../domains/registry.ts';
import { Caps } from './caps.ts';

export interface NodeDomains {
  readonly payments: PaymentsDomain;
  readonly goods: GoodsDomain;
  readonly domains: Domains;
  readonly caps: Caps;
}

/** @throws {TandemError} `catalogue-invalid` for a service that they do not fit. */
export function openDomains(
  config: Config,
  analysis: Analysis & { readonly services: readonly string[] },
): NodeDomains {
  const { operator, limits } = config;
  const caps = new Caps(config);
  const payments = createPayments({
    operator: operator.id,
    limits: {
      ...limits,
      perService: (service, asset) => analysis.plan(service)?.maxAmount[asset],
      perCounterparty: (peer, asset) => caps.of(peer, asset),
    },
  });
  const goods = createGoods(payments);
  const domains = createDomains([payments, goods]);
  for (const service of analysis.services) {
    const plan = analysis.plan(service);
    if (plan !== undefined) domains.checkPlan(service, plan);
  }
  return { payments, goods, domains, caps };
}
