/** `tandem window`: settlement windows with another operator (docs/settlement.md). */
import { writeFileSync } from 'node:fs';
import type { WindowComparison, WindowView } from '../api/window-routes.ts';
import { windowsFormat } from '../audit/scan/windows-file.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import type { NodeClient } from '../api/client.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import { moneyOf } from './money.ts';
import type { Output } from './output.ts';
import { settle } from './settle.ts';
import { networkOf } from './statement.ts';
import { windowText } from './window-text.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem window list [--peer HANDLE|ID]
       tandem window close --peer HANDLE|ID
       tandem window discharge --peer HANDLE|ID --window N --asset CODE --reference TEXT
       tandem window payment --peer HANDLE|ID --window N --asset CODE [--again] [--profile cbpr|hvps]
         [--clearing-system CODE] [--out FILE]
       tandem window compare --peer HANDLE|ID
       tandem window export [--peer HANDLE|ID] [--out FILE]
       tandem window settle --peer HANDLE|ID --operator HANDLE --reference TEXT [--devnet DIR]
       each with [--json] [which node]

close       close a window over everything since the last one: both operators sign it, then it is anchored
discharge   for the operator that was paid: confirm it, with the reference of the bank or the RTGS
payment     for the operator that pays: write the payment as ISO 20022 pacs.009 (--again: even if it is discharged)
compare     find the pairs on which the two operators' books differ
export      write windows with their secrets and payment references, for auditors (tandem audit --windows)
settle      on a devnet, for both operators: close, anchor and discharge every asset, and wait until all is booked
${nodeUsage}`;

const options = {
  ...nodeOptions,
  peer: { type: 'string' },
  window: { type: 'string' },
  asset: { type: 'string' },
  reference: { type: 'string' },
  again: { type: 'boolean', default: false },
  profile: { type: 'string' },
  'clearing-system': { type: 'string' },
  out: { type: 'string' },
} as const;

type Values = ReturnType<typeof parseCommand<typeof options>>['values'];

function needed(values: Values, name: 'peer' | 'window' | 'asset' | 'reference'): string {
  const value = values[name];
  if (value === undefined) throw new UsageError(`--${name} is required.\n${usage}`);
  return value;
}

function windowNumber(values: Values): number {
  const text = needed(values, 'window');
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new UsageError(`"${text}" is not the number of a window.\n${usage}`);
  return Number(text);
}

function comparisonText({ differences, batches, more }: WindowComparison): string {
  if (differences.length === 0)
    return `${counted(batches, 'batch', 'batches')} compared: the two operators' books agree.`;
  const rows = differences.map(({ pair, role, sequence, index, own }) => [
    pair,
    `batch ${sequence} as ${role}`,
    `leaf ${index}`,
    own === 'as-agreed'
      ? 'booked as agreed here; the other operator’s books are wrong'
      : 'booked here differently than agreed',
  ]);
  return `${table(rows)}${more ? '\nThere are more.' : ''}\n${counted(batches, 'batch', 'batches')} compared.`;
}

const exported = ({ number, operatorA, operatorB, aToB, bToA, secret, lines }: WindowView) => ({
  window: {
    number,
    operatorA,
    operatorB,
    aToB,
    bToA,
    nets: lines.map(({ asset, net }) => ({ asset, net })),
    secret,
  },
  references: lines.flatMap(({ asset, reference, referenceSalt, dischargedBlock }) =>
    reference === undefined || referenceSalt === undefined || dischargedBlock === undefined
      ? []
      : [{ asset, reference, salt: referenceSalt }],
  ),
});

const verbs: Readonly<Record<string, (values: Values, client: NodeClient, out: Output) => Promise<number>>> = {
  async list(values, client, out) {
    const { windows } = await client.windows({ counterparty: values.peer });
    const money = await moneyOf(client);
    print(out, values.json, { windows }, () =>
      windows.length === 0
        ? 'There are no windows yet.'
        : windows.map((window) => windowText(window, money)).join('\n\n'),
    );
    return windows.some(({ overdue }) => overdue) ? 3 : 0;
  },
  async close(values, client, out) {
    const window = await client.closeWindow({ counterparty: needed(values, 'peer') });
    const money = await moneyOf(client);
    print(out, values.json, window, () => windowText(window, money));
    return 0;
  },
  async discharge(values, client, out) {
    const window = await client.dischargeWindow({
      counterparty: needed(values, 'peer'),
      number: windowNumber(values),
      asset: needed(values, 'asset'),
      reference: needed(values, 'reference'),
    });
    const money = await moneyOf(client);
    print(out, values.json, window, () => windowText(window, money));
    return 0;
  },
  async payment(values, client, out) {
    const text = await client.windowPayment({
      counterparty: needed(values, 'peer'),
      number: `${windowNumber(values)}`,
      asset: needed(values, 'asset'),
      ...(values.again ? { again: 'yes' } : {}),
      ...networkOf(values),
    });
    if (values.out === undefined) out.stdout.write(text);
    else {
      writeFileSync(values.out, text);
      out.stderr.write(`${values.out}: ${counted(Buffer.byteLength(text), 'byte')}\n`);
    }
    return 0;
  },
  async export(values, client, out) {
    const windows = (await client.windows({ counterparty: values.peer })).windows.filter(
      ({ state }) => state !== 'proposed' && state !== 'differs',
    );
    const text = `${JSON.stringify({ format: windowsFormat, windows: windows.map(exported) }, undefined, 2)}\n`;
    if (values.out === undefined) out.stdout.write(text);
    else {
      writeFileSync(values.out, text);
      out.stderr.write(`${values.out}: ${counted(windows.length, 'window')}\n`);
    }
    return 0;
  },
  async compare(values, client, out) {
    const found = await client.compareWindow({ counterparty: needed(values, 'peer') });
    print(out, values.json, found, () => comparisonText(found));
    return found.differences.length === 0 ? 0 : 3;
  },
};

export async function window(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const [verb = ''] = positionals;
  if (verb === 'settle') {
    return settle({ ...values, peer: needed(values, 'peer'), reference: needed(values, 'reference') }, out);
  }
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (run === undefined) throw new UsageError(`Unknown command "tandem window ${verb}".\n${usage}`);
  const { peer } = values;
  return withNode(values, (client) => run(values, client, out), peer === undefined ? {} : { other: peer });
}
