/** What the process shows in `/metrics` beside what its parts do: endpoints, registry, outbox, servers, alarms. */
import { alarmCodes } from '../alarms/catalogue.ts';
import type { Block } from '../chain/chain.ts';
import type { EndpointStatus } from '../chain/endpoints.ts';
import type { ComposedNode } from '../compose.ts';
import { toUnixSeconds, type UnixSeconds } from '../model/ids.ts';
import type { PartGauge, Sample } from '../parts/part.ts';

interface Counts {
  readonly proven: number;
  readonly unproven: number;
}

export interface Shown {
  readonly node: Pick<ComposedNode, 'engine' | 'head' | 'peers' | 'flow'>;
  readonly endpoints: { readonly status: readonly EndpointStatus[]; readonly disagreements: readonly unknown[] };
  readonly certificate: { readonly ends: UnixSeconds };
  readonly servers: Readonly<Record<'channel' | 'api', { readonly connections: Counts }>>;
}

function chainGauges({ head, engine }: Shown['node']): readonly PartGauge[] {
  const age = (block: Block | undefined): number | undefined =>
    block === undefined ? undefined : Math.max(0, toUnixSeconds(engine.clock.now()) - block.timestamp);
  return [
    { name: 'tandem_chain_head_height', help: 'Newest block seen.', read: () => head.seen?.newest.number },
    {
      name: 'tandem_chain_head_age_seconds',
      help: 'Age of the newest block seen.',
      read: () => age(head.seen?.newest),
    },
    { name: 'tandem_chain_final_height', help: 'Newest final block.', read: () => head.seen?.final.number },
    {
      name: 'tandem_chain_final_age_seconds',
      help: 'Age of the newest final block.',
      read: () => age(head.seen?.final),
    },
  ];
}

export function endpointGauges(endpoints: Shown['endpoints']): readonly PartGauge[] {
  const inState = (state: EndpointStatus['state']): number =>
    endpoints.status.filter((endpoint) => endpoint.state === state).length;
  const each = (name: string, help: string, holds: (endpoint: EndpointStatus) => boolean): PartGauge => ({
    name,
    help,
    labels: ['endpoint'],
    read: () => endpoints.status.map((endpoint): Sample => [{ endpoint: endpoint.name }, Number(holds(endpoint))]),
  });
  return [
    { name: 'tandem_endpoints_ok', help: 'RPC endpoints that answer.', read: () => inState('ok') },
    { name: 'tandem_endpoints_silent', help: 'RPC endpoints that do not answer.', read: () => inState('silent') },
    {
      name: 'tandem_endpoints_disagreeing',
      help: 'Questions on which the RPC endpoints disagree.',
      read: () => endpoints.disagreements.length,
    },
    each(
      'tandem_endpoint_ok',
      '1 if the RPC endpoint answers and serves the right network.',
      ({ state }) => state === 'ok',
    ),
    each(
      'tandem_endpoint_disagrees',
      '1 if the RPC endpoint contradicts the others.',
      ({ disagrees }) => disagrees !== undefined,
    ),
  ];
}

const queueGauges = ({ engine }: Shown['node']): readonly PartGauge[] => [
  {
    name: 'tandem_outbox_entries',
    help: 'Items waiting in the outbox.',
    labels: ['queue'],
    read: () => engine.queueNames.map((queue): Sample => [{ queue }, engine.depth(queue)]),
  },
  {
    name: 'tandem_outbox_lag_seconds',
    help: 'Age of the oldest item of a queue.',
    labels: ['queue'],
    read() {
      const now = engine.clock.now();
      return engine.queueNames.map((queue): Sample => [
        { queue },
        Math.max(0, now - (engine.oldestSince(queue) ?? now)) / 1000,
      ]);
    },
  },
];

export const standingGauge = (peers: Pick<ComposedNode['peers'], 'all'>): PartGauge => ({
  name: 'tandem_operator_standing',
  help: 'Operators in the registry, including this one, by status: active, suspended, retired.',
  labels: ['operator', 'status'],
  read: () => peers.all().map(({ id, status }): Sample => [{ operator: id, status }, 1]),
});

export const alarmGauge = (alarms: Pick<ComposedNode['flow']['alarms'], 'active'>): PartGauge => ({
  name: 'tandem_alarm_active',
  help: 'Active alarms with that code: conditions that hold now, and events that are not acknowledged.',
  labels: ['code'],
  async read() {
    const active = await alarms.active();
    return alarmCodes.map((code): Sample => [{ code }, active.get(code) ?? 0]);
  },
});

const processGauges = ({ certificate, servers, node: { engine } }: Shown): readonly PartGauge[] => [
  {
    name: 'tandem_connections',
    help: 'Open connections, by whether they are authenticated.',
    labels: ['server', 'state'],
    read: () =>
      Object.entries(servers).flatMap(([server, { connections }]): Sample[] => [
        [{ server, state: 'proven' }, connections.proven],
        [{ server, state: 'unproven' }, connections.unproven],
      ]),
  },
  {
    name: 'tandem_certificate_days_left',
    help: 'Days until the channel’s certificate expires.',
    read: () => Math.floor((certificate.ends - toUnixSeconds(engine.clock.now())) / 86_400),
  },
  {
    name: 'tandem_process_cpu_seconds',
    help: 'CPU time of the process so far.',
    read() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  {
    name: 'tandem_process_resident_bytes',
    help: 'Resident memory of the process.',
    read: () => process.memoryUsage.rss(),
  },
];

export const nodeGauges = (shown: Shown): readonly PartGauge[] => [
  ...chainGauges(shown.node),
  ...endpointGauges(shown.endpoints),
  ...queueGauges(shown.node),
  standingGauge(shown.node.peers),
  alarmGauge(shown.node.flow.alarms),
  ...processGauges(shown),
];
