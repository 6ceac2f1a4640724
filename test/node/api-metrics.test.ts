import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../operator-node/api/metrics.ts';
import type { Sample } from '../../operator-node/parts/part.ts';

/** The samples of one metric, as in the text. */
const samples = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name));

describe('createMetrics', () => {
  it('says nothing of what it does not know yet', async () => {
    const metrics = createMetrics();
    metrics.show([
      { name: 'unknown', help: 'Said of it.', read: () => undefined },
      { name: 'none', help: 'Said of it.', labels: ['of'], read: () => [] },
      { name: 'nothing', help: 'Said of it.', read: () => 0 },
    ]);
    const text = await metrics.text();
    expect(samples(text, 'tandem_messages_total')).toEqual([]);
    expect(samples(text, 'unknown')).toEqual([]);
    expect(samples(text, 'none')).toEqual([]);
    expect(samples(text, 'nothing')).toEqual(['nothing 0']);
  });

  it('counts by label, and counts on after a reading', async () => {
    const metrics = createMetrics();
    metrics.incMessage('intercepted');
    metrics.incMessage('intercepted');
    metrics.incMessage('forwarded');
    metrics.incPair('initiator', 'committed', 40);
    metrics.incPair('acceptor', 'aborted');
    metrics.incRefusal('insufficient-funds');
    metrics.incPeerCall('propose', 'peer-unavailable');
    metrics.incHttpAnswer('receiveMessage', 202);
    const text = await metrics.text();
    expect(samples(text, 'tandem_messages_total')).toEqual([
      'tandem_messages_total{disposition="intercepted"} 2',
      'tandem_messages_total{disposition="forwarded"} 1',
    ]);
    expect(samples(text, 'tandem_pairs_total')).toEqual([
      'tandem_pairs_total{role="initiator",outcome="committed"} 40',
      'tandem_pairs_total{role="acceptor",outcome="aborted"} 1',
    ]);
    expect(samples(text, 'tandem_refusals_total')).toEqual(['tandem_refusals_total{code="insufficient-funds"} 1']);
    expect(samples(text, 'tandem_peer_calls_total')).toEqual([
      'tandem_peer_calls_total{method="propose",outcome="peer-unavailable"} 1',
    ]);
    expect(samples(text, 'tandem_http_answers_total')).toEqual([
      'tandem_http_answers_total{operation="receiveMessage",status="202"} 1',
    ]);
    metrics.incMessage('forwarded');
    expect(samples(await metrics.text(), 'tandem_messages_total')[1]).toBe(
      'tandem_messages_total{disposition="forwarded"} 2',
    );
  });

  it('reads a gauge each time that somebody asks, and forgets what it said before', async () => {
    const metrics = createMetrics();
    let queues: readonly Sample[] = [[{ queue: 'message' }, 12]];
    let age: number | undefined = 8;
    metrics.show([
      { name: 'entries', help: 'Entries.', labels: ['queue'], read: () => queues },
      { name: 'age', help: 'Age.', read: () => Promise.resolve(age) },
    ]);
    expect(samples(await metrics.text(), 'entries')).toEqual(['entries{queue="message"} 12']);
    queues = [[{ queue: 'offer' }, 4]];
    age = undefined;
    const text = await metrics.text();
    expect(samples(text, 'entries')).toEqual(['entries{queue="offer"} 4']);
    expect(samples(text, 'age')).toEqual([]);
  });

  it('has the writes of the store', async () => {
    const metrics = createMetrics();
    metrics.observeFlush(0.003, 25);
    const text = await metrics.text();
    expect(text).toContain('tandem_store_flush_seconds_bucket{le="0.005"} 1\n');
    expect(text).toContain('tandem_store_flush_seconds_bucket{le="0.002"} 0\n');
    expect(text).toContain('tandem_store_flush_transactions_sum 25\n');
  });

  it('keeps the metrics of two nodes in one process apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.incMessage('answered');
    expect(samples(await other.text(), 'tandem_messages_total')).toEqual([]);
  });
});
