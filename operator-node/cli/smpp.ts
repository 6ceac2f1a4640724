/** `tandem smpp`: the gateway between a node and SMS centres, as a process of its own, until it is told to stop. */
import { loadSmppConfig } from '../smpp/smpp-config.ts';
import { startSmppGateway } from '../smpp/smpp-gateway.ts';
import { parseCommand } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem smpp --config FILE
  --config FILE  the gateway's configuration (docs/sms.md); it has passwords in it, so only its owner may read it
Prints one JSON line when it takes messages, and one for what staff should see. SIGTERM and SIGINT stop it cleanly.`;

/** Exit code 1 where its store has failed. */
export async function smpp(args: readonly string[], out: Output): Promise<number> {
  const options = { config: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.config === undefined) throw new UsageError(`--config FILE is missing.\n${usage}`);
  const config = loadSmppConfig(values.config);
  const log = (entry: Readonly<Record<string, unknown>>): void => {
    out.stdout.write(`${JSON.stringify(entry)}\n`);
  };
  const end = Promise.withResolvers<Error | undefined>();
  const gateway = await startSmppGateway(config, { log, onFatal: end.resolve });
  const stop = (): void => {
    end.resolve(undefined);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  log({ ready: true, port: gateway.port, routes: config.routes.map(({ name }) => name) });
  const fault = await end.promise;
  if (fault === undefined) {
    await gateway.stop();
    return 0;
  }
  // What was acknowledged is on disk; going on would be guessing.
  out.stderr.write(`${JSON.stringify({ fatal: fault.message })}\n`);
  process.exit(1);
}
