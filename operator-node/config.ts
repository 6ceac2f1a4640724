/**
 * The only reader of the environment and of a node's configuration file. What comes out is checked and frozen; paths in
 * the file are relative to the file.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { policiesSchema, policyName, policyOf } from './audit/disclosures/policies.ts';
import { isRpcUrl } from './chain/address.ts';
import { isAddressOrNetwork } from './connections/address.ts';
import { TandemError } from './errors.ts';
import { LocatedYaml, type YamlPath } from './located-yaml.ts';
import { isAsset, isMsisdn, isOperatorId, isTimestamp } from './model/ids.ts';
import type { Network } from './model/records.ts';
import { readSecretFile } from './secret-file.ts';

const listen = z.strictObject({
  /** An IPv6 address may stand in brackets, as it does in a URL. */
  host: z
    .string()
    .default('127.0.0.1')
    .transform((host) => host.replace(/^\[(.*)\]$/, '$1')),
  port: z.number().int().min(0).max(65535),
});
/** What many come through, such as a proxy, and this machine itself: nobody is shut out there for what another does. */
const shared = z
  .array(z.string().refine(isAddressOrNetwork, 'an address, or a network like 10.0.0.0/8'))
  .default(['127.0.0.0/8', '::1']);
const token = z.string().min(16, 'at least 16 characters');

