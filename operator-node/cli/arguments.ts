/** Arguments of a command, or what is wrong with them together with how it is used. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';

/** @throws {UsageError} for an unknown option, or fewer or more positional arguments than `positionals` says */
export function parseCommand<O extends ParseArgsOptionsConfig>(
  usage: string,
  args: readonly string[],
  options: O,
  positionals: { readonly min: number; readonly max: number },
) {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's own message goes on about arguments that begin with a dash, which are not what was meant.
    const [what = ''] = (error as Error).message.split('. To specify a positional argument');
    throw new UsageError(`${what}.\n${usage}`, { cause: error });
  }
  const { values, positionals: found } = parsed;
  const asksHelp = (values as { readonly help?: boolean }).help === true;
  if (!asksHelp && (found.length < positionals.min || found.length > positionals.max)) {
    throw new UsageError(`${found.length === 0 ? 'Arguments are missing.' : 'Wrong number of arguments.'}\n${usage}`);
  }
  return { values, positionals: found };
}

export function print(out: Output, json: boolean, value: unknown, text: () => string): void {
  out.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}
