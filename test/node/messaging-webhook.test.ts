import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { verifySignature } from '../../operator-node/messaging/signature.ts';
import { groups, WebhookGateway, type WebhookOptions } from '../../operator-node/messaging/webhook.ts';
import {
  answers,
  cutsItsAnswer,
  hangsUp,
  isSilent,
  neverEndsItsAnswer,
  outbound,
  receiver,
  takes,
  talksForEver,
} from './messaging.fixture.ts';

const secret = 'a-secret-of-the-gateway';
const now = 1_795_428_000_999;

const open: WebhookGateway[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

function webhook(url: string, more: Partial<WebhookOptions> = {}): WebhookGateway {
  const gateway = new WebhookGateway({ url, secret, timeoutMillis: 20_000, now: () => now, ...more });
  open.push(gateway);
  return gateway;
}

/** What the delivery was refused with. */
const refused = (gateway: WebhookGateway) =>
  gateway.deliver([outbound('a')]).then(
    () => {
      throw new Error('taken');
    },
    (error: unknown) => error,
  );

describe('WebhookGateway.deliver', () => {
  it('fails where nobody listens, and a later attempt can succeed', async () => {
    const nobody = createServer();
    const port = await new Promise<number>((resolve) => {
      nobody.listen(0, '127.0.0.1', () => resolve((nobody.address() as { port: number }).port));
    });
    await new Promise((resolve) => nobody.close(resolve));
    expect(await refused(webhook(`http://127.0.0.1:${port}/`))).toMatchObject({
      code: 'gateway-unavailable',
      retryable: true,
      message: `The webhook at 127.0.0.1:${port} did not accept the messages: ECONNREFUSED.`,
    });
  });

  it.each([
    ['answers 500', answers(500), 'it answered 500'],
    ['answers 401, since the secrets differ', answers(401), 'it answered 401'],
    ['redirects, which is not followed', answers(307), 'it answered 307'],
    ['hangs up', hangsUp, 'ECONNRESET'],
    ['cuts its answer', cutsItsAnswer, 'its answer was cut off'],
  ])('fails when the receiver %s, and the same messages again are delivered', async (_what, behaviour, why) => {
    const receiving = await receiver(behaviour);
    const gateway = webhook(receiving.url);
    const error = await refused(gateway);
    expect(error).toMatchObject({ code: 'gateway-unavailable', retryable: true });
    expect((error as Error).message).toMatch(new RegExp(`: ${why}\\.$`));
    await gateway.deliver([outbound('a')]);
    expect(receiving.posts.map(({ ids }) => ids)).toEqual([['a'], ['a']]);
  });

  it.each([
    ['says nothing', isSilent],
    ['does not end its answer', neverEndsItsAnswer],
  ])('fails after its timeout when the receiver %s', async (_what, behaviour) => {
    const receiving = await receiver(behaviour);
    const gateway = webhook(receiving.url, { timeoutMillis: 150 });
    expect(await refused(gateway)).toMatchObject({ code: 'gateway-unavailable' });
    await gateway.deliver([outbound('a')]);
    expect(receiving.posts).toHaveLength(2);
  });

  it('does not listen to an endless answer', async () => {
    const receiving = await receiver(talksForEver);
    await webhook(receiving.url).deliver([outbound('a')]);
    expect(receiving.posts).toHaveLength(1);
  });

  it('sends nothing for no messages', async () => {
    const receiving = await receiver();
    await webhook(receiving.url).deliver([]);
    expect(receiving.posts).toEqual([]);
  });

  it('sends a group in one signed POST, in order', async () => {
    const receiving = await receiver(answers(200));
    const { pair: _none, ...plain } = outbound('b');
    await webhook(receiving.url).deliver([outbound('a'), plain]);
    const [post] = receiving.posts;
    expect(JSON.parse(post?.body ?? '')).toEqual({ messages: [outbound('a'), plain] });
    expect(post?.headers['content-type']).toBe('application/json');
    const timestamp = post?.headers['tandem-timestamp'];
    expect(timestamp).toBe('1795428000');
    const signature = post?.headers['tandem-signature'];
    expect(typeof signature).toBe('string');
    const signed = { timestamp: String(timestamp), signature: String(signature), body: post?.body ?? '' };
    expect(verifySignature(secret, signed, 1_795_428_000)).toEqual({ ok: true });
    expect(verifySignature(`${secret}!`, signed, 1_795_428_000)).toEqual({ ok: false, code: 'mismatch' });
  });

  it('keeps its connection for the next group', async () => {
    const receiving = await receiver();
    const gateway = webhook(receiving.url);
    for (const id of ['a', 'b', 'c']) await gateway.deliver([outbound(id)]);
    expect([receiving.posts.length, receiving.connections()]).toEqual([3, 1]);
  });

  it('asks once more on a new connection when the receiver has closed the kept one', async () => {
    const receiving = await receiver(takes, hangsUp);
    const gateway = webhook(receiving.url);
    await gateway.deliver([outbound('a')]);
    await gateway.deliver([outbound('b')]);
    expect(receiving.posts.map(({ ids }) => ids)).toEqual([['a'], ['b'], ['b']]);
    expect(receiving.connections()).toBe(2);
  });

  it('stops at the first of several POSTs that fails', async () => {
    const receiving = await receiver(takes, answers(503));
    const messages = ['a', 'b', 'c'].map((id) => outbound(id));
    const delivery = webhook(receiving.url, { maxMessages: 1 }).deliver(messages);
    await expect(delivery).rejects.toMatchObject({ code: 'gateway-unavailable' });
    expect(receiving.posts.map(({ ids }) => ids)).toEqual([['a'], ['b']]);
  });
});

describe('groups', () => {
  const ids = (maxMessages: number, maxBytes: number, texts: readonly string[]) =>
    [
      ...groups(
        texts.map((text, index) => outbound(String(index), { text })),
        maxMessages,
        maxBytes,
      ),
    ].map((body) => (JSON.parse(body) as { messages: { id: string }[] }).messages.map(({ id }) => id).join());

  it('has at most so many messages', () => {
    expect(ids(2, 1e6, ['a', 'b', 'c', 'd', 'e'])).toEqual(['0,1', '2,3', '4']);
  });

  it('has at most so many bytes, but for a message that is larger alone', () => {
    expect(ids(100, 1200, ['x', 'x'.repeat(600), 'x'.repeat(600), 'å'.repeat(2000), 'x', 'x'])).toEqual([
      '0,1',
      '2',
      '3',
      '4,5',
    ]);
  });
});
