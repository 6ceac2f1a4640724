/**
 * `node scripts/run.mjs scripts/sms/fuzz.ts [--pdus 1000000] [--seed 1]`: PDUs of chance at a gateway of its own process. It
 * has to stay, or be bound again; to take every good message once; and not to grow.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Smsc } from '../../test/node/smsc.fixture.ts';
import { becomes, expectations } from './expectations.ts';
import { startGateway } from './gateway-process.ts';
import { storm } from './storm.ts';

const { values } = parseArgs({
  options: { pdus: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const pdus = Number(values.pdus);
const smsc = await new Smsc().start();
const times = { reconnectMillis: 20, longestReconnectMillis: 20, partsSeconds: 5 };
const gateway = await startGateway([
  { name: 'main', host: '127.0.0.1', port: smsc.port, systemId: 'a', password: 'b', ...times },
]);
const residentMebibytes = (): number => {
  const status = readFileSync(`/proc/${gateway.child.pid ?? 0}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
};

const begun = performance.now();
const sizes: number[] = [];
const texts = await storm({
  ...{ smsc, pdus, seed: Number(values.seed), lengthEvery: 5_000 },
  progress: (sent) => {
    if (sent % Math.max(100, Math.floor(pdus / 1000) * 100) === 0) sizes.push(residentMebibytes());
  },
});
const check = expectations();
const taken = (): string[] => [...gateway.taken.values()].flatMap(({ text }) => (text.startsWith('good ') ? text : []));
check(
  await becomes(() => taken().length >= texts.length, 60_000),
  `${texts.length} good messages were handed to the node`,
);
check(new Set(taken()).size === taken().length, 'none of them twice');
const half = sizes.slice(Math.floor(sizes.length / 2));
const growth = (half.at(-1) ?? 0) - (half[0] ?? 0);
check(
  growth < 64,
  `it has not grown: ${sizes[0] ?? 0} MiB, ${half[0] ?? 0} MiB half-way, ${half.at(-1) ?? 0} MiB at the end`,
);
console.log(`${pdus} PDUs in ${((performance.now() - begun) / 1000).toFixed(0)} s, bound ${smsc.binds.length} times`);
await gateway.stop();
await smsc.kill();
process.exitCode = check.failed() === 0 ? 0 : 1;
