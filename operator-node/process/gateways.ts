/** The gateways that the configuration names. */
import type { Config } from '../config.ts';
import { systemClock } from '../engine/clock.ts';
import { FanoutGateway } from '../messaging/fanout.ts';
import type { MessageGateway } from '../messaging/gateway.ts';
import { Phones } from '../messaging/phones.ts';
import { WebhookGateway } from '../messaging/webhook.ts';

const webhookTimeoutMillis = 10_000;

export interface Gateways {
  /** A devnet's. */
  readonly phones: Phones | undefined;
  readonly webhook: WebhookGateway | undefined;
  /** All of them. */
  readonly gateway: MessageGateway;
}

export async function openGateways(config: Config): Promise<Gateways> {
  const phones = config.gateway.phonesDir === undefined ? undefined : await Phones.open(config.gateway.phonesDir);
  const webhook = webhookOf(config);
  return { phones, webhook, gateway: new FanoutGateway([phones, webhook].filter((each) => each !== undefined)) };
}

function webhookOf({ gateway: { webhook } }: Config): WebhookGateway | undefined {
  if (webhook === undefined) return undefined;
  return new WebhookGateway({ ...webhook, timeoutMillis: webhookTimeoutMillis, now: () => systemClock.now() });
}
