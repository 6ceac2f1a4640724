/** `tandem catalogue [FILE]`: checks a service catalogue as a node does, and prints the SMS segments of each text. */
import { loadServices } from '../analysis/services.ts';
import { sizeTable } from '../analysis/sizes.ts';
import { loadConfig } from '../config.ts';
import type { Asset } from '../model/ids.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem catalogue [FILE] [--config FILE] [--json]
  FILE     the catalogue (default: catalogue/services.yaml)
  --config the node's configuration, for its assets (default: SEK and EUR) and, without FILE, its catalogue`;

const defaultFile = 'catalogue/services.yaml';

export async function catalogue(args: readonly string[], out: Output): Promise<number> {
  const options = {
    config: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 0, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const config = values.config === undefined ? undefined : loadConfig(values.config);
  const assets = config?.assets ?? [
    { asset: 'SEK' as Asset, exponent: 2 },
    { asset: 'EUR' as Asset, exponent: 2 },
  ];
  const file = positionals[0] ?? config?.catalogueFile ?? defaultFile;
  if (file === '') throw new UsageError(usage);
  const loaded = loadServices(file, assets);
  const sizes = loaded.sizes();
  print(out, values.json, { file, services: loaded.services, languages: loaded.languages, texts: sizes }, () =>
    [
      `${file}: ${loaded.services.join(', ')}; ${loaded.languages.join(', ')}. No faults found.`,
      '',
      sizeTable(sizes),
    ].join('\n'),
  );
  return 0;
}
