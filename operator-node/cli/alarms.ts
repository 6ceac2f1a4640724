/** `tandem alarms`: what staff has to see, what to do about it, and that somebody has seen it. */
import { userInfo } from 'node:os';
import type { AlarmView } from '../alarms/alarms.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem alarms [which node] [--json]
       tandem alarms … --ack CODE [SUBJECT] --because TEXT [--by NAME]
  --ack CODE         acknowledge it: no longer shown, unless it is still active; without SUBJECT, all with that code
  --because TEXT     what was found and done; recorded in the journal
  --by NAME          who says so (default: the name of this account)
${nodeUsage}`;

/** Exit code 1 while any is active. */
export async function alarms(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    ack: { type: 'string' },
    because: { type: 'string' },
    by: { type: 'string' },
  } as const;
  const { values, positionals } = parseCommand(usage, args, options, { min: 0, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const { ack, because, by = userInfo().username } = values;
  const [subject] = positionals;
  if (ack === undefined && (because !== undefined || subject !== undefined)) {
    throw new UsageError(`Which alarm? --ack CODE.\n${usage}`);
  }
  const { alarms: list } = await withNode(values, (client) => {
    if (ack === undefined) return client.alarms();
    if (because === undefined) throw new UsageError(`--ack ${ack} needs a reason: --because TEXT.\n${usage}`);
    return client.acknowledgeAlarm({ code: ack, by, because, ...(subject === undefined ? {} : { subject }) });
  });
  print(out, values.json, { alarms: list }, () =>
    list.length === 0 ? 'No alarm.' : list.map((alarm) => text(alarm)).join('\n\n'),
  );
  return list.some(({ active }) => active) ? 1 : 0;
}

function text({ code, subject, severity, active, since, last, over, count, facts, text, remedy }: AlarmView): string {
  const about = subject === '' ? '' : ` ${subject}`;
  const times = count === 1 ? '' : `, ${count} times, last ${last}`;
  const state = active ? `since ${since}${times}` : `over since ${over ?? last}; began ${since}${times}`;
  const known = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
  return [
    `${active ? severity : 'over'}  ${code}${about}  ${state}`,
    `  ${text}`,
    ...(known.length === 0 ? [] : [`  ${known.join(', ')}`]),
    `  ${remedy}`,
  ].join('\n');
}
