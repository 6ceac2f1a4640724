/** `tandem statement`: the account that a counterparty has with an operator, for banks and for bookkeeping. */
import { writeFileSync } from 'node:fs';
import type { StatementFormat } from '../api/statement-routes.ts';
import { isPairId, isTimestamp, toTimestamp } from '../model/ids.ts';
import { counted } from '../model/counted.ts';
import { paymentProfiles, type ForNetwork } from '../statements/pacs009.ts';
import { parseCommand } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem statement --counterparty HANDLE|ID --asset CODE --from WHEN --to WHEN
         [--format camt053|csv|pacs009] [--pair ID] [--profile cbpr|hvps] [--clearing-system CODE] [--out FILE]
         [which node]

WHEN is a day, 2026-11-01 (UTC; for --to the whole day counts), or a moment, 2026-11-01T12:00:00Z (--to ends before it).
camt053 (the default) is the ISO 20022 account statement; csv is the same for any asset; pacs009 is the payment of the
period's total, where this operator is the payer, or with --pair the payment of one pair. Once there are
settlement windows with the counterparty, pacs009 is refused (use tandem window payment). --profile writes the payment for
CBPR+ or HVPS+, hvps with the code of its clearing system. Without --out it is written to standard output.
${nodeUsage}`;

const options = {
  ...nodeOptions,
  counterparty: { type: 'string' },
  asset: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  format: { type: 'string', default: 'camt053' },
  pair: { type: 'string' },
  profile: { type: 'string' },
  'clearing-system': { type: 'string' },
  out: { type: 'string' },
} as const;

const formats: readonly StatementFormat[] = ['camt053', 'csv', 'pacs009'];
const operations = { camt053: 'accountStatement', csv: 'accountStatementCsv' } as const;
const dayMillis = 86_400_000;

/** The first second of a day, or with `whole` of the day after; a moment is itself. */
function momentOf(name: 'from' | 'to', text: string | undefined): string {
  const wrong = new UsageError(`--${name} must be a day, 2026-11-01, or a moment, 2026-11-01T12:00:00Z.\n${usage}`);
  if (text === undefined) throw wrong;
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const moment = Date.parse(isDay ? `${text}T00:00:00Z` : text);
  // `Date.parse` takes 30 February for 2 March: only what is written back the same is a date.
  const written = Number.isNaN(moment) ? '' : toTimestamp(moment);
  if (isDay ? !written.startsWith(text) : !isTimestamp(text) || written !== text) throw wrong;
  return toTimestamp(moment + (isDay && name === 'to' ? dayMillis : 0));
}

/** Of a payment: the network that its document is for. */
export function networkOf(values: {
  readonly profile?: string | undefined;
  readonly 'clearing-system'?: string | undefined;
}): ForNetwork {
  const { profile: name, 'clearing-system': clearingSystem } = values;
  const profile = paymentProfiles.find((each) => each === name);
  if (name !== undefined && profile === undefined) {
    throw new UsageError(`--profile is to be one of ${paymentProfiles.join(', ')}.`);
  }
  return { ...(profile === undefined ? {} : { profile }), ...(clearingSystem === undefined ? {} : { clearingSystem }) };
}

export async function statement(args: readonly string[], out: Output): Promise<number> {
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { counterparty, asset, out: file } = values;
  const format = formats.find((each) => each === values.format);
  if (counterparty === undefined || asset === undefined || format === undefined) {
    throw new UsageError(
      `--counterparty and --asset are required; --format must be one of ${formats.join(', ')}.\n${usage}`,
    );
  }
  const { pair } = values;
  if (pair !== undefined && (format !== 'pacs009' || !isPairId(pair))) {
    throw new UsageError(`--pair must be a pair’s id, and requires --format pacs009.\n${usage}`);
  }
  const query = {
    counterparty,
    asset,
    from: momentOf('from', values.from),
    to: momentOf('to', values.to),
  };
  const text = await withNode(
    values,
    (client) =>
      format === 'pacs009'
        ? client.netPayment({ ...query, pair, ...networkOf(values) })
        : client[operations[format]](query),
    { other: counterparty },
  );
  if (file === undefined) out.stdout.write(text);
  else {
    writeFileSync(file, text);
    out.stderr.write(`${file}: ${counted(Buffer.byteLength(text), 'byte')}\n`);
  }
  return 0;
}
