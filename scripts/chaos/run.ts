/** One run: a devnet, its users, the storm of faults, the healing, and what must be true after it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundlesVerify } from '../devnet/checks.ts';
import { consortium } from '../devnet/consortium.ts';
import { defaultFile, readDescription } from '../devnet/description.ts';
import type { DevnetPerson } from '../devnet/users.ts';
import { gapsOf, readChain, readHeads, type AnchoredHead, type OnChain } from './anchored.ts';
import { audit } from './audit.ts';
import { Chance } from './chance.ts';
import { Faults } from './faults.ts';
import { Gateway } from './gateway.ts';
import { Load, type Act } from './load.ts';
import { Member } from './member.ts';
import * as messages from './messages.ts';
import { finalityDepth, startNet, type ChaosNet } from './net.ts';
import * as outcomes from './outcomes.ts';
import { population } from './people.ts';
import { untilQuiet } from './quiet.ts';
import { planOf, type FaultClass } from './schedule.ts';
import { Siege, whoIsBlamed } from './siege.ts';
import { alarmsIn, readStore, type StoredNode } from './stores.ts';
import { Story } from './story.ts';
import { Supervisor } from './supervisor.ts';
import { saysDone } from './words.ts';

export interface ChaosOptions {
  readonly stormMillis: number;
  readonly seed: string;
  readonly classes: ReadonlySet<FaultClass>;
  /** 2 to 8. */
  readonly operators: number;
  /** The last of at least three operators is hostile: on chain with its keys, and on the channel. */
  readonly hostile: boolean;
  /** Endpoints of the chain that each node has: 1, the chain itself, or several that may misbehave. */
  readonly endpoints: number;
  /** Orders a second. */
  readonly rate: number;
  readonly peopleASide: number;
  /** From order to deadline, before rounding. */
  readonly acceptSeconds: number;
  /** How long everything that is under way may take to end, once all works again. */
  readonly patienceMillis: number;
  /** Nobody answers late or never: for a short run, which cannot wait for many deadlines. */
  readonly prompt: boolean;
  /** Leave the folder behind also where everything came out well. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

export interface Check {
  readonly name: string;
  readonly problems: readonly string[];
}

export interface ChaosResult {
  readonly seed: string;
  readonly stormSeconds: number;
  readonly checks: readonly Check[];
  /** How often each fault was injected. */
  readonly faults: ReadonlyMap<string, number>;
  /** Classes that were asked for and could not be injected, and why. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly kills: number;
  readonly killsWhileStarting: number;
  /** Nodes that gave up by themselves and were started again, by reason. */
  readonly gaveUp: ReadonlyMap<string, number>;
  readonly readyMillis: readonly number[];
  /** From the end of the faults until nothing was under way. */
  readonly quietSeconds: number;
  readonly acts: ReadonlyMap<string, number>;
  readonly messages: {
    readonly sent: number;
    readonly attempts: number;
    readonly told: number;
    readonly toldAgain: number;
  };
  /** Pairs by how they ended. */
  readonly pairs: ReadonlyMap<string, number>;
  readonly batches: number;
  /** Alarms of the nodes, by kind. */
  readonly alarms: ReadonlyMap<string, number>;
  /** What the checks looked at. */
  readonly found: {
    readonly nodes: readonly StoredNode[];
    readonly chain: OnChain;
    readonly heads: readonly AnchoredHead[];
    readonly gateway: Gateway;
    readonly acts: readonly Act[];
  };
}

/** Pairs whose evidence is checked as an auditor would. */
const bundles = 12;
const resent = 40;
const probeAgainMillis = 15_000;
const batchWindowSeconds = 30;

const timingOf = (acceptSeconds: number): Readonly<Record<string, number>> => ({
  acceptSeconds,
  acceptWindowSeconds: acceptSeconds + batchWindowSeconds,
  commitMarginSeconds: 3,
  proposalTimeoutSeconds: 15,
  carrySeconds: 3,
  // Short, so that a chain that stands still for a few seconds is noticed and moved on.
  maxBlockGapSeconds: 8,
});

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const chance = new Chance(options.seed);
  const story = new Story(options.print);
  const supervisor = new Supervisor(story);
  const gateway = await Gateway.start(randomBytes(24).toString('base64url'), chance.fork('gateway'));
  const dir = mkdtempSync(join(tmpdir(), 'tandem-chaos-'));
  const description = readDescription(defaultFile, options.operators);
  const hostile = options.hostile ? description.operators.at(-1)?.handle : undefined;
  const honest = description.operators.filter(({ handle }) => handle !== hostile);
  const users = population(honest, options.peopleASide);
  let net: ChaosNet | undefined;
  let clean = false;
  try {
    net = await startNet({
      dir,
      description,
      endpoints: options.endpoints,
      users,
      gateway,
      supervisor,
      story,
      timing: timingOf(options.acceptSeconds),
      smallDisk: options.classes.has('disk full'),
      hostile,
      signal: options.signal,
    });
    const result = await storm(options, { chance, story, supervisor, gateway, net, users, hostile });
    clean = result.checks.every(({ problems }) => problems.length === 0);
    return result;
  } finally {
    supervisor.end();
    await net?.stop();
    await gateway.close();
    if ((clean || options.signal.aborted) && !options.keep) rmSync(dir, { recursive: true, force: true });
    else story.say(`The folder of this run is ${dir}`);
  }
}

