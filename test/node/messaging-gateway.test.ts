/** What every message gateway keeps to (messaging/gateway.ts), run against each adapter; then what the fan-out adds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FanoutGateway } from '../../operator-node/messaging/fanout.ts';
import type { MessageGateway } from '../../operator-node/messaging/gateway.ts';
import { Phones } from '../../operator-node/messaging/phones.ts';
import { WebhookGateway } from '../../operator-node/messaging/webhook.ts';
import { alice, answers, outbound, receiver, type Receiver } from './messaging.fixture.ts';

interface Made {
  readonly gateway: MessageGateway;
  /** Ids that have arrived, each once, as a receiver that knows them would keep them. */
  readonly arrived: () => Promise<string>;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const arrivedAt = (receiving: Receiver) => [...new Set(receiving.posts.flatMap(({ ids }) => ids))].join();

async function webhook(receiving: Receiver): Promise<WebhookGateway> {
  const gateway = new WebhookGateway({
    url: receiving.url,
    secret: 's'.repeat(16),
    timeoutMillis: 20_000,
    now: () => 0,
  });
  cleanups.push(() => gateway.close());
  return gateway;
}

async function phones(): Promise<Phones> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-phones-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const gateway = await Phones.open(folder);
  cleanups.push(() => gateway.close());
  return gateway;
}

const inboxOf = async (kept: Phones) => (await kept.messages(alice, '')).messages.map(({ id }) => id).join();

describe.each<[string, () => Promise<Made>]>([
  [
    'webhook',
    async () => {
      const receiving = await receiver();
      return { gateway: await webhook(receiving), arrived: async () => arrivedAt(receiving) };
    },
  ],
  [
    'phones',
    async () => {
      const gateway = await phones();
      return { gateway, arrived: () => inboxOf(gateway) };
    },
  ],
  [
    'webhook+phones',
    async () => {
      const receiving = await receiver();
      const kept = await phones();
      const gateway = new FanoutGateway([await webhook(receiving), kept]);
      return { gateway, arrived: async () => `${arrivedAt(receiving)}|${await inboxOf(kept)}` };
    },
  ],
])('a gateway: %s', (name, make) => {
  const twice = (ids: string) => (name.includes('+') ? `${ids}|${ids}` : ids);

  it('has its name, and can be closed twice', async () => {
    const { gateway } = await make();
    expect(gateway.name).toBe(name);
    await gateway.close();
    await gateway.close();
  });

  it('takes no messages at all', async () => {
    const { gateway, arrived } = await make();
    await gateway.deliver([]);
    expect(await arrived()).toBe(twice(''));
  });

  it('has all of a group, in order, once it resolves', async () => {
    const { gateway, arrived } = await make();
    await gateway.deliver([outbound('a'), outbound('b'), outbound('c')]);
    expect(await arrived()).toBe(twice('a,b,c'));
  });

  it('takes again what it has, and what is new beside it', async () => {
    const { gateway, arrived } = await make();
    await gateway.deliver([outbound('a')]);
    await gateway.deliver([outbound('a'), outbound('b')]);
    expect(await arrived()).toBe(twice('a,b'));
  });
});

describe('FanoutGateway', () => {
  it('refuses to be of no gateways', () => {
    expect(() => new FanoutGateway([])).toThrow(/neither webhook nor phonesDir/);
  });

  it('has not taken what one of its gateways has not, and the other gets it again in vain', async () => {
    const receiving = await receiver(answers(500));
    const kept = await phones();
    const gateway = new FanoutGateway([await webhook(receiving), kept]);
    await expect(gateway.deliver([outbound('a')])).rejects.toMatchObject({
      code: 'gateway-unavailable',
      retryable: true,
    });
    expect(await inboxOf(kept)).toBe('a');
    await gateway.deliver([outbound('a')]);
    expect(await inboxOf(kept)).toBe('a');
    expect(receiving.posts.map(({ ids }) => ids.join())).toEqual(['a', 'a']);
  });
});
