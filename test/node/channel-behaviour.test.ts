/** What every adapter of the channel port does, run against each of them. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import { createHttpsChannel, startChannelServer } from '../../operator-node/channel/https.ts';
import { createLoopback, withLoopback } from '../../operator-node/channel/loopback.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Hex, OperatorId } from '../../operator-node/model/ids.ts';
import {
  aurora,
  borealis,
  forwardRequest,
  handlersOf,
  helloOf,
  newCertificate,
  now,
  offerRequest,
  pairIdOf,
  proposeRequest,
  stranger,
  TestRegistry,
} from './channel.fixture.ts';

interface Adapter {
  readonly channel: Channel;
  readonly peer: OperatorId;
  /** Whom the handlers see. */
  readonly caller: OperatorId;
  stop(): Promise<void>;
}

async function overHttps(handlers: (self: OperatorId) => PeerHandlers): Promise<Adapter> {
  const [mine, theirs] = await Promise.all([newCertificate('aurora'), newCertificate('borealis')]);
  const peers = new TestRegistry();
  peers.set(aurora, { pins: [mine.pin] });
  peers.set(borealis, { pins: [theirs.pin] });
  const server = await startChannelServer({
    ...theirs,
    operator: borealis,
    host: '127.0.0.1',
    port: 0,
    peers,
    handlers: handlers(borealis),
    now,
  });
  peers.set(borealis, { endpoint: `https://127.0.0.1:${server.port}` });
  const channel = createHttpsChannel({ ...mine, operator: aurora, peers, now });
  const stop = async (): Promise<void> => {
    await channel.close();
    await server.close();
  };
  return { channel, peer: borealis, caller: aurora, stop };
}

async function overLoopback(handlers: (self: OperatorId) => PeerHandlers): Promise<Adapter> {
  const channel = createLoopback(aurora, handlers(aurora));
  return { channel, peer: aurora, caller: aurora, stop: () => channel.close() };
}

const refusal = (code: string, text: RegExp | string = ''): unknown =>
  expect.objectContaining({ name: 'TandemError', code, message: expect.stringMatching(text) as unknown });