interface Stage {
  readonly chance: Chance;
  readonly story: Story;
  readonly supervisor: Supervisor;
  readonly gateway: Gateway;
  readonly net: ChaosNet;
  readonly users: readonly DevnetPerson[];
  readonly hostile: string | undefined;
}

async function storm(options: ChaosOptions, stage: Stage): Promise<ChaosResult> {
  const { chance, story, supervisor, gateway, net, users, hostile } = stage;
  const classes = new Set(options.classes);
  const skipped = new Map<string, string>();
  if (net.noDisk !== undefined) {
    skipped.set('disk full', net.noDisk);
    classes.delete('disk full');
    story.say(`NO FULL DISK IN THIS RUN: ${net.noDisk}`);
  }
  const load = new Load({
    gateway,
    chance: chance.fork('load'),
    parties: net.parties,
    rate: options.rate,
    lateMillis: (options.acceptSeconds + 16) * 1000,
    prompt: options.prompt,
    run: randomBytes(4).toString('hex'),
  });
  const faults = new Faults({
    story,
    supervisor,
    gateway,
    links: net.links,
    rpcUrl: net.file.rpcUrl,
    endpoints: net.endpoints,
    disk: net.disk,
    dataDirs: new Map(net.devnet.layout.operators.map(({ handle, dataDir }) => [handle, dataDir])),
  });
  const plan = planOf(chance.fork('faults'), {
    millis: options.stormMillis,
    finalityDepth,
    handles: net.handles,
    endpoints: options.endpoints,
    classes,
  });
  story.say(`The storm: ${plan.length} faults in ${options.stormMillis / 1000} s, seed ${options.seed}`);
  const siege = hostile === undefined ? undefined : besiege(hostile, stage);
  const begun = performance.now();
  const ordering = load.order();
  for (const { at, fault } of plan) {
    await sleep(Math.max(0, begun + at - performance.now()), undefined, { signal: options.signal });
    faults.inject(fault);
  }
  await sleep(Math.max(0, begun + options.stormMillis - performance.now()), undefined, { signal: options.signal });
  const stormSeconds = (performance.now() - begun) / 1000;
  await siege?.end();
  load.end();
  load.prompt = true;
  await ordering;
  await faults.heal();
  const healed = performance.now();
  story.say('Everything is healed; no more orders');
  const live: string[] = [];
  const { patienceMillis, signal } = options;
  const quiet = async (when: string): Promise<void> => {
    for (const what of await untilQuiet(net, patienceMillis, signal)) {
      live.push(`${patienceMillis / 1000} s after ${when}: ${what}`);
    }
  };
  // An answer that is late on purpose is still to come.
  if (!(await within(load.idle(), patienceMillis + (options.acceptSeconds + 20) * 1000, signal))) {
    live.push(`${gateway.undelivered} messages have no 202 though everything works again`);
  }
  await quiet('the faults');
  const quietSeconds = (performance.now() - healed) / 1000;
  story.say(live.length === 0 ? `Quiet after ${quietSeconds.toFixed(1)} s` : `NOT QUIET: ${live.join('; ')}`);
  live.push(...(await probe(load, stage, options)));
  const last = [...gateway.sent.values()].slice(-resent);
  for (const sent of last) await gateway.again(clientOf(net, sent.operator), sent);
  await quiet('the last pairs');

  const audited = await audit(net);
  const evidence = await evidenceOf(gateway, net);
  const { ok: decides, text: standing } = await consortium(net.file);
  const blamed = siege === undefined ? undefined : await whoIsBlamed(net, siege.id);
  supervisor.end();
  for (const handle of net.devnet.clients.keys()) await net.devnet.stopNode(handle);
  const nodes: StoredNode[] = [];
  const honest = net.devnet.layout.operators.filter(({ handle }) => net.handles.includes(handle));
  for (const operator of honest) nodes.push(await readStore(operator));
  const chain = await readChain(net.file.rpcUrl, net.file.contracts.PairSettlement);
  const gaps = await gapsOf(net.file.rpcUrl);
  const heads = await readHeads(net.file.rpcUrl, net.file.contracts.AuditLog);
  const alarms = new Map<string, number>();
  for (const { logFile } of honest) alarmsIn(logFile, alarms);
  const checks: Check[] = [
    { name: 'the chain below them is whole, so that the rest is about the nodes', problems: gaps },
    { name: 'I1: one outcome a pair, in its stores and on chain', problems: outcomes.oneOutcome(nodes, chain) },
    {
      name: 'I2: books balance, sums are constant, positions mirror',
      problems: outcomes.books(nodes, depositsOf(users)),
    },
    { name: 'I3: one decision and one booking a pair', problems: outcomes.onceOnly(nodes, chain) },
    { name: 'I4: one content a number, one batch a pair', problems: outcomes.oneContent(nodes, chain) },
    {
      name: 'I5: every answer and every word was durable',
      problems: [...messages.accepted(nodes, gateway), ...messages.journaled(nodes, gateway)],
    },
    {
      name: 'I6: everything ends, and new pairs settle along every lane',
      problems: [...live, ...outcomes.nothingLeft(nodes)],
    },
    {
      name: 'I6: every accepted message has one result',
      problems: [...messages.oneResult(nodes, load.acts), ...messages.passedOn(load.acts, gateway)],
    },
    {
      name: 'I6: every user is told the true end, once',
      problems: [...messages.toldOnce(nodes, gateway), ...messages.answersKept(nodes, load.acts)],
    },
    {
      name: 'I7: every batch is reconciled and every commitment opens',
      problems: [...outcomes.opened(nodes, chain), ...evidence, ...outcomes.auditedAll(nodes, audited)],
    },
    { name: 'the journals are whole and hold their anchored heads', problems: outcomes.journals(nodes, heads) },
    { name: 'every operator is a member with a vote, and nobody is suspended', problems: decides ? [] : [standing] },
    blamed === undefined
      ? { name: 'nobody is accused of anything', problems: outcomes.nobodyAccused(nodes, alarms) }
      : { name: 'the hostile member is named, and nobody else is accused', problems: blamed },
    { name: 'no process ended that should not', problems: supervisor.problems },
  ];
  return {
    seed: options.seed,
    stormSeconds,
    checks,
    faults: story.counts,
    skipped,
    kills: supervisor.kills,
    killsWhileStarting: supervisor.killsWhileStarting,
    gaveUp: supervisor.gaveUp,
    readyMillis: supervisor.readyMillis,
    quietSeconds,
    acts: load.counts,
    messages: {
      sent: gateway.sent.size,
      attempts: [...gateway.sent.values()].reduce((sum, { attempts }) => sum + attempts, 0),
      told: gateway.told.length,
      toldAgain: gateway.duplicatesTold,
    },
    pairs: endsOf(nodes),
    batches: chain.batches.size,
    alarms,
    found: { nodes, chain, heads, gateway, acts: load.acts },
  };
}