const schema = z.strictObject({
  operator: z.strictObject({
    id: z.number().refine(isOperatorId, 'an operator id, 1 to 4294967295'),
    handle: z.string().regex(/^[a-z][a-z0-9-]{1,31}$/, 'a handle: lower-case letters, digits, hyphens'),
    serviceNumber: z.string().refine(isMsisdn, 'a number in E.164 with its plus sign'),
  }),
  /** Folder of the store. One process at a time. */
  dataDir: z.string(),
  backup: z
    .strictObject({
      /** Where `tandem backup` puts its files, through the running node. */
      dir: z.string().optional(),
      /** A second copy of the store: each write is synced there too before it counts. On another disk than `dataDir`. */
      followDir: z.string().optional(),
      /** The keys of users in step with `followDir`: in a folder of its own, of which an erased key is gone at once. */
      followKeysDir: z.string().optional(),
      /** Where `tandem backup --keys` puts the keys of users. On another disk than `dir`, and copied nowhere for long. */
      keysDir: z.string().optional(),
      /** A key backup is removed, and not restored from, when it is older. */
      keysDays: z.number().int().min(1).max(365).default(30),
    })
    .prefault({}),
  api: listen.extend({
    sharedAddresses: shared,
    /** For the message gateway: `/v1/messages` and the devnet's phones. */
    gatewayToken: token,
    /** For staff: everything else under `/v1`. */
    adminToken: token,
    /** Names besides `host` by which what needs no token is asked; addresses need none. */
    names: z.array(z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/, 'a name without a port')).default([]),
  }),
  channel: listen.extend({
    sharedAddresses: shared,
    certFile: z.string(),
    keyFile: z.string(),
    /**
     * By operator id: where that counterparty is reached, over a private line, in place of its endpoint in the
     * registry.
     */
    routes: z
      .record(
        z.string().regex(/^[1-9][0-9]{0,9}$/, 'an operator id'),
        z
          .string()
          .refine((text) => URL.canParse(text) && new URL(text).origin === text && text.startsWith('https://'), {
            error: 'expected https://host:port, nothing behind it',
          }),
      )
      .default({}),
  }),
  gateway: z.strictObject({
    /** Where messages to users go: POSTed in groups with an HMAC of the body. */
    webhook: z.strictObject({ url: z.url(), secret: token }).optional(),
    /** A message that is refused so often, while others are taken, is set aside for staff. */
    tries: z.number().int().min(1).default(200),
    /** Folder of the devnet's phones, served under `/v1/phones`; absent on a real node. */
    phonesDir: z.string().optional(),
  }),
  chain: z.strictObject({
    networkFile: z.string(),
    rpcUrls: z.array(z.string().refine(isRpcUrl, 'expected an http or https URL')).min(1),
    pollMillis: z.number().int().min(20).max(60_000).default(250),
    /** Blocks on top of the consortium's finality: a node may be stricter, never laxer. */
    extraDepth: z.number().int().min(0).max(1000).default(0),
    /**
     * Secrets as 0x-hex of 32 bytes in one JSON file `{signer, account, carrier, operatorKey}`, readable by the node's
     * user only.
     */
    keysFile: z.string(),
  }),
  assets: z
    .array(
      z.strictObject({
        asset: z.string().refine(isAsset, 'an ISO 4217 code or <operatorId>:<CODE>'),
        exponent: z.number().int().min(0).max(18),
      }),
    )
    .min(1),
  catalogueFile: z.string(),
  directoryFile: z.string(),
  /** Decimal minor units by asset; an absent bound is no bound. */
  limits: z
    .strictObject({
      perOrder: z.record(z.string(), z.string().regex(/^[1-9][0-9]*$/)).default({}),
      /** On one UTC day. */
      perUserDay: z.record(z.string(), z.string().regex(/^[1-9][0-9]*$/)).default({}),
      /** How much this operator may owe, and be owed by, one counterparty; `caps` says it for one of them. */
      perCounterparty: z.record(z.string(), z.string().regex(/^[1-9][0-9]*$/)).default({}),
    })
    .default({ perOrder: {}, perUserDay: {}, perCounterparty: {} }),
  /**
   * By operator id: what that counterparty may owe here, and be owed, as `hello` tells it; the lower of both ideas
   * counts.
   */
  caps: z
    .record(
      z.string().regex(/^[1-9][0-9]{0,9}$/, 'an operator id'),
      z.record(z.string(), z.string().regex(/^(?:0|[1-9][0-9]{0,37})$/, 'minor units')),
    )
    .default({}),
  settlement: z
    .strictObject({
      /** From when a window was first stored until it should be discharged. */
      overdueSeconds: z.number().int().min(1).default(86_400),
      /** By operator id: a window is closed once in so many seconds, counted from 1970. The lower id proposes. */
      everySeconds: z
        .record(z.string().regex(/^[1-9][0-9]{0,9}$/, 'an operator id'), z.number().int().min(1).max(31_536_000))
        .default({}),
    })
    .prefault({}),
  timing: z
    .strictObject({
      /** From order to deadline; deadlines are rounded up to a multiple of 15 s (protocol §4). */
      acceptSeconds: z.number().int().min(15).max(86_400).default(600),
      /** The acceptor signs only batches whose deadline is at most this far away. */
      acceptWindowSeconds: z.number().int().min(15).max(86_400).default(900),
      proposalTimeoutSeconds: z.number().int().min(1).max(600).default(30),
      commitMarginSeconds: z.number().int().min(1).max(600).default(15),
      carrySeconds: z.number().int().min(1).max(600).default(10),
      /** The consortium's longest window (PairSettlement): how long a recovery without the controller's key waits. */
      maxWindowSeconds: z.number().int().min(60).max(2_592_000).default(86_400),
      /** Where this node is stricter than the consortium's `network.json`. */
      maxBlockGapSeconds: z.number().int().min(1).max(3600).optional(),
      batchMillis: z.number().int().min(1).max(60_000).default(400),
      proposeMillis: z.number().int().min(0).max(10_000).default(20),
      decideMillis: z.number().int().min(1).max(60_000).default(400),
    })
    .prefault({}),
  disk: z
    .strictObject({
      /** With less free than this on the store's disk no orders and no proposals are taken; what is open finishes. */
      minFreeMebibytes: z.number().int().min(0).max(1_048_576).default(256),
    })
    .prefault({}),
  gas: z
    .strictObject({
      /** An alarm rings while the balance of `account` or `carrier` lasts fewer days at the rate of the last 24 hours. */
      alarmDays: z.number().min(0).max(365).default(7),
      /** The most that a unit of gas may cost. */
      feeCapGwei: z.number().int().min(1).max(1_000_000_000).default(500),
    })
    .prefault({}),
  journal: z
    .strictObject({
      /** The head of a journal that has gone on is anchored after at most so long; the protocol asks for an hour. */
      anchorSeconds: z.number().int().min(5).max(3600).default(3600),
    })
    .prefault({}),
  batch: z.strictObject({ maxPairs: z.number().int().min(1).max(4096).default(1024) }).prefault({}),
  /** Which fields go to whom, by name: added to the built-in policies (docs/audit-formats.md), or in their place. */
  disclosure: z.strictObject({ policies: policiesSchema }).prefault({}),
  /** For how long law requires what is about a user to be kept after its last day: it is not erased before. */
  retention: z
    .strictObject({
      /** Accounts, pairs and their records. */
      ledgerDays: z.number().int().min(0).max(36_525).default(2_557),
      /** What was said: orders, questions, answers, confirmations. */
      messagesDays: z.number().int().min(0).max(36_525).default(90),
    })
    .prefault({}),
  /** Who may fetch disclosure files by itself, and which (docs/audit-access.md). */
  auditors: z
    .array(
      z.strictObject({
        /** Stands in the journal with each access. */
        name: policyName,
        /** SHA-256 of the token, in hex: the token itself is the auditor's alone. */
        tokenHash: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex'),
        /** Its number in the AuditLog: then only its own requests count as `filed`. */
        auditorId: z.number().int().min(1).max(0xffffffff).optional(),
        /** Absent: pairs with everybody, those on us too. */
        counterparties: z.array(z.number().refine(isOperatorId, 'an operator id')).min(1).optional(),
        fromBlock: z.number().int().min(0).default(0),
        toBlock: z.number().int().min(0).optional(),
        policies: z.array(policyName).min(1),
        expires: z.string().refine((text) => isTimestamp(text) && !Number.isNaN(Date.parse(text)), 'RFC 3339 in UTC'),
        requestsPerMinute: z.number().int().min(1).max(6000).default(60),
      }),
    )
    .default([]),
  /**
   * How operators are called in ISO 20022 documents, by their ids; what is absent is left out, and the name is the
   * handle.
   */
  institutions: z
    .record(
      z.string().regex(/^[1-9][0-9]{0,9}$/, 'an operator id'),
      z.strictObject({
        name: z.string().min(1).max(140).optional(),
        bic: z
          .string()
          .regex(/^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$/, 'a BIC of 8 or 11 characters')
          .optional(),
        lei: z
          .string()
          .regex(/^[A-Z0-9]{18}[0-9]{2}$/, 'an LEI of 20 characters')
          .optional(),
      }),
    )
    .default({}),
  /** Ordinary messages that one counterparty may pass on to users of this operator: in all, and to each of them. */
  forward: z
    .strictObject({
      messagesPerMinute: z.number().int().min(1).default(6_000),
      kibibytesPerMinute: z.number().int().min(16).default(8_192),
      messagesPerMinuteToOne: z.number().int().min(1).default(30),
      kibibytesPerMinuteToOne: z.number().int().min(16).default(64),
    })
    .prefault({}),
  overload: z
    .strictObject({
      /** Orders to a counterparty are refused while the oldest pair to it has been in no batch for so long. */
      unproposedSeconds: z.number().int().min(1).max(600).default(10),
      /**
       * All orders are refused while the oldest signed batch or decision has waited so long for the chain, beyond its
       * finality.
       */
      unanchoredSeconds: z.number().int().min(5).max(86_400).default(120),
    })
    .prefault({}),
  /** Open pairs that one counterparty may keep on hold here. */
  maxOpenPairsPerPeer: z.number().int().min(1).default(50_000),
  /** Refusals, withdrawals of unknown pairs and faults that one counterparty may have remembered here in an hour. */
  maxRememberedPerPeerHour: z.number().int().min(1000).default(100_000),
  /**
   * Look-ups of one counterparty in an hour that come to nothing: unknown numbers, and held pairs that lapse or are
   * withdrawn. At once a tenth of it, and one more for each pair that gets into a batch.
   */
  maxLookupsPerPeerHour: z.number().int().min(1).default(20_000),
  maxOpenPairsPerUser: z.number().int().min(1).default(50),
  /**
   * Requests of one auditor in the AuditLog that are kept and listed while they are open; further ones are on the chain
   * alone.
   */
  maxOpenRequestsPerAuditor: z.number().int().min(1).max(100_000).default(200),
});