describe.each([
  ['https', overHttps],
  ['loopback', overLoopback],
])('channel: %s', (_, start) => {
  let stop: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await stop?.();
    stop = undefined;
  });

  async function started(overrides: Partial<PeerHandlers> = {}, calls: { from: OperatorId; method: string }[] = []) {
    const adapter = await start((self) => handlersOf(self, calls, overrides));
    stop = () => adapter.stop();
    return adapter;
  }

  test('refuses a request that is not of the schema, names the place, and calls no handler', async () => {
    const calls: { from: OperatorId; method: string }[] = [];
    const { channel, peer } = await started({}, calls);
    const request = structuredClone(proposeRequest(3));
    Object.assign(request.proposals[1] ?? {}, { extra: 1 });
    const error = await channel.call(peer, 'propose', request).catch((reason: unknown) => reason);
    expect(error).toEqual(refusal('bad-request', /proposals\.1.*extra/));
    expect(error).toMatchObject({ facts: { path: ['proposals', 1] } });
    expect(calls).toEqual([]);
  });

  test('refuses text with a lone surrogate', async () => {
    const { channel, peer } = await started();
    const request = { ...forwardRequest(''), text: 'half \ud83d' };
    await expect(channel.call(peer, 'forward', request)).rejects.toEqual(refusal('bad-request', /text/));
  });

  test('refuses an answer that is not of the schema', async () => {
    const { channel, peer } = await started({
      cancel: async (_from, { pair }) => {
        const answer = { pair, answer: 'declined' as const, balance: '12000' };
        return answer;
      },
    });
    const call = channel.call(peer, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toEqual(refusal('unprocessable', /balance/));
  });

  test('refuses an answer to another request: other pair, other order, too few, other message', async () => {
    const { channel, peer } = await started({
      cancel: async () => ({ pair: pairIdOf(2), answer: 'declined' }),
      withdraw: async (_from, { pairs }) => ({
        answers: pairs.map((pair) => ({ pair, answer: 'given-up' }) as const).reverse(),
      }),
      propose: async () => ({ answers: [] }),
      forward: async () => ({ id: 'another', answer: 'delivered' }),
    });
    const refused = refusal('unprocessable', /answered a different/);
    await expect(channel.call(peer, 'cancel', { pair: pairIdOf(1) })).rejects.toEqual(refused);
    await expect(channel.call(peer, 'withdraw', { pairs: [pairIdOf(1), pairIdOf(2)] })).rejects.toEqual(refused);
    await expect(channel.call(peer, 'propose', proposeRequest(1))).rejects.toEqual(refused);
    await expect(channel.call(peer, 'forward', forwardRequest('hi'))).rejects.toEqual(refused);
  });

  test('passes on what a handler refuses', async () => {
    const { channel, peer } = await started({
      cancel: async () => {
        throw new TandemError('too-busy', 'enough');
      },
    });
    const call = channel.call(peer, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toEqual(refusal('too-busy', /enough/));
  });

  test.each([
    ['an ordinary error', new Error('no such column')],
    ['a fault of its own', new TandemError('store-failed', 'disk full')],
  ])('a handler that throws %s is an unavailable peer', async (_what, fault) => {
    const { channel, peer } = await started({
      cancel: async () => {
        throw fault;
      },
    });
    const call = channel.call(peer, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toEqual(refusal('peer-unavailable'));
  });

  test('an operator that is not there is unavailable', async () => {
    const { channel } = await started();
    const call = channel.call(stranger, 'cancel', { pair: pairIdOf(1) });
    await expect(call).rejects.toEqual(refusal('peer-unavailable', /Operator 7/));
  });

  test('a closed channel is unavailable', async () => {
    const { channel, peer } = await started();
    await channel.close();
    await expect(channel.call(peer, 'hello', helloOf(aurora))).rejects.toEqual(refusal('peer-unavailable', /closed/));
  });

  test('hands over a copy: what the caller changes afterwards is not seen', async () => {
    let seen = '';
    const { channel, peer } = await started({
      forward: async (_from, request) => {
        await Promise.resolve();
        seen = request.text;
        return { id: request.id, answer: 'delivered' };
      },
    });
    const request = { ...forwardRequest('before') };
    const call = channel.call(peer, 'forward', request);
    request.text = 'after';
    await call;
    expect(seen).toBe('before');
  });

  test('carries every method, and tells the handler who asks', async () => {
    const calls: { from: OperatorId; method: string }[] = [];
    const { channel, peer, caller } = await started({}, calls);
    const offer = await channel.call(peer, 'offer', offerRequest(2));
    expect(await channel.call(peer, 'hello', helloOf(aurora))).toEqual(helloOf(peer));
    expect(await channel.call(peer, 'quote', { to: forwardRequest('').to, item: 'cola' })).toEqual({
      answer: 'refused',
      reason: 'unknown-addressee',
    });
    expect((await channel.call(peer, 'propose', proposeRequest(3))).answers.map(({ pair }) => pair)).toEqual(
      [0, 1, 2].map(pairIdOf),
    );
    expect(offer).toEqual({ answer: 'later', batchId: offer.batchId, reason: 'busy' });
    expect(await channel.call(peer, 'countersign', { batchId: offer.batchId, signature: '0x00' as Hex })).toEqual({
      batchId: offer.batchId,
      answer: 'stored',
    });
    expect(await channel.call(peer, 'withdraw', { pairs: [pairIdOf(5), pairIdOf(4)] })).toEqual({
      answers: [
        { pair: pairIdOf(5), answer: 'given-up' },
        { pair: pairIdOf(4), answer: 'given-up' },
      ],
    });
    expect(await channel.call(peer, 'cancel', { pair: pairIdOf(1) })).toEqual({
      pair: pairIdOf(1),
      answer: 'declined',
    });
    const text = 'Hej 👋🏽\n"då" \u0000 日本';
    expect(await channel.call(peer, 'forward', forwardRequest(text))).toEqual({ id: 'sms-1', answer: 'delivered' });
    expect(new Set(calls.map(({ from }) => from))).toEqual(new Set([caller]));
    expect(calls.map(({ method }) => method).sort()).toEqual(
      ['cancel', 'countersign', 'forward', 'hello', 'offer', 'propose', 'quote', 'withdraw'].sort(),
    );
  });

  test('carries the largest lists: 512 proposals, 4096 pairs', async () => {
    const { channel, peer } = await started();
    expect((await channel.call(peer, 'propose', proposeRequest(512))).answers).toHaveLength(512);
    expect(await channel.call(peer, 'offer', offerRequest(4096))).toMatchObject({ answer: 'later' });
  });

  test('keeps the text of a message unchanged', async () => {
    const texts: string[] = [];
    const { channel, peer } = await started({
      forward: async (_from, { id, text }) => {
        texts.push(text);
        return { id, answer: 'delivered' };
      },
    });
    const sent = ['', 'é', '👩‍👩‍👧', '\u0000\u2028"\\', 'x'.repeat(4096), '👋'.repeat(4096)];
    for (const text of sent) await channel.call(peer, 'forward', forwardRequest(text));
    expect(texts).toEqual(sent);
  });
});

describe('withLoopback', () => {
  test('sends to oneself over the loopback, to others over the network, and closes both', async () => {
    const used: string[] = [];
    const named = (name: string): Channel => ({
      call: async (peer) => {
        used.push(`${name} ${peer}`);
        throw new TandemError('peer-unavailable', name);
      },
      close: async () => void used.push(`${name} closed`),
    });
    const channel = withLoopback(aurora, named('loopback'), named('network'));
    await expect(channel.call(aurora, 'cancel', { pair: pairIdOf(1) })).rejects.toThrow('loopback');
    await expect(channel.call(borealis, 'cancel', { pair: pairIdOf(1) })).rejects.toThrow('network');
    await channel.close();
    expect(used).toEqual(['loopback 1', 'network 2', 'loopback closed', 'network closed']);
  });
});
