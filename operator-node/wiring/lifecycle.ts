/** A node from its start to its stop: what is read, and what is set going, in which order. */
import type { Alarms } from '../alarms/alarms.ts';
import { cursorTable } from '../chain/cursor.ts';
import { maxRegistryAgeMillis, type ChainPeers } from '../chain/peers.ts';
import type { Channel } from '../channel/channel.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/engine.ts';
import type { Eraser } from '../erasure/erase.ts';
import { TandemError } from '../errors.ts';
import { checkAnchored } from '../flow/checkpoint.ts';
import type { FlowContext } from '../flow/context.ts';
import { counted } from '../model/counted.ts';
import { loadParts, startClocks } from '../parts/assemble.ts';
import type { Part } from '../parts/part.ts';
import { forgetOldAccounts } from '../recovery/old-accounts.ts';
import { signAgain } from '../recovery/resign.ts';
import type { RecoveryRun } from '../recovery/run.ts';
import type { ChainSide } from './chain-side.ts';
import type { NodeParts } from './node-parts.ts';

/** How often it is looked at whether an alarm about the chain has begun or ended. */
const chainMillis = 2_000;

export interface Built {
  readonly parts: NodeParts;
  readonly own: readonly Part[];
  readonly flow: FlowContext;
  readonly engine: Engine;
  readonly alarms: Alarms;
  readonly chain: ChainSide;
  readonly channel: Channel;
  readonly recovery: RecoveryRun;
  readonly eraser: Eraser;
}

/** @throws {TandemError} `catalogue-invalid` for one that lacks a service with open pairs: their users could not be told */
export function checkOpenServices({ open }: Pick<FlowContext, 'open'>, services: readonly string[]): void {
  const missing = [...open.byService()].filter(([service]) => !services.includes(service));
  if (missing.length === 0) return;
  const list = missing.map(([service, sides]) => `${service} (${counted(sides, 'open side')})`).join(', ');
  throw new TandemError(
    'catalogue-invalid',
    `The catalogue lacks ${list}, which open pairs need to inform their users: put it back until these pairs have ended.`,
  );
}

/** A node that the registry does not know would sign what nobody accepts. */
function checkOwnEntry({ operator }: Config, peers: ChainPeers): void {
  const entry = peers.get(operator.id);
  if (entry === undefined || entry.status === 'unknown' || entry.status === 'retired') {
    throw new TandemError(
      'config-invalid',
      `The registry has no acting operator ${operator.id}: the consortium has to admit it first.`,
    );
  }
}

async function lookAtOwnEntry({ parts, flow, chain: { peers } }: Built): Promise<void> {
  checkOwnEntry(parts.config, peers);
  const account = parts.transactionSigners.account.address.toLowerCase();
  await forgetOldAccounts(flow, account, peers.get(flow.self)?.accounts.map((key) => key.toLowerCase()) ?? []);
}

async function begin(built: Built): Promise<void> {
  const { parts, own, flow, engine, alarms, chain, eraser } = built;
  const { peers, sender, watcher, duties, look } = chain;
  alarms.set('recovering', false);
  // A registry that was never read says nothing of old accounts.
  if (peers.asOf !== undefined) await lookAtOwnEntry(built);
  await loadParts(own, engine, duties);
  checkOpenServices(flow, parts.analysis.services);
  await signAgain(flow);
  sender.start();
  watcher.start(parts.store.newest.get(cursorTable, 'chain'));
  engine.start();
  startClocks(own, engine);
  engine.every(chainMillis, 'chain', async () => {
    // An own clock that has jumped makes it old at once: read now, and not when it would be its turn.
    if (peers.status.ageMillis > maxRegistryAgeMillis) await peers.refresh().catch(() => undefined);
    look();
  });
  void eraser.resume().catch((error: unknown) => {
    parts.onFailure('erasure', error);
  });
  peers.onChange(() => {
    signAgain(flow).catch((error: unknown) => {
      parts.onFailure('signatures', error);
    });
  });
}

/**
 * Reads the operators and the store, then sets everything going. Where the chain is out of reach, it goes on without it and
 * waits. @throws {TandemError} `network-mismatch`, `config-invalid`
 */
export async function startBuilt(built: Built): Promise<void> {
  const { parts, flow, alarms, recovery } = built;
  const { peers } = built.chain;
  checkAnchored(parts.store.newest);
  await flow.room.look();
  if (!(await peers.start())) {
    // What the registry is asked at a start, it is asked when it can be.
    peers.whenRead(() => {
      if (!recovery.needed) lookAtOwnEntry(built).catch(parts.onFatal);
    });
  }
  if (peers.asOf !== undefined) checkOwnEntry(parts.config, peers);
  if (!recovery.needed) {
    await begin(built);
    return;
  }
  alarms.set('recovering', true);
  recovery.start(async () => {
    // No watcher has kept up with the registry meanwhile.
    await peers.refresh();
    await begin(built).catch(parts.onFatal);
  });
}

/** Lets what is under way end. The store stays open. */
export async function stopBuilt({
  recovery,
  engine,
  channel,
  chain: { watcher, sender, peers },
}: Built): Promise<void> {
  await recovery.stop();
  await watcher.stop();
  await engine.stop();
  await sender.stop();
  await peers.stop();
  await channel.close();
}
