/** The example of docs/devnet.md for test code, as it stands there, run by itself. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const example = new URL('sdk-example.ts', import.meta.url);

it('the example of docs/devnet.md runs: a devnet of its own, changed, and reset', async () => {
  const docs = readFileSync(new URL('../../docs/devnet.md', import.meta.url), 'utf8');
  expect(docs).toContain(`\`\`\`ts\n${readFileSync(example, 'utf8')}\`\`\`\n`);
  const { stdout } = await promisify(execFile)(process.execPath, [example.pathname], { timeout: 240_000 });
  expect(stdout).toBe('after the deposit 505000\nafter the reset 500000\n');
});
