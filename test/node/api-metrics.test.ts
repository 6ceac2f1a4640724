import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../operator-node/api/metrics.ts';
import type { UnixSeconds } from '../../operator-node/model/ids.ts';

const at = (seconds: number) => seconds as UnixSeconds;
/** The samples of one metric, as in the text. */
const samples = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name));

describe('createMetrics', () => {
  it('says nothing of what it does not know yet', async () => {
    const text = await createMetrics(() => 0).text();
    expect(samples(text, 'tandem_messages_total')).toEqual([]);
    expect(samples(text, 'tandem_chain_head_height')).toEqual([]);
    expect(samples(text, 'tandem_chain_final_age_seconds')).toEqual([]);
    expect(samples(text, 'tandem_open_pairs')).toEqual(['tandem_open_pairs 0']);
  });

  it('counts by label, and counts on after a reading', async () => {
    const metrics = createMetrics(() => 0);
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

  it('tells ages by the clock of the reading, and none below zero', async () => {
    let now = 1000;
    const metrics = createMetrics(() => now);
    metrics.setChainHead(7, at(1002));
    metrics.setChainFinal(5, at(990));
    metrics.setOpenPairs(3);
    metrics.setOldestOpenPair(at(940));
    expect(await metrics.text()).toContain('\ntandem_chain_head_age_seconds 0\n');
    now = 1010;
    const text = await metrics.text();
    for (const line of [
      'tandem_chain_head_height 7',
      'tandem_chain_head_age_seconds 8',
      'tandem_chain_final_height 5',
      'tandem_chain_final_age_seconds 20',
      'tandem_open_pairs 3',
      'tandem_oldest_open_pair_seconds 70',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    metrics.setOldestOpenPair(undefined);
    expect(await metrics.text()).toContain('\ntandem_oldest_open_pair_seconds 0\n');
  });

  it('has the depth of each queue and the writes of the store', async () => {
    const metrics = createMetrics(() => 0);
    metrics.setOutboxDepth('gateway', 12);
    metrics.setOutboxDepth('gateway', 4);
    metrics.observeFlush(0.003, 25);
    const text = await metrics.text();
    expect(samples(text, 'tandem_outbox_entries')).toEqual(['tandem_outbox_entries{queue="gateway"} 4']);
    expect(text).toContain('tandem_store_flush_seconds_bucket{le="0.005"} 1\n');
    expect(text).toContain('tandem_store_flush_seconds_bucket{le="0.002"} 0\n');
    expect(text).toContain('tandem_store_flush_transactions_sum 25\n');
  });

  it('keeps the metrics of two nodes in one process apart', async () => {
    const [one, other] = [createMetrics(() => 0), createMetrics(() => 0)];
    one.incMessage('answered');
    expect(samples(await other.text(), 'tandem_messages_total')).toEqual([]);
  });
});
