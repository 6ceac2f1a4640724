/** What an operator of the devnet brings along: keys, a certificate, tokens and a configuration file. */
import { hash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Wallet } from 'ethers';
import { stringify } from 'yaml';
import { pinOf, writeCertificate } from '../../operator-node/channel/certificate.ts';
import type { UnixMillis } from '../../operator-node/model/ids.ts';
import type { Admission } from '../contracts/deploy.ts';
import { catalogueFile, endpointUrlsOf, type Layout, type OperatorLayout } from './layout.ts';
import { randomKey, randomToken, secretsFile, tokenFile } from './secrets.ts';

export interface Operator {
  readonly layout: OperatorLayout;
  readonly gatewayToken: string;
  readonly adminToken: string;
  /** What the consortium is asked to admit. */
  readonly admission: Admission;
  /** Addresses that the node sends transactions from. */
  readonly senders: readonly string[];
  /** Rotates the operator's keys, and votes. */
  readonly controller: string;
}

export async function prepareOperator(operator: OperatorLayout): Promise<Operator> {
  // Phones, logs and the store are nobody else's business on this machine, whatever the umask says.
  mkdirSync(operator.dir, { recursive: true });
  chmodSync(operator.dir, 0o700);
  const keys = secretsFile(operator.keysFile, ['signer', 'account', 'carrier', 'operatorKey'], randomKey);
  // The controller's key is kept apart: a node has no use for it.
  const { controller } = secretsFile(operator.controllerFile, ['controller'], randomKey);
  const tokens = secretsFile(operator.tokensFile, ['gatewayToken', 'adminToken'], randomToken);
  const certFile = join(operator.dir, 'tls-cert.pem');
  const pin = existsSync(certFile)
    ? pinOf(readFileSync(certFile))
    : (await writeCertificate(operator.dir, { handle: operator.handle, now: Date.now() as UnixMillis })).pin;
  const address = (key: string): string => new Wallet(key).address;
  return {
    layout: operator,
    ...tokens,
    admission: {
      handle: operator.handle,
      controller: address(controller),
      account: address(keys.account),
      signer: address(keys.signer).toLowerCase(),
      pin,
      endpoint: `https://127.0.0.1:${operator.channelPort}`,
    },
    senders: [address(keys.account), address(keys.carrier)],
    controller: address(controller),
  };
}

/** Names that the description gives; an operator without one goes by its handle, as a node has it anyway. */
function institutionsOf({ operators }: Layout): Sections {
  const named = operators.filter(({ handle, plan }) => plan.name !== handle);
  if (named.length === 0) return {};
  return { institutions: Object.fromEntries(named.map(({ id, plan }) => [id, { name: plan.name }])) };
}

export interface ConfigOptions {
  /** Where messages to users go; without it to the devnet's phones. */
  readonly webhook?: { readonly url: string; readonly secret: string };
  /** Sections that take the place of the devnet's own; or of one operator's, by handle. */
  readonly overrides?: Sections | ((handle: string) => Sections);
}

type Sections = Readonly<Record<string, unknown>>;

/** Written at each start: everything in it follows from the layout, the tokens and `options`. */
export function writeConfig(layout: Layout, operator: Operator, options: ConfigOptions): void {
  const { layout: place } = operator;
  const from = (file: string): string => relative(place.dir, file);
  const config = {
    operator: { id: place.id, handle: place.handle, serviceNumber: place.serviceNumber },
    dataDir: from(place.dataDir),
    api: { port: place.apiPort, gatewayToken: operator.gatewayToken, adminToken: operator.adminToken },
    channel: { port: place.channelPort, certFile: 'tls-cert.pem', keyFile: 'tls-key.pem' },
    gateway: options.webhook === undefined ? { phonesDir: from(place.phonesDir) } : { webhook: options.webhook },
    chain: {
      networkFile: from(layout.networkFile),
      rpcUrls: endpointUrlsOf(layout),
      keysFile: from(place.keysFile),
    },
    assets: place.plan.assets.map(({ asset, exponent }) => ({ asset, exponent })),
    catalogueFile: from(catalogueFile),
    directoryFile: from(layout.directoryFile),
    // Two minutes to answer, so that whoever tries it out also sees a question expire.
    timing: { acceptSeconds: 120 },
    auditors: [
      {
        name: 'supervisor',
        tokenHash: hash('sha256', tokenFile(layout.auditorTokenFile), 'hex'),
        policies: ['regulator-minimum', 'dispute'],
        fromBlock: 0,
        expires: '2099-12-31T00:00:00Z',
        requestsPerMinute: 600,
      },
    ],
    // Once a minute, so that whoever tries it out sees it on the chain.
    journal: { anchorSeconds: 60 },
    backup: { dir: 'backups', keysDir: 'key-backups' },
    // No law asks for a devnet's books.
    retention: { ledgerDays: 0, messagesDays: 0 },
    ...institutionsOf(layout),
    ...(typeof options.overrides === 'function' ? options.overrides(place.handle) : options.overrides),
  };
  const head = `# ${place.handle} on the devnet. Written at each start.\n`;
  writeFileSync(place.configFile, head + stringify(config), { mode: 0o600 });
}