export type Config = z.output<typeof schema>;

const pathFields = (config: Config, base: string): Config => ({
  ...config,
  dataDir: resolve(base, config.dataDir),
  backup: {
    ...(config.backup.dir === undefined ? {} : { dir: resolve(base, config.backup.dir) }),
    keysDays: config.backup.keysDays,
    ...(config.backup.followDir === undefined ? {} : { followDir: resolve(base, config.backup.followDir) }),
    ...(config.backup.followKeysDir === undefined ? {} : { followKeysDir: resolve(base, config.backup.followKeysDir) }),
    ...(config.backup.keysDir === undefined ? {} : { keysDir: resolve(base, config.backup.keysDir) }),
  },
  channel: {
    ...config.channel,
    certFile: resolve(base, config.channel.certFile),
    keyFile: resolve(base, config.channel.keyFile),
  },
  gateway: {
    ...config.gateway,
    ...(config.gateway.phonesDir === undefined ? {} : { phonesDir: resolve(base, config.gateway.phonesDir) }),
  },
  chain: {
    ...config.chain,
    networkFile: resolve(base, config.chain.networkFile),
    keysFile: resolve(base, config.chain.keysFile),
  },
  catalogueFile: resolve(base, config.catalogueFile),
  directoryFile: resolve(base, config.directoryFile),
});

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

function checkAuditors({ auditors, disclosure }: Config): void {
  for (const [index, { name, tokenHash, policies, fromBlock, toBlock }] of auditors.entries()) {
    const wrong = (what: string): TandemError => new TandemError('config-invalid', `auditors.${index}: ${what}`);
    const before = auditors.slice(0, index);
    if (before.some((other) => other.name === name)) throw wrong(`there is another auditor ${name}`);
    if (before.some((other) => other.tokenHash === tokenHash)) throw wrong(`${name} has the token of another auditor`);
    if (toBlock !== undefined && toBlock < fromBlock)
      throw wrong(`toBlock ${toBlock} is before fromBlock ${fromBlock}`);
    const unknown = policies.find((policy) => policyOf(disclosure.policies, policy) === undefined);
    if (unknown !== undefined) throw wrong(`there is no disclosure policy ${unknown}`);
  }
}

