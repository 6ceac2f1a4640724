import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  type BuildSnapshot,
  renderSnapshot,
  snapshotBuild,
  snapshotFile,
} from '../../scripts/contracts/snapshot-build.ts';

/** EIP-170, in bytes. */
const mostCode = 24_576;

describe('the build', () => {
  let build: BuildSnapshot;
  beforeAll(() => {
    build = snapshotBuild();
  });

  it.each(['bytecode', 'storage', 'warnings'] as const)(
    'is what snapshots/%s.json says (scripts/contracts/snapshot-build.ts writes it)',
    async (name) => {
      const file = snapshotFile(name);
      expect(readFileSync(file, 'utf8')).toBe(await renderSnapshot(build[name], file));
    },
  );

  it('has no contract too large to deploy', () => {
    for (const [name, { deployed }] of Object.entries(build.bytecode))
      expect([name, deployed < mostCode]).toEqual([name, true]);
  });

  it('has no warning from the project’s own sources', () => {
    expect(Object.keys(build.warnings).filter((file) => !file.startsWith('@'))).toEqual([]);
  });
});
