/** The configuration of the SMPP gateway: one YAML file, checked and complete; paths in it are relative to it. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { TandemError } from '../errors.ts';
import { LocatedYaml } from '../located-yaml.ts';
import { isMsisdn, type Msisdn } from '../model/ids.ts';
import { readSecretFile } from '../secret-file.ts';

const secret = z.string().min(16, 'at least 16 characters');
const msisdn = z.custom<Msisdn>((value) => typeof value === 'string' && isMsisdn(value), {
  error: 'a number in E.164 with its plus sign',
});
const code = z.number().int().min(0).max(255);
const seconds = (byDefault: number, max = 2_592_000) => z.number().int().min(1).max(max).default(byDefault);

const route = z.strictObject({
  /** In logs and metrics. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits, hyphens'),
  host: z.string().min(1),
  port: z.number().int().min(1).max(65535),
  tls: z
    .strictObject({
      /** The authorities that this centre's certificate may come from; without it, those of the machine. */
      caFile: z.string().optional(),
      certFile: z.string().optional(),
      keyFile: z.string().optional(),
      serverName: z.string().optional(),
    })
    .optional(),
  systemId: z.string().min(1).max(15),
  /** The standard has room for 8 characters, many centres take more. */
  password: z.string().max(64),
  systemType: z.string().max(12).default(''),
  serviceType: z.string().max(5).default(''),
  /** One bind for both directions, or one for each. */
  bind: z.enum(['transceiver', 'separate']).default('transceiver'),
  /** Numbers whose messages go this way, by how they begin; the longest one that fits counts. */
  prefixes: z
    .array(z.string().regex(/^\+[0-9]{0,14}$/, 'the beginning of a number, with its plus sign'))
    .default(['+']),
  /** Own numbers as this centre writes them: short codes, names, numbers of another type. */
  addresses: z
    .array(
      z.strictObject({
        number: msisdn,
        address: z.string().min(1).max(20),
        ton: code.default(0),
        npi: code.default(0),
      }),
    )
    .default([]),
  /** How users' numbers are written, and read where they say no type themselves. */
  numbers: z
    .strictObject({
      ton: code.default(1),
      npi: code.default(1),
      plus: z.boolean().default(false),
      /** For numbers of the national type, or without one that begin with a zero: what stands in the zero's place. */
      country: z
        .string()
        .regex(/^\+[1-9][0-9]{0,3}$/, 'a country code with its plus sign')
        .optional(),
    })
    .prefault({}),
  defaultAlphabet: z.enum(['gsm', 'latin1']).default('gsm'),
  languages: z.array(z.enum(['tr', 'es', 'pt'])).default([]),
  concatenation: z.enum(['udh8', 'udh16', 'sar', 'payload']).default('udh8'),
  /** `relative`: so long from now, which no clock can make wrong. Not every centre takes it. */
  validity: z.enum(['relative', 'absolute']).default('relative'),
  /** For messages that have no deadline. */
  validitySeconds: seconds(172_800),
  receipts: z.boolean().default(true),
  /** A number of its own with each part, which centres that know it give back in the receipt. */
  userReferences: z.boolean().default(false),
  /** Requests of this side that wait for an answer. */
  window: z.number().int().min(1).max(10_000).default(10),
  /** At most so many parts a second; 0 for as many as the centre takes. */
  perSecond: z.number().int().min(0).max(100_000).default(0),
  /** The first wait before a lost connection is tried again; each further one is twice as long, up to the longest. */
  reconnectMillis: z.number().int().min(10).max(60_000).default(1_000),
  longestReconnectMillis: z.number().int().min(10).max(3_600_000).default(60_000),
  responseSeconds: seconds(60, 3600),
  enquireSeconds: seconds(30, 3600),
  /** For a part whose answer was lost: so long, once the centre is back, a receipt may still say that it arrived. */
  doubtSeconds: z.number().int().min(0).max(3600).default(30),
  /** After the end of its validity a receipt is waited for so long. */
  receiptSeconds: seconds(3600),
  /** So long after a bind is up again, what the centre may not have seen acknowledged is taken for a repetition. */
  redeliverySeconds: seconds(120, 86_400),
  /** The parts of a message may lie so far apart. */
  partsSeconds: seconds(600, 86_400),
  /** What the sender is told where parts are missing; without it, nothing. */
  incompleteText: z.string().min(1).max(160).optional(),
});

const schema = z.strictObject({
  dataDir: z.string(),
  /** Where the node posts its messages, and where `/metrics` and `/readyz` are. */
  listen: z.strictObject({
    host: z.string().default('127.0.0.1'),
    port: z.number().int().min(0).max(65535),
    /** The node's `gateway.webhook.secret`; two while it is being changed. */
    secrets: z.array(secret).min(1).max(2),
  }),
  node: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** The node's `api.gatewayToken`. */
    token: secret,
  }),
  routes: z.array(route).min(1),
  /** Ids of messages are known so long, so that none is sent twice. */
  rememberDays: z.number().int().min(1).max(365).default(30),
  /** Messages of one direction that wait here; beyond it no more are taken. */
  maxWaiting: z.number().int().min(100).max(1_000_000).default(50_000),
});

export type SmppConfig = z.output<typeof schema>;
export type RouteConfig = SmppConfig['routes'][number];

function withPaths(config: SmppConfig, base: string): SmppConfig {
  const at = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(base, file));
  const files = ({ caFile, certFile, keyFile, ...rest }: NonNullable<RouteConfig['tls']>): RouteConfig['tls'] => ({
    ...rest,
    ...{ caFile: at(caFile), certFile: at(certFile), keyFile: at(keyFile) },
  });
  return {
    ...config,
    dataDir: resolve(base, config.dataDir),
    routes: config.routes.map((one) => (one.tls === undefined ? one : { ...one, tls: files(one.tls) })),
  };
}

/** @throws {TandemError} `config-invalid`, naming each place; or a file that others can read: it has passwords in it */
export function loadSmppConfig(file: string): SmppConfig {
  let yaml: LocatedYaml;
  try {
    yaml = new LocatedYaml(file, readSecretFile(file));
  } catch (cause) {
    throw new TandemError('config-invalid', `Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  const config = yaml.parse(schema);
  const names = config?.routes.map(({ name }) => name) ?? [];
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) yaml.problem(['routes', index, 'name'], `there is another route ${name}`);
  }
  yaml.assertSound('config-invalid', 'The configuration of the SMPP gateway');
  if (config === undefined) throw new TandemError('config-invalid', `${file} is empty`);
  return withPaths(config, dirname(resolve(file)));
}

/** A configuration from a value, for those who start a gateway in their own process. */
export const smppConfigOf = (value: unknown): SmppConfig => schema.parse(value);
