/** Arguments of a script: `--help` shows how it is used and ends with 0, what is wrong is said with it and ends with 2. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

const help = { help: { type: 'boolean', short: 'h', default: false } } as const satisfies ParseArgsOptionsConfig;

/** @param positionals how many there may be */
export function scriptArguments<O extends ParseArgsOptionsConfig>(usage: string, options: O, positionals = 0) {
  const refuse = (what: string): never => {
    process.stderr.write(`${what}\n${usage}\n`);
    process.exit(2);
  };
  const parse = () => {
    try {
      return parseArgs({ options: { ...options, ...help }, allowPositionals: true, strict: true });
    } catch (error) {
      // Node's own message goes on about arguments that begin with a dash, which are not what was meant.
      return refuse(`${(error as Error).message.split('. To specify a positional argument')[0] ?? ''}.`);
    }
  };
  const { values, positionals: found } = parse();
  if ((values as { readonly help: boolean }).help) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  if (found.length > positionals) refuse(`"${found[positionals] ?? ''}" is one argument too many.`);
  return { values, positionals: found };
}

/** A whole number that is written out: `Number` would take "", "1e3" and "0x10" too. */
export function wholeNumber(usage: string, name: string, text: string, least = 1): number {
  if (/^[0-9]{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  process.stderr.write(`--${name} is "${text}": a whole number of ${least} or more.\n${usage}\n`);
  process.exit(2);
}