function besiege(hostile: string, { chance, story, net }: Stage): Siege {
  const place = net.devnet.layout;
  const siege = new Siege({ member: Member.of(place, hostile), place, chance: chance.fork('siege'), story });
  siege.begin();
  return siege;
}

function clientOf({ clients }: ChaosNet, handle: string) {
  const client = clients.get(handle);
  if (client === undefined) throw new Error(`no operator ${handle}`);
  return client;
}

/** Whether `work` has ended before `millis` are over. */
async function within(work: Promise<unknown>, millis: number, signal: AbortSignal): Promise<boolean> {
  const timer = new AbortController();
  const over = sleep(millis, false, { signal: AbortSignal.any([timer.signal, signal]) });
  over.catch(() => undefined);
  const done = await Promise.race([work.then(() => true), over]);
  timer.abort();
  return done;
}

/** A new pair from each operator to each other one. @returns what did not settle */
async function probe(
  load: Load,
  { gateway, net }: Stage,
  { patienceMillis, signal }: ChaosOptions,
): Promise<readonly string[]> {
  const { handles } = net;
  const ways = handles.flatMap((from) =>
    handles.flatMap((to) => (from === to ? [] : [{ from, to, acts: [load.probe(from, to)] }])),
  );
  const told = ({ note }: Act): boolean =>
    gateway.told.filter(({ message: { text } }) => text.endsWith(`"${note}"`) && saysDone(text)).length >= 2;
  const unsettled = () => ways.filter(({ acts }) => !acts.some(told));
  const end = performance.now() + patienceMillis;
  let again = performance.now() + probeAgainMillis;
  while (performance.now() < end && unsettled().length > 0) {
    await sleep(200, undefined, { signal });
    if (performance.now() < again) continue;
    // An order that was refused as busy is no pair: what is blocked for good stays so.
    for (const { from, to, acts } of unsettled()) acts.push(load.probe(from, to));
    again = performance.now() + probeAgainMillis;
  }
  return unsettled().map(({ from, to }) => `a new pair from ${from} to ${to} has not settled`);
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

function endsOf(nodes: readonly StoredNode[]): ReadonlyMap<string, number> {
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
