/** The context of the main path, out of the node's ports. */
import type { Alarms } from '../alarms/alarms.ts';
import type { Channel } from '../channel/channel.ts';
import type { Engine } from '../engine/engine.ts';
import { PeerAllowance } from '../flow/allowance.ts';
import { JournalAnchor } from '../flow/checkpoint.ts';
import type { AccountBook, FlowContext } from '../flow/context.ts';
import { ForwardAllowance } from '../flow/forwarding.ts';
import { Greetings } from '../flow/greet.ts';
import type { Greeting } from '../flow/hello.ts';
import { machines } from '../flow/machines.ts';
import { OpenWork } from '../flow/open.ts';
import { backlogOf, Overload } from '../flow/overload.ts';
import { AuditRequests } from '../flow/requests/requests.ts';
import { Decisions } from '../flow/submit.ts';
import { PeerTroubles } from '../flow/troubles.ts';
import { Windows } from '../flow/windows/windows.ts';
import type { Amount, OperatorId } from '../model/ids.ts';
import { Readiness } from '../readiness.ts';
import { askForForgotten, rememberOffer } from '../recovery/forgotten.ts';
import { rebuildBatch } from '../recovery/rebuild.ts';
import { Room } from '../store/room.ts';
import type { ChainSide } from './chain-side.ts';
import type { NodeParts } from './node-parts.ts';

const mebibyte = 1024 * 1024;

export type OwnFlow = FlowContext & { readonly readiness: Readiness; readonly alarms: Alarms };

export interface FlowMakings {
  readonly engine: Engine;
  readonly alarms: Alarms;
  readonly chain: ChainSide;
  readonly channel: Channel;
  readonly hello: Greeting;
  readonly recovering: () => boolean;
}

/** Of the configuration, `reload` puts another one into it. */
export function flowContext(parts: NodeParts, makings: FlowMakings): { -readonly [K in keyof OwnFlow]: OwnFlow[K] } {
  const { config } = parts;
  const { engine, alarms, chain, channel, hello } = makings;
  const { peers, head, sender, duties, gas } = chain;
  const open = new OpenWork();
  open.keys = parts.ownKeys;
  const decisions = new Decisions();
  const { troubles, allowance, lookups } = boundsOf(parts, alarms);
  const overload = new Overload(
    config.overload,
    backlogOf(engine, open, decisions, head),
    parts.clock,
    (active, facts, subject) => {
      alarms.set('overloaded', active, facts, subject);
    },
  );
  const room = new Room(config.disk.minFreeMebibytes * mebibyte, parts.freeBytes);
  const readiness = readinessOf(parts, makings, { open, room, overload });
  const context: ReturnType<typeof flowContext> = {
    self: config.operator.id,
    handle: config.operator.handle,
    serviceNumber: config.operator.serviceNumber,
    operatorKey: parts.operatorKey,
    settlement: parts.settlement,
    config,
    engine,
    machines: parts.machines ?? machines,
    analysis: parts.analysis,
    directory: parts.directory,
    domains: parts.domains,
    accounts: accountsOf(parts),
    peers,
    channel,
    greetings: new Greetings(hello, channel, engine, parts.caps, (peer) => allowance.take(peer)),
    caps: parts.caps,
    auditLog: parts.statements?.domain,
    windows: new Windows(engine, duties),
    requests: new AuditRequests(engine, duties),
    gateway: parts.gateway,
    chain: parts.reader,
    chainView: head,
    signer: parts.signer,
    open,
    decisions,
    duties,
    sender,
    anchor: new JournalAnchor({ ...config.journal, enabled: parts.auditLog !== undefined }),
    readiness,
    alarms,
    gas,
    allowance,
    lookups,
    forwarding: new ForwardAllowance(config.forward, parts.clock),
    troubles,
    overload,
    room,
    forgotten: {
      ask: (record) => askForForgotten(context, record),
      rebuild: (work, peer, given) => rebuildBatch(context, work, 'initiator', peer, given),
      remember: (from, batchId, request) => rememberOffer(context, from, batchId, request),
    },
  };
  return context;
}

const accountsOf = ({ payments }: NodeParts): AccountBook => ({
  balances: (view, user) =>
    payments
      .balances(view, user)
      .map(({ asset, balance, held }) => ({ asset, balance: balance as Amount, held: held as Amount })),
  moved: (view, pair, leg, operator) => payments.moved(view, pair, leg, operator),
  discharge: (tx, discharge, now) => payments.discharge(tx, discharge, now),
});

/** What a peer may cost this node. */
function boundsOf({ config, clock }: NodeParts, alarms: Alarms) {
  const troubles = new PeerTroubles(clock, (code, active, facts, subject) => {
    alarms.set(code, active, facts, subject);
  });
  const overBudget =
    (why: string) =>
    (peer: OperatorId): void => {
      troubles.note('peer-over-budget', peer, { why });
    };
  const { maxRememberedPerPeerHour: remembered, maxLookupsPerPeerHour: looked } = config;
  const tenth = Math.ceil(looked / 10);
  return {
    troubles,
    allowance: new PeerAllowance(remembered, clock, overBudget('refusals that are kept')),
    lookups: new PeerAllowance(looked, clock, overBudget('look-ups that came to nothing'), tenth),
  };
}

const readinessOf = (
  { config }: NodeParts,
  { chain: { head, watcher, peers, gas }, recovering }: FlowMakings,
  { open, room, overload }: { readonly open: OpenWork; readonly room: Room; readonly overload: Overload },
): Readiness =>
  new Readiness(() => ({
    self: config.operator.id,
    recovering: recovering(),
    halted: open.halted,
    room,
    overloaded: overload.chain,
    chain: head,
    trouble: watcher.status.trouble?.message,
    unreadable: watcher.unreadable,
    watching: watcher.status.running,
    peers,
    gas,
  }));
