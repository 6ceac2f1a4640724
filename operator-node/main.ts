/**
 * The process of one operator: `node operator-node/main.ts --config FILE`. Prints one JSON line when it serves, logs a JSON
 * line for what staff should see, and stops cleanly on SIGTERM and SIGINT.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from './config.ts';
import { TandemError } from './errors.ts';
import { startNode } from './node.ts';

const line = (fields: Readonly<Record<string, unknown>>): string => `${JSON.stringify(fields)}\n`;

const usage = `usage: node operator-node/main.ts --config FILE
  --config FILE  the node's configuration (docs/operations.md)
SIGTERM and SIGINT stop the node cleanly.
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

async function main(): Promise<void> {
  const config = loadConfig(configFile());
  let stopping = false;
  const node = await startNode(config, {
    log: (entry) => {
      process.stdout.write(line(entry));
    },
    // A store that failed or a replaced final block: going on would be guessing.
    onFatal: (error) => {
      process.stderr.write(line({ fatal: error instanceof Error ? error.message : String(error) }));
      process.exit(1);
    },
  });
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    node.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(line({ fatal: error instanceof Error ? error.message : String(error) }));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
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
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(line({ fatal: message, code }));
  process.exit(1);
});