/** Where neither says: of networks from before it was agreed. */
const defaultBlockGapSeconds = 60;

/**
 * For how long the chain may make no block: as the consortium has it, or less. @throws {TandemError} `config-invalid`
 */
export function maxBlockGapOf({ timing }: Config, network: Pick<Network, 'maxBlockGapSeconds'>): number {
  const own = timing.maxBlockGapSeconds;
  const agreed = network.maxBlockGapSeconds;
  if (own !== undefined && agreed !== undefined && own > agreed) {
    throw new TandemError(
      'config-invalid',
      `timing.maxBlockGapSeconds is ${own}: network.json says ${agreed}, and a node may be stricter, never laxer. Omit it, or set it to ${agreed} or less.`,
    );
  }
  return own ?? agreed ?? defaultBlockGapSeconds;
}

/**
 * A yes needs time: one that comes at once must still be final before the margin begins. @throws {TandemError} `config-invalid`
 */
export function checkTiming(config: Config, network: Pick<Network, 'finality' | 'maxBlockGapSeconds'>): void {
  const { timing, chain } = config;
  const { finality } = network;
  const { acceptSeconds, commitMarginSeconds } = timing;
  const maxBlockGapSeconds = maxBlockGapOf(config, network);
  const depth = chain.extraDepth + (finality.mode === 'depth' ? finality.depth : 0);
  const least = commitMarginSeconds + depth * maxBlockGapSeconds;
  if (acceptSeconds > least) return;
  throw new TandemError(
    'config-invalid',
    `timing.acceptSeconds is ${acceptSeconds}: it must be more than ${least}, which is timing.commitMarginSeconds (${commitMarginSeconds}) and ${depth} blocks until a block is final, each up to maxBlockGapSeconds (${maxBlockGapSeconds}). Give users longer to answer; maxBlockGapSeconds is what the consortium's chain keeps to.`,
  );
}

/** A cap that is never looked at would look as if it held. */
function checkCaps({ caps, assets, operator }: Config): void {
  const known = new Set<string>(assets.map(({ asset }) => asset));
  for (const [peer, bounds] of Object.entries(caps)) {
    if (peer === `${operator.id}`) {
      throw new TandemError('config-invalid', `caps.${peer}: this operator owes itself nothing`);
    }
    const unknown = Object.keys(bounds).find((asset) => !known.has(asset));
    if (unknown === undefined) continue;
    throw new TandemError('config-invalid', `caps.${peer}.${unknown}: not one of the assets, ${[...known].join(', ')}`);
  }
}

/**
 * Checks a configuration given as a value; `base` is what its paths are relative to, `lineOf` where a field stands in
 * its file.
 */
export function parseConfig(input: unknown, base: string, lineOf?: (path: YamlPath) => number): Config {
  const result = schema.safeParse(input);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => {
      const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined;
      const place = issue.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
      const line = lineOf === undefined ? '' : `line ${lineOf(place)}: `;
      return `${line}${issue.path.join('.') || '(top)'}: ${inner === undefined ? issue.message : `expected ${inner}`}`;
    });
    throw new TandemError('config-invalid', `The configuration is not valid:\n  ${issues.join('\n  ')}`);
  }
  const { timing } = result.data;
  if (timing.acceptSeconds + 15 > timing.acceptWindowSeconds) {
    throw new TandemError(
      'config-invalid',
      `timing.acceptSeconds (${timing.acceptSeconds}) and the rounding of 15 s must fit into timing.acceptWindowSeconds (${timing.acceptWindowSeconds})`,
    );
  }
  checkAuditors(result.data);
  checkCaps(result.data);
  return deepFreeze(pathFields(result.data, base));
}

/**
 * @throws {TandemError} `config-invalid`, naming the file and each field; or one that others can read: it has tokens in
 * it.
 */
export function loadConfig(file: string): Config {
  let yaml: LocatedYaml;
  try {
    yaml = new LocatedYaml(file, readSecretFile(file));
  } catch (cause) {
    throw new TandemError('config-invalid', `Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  yaml.assertSound('config-invalid', 'The configuration');
  try {
    return parseConfig(yaml.value, dirname(resolve(file)), (path) => yaml.line(path));
  } catch (error) {
    if (error instanceof TandemError) throw new TandemError(error.code, `${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Folder of the devnet that the command line talks to unless told otherwise. */
export const devnetDirFromEnvironment = (): string => process.env['TANDEM_DEVNET_DIR'] ?? '.devnet';
