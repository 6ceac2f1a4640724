/**
 * `node scripts/run.mjs SCRIPT [ARGUMENT …]`: makes the checkout ready, then runs SCRIPT with the project's own Node,
 * handing on arguments, signals and the exit code.
 */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureSetUp, projectEnvironment, root, SetupError } from './setup.mjs';

const parentPollMillis = 500;

export function run(script, args) {
  let node;
  try {
    node = ensureSetUp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`[setup] ${error.message}\n`);
    process.exit(1);
  }
  const file = isAbsolute(script) ? script : join(root, script);
  const child = spawn(node, [file, ...args], {
    stdio: 'inherit',
    env: { ...projectEnvironment(node), TANDEM_WATCH_PARENT: '1' },
  });
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A Ctrl-C reaches every process of the terminal's group; a second SIGINT from here would do no harm but no good.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      asked = true;
    });
  }
  // npm killed outright cannot hand a signal on: what it started must not outlive it.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent && !asked) {
      asked = true;
      child.kill('SIGTERM');
    }
  }, parentPollMillis);
  watch.unref();
  child.on('error', (error) => {
    process.stderr.write(`[setup] Cannot start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
    clearInterval(watch);
  });
}

if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) {
    process.stderr.write('usage: node scripts/run.mjs SCRIPT [ARGUMENT …]\n');
    process.exit(2);
  }
  run(script, args);
}
