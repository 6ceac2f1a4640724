/** `tandem story REF|PAIR`: what happened to a pair, to be read with the caller on the line. */
import type { SideView, Story } from '../api/care-routes.ts';
import { isPairId } from '../model/ids.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { moneyOf, type Money } from './money.ts';
import type { Output } from './output.ts';

const usage = `usage: tandem story REF|PAIR [--number NUMBER] [--json] [which node]
  --number NUMBER  whose reference it is, where two users have the same one

What users wrote and were sent, what was held, anchored and booked, and when; of an open pair, what comes next and whom it
waits for; of one that failed, why. Times are UTC.
${nodeUsage}`;

const options = { ...nodeOptions, number: { type: 'string' } } as const;

export async function story(args: readonly string[], out: Output): Promise<number> {
  const { values, positionals } = parseCommand(usage, args, options, { min: 1, max: 1 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  const name = positionals[0] ?? '';
  const ref = name.toUpperCase();
  if (!isPairId(name) && !/^[A-Z][A-Z2-9]{3}$/.test(ref)) {
    throw new UsageError(`"${name}" is neither a reference (ESFM) nor a pair id.\n${usage}`);
  }
  return withNode(values, async (client) => {
    const id = isPairId(name) ? name : await pairNamed(client, ref, values.number);
    const told = await client.story({ id });
    const money = await moneyOf(client);
    print(out, values.json, told, () => textOf(told, money));
    return 0;
  });
}

/** @throws {UsageError} where there is none, or more than one */
async function pairNamed(
  client: Parameters<Parameters<typeof withNode>[1]>[0],
  ref: string,
  number: string | undefined,
): Promise<string> {
  const { found } = await client.find({ ref, number, limit: 10 });
  const pairs = [...new Set(found.map(({ pair }) => pair))];
  const [only] = pairs;
  if (only === undefined) throw new UsageError(`This node has no pair that a user knows as ${ref}.`);
  if (pairs.length === 1) return only;
  const list = found.map(({ pair, begun, user }) => `  ${pair}  ${begun}  ${user.name} ${user.number}`).join('\n');
  throw new UsageError(`Several pairs have the reference ${ref}: give --number, or the id of one of\n${list}`);
}

const whoOf = ({ number, name }: SideView['user']): string =>
  number === '' ? 'an erased user' : name === '' || name === number ? number : `${name} (${number})`;

const words: Readonly<Record<Story['sides'][number]['happened'][number]['what'], string>> = {
  ordered: 'ordered',
  'cancel-asked': 'asked to cancel it',
  held: 'the amount was put on hold',
  asked: 'was asked',
  answered: 'answered',
  told: 'was told',
  anchored: 'anchored on the chain',
  booked: 'booked',
  released: 'the hold was given back',
};

function lineOf({ at, what, text, block }: Story['sides'][number]['happened'][number]): string {
  const quoted = text === undefined ? '' : what === 'answered' ? ` ${text}` : `: ${JSON.stringify(text)}`;
  return `  ${at}  ${words[what]}${quoted}${block === undefined ? '' : ` in block ${block}`}`;
}

function sideText({ side, happened, why, next }: Story['sides'][number], money: Money): string {
  const { user, other, role, state, ref } = side;
  const order = role === 'initiator' ? 'ordered it of' : 'was asked by';
  return [
    `${ref}  ${side.service} ${money.text(side.amount, side.asset)} ${side.asset}  ${side.pair}`,
    `${whoOf(user)} ${order} ${whoOf(other)} of operator ${other.operator}${side.note === '' ? '' : `, for ${JSON.stringify(side.note)}`}.`,
    ...happened.map(lineOf),
    ...(happened.some(({ what }) => what === 'anchored') ? [] : ['  not yet anchored on the chain']),
    `Now: ${state}.${why === undefined ? '' : ` ${why}`}${side.told ? '' : ' The user has not been told the end yet.'}`,
    ...(next === undefined
      ? []
      : [
          `Next: ${next.says} It waits for ${typeof next.waitsFor === 'number' ? `operator ${next.waitsFor}` : `the ${next.waitsFor}`}, until ${side.deadline}.`,
        ]),
  ].join('\n');
}

const textOf = ({ sides }: Story, money: Money): string => sides.map((one) => sideText(one, money)).join('\n\n');
