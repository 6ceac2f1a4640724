/**
 * `npm run mutate [-- --workers N] [-- --only contracts/FILE.sol …]`: changes the contracts in one place at a time, runs the
 * tests that should notice, and writes `snapshots/mutation.json`. With `--only` the other files' results stay as they are.
 * With `--every K` a sample of one in K, and nothing is written. A survivor keeps the reason that the report gave for it. Run `hardhat build` first.
 */
import { fork } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';

import { type Mutant, mutantsOf } from './mutants.ts';
import {
  type Report,
  type Survivor,
  type Verdict,
  countOf,
  hashOf,
  readReport,
  reportFile,
  survivorOf,
} from './report.ts';
import { subjects } from './subjects.ts';
import type { Job, Judged } from './worker.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    only: { type: 'string', multiple: true },
    every: { type: 'string', default: '1' },
  },
});
const chosen = subjects.filter(({ file }) => values.only === undefined || values.only.includes(file));
const before: Report | undefined = existsSync(reportFile) ? readReport() : undefined;

const every = Number(values.every);
const jobs: Job[] = chosen
  .flatMap((subject) => mutantsOf(subject.file).map((mutant: Mutant) => ({ index: 0, subject, mutant })))
  .filter((_, index) => index % every === 0);
const queue = jobs.map((job, index) => ({ ...job, index }));
const total = queue.length;
const verdicts: Verdict[] = [];

await Promise.all(
  Array.from({ length: Number(values.workers) }, async () => {
    const worker = fork(join(import.meta.dirname, 'worker.ts'));
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { mutant } = job;
      worker.send(job);
      const { verdict, index } = await new Promise<Judged>((resolve, reject) => {
        worker.once('message', (message) => {
          worker.removeAllListeners('exit');
          resolve(message as Judged);
        });
        worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
      });
      verdicts[index] = verdict;
      const place = `${mutant.file}:${mutant.line}`;
      if (verdict === 'survived') console.log(`survived ${place} ${mutant.original} → ${mutant.mutated}`);
      if ((index + 1) % 50 === 0) console.log(`${index + 1} of ${total}`);
    }
    worker.removeAllListeners('exit');
    worker.disconnect();
    worker.kill();
  }),
);

const sources: Record<string, string> = { ...before?.sources };
const counts: Record<string, ReturnType<typeof countOf>> = { ...before?.counts };
const survivors: Survivor[] = (before?.survivors ?? []).filter(
  ({ file }) => !chosen.some((each) => each.file === file),
);
for (const { file } of chosen) {
  const own = jobs.flatMap(({ mutant }, index) => (mutant.file === file ? [{ mutant, verdict: verdicts[index] }] : []));
  sources[file] = hashOf(file);
  counts[file] = countOf(own.flatMap(({ verdict }) => (verdict === undefined ? [] : [verdict])));
  for (const { mutant, verdict } of own) {
    if (verdict === 'survived') survivors.push(survivorOf(mutant, before?.survivors ?? []));
  }
}
// A sample says how it stands, and is no report.
if (every === 1) {
  const options = await resolveConfig(reportFile);
  const text = await format(JSON.stringify({ sources, counts, survivors }), { ...options, filepath: reportFile });
  writeFileSync(reportFile, text);
}
console.table(counts);
