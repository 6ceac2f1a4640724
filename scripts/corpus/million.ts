/**
 * `node scripts/run.mjs scripts/corpus/million.ts [--texts N] [--seed S]`: reads made-up messages and holds that money,
 * asset and payee read are those written, or that it is refused. Prints what was read, the faults, and the CPU time a text.
 */
import { scriptArguments, wholeNumber } from '../arguments.ts';
import { makeMessage, type MadeMessage } from './messages.ts';
import { describe, faultOf, readMessage } from './replay.ts';
import { seededDraw } from './seeded.ts';

const usage = `usage: node scripts/run.mjs scripts/corpus/million.ts [--texts N] [--seed S]
  --texts  how many (default 1000000)
  --seed   of the first one; each text has the next seed (default 1)`;
const { values } = scriptArguments(usage, {
  texts: { type: 'string', default: '1000000' },
  seed: { type: 'string', default: '1' },
});
const texts = wholeNumber(usage, 'texts', values.texts, 1);
const first = wholeNumber(usage, 'seed', values.seed, 0);
const batch = 2000;
const shownFaults = 20;

let cpuMicros = 0;
let faults = 0;
const counts = new Map<string, number>();
for (let done = 0; done < texts; done += batch) {
  const seeds = Array.from({ length: Math.min(batch, texts - done) }, (_, index) => first + done + index);
  const made = seeds.map((seed): MadeMessage => makeMessage(seededDraw(seed)));
  // Only the reading is measured.
  const before = process.cpuUsage();
  const readings = made.map(readMessage);
  const { user, system } = process.cpuUsage(before);
  cpuMicros += user + system;
  for (const [index, reading] of readings.entries()) {
    const message = made[index];
    if (message === undefined) continue;
    const kind = `${message.must.padEnd(8)} ${reading.kind === 'refusal' ? `refusal ${reading.text}` : reading.kind}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const fault = faultOf(message, reading);
    if (fault === undefined) continue;
    faults += 1;
    if (faults <= shownFaults) {
      console.log(`seed ${seeds[index] ?? 0}: ${JSON.stringify(message)}\n  ${fault}: ${describe(reading)}`);
    }
  }
}

for (const [kind, count] of [...counts].toSorted(([, a], [, b]) => b - a))
  console.log(`${String(count).padStart(8)}  ${kind}`);
console.log(`${texts} texts, ${faults} faults, ${(cpuMicros / texts).toFixed(1)} µs of CPU a text`);
process.exit(faults === 0 ? 0 : 1);
