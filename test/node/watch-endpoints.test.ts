import { describe, expect, it } from 'vitest';
import type { EndpointStatus } from '../../operator-node/chain/endpoints.ts';
import { endpointFindings, watchEndpoints } from '../../operator-node/chain/watch-endpoints.ts';
import { createMetrics } from '../../operator-node/api/metrics.ts';
import { endpointGauges } from '../../operator-node/process/node-gauges.ts';

const ok: EndpointStatus = { name: 'a.example', state: 'ok', detail: '' };
const liar: EndpointStatus = { name: 'b.example', state: 'ok', detail: '', disagrees: 'block 7' };
const silent: EndpointStatus = { name: 'c.example', state: 'silent', detail: 'HTTP 502', silentMillis: 60_000 };
const wrong: EndpointStatus = { name: 'd.example', state: 'wrong-network', detail: 'the chain id is 1' };

describe('the endpoints of a node', () => {
  it('are alarmed one by one, with what each has done', () => {
    const set: unknown[] = [];
    watchEndpoints({ set: (...call) => set.push(call) }, [ok, liar, silent, wrong]);
    const active = set.filter((call) => (call as readonly unknown[])[1] === true);
    expect(active).toEqual([
      ['endpoint-disagrees', true, { endpoint: 'b.example', detail: 'block 7' }, 'b.example'],
      ['endpoint-silent', true, { endpoint: 'c.example', detail: 'HTTP 502' }, 'c.example'],
      ['endpoint-wrong-network', true, { endpoint: 'd.example', detail: 'the chain id is 1' }, 'd.example'],
    ]);
    expect(set).toHaveLength(12);
  });

  it('are no alarm for a short silence', () => {
    const set: unknown[] = [];
    watchEndpoints({ set: (code, active) => set.push(active ? code : '') }, [{ ...silent, silentMillis: 59_999 }]);
    expect(set).toEqual(['', '', '']);
  });

  it('are found by the doctor by name', () => {
    expect(endpointFindings([ok])).toEqual([]);
    const says = endpointFindings([ok, liar, silent, wrong]);
    expect(says.map((one) => /([abcd])\.example/.exec(one)?.[1])).toEqual(['b', 'c', 'd']);
  });

  it('have metrics by name', async () => {
    const metrics = createMetrics();
    metrics.show(endpointGauges({ status: [ok, liar, silent], disagreements: [] }));
    const text = await metrics.text();
    expect(text).toContain('tandem_endpoint_disagrees{endpoint="a.example"} 0');
    expect(text).toContain('tandem_endpoint_disagrees{endpoint="b.example"} 1');
    expect(text).toContain('tandem_endpoint_ok{endpoint="b.example"} 1');
    expect(text).toContain('tandem_endpoint_ok{endpoint="c.example"} 0');
  });
});
