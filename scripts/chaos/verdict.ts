/** What is seen of a run when it is over, and what must be true of it. */
import { bundlesVerify } from '../devnet/checks.ts';
import { consortium } from '../devnet/consortium.ts';
import type { DevnetPerson } from '../devnet/users.ts';
import { gapsOf, readChain, readHeads, type AnchoredHead, type OnChain } from './anchored.ts';
import { audit } from './audit.ts';
import type { Chance } from './chance.ts';
import type { Gateway } from './gateway.ts';
import type { Load } from './load.ts';
import * as messages from './messages.ts';
import type { ChaosNet } from './net.ts';
import * as outcomes from './outcomes.ts';
import { whoIsBlamed, type Siege } from './siege.ts';
import { alarmsIn, readStore, type StoredNode } from './stores.ts';
import type { Story } from './story.ts';
import type { Supervisor } from './supervisor.ts';
import { saysDone } from './words.ts';

export interface Check {
  readonly name: string;
  readonly problems: readonly string[];
}

/** Whom and what a run is made of. */
export interface Stage {
  readonly chance: Chance;
  readonly story: Story;
  readonly supervisor: Supervisor;
  readonly gateway: Gateway;
  readonly net: ChaosNet;
  readonly users: readonly DevnetPerson[];
  readonly hostile: string | undefined;
}

/** Pairs whose evidence is checked as an auditor would. */
const bundles = 12;

/** Everything that the checks are about, from outside of the nodes: first of those that run, then of what they leave. */
export interface Seen {
  readonly nodes: readonly StoredNode[];
  readonly chain: OnChain;
  readonly gaps: readonly string[];
  readonly heads: readonly AnchoredHead[];
  readonly alarms: ReadonlyMap<string, number>;
  readonly audited: Awaited<ReturnType<typeof audit>>;
  readonly evidence: readonly string[];
  readonly standing: Awaited<ReturnType<typeof consortium>>;
  readonly blamed: readonly string[] | undefined;
}

export async function lookAtAll({ gateway, net, supervisor }: Stage, siege: Siege | undefined): Promise<Seen> {
  const audited = await audit(net);
  const evidence = await evidenceOf(gateway, net);
  const standing = await consortium(net.file);
  const blamed = siege === undefined ? undefined : await whoIsBlamed(net, siege.id);
  supervisor.end();
  for (const handle of net.devnet.clients.keys()) await net.devnet.stopNode(handle);
  const nodes: StoredNode[] = [];
  const honest = net.devnet.layout.operators.filter(({ handle }) => net.handles.includes(handle));
  for (const operator of honest) nodes.push(await readStore(operator));
  const { rpcUrl, contracts } = net.file;
  const chain = await readChain(rpcUrl, contracts.PairSettlement);
  const gaps = await gapsOf(rpcUrl);
  const heads = await readHeads(rpcUrl, contracts.AuditLog);
  const alarms = new Map<string, number>();
  for (const { logFile } of honest) alarmsIn(logFile, alarms);
  return { nodes, chain, gaps, heads, alarms, audited, evidence, standing, blamed };
}

/** What must be true of every run: the invariants of docs/faults.md, by their numbers. */
export function checksOf(
  { gateway, users, supervisor }: Stage,
  { acts }: Load,
  { nodes, chain, gaps, heads, alarms, audited, evidence, standing, blamed }: Seen,
  live: readonly string[],
): readonly Check[] {
  const check = (name: string, ...problems: readonly (readonly string[])[]): Check => ({
    name,
    problems: problems.flat(),
  });
  return [
    check('the chain below them is whole, so that the rest is about the nodes', gaps),
    check('I1: one outcome a pair, in its stores and on chain', outcomes.oneOutcome(nodes, chain)),
    check('I2: books balance, sums are constant, positions mirror', outcomes.books(nodes, depositsOf(users))),
    check('I3: one decision and one booking a pair', outcomes.onceOnly(nodes, chain)),
    check('I4: one content a number, one batch a pair', outcomes.oneContent(nodes, chain)),
    check(
      'I5: every answer and every word was durable',
      messages.accepted(nodes, gateway),
      messages.journaled(nodes, gateway),
    ),
    check('I6: everything ends, and new pairs settle along every lane', live, outcomes.nothingLeft(nodes)),
    check(
      'I6: every accepted message has one result',
      messages.oneResult(nodes, acts),
      messages.passedOn(acts, gateway),
    ),
    check(
      'I6: every user is told the true end, once',
      messages.toldOnce(nodes, gateway),
      messages.answersKept(nodes, acts),
    ),
    check(
      'I7: every batch is reconciled and every commitment opens',
      outcomes.opened(nodes, chain),
      evidence,
      outcomes.auditedAll(nodes, audited),
    ),
    check('the journals are whole and hold their anchored heads', outcomes.journals(nodes, heads)),
    check('every operator is a member with a vote, and nobody is suspended', standing.ok ? [] : [standing.text]),
    blamed === undefined
      ? check('nobody is accused of anything', outcomes.nobodyAccused(nodes, alarms))
      : check('the hostile member is named, and nobody else is accused', blamed),
    check('no process ended that should not', supervisor.problems),
  ];
}

async function evidenceOf(gateway: Gateway, net: ChaosNet): Promise<readonly string[]> {
  const { verify } = await import('../../operator-node/cli/verify.ts');
  const done = gateway.told.filter(({ message }) => message.pair !== undefined && saysDone(message.text));
  const pairs = [...new Set(done.map(({ message }) => String(message.pair)))];
  const every = Math.max(1, Math.floor(pairs.length / bundles));
  const chosen = pairs.filter((_, index) => index % every === 0);
  const { ok, text } = await bundlesVerify(verify, net.devnet.layout.networkFile, net.file, net.devnet.clients, chosen);
  return ok ? [] : [text];
}

function depositsOf(users: readonly DevnetPerson[]): ReadonlyMap<string, bigint> {
  const deposits = new Map<string, bigint>();
  for (const { operator, deposits: own } of users) {
    for (const { asset, amount } of own) {
      const key = `${operator} ${asset}`;
      deposits.set(key, (deposits.get(key) ?? 0n) + BigInt(amount));
    }
  }
  return deposits;
}

/** Pairs by how they ended, as their initiators have them. */
export function endsOf(nodes: readonly StoredNode[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const { sides } of nodes) {
    for (const { side, state } of sides.values()) {
      if (side.role !== 'initiator') continue;
      const end = state.state === 'aborted' ? (state.reason ?? 'aborted') : state.state;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
  }
  return ends;
}
