/**
 * The process of one operator: `node operator-node/main.ts --config FILE`. Prints one JSON line when it serves, logs a JSON
 * line for what staff should see, and stops cleanly on SIGTERM and SIGINT. On SIGHUP it reads again what may change
 * while it runs; where the signal says that its terminal is gone, it stops cleanly.
 */
import { closeSync, openSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadConfig } from './config.ts';
import { TandemError } from './errors.ts';
import { startNode, type RunningNode } from './node.ts';

const line = (fields: Readonly<Record<string, unknown>>): string => `${JSON.stringify(fields)}\n`;

const usage = `usage: node operator-node/main.ts --config FILE
  --config FILE  the node's configuration (docs/operations.md)
SIGTERM and SIGINT stop the node cleanly; SIGHUP has it read catalogue, directory, tokens and certificate again.
`;

function configFile(): string {
  const options = { config: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } } as const;
  let wrong = '--config FILE is missing.';
  try {
    const { values } = parseArgs({ options });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    if (values.config !== undefined) return values.config;
  } catch (error) {
    wrong = `${(error as Error).message.split('. To specify a positional argument')[0] ?? ''}.`;
  }
  process.stderr.write(`${wrong}\n${usage}`);
  process.exit(2);
}

/** The terminal that this process was started at has gone: that is what its SIGHUP is for. */
function terminalIsGone(): boolean {
  if (!process.stdin.isTTY) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function main(): Promise<void> {
  const file = configFile();
  // A reader of the log that goes away takes the log with it, and not the node.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const at: { node?: RunningNode; stopping: boolean; askedToReload: boolean } = {
    stopping: false,
    askedToReload: false,
  };
  const stop = (): void => {
    if (at.stopping) return;
    at.stopping = true;
    (at.node?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(line({ fatal: said(error) }));
        process.exit(1);
      },
    );
  };
  process.on('SIGHUP', () => {
    if (terminalIsGone()) stop();
    else if (at.node === undefined) at.askedToReload = true;
    else if (!at.stopping) at.node.reload();
  });
  const config = loadConfig(file);
  const node = await startNode(config, {
    configFile: file,
    log: (entry) => {
      process.stdout.write(line(entry));
    },
    // A store that failed or a replaced final block: going on would be guessing.
    onFatal: (error) => {
      process.stderr.write(line({ fatal: said(error) }));
      process.exit(1);
    },
  });
  at.node = node;
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // What was read may be older than the files that the signal was for.
  if (at.askedToReload) node.reload();
  // Last: who reads it may ask for the end at once.
  process.stdout.write(
    line({
      ready: true,
      operator: config.operator.id,
      handle: config.operator.handle,
      api: node.apiPort,
      channel: node.channelPort,
    }),
  );
}

main().catch((error: unknown) => {
  const code = error instanceof TandemError ? error.code : 'internal';
  process.stderr.write(line({ fatal: said(error), code }));
  process.exit(1);
});
