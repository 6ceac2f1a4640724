/**
 * One settlement window on a devnet of its own: so many pairs between two operators, in both directions, then
 * `tandem window settle`. Says how long the command took, and fails unless both operators end at position zero.
 *
 *   node scripts/run.mjs scripts/bench/settle.ts [--pairs N]
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main as tandem } from '../../operator-node/cli/main.ts';
import { ChainWatch } from '../devnet/chain-watch.ts';
import { Devnet } from '../devnet/devnet.ts';
import { environmentPlace } from '../devnet/layout.ts';
import { until } from '../devnet/wait.ts';
import { people } from './people.ts';

const portOffset = 400;
const usersASide = 100;
const sentAtOnce = 32;
const patienceMillis = 300_000;

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '1000' } } });
const pairs = Number(values.pairs);
const dir = mkdtempSync(join(tmpdir(), 'tandem-settle-'));
const say = (text: string): void => void process.stderr.write(`· ${text}\n`);

const accepting = (operator: string, prefix: string) =>
  people(operator, [prefix], usersASide).map((person) => ({ ...person, user: { ...person.user, autoAccept: true } }));

const users = [...accepting('aurora', '+46701'), ...accepting('borealis', '+46702')];
const numberOf = (operator: string, index: number): string => {
  const found = users.filter((each) => each.operator === operator)[index % usersASide];
  if (found === undefined) throw new Error(`no user of ${operator}`);
  return found.user.number;
};

const devnet = await Devnet.start({
  dir,
  portBase: environmentPlace().portBase + portOffset,
  fresh: true,
  users,
  keepChain: false,
  say,
  onDeath: (part, exit, logFile) => say(`${part} died: ${exit.signal ?? exit.code}, see ${logFile}`),
});
try {
  const file = await devnet.publish();
  say(`Sending ${pairs} orders`);
  let next = 0;
  const send = async (): Promise<void> => {
    for (let order = next++; order < pairs; order = next++) {
      // Three of five one way, so that a net is left.
      const [from, to] = order % 5 < 3 ? ['aurora', 'borealis'] : ['borealis', 'aurora'];
      await devnet.operator(from).receiveMessage({
        id: randomUUID(),
        from: numberOf(from, order),
        to: numberOf(to, order * 7),
        text: `PAY ${1 + (order % 9)}`,
      });
    }
  };
  await Promise.all(Array.from({ length: sentAtOnce }, send));
  const chain = new ChainWatch({
    rpcUrl: file.rpcUrl,
    contract: file.contracts.PairSettlement,
    fromBlock: 0,
    handleOf: String,
    say: () => undefined,
  });
  let settled = 0;
  await until(
    async () => {
      await chain.read();
      const batches = [...chain.batches.values()];
      settled = batches.reduce((sum, { count }) => sum + count, 0);
      return settled >= pairs && batches.every(({ reconciled }) => reconciled) ? true : undefined;
    },
    { timeoutMillis: patienceMillis, failure: () => `${settled} of ${pairs} pairs are on chain and reconciled` },
  );
  say(`${settled} pairs in ${chain.batches.size} batches, all reconciled; settling them`);
  const begun = performance.now();
  const code = await tandem(
    ['window', 'settle', '--operator', 'aurora', '--peer', 'borealis', '--reference', 'RIX 1', '--devnet', dir],
    process,
  );
  say(`tandem window settle: exit code ${code} after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  const answers = await Promise.all(['aurora', 'borealis'].map((name) => devnet.operator(name).positions()));
  const left = answers.flatMap(({ positions }) => positions).filter(({ balance }) => balance !== '0');
  say(left.length === 0 ? 'Both operators are at position zero.' : `Left over: ${JSON.stringify(left)}`);
  process.exitCode = code === 0 && left.length === 0 ? 0 : 1;
} finally {
  await devnet.stop();
  rmSync(dir, { recursive: true, force: true });
}
