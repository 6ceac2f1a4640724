/**
 * What a running node reads again when it is told to (SIGHUP): the catalogue, the number directory, tokens, auditors and the
 * webhook, and the channel's certificate. Each part by itself: one that is faulty stays as it was, is said in the log and is
 * an alarm until it has been read. What else has changed in the configuration waits for a restart, and is named.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Alarms } from './alarms/alarms.ts';
import type { LoadedAnalysis } from './analysis/load.ts';
import type { ReplaceableAnalysis } from './analysis/replaceable.ts';
import { loadServices } from './analysis/services.ts';
import type { ApiAccess } from './api/access.ts';
import type { AuditorGate } from './api/auditor-gate.ts';
import { pinOf, readCertificate } from './channel/certificate.ts';
import type { OwnCertificate } from './channel/own-certificate.ts';
import { loadConfig, type Config } from './config.ts';
import { loadDirectory } from './directory/file.ts';
import type { ReplaceableDirectory } from './directory/replaceable.ts';
import { TandemError } from './errors.ts';
import type { WebhookGateway } from './messaging/webhook.ts';
import type { Hash, UnixMillis } from './model/ids.ts';

export interface ReloadParts {
  readonly file: string;
  /** What the node runs with: as it was started, with what has been read again since. */
  readonly running: () => Config;
  readonly reconfigure: (config: Config) => void;
  readonly analysis: ReplaceableAnalysis;
  /** @throws {TandemError} `catalogue-invalid` where the node could not go on with it */
  readonly fits: (catalogue: LoadedAnalysis) => void;
  readonly directory: ReplaceableDirectory;
  readonly certificate: OwnCertificate;
  /** The keys that the registry has for this operator now. */
  readonly pins: () => readonly Hash[];
  readonly access: ApiAccess;
  readonly auditors: AuditorGate;
  readonly webhook: WebhookGateway | undefined;
  readonly alarms: Pick<Alarms, 'set'>;
  readonly now: () => UnixMillis;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

export type ReloadablePart = 'configuration' | 'catalogue' | 'directory' | 'certificate';

export interface Reloaded {
  readonly reloaded: readonly ReloadablePart[];
  readonly failed: readonly ReloadablePart[];
  /** Fields of the configuration that have changed and count from the next start. */
  readonly restartNeeded: readonly string[];
}

/** `before`, with what may change while the node runs as `next` has it. */
function withReloadable(before: Config, next: Config): Config {
  const { gatewayToken, adminToken, names } = next.api;
  const { certFile, keyFile } = next.channel;
  // A webhook that comes or goes changes what the node is made of.
  const webhook = before.gateway.webhook === undefined ? undefined : next.gateway.webhook;
  return {
    ...before,
    api: { ...before.api, gatewayToken, adminToken, names },
    auditors: next.auditors,
    disclosure: next.disclosure,
    gateway: webhook === undefined ? before.gateway : { ...before.gateway, webhook },
    catalogueFile: next.catalogueFile,
    directoryFile: next.directoryFile,
    channel: { ...before.channel, certFile, keyFile },
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of fields, never their values: some are secrets. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  if (!isRecord(a) || !isRecord(b)) return [path];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.flatMap((name) => differences(a[name], b[name], path === '' ? name : `${path}.${name}`));
}

function replaceCertificate({ certificate, pins, now }: ReloadParts, { channel }: Config): void {
  const pem = readCertificate(channel);
  let pin: Hash;
  try {
    pin = pinOf(pem.cert);
  } catch (cause) {
    throw new TandemError('config-invalid', `${channel.certFile} is not a certificate: ${(cause as Error).message}`, {
      cause,
    });
  }
  // With a key that the registry has not, every peer would refuse this node from its next connection on.
  if (pin !== certificate.pin && !pins().includes(pin)) {
    throw new TandemError(
      'config-invalid',
      `The key of ${channel.certFile}, ${pin}, is not a pin of this operator in the registry: add it there first (setNextPin), or keep the previous key.`,
    );
  }
  certificate.replace(pem, now());
}

export function reload(parts: ReloadParts): Reloaded {
  const { access, alarms, analysis, auditors, directory, fits, log, webhook } = parts;
  const before = parts.running();
  const reloaded: ReloadablePart[] = [];
  const failed: ReloadablePart[] = [];
  const attempt = <R>(part: ReloadablePart, read: () => R): R | undefined => {
    try {
      const result = read();
      alarms.set('reload-failed', false, {}, part);
      reloaded.push(part);
      return result;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      alarms.set('reload-failed', true, { detail }, part);
      log({ level: 'error', type: 'reload-failed', part, message: detail });
      failed.push(part);
      return undefined;
    }
  };

  const next = attempt('configuration', () => loadConfig(parts.file)) ?? before;
  let config = withReloadable(before, next);
  const restartNeeded = differences(next, config);
  const { gatewayToken, adminToken, names, host } = config.api;
  auditors.replace(config.auditors);
  access.replace({ gatewayToken, adminToken, names, host, auditors });
  if (config.gateway.webhook !== undefined && !isDeepStrictEqual(config.gateway, before.gateway)) {
    webhook?.replace(config.gateway.webhook);
  }

  attempt('catalogue', () => {
    const loaded = loadServices(config.catalogueFile, before.assets);
    fits(loaded);
    analysis.replace(loaded);
  });
  attempt('directory', () => {
    directory.replace(loadDirectory(config.directoryFile));
  });
  attempt('certificate', () => {
    replaceCertificate(parts, config);
  });

  // What failed is what was before: the next attempt is compared with that.
  if (failed.includes('catalogue')) config = { ...config, catalogueFile: before.catalogueFile };
  if (failed.includes('directory')) config = { ...config, directoryFile: before.directoryFile };
  if (failed.includes('certificate')) config = { ...config, channel: before.channel };
  parts.reconfigure(Object.freeze(config));
  log({
    level: restartNeeded.length > 0 ? 'warn' : 'info',
    ...{ type: 'reloaded', parts: reloaded, failed },
    ...(restartNeeded.length === 0 ? {} : { restartNeeded }),
  });
  return { reloaded, failed, restartNeeded };
}
