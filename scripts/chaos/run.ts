/** One run: a devnet, its users, the storm of faults, the healing, and what must be true after it. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultFile, readDescription } from '../devnet/description.ts';
import type { AnchoredHead, OnChain } from './anchored.ts';
import { Chance } from './chance.ts';
import { Faults } from './faults.ts';
import { Gateway } from './gateway.ts';
import { Load, type Act } from './load.ts';
import { Member } from './member.ts';
import { finalityDepth, startNet, type ChaosNet } from './net.ts';
import { population } from './people.ts';
import { untilQuiet } from './quiet.ts';
import { planOf, type FaultClass } from './schedule.ts';
import { Siege } from './siege.ts';
import type { StoredNode } from './stores.ts';
import { Story } from './story.ts';
import { Supervisor } from './supervisor.ts';
import { checksOf, endsOf, lookAtAll, type Check, type Stage } from './verdict.ts';
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

async function storm(options: ChaosOptions, stage: Stage): Promise<ChaosResult> {
  const { story, supervisor, gateway, hostile } = stage;
  const load = loadOf(options, stage);
  const siege = hostile === undefined ? undefined : besiege(hostile, stage);
  const { stormSeconds, healed, skipped } = await underFaults(options, stage, load, siege);
  const live = await untilOver(options, stage, load);
  const quietSeconds = (live.quietAt - healed) / 1000;
  const seen = await lookAtAll(stage, siege);
  return {
    seed: options.seed,
    stormSeconds,
    checks: checksOf(stage, load, seen, live.problems),
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
    pairs: endsOf(seen.nodes),
    batches: seen.chain.batches.size,
    alarms: seen.alarms,
    found: { nodes: seen.nodes, chain: seen.chain, heads: seen.heads, gateway, acts: load.acts },
  };
}

const loadOf = (options: ChaosOptions, { gateway, chance, net }: Stage): Load =>
  new Load({
    gateway,
    chance: chance.fork('load'),
    parties: net.parties,
    rate: options.rate,
    lateMillis: (options.acceptSeconds + 16) * 1000,
    prompt: options.prompt,
    run: randomBytes(4).toString('hex'),
  });

/** Orders while one fault after another is injected; at the end all of them are healed. */
async function underFaults(
  options: ChaosOptions,
  { chance, story, supervisor, gateway, net }: Stage,
  load: Load,
  siege: Siege | undefined,
): Promise<Pick<ChaosResult, 'stormSeconds' | 'skipped'> & { readonly healed: number }> {
  const { stormMillis, endpoints, signal } = options;
  const classes = new Set(options.classes);
  const skipped = new Map<string, string>();
  if (net.noDisk !== undefined) {
    skipped.set('disk full', net.noDisk);
    classes.delete('disk full');
    story.say(`NO FULL DISK IN THIS RUN: ${net.noDisk}`);
  }
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
  const { handles } = net;
  const plan = planOf(chance.fork('faults'), { millis: stormMillis, finalityDepth, handles, endpoints, classes });
  story.say(`The storm: ${plan.length} faults in ${stormMillis / 1000} s, seed ${options.seed}`);
  siege?.begin();
  const begun = performance.now();
  const ordering = load.order();
  for (const { at, fault } of plan) {
    await sleep(Math.max(0, begun + at - performance.now()), undefined, { signal });
    faults.inject(fault);
  }
  await sleep(Math.max(0, begun + stormMillis - performance.now()), undefined, { signal });
  const stormSeconds = (performance.now() - begun) / 1000;
  await siege?.end();
  load.end();
  load.prompt = true;
  await ordering;
  await faults.heal();
  story.say('Everything is healed; no more orders');
  return { stormSeconds, skipped, healed: performance.now() };
}

/** Until nothing is under way, and new pairs settle along every lane. @returns what is still open after all patience. */
async function untilOver(
  options: ChaosOptions,
  stage: Stage,
  load: Load,
): Promise<{ readonly problems: readonly string[]; readonly quietAt: number }> {
  const { story, gateway, net } = stage;
  const { patienceMillis, signal } = options;
  const problems: string[] = [];
  const quiet = async (when: string): Promise<void> => {
    for (const what of await untilQuiet(net, patienceMillis, signal)) {
      problems.push(`${patienceMillis / 1000} s after ${when}: ${what}`);
    }
  };
  const healed = performance.now();
  // An answer that is late on purpose is still to come.
  if (!(await within(load.idle(), patienceMillis + (options.acceptSeconds + 20) * 1000, signal))) {
    problems.push(`${gateway.undelivered} messages have no 202 though everything works again`);
  }
  await quiet('the faults');
  const quietAt = performance.now();
  const quietSeconds = ((quietAt - healed) / 1000).toFixed(1);
  story.say(problems.length === 0 ? `Quiet after ${quietSeconds} s` : `NOT QUIET: ${problems.join('; ')}`);
  problems.push(...(await probe(load, stage, options)));
  const last = [...gateway.sent.values()].slice(-resent);
  for (const sent of last) await gateway.again(clientOf(net, sent.operator), sent);
  await quiet('the last pairs');
  return { problems, quietAt };
}

function besiege(hostile: string, { chance, story, net }: Stage): Siege {
  const place = net.devnet.layout;
  return new Siege({ member: Member.of(place, hostile), place, chance: chance.fork('siege'), story });
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
