/** What every run has in common: operators, numbers, catalogue, configuration. */
import { join } from 'node:path';
import { loadServices } from '../../operator-node/analysis/services.ts';
import { parseConfig, type Config } from '../../operator-node/config.ts';
import type { Directory } from '../../operator-node/directory/directory.ts';
import type { Msisdn, OperatorId } from '../../operator-node/model/ids.ts';

export const chainId = 31_337n;
/** Milliseconds: where each run begins. */
export const beginning = 1_800_000_000_000;

const assets = [
  { asset: 'SEK', exponent: 2 },
  { asset: 'EUR', exponent: 2 },
];

/** Numbers of an operator begin so; the service number ends in zeros. */
const prefixOf = (operator: number): string => `+46${700 + operator}`;
export const numberOf = (operator: number, index: number): Msisdn =>
  `${prefixOf(operator)}${String(index).padStart(6, '0')}` as Msisdn;
export const serviceNumberOf = (operator: number): Msisdn => numberOf(operator, 0);

export const directory: Directory = {
  find: (number) => {
    const operator = Number(number.slice(3, 6)) - 700;
    return number.startsWith('+467') && operator >= 1 && operator <= 9 ? (operator as OperatorId) : undefined;
  },
};

export const configOf = (
  operator: OperatorId,
  timing: Partial<Config['timing']>,
  settlement: Partial<Config['settlement']> = {},
): Config =>
  parseConfig(
    {
      operator: { id: operator, handle: `operator-${operator}`, serviceNumber: serviceNumberOf(operator) },
      dataDir: 'none',
      api: { port: 0, gatewayToken: 'simulated-gateway', adminToken: 'simulated-admins' },
      channel: { port: 0, certFile: 'none', keyFile: 'none' },
      gateway: {},
      chain: { networkFile: 'none', rpcUrls: ['http://localhost:1'], pollMillis: 1000, keysFile: 'none' },
      assets,
      catalogueFile: 'none',
      directoryFile: 'none',
      timing: {
        acceptSeconds: 30,
        acceptWindowSeconds: 75,
        proposalTimeoutSeconds: 8,
        commitMarginSeconds: 6,
        carrySeconds: 5,
        maxBlockGapSeconds: 30,
        batchMillis: 500,
        proposeMillis: 50,
        decideMillis: 1000,
        ...timing,
      },
      settlement,
      journal: { anchorSeconds: 20 },
      maxOpenPairsPerUser: 12,
    },
    '/',
  );

export const analysis = loadServices(
  join(import.meta.dirname, '..', '..', 'catalogue', 'services.yaml'),
  configOf(1 as OperatorId, {}).assets,
);
