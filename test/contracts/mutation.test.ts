/** The reports of long runs are of the contracts as they are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Covered } from '../../scripts/contracts/coverage.ts';
import { readReport, sourceHashes } from '../../scripts/contracts/mutate/report.ts';

/** Of the mutants that compile to other code, in percent. */
const leastKilled = 95;
describe('snapshots/mutation.json', () => {
  const report = readReport();

  const files = Object.keys(report.sources);

  it('is of all the contracts as they are (npm run mutate writes it)', () => {
    expect(report.sources).toEqual(sourceHashes());
  });

  it.each(files)(`says that at least ${leastKilled} %% of the mutants of %s are killed`, (file) => {
    expect(report.counts[file]?.score).toBeGreaterThanOrEqual(leastKilled);
  });

  it('says of every survivor why it lives', () => {
    expect(report.survivors.filter(({ reason }) => reason === '')).toEqual([]);
    for (const [file, { survived }] of Object.entries(report.counts)) {
      expect(report.survivors.filter((each) => each.file === file)).toHaveLength(survived);
    }
  });
});

describe('snapshots/coverage.json', () => {
  const covered = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'snapshots', 'coverage.json'), 'utf8'),
  ) as Readonly<Record<string, Covered>>;

  it('is of the contracts as they are (scripts/contracts/coverage.ts writes it)', () => {
    expect(Object.fromEntries(Object.entries(covered).map(([file, { source }]) => [file, source]))).toEqual(
      sourceHashes(),
    );
  });

  it('says that every line is reached', () => {
    expect(Object.values(covered).flatMap(({ unreached }) => unreached)).toEqual([]);
  });
});
