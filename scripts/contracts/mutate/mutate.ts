/**
 * `npm run mutate [-- --workers N] [-- --only contracts/FILE.sol …] [-- --survivors] [-- --every K]`: changes the contracts
 * in one place at a time, runs the tests that should notice, and writes `snapshots/mutation.json`, each file when all its
 * mutants are judged. With `--only` the other files' results stay as they are. With `--survivors` only those are judged again
 * that the report says survived. With `--every K` a sample of one in K, and nothing is written. A survivor keeps the reason
 * that the report gave for it. Run `hardhat build` first.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';

import { scriptArguments, wholeNumber } from '../../arguments.ts';
import { mutantsOf } from './mutants.ts';
import {
  type Count,
  type Verdict,
  countOf,
  hashOf,
  isSurvivor,
  readReport,
  recount,
  survivorOf,
  writeReport,
} from './report.ts';
import { subjects } from './subjects.ts';
import type { Job, Judged } from './worker.ts';

const usage = `usage: npm run mutate -- [--only FILE …] [--every N] [--survivors] [--workers N]
  --only       mutants of this contract alone
  --every      every Nth mutant
  --survivors  those that survived the last time
  --workers    processes at once (default 2)`;
const { values } = scriptArguments(usage, {
  workers: { type: 'string', default: '2' },
  only: { type: 'string', multiple: true },
  survivors: { type: 'boolean', default: false },
  every: { type: 'string', default: '1' },
});
const chosen = subjects.filter(({ file }) => values.only === undefined || values.only.includes(file));
const every = wholeNumber(usage, 'every', values.every);
const before = readReport();
for (const { file } of chosen) {
  if (values.survivors && before.sources[file] !== hashOf(file)) {
    throw new Error(`the report is of another ${file}: judge all its mutants again, without --survivors`);
  }
}

const jobs: readonly Job[] = chosen
  .flatMap((subject) => mutantsOf(subject.file).map((mutant) => ({ subject, mutant })))
  .filter(({ mutant }) => !values.survivors || before.survivors.some((known) => isSurvivor(known, mutant)))
  .filter((_, index) => index % every === 0)
  .map((job, index) => ({ ...job, index }));
const queue = [...jobs];
const verdicts: Verdict[] = [];

/** Puts into the report what was found of this file, once all of it is judged. */
async function report(file: string): Promise<void> {
  const own = jobs.filter(({ mutant }) => mutant.file === file);
  const found = own.flatMap(({ index }) => verdicts[index] ?? []);
  // A sample says how it stands, and is no report.
  if (every !== 1 || found.length < own.length) return;
  const { sources, counts, survivors } = readReport();
  const surviving = own.filter(({ index }) => verdicts[index] === 'survived').map(({ mutant }) => mutant);
  const known = counts[file];
  const count: Count = values.survivors && known !== undefined ? recount(known, surviving.length) : countOf(found);
  await writeReport({
    sources: { ...sources, [file]: hashOf(file) },
    counts: { ...counts, [file]: count },
    survivors: [
      ...survivors.filter((each) => each.file !== file),
      ...surviving.map((mutant) => survivorOf(mutant, survivors)),
    ],
  });
}

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
      if ((index + 1) % 50 === 0) console.log(`${index + 1} of ${jobs.length}`);
      await report(mutant.file);
    }
    worker.removeAllListeners('exit');
    worker.disconnect();
    worker.kill();
  }),
);

console.table(
  every === 1
    ? readReport().counts
    : Object.fromEntries(
        chosen.map(({ file }) => [
          file,
          countOf(jobs.flatMap(({ mutant, index }) => (mutant.file === file ? (verdicts[index] ?? []) : []))),
        ]),
      ),
);
