/**
 * `tandem window settle`: on a devnet both operators' staff is whoever sits at it. Closes a window at one, waits until it
 * is anchored, has each payee say that it was paid, and waits until both have booked it.
 */
import { setTimeout } from 'node:timers/promises';
import type { WindowView } from '../api/window-routes.ts';
import { TandemError } from '../errors.ts';
import { devnetDirFromEnvironment } from '../config.ts';
import { print } from './arguments.ts';
import { nodeClient, type NodeClient } from '../api/client.ts';
import { readDevnet, UsageError, type DevnetOperator } from './devnet-file.ts';
import { table } from './format.ts';
import { moneyOf } from './money.ts';
import type { Output } from './output.ts';
import { windowText } from './window-text.ts';

const pollMillis = 200;
const patienceMillis = 300_000;

export interface SettleOptions {
  readonly peer: string;
  readonly operator?: string | undefined;
  readonly reference: string;
  readonly devnet?: string | undefined;
  readonly json: boolean;
}

interface Party {
  readonly operator: DevnetOperator;
  readonly client: NodeClient;
  /** As its commands call the other. */
  readonly other: string;
}

export async function settle(options: SettleOptions, out: Output): Promise<number> {
  const [one, other] = parties(options);
  try {
    const begun = performance.now();
    const { number } = await one.client.closeWindow({ counterparty: one.other });
    const say = (what: string): void => {
      if (!options.json) out.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1)} s: ${what}\n`);
    };
    say(`window ${number} is proposed`);
    const both = [one, other] as const;
    await Promise.all(both.map((party) => reached(party, number, ['anchored', 'discharged'])));
    say(`window ${number} is anchored at both operators`);
    for (const { client, operator, other: counterparty } of both) {
      const { lines } = await windowAt({ client, operator, other: counterparty }, number);
      for (const { asset, payee, dischargedBlock } of lines) {
        if (payee !== operator.id || dischargedBlock !== undefined) continue;
        await client.dischargeWindow({ counterparty, number, asset, reference: options.reference });
        say(`${operator.handle} has been paid in ${asset}`);
      }
    }
    const windows = await Promise.all(both.map((party) => reached(party, number, ['discharged'])));
    say(`window ${number} is discharged and booked at both operators`);
    const positions = await Promise.all(
      both.map(async ({ client, operator, other: counterparty }) => ({
        operator: operator.handle,
        counterparty,
        positions: (await client.positions()).positions.filter(
          ({ operator: id }) => `${id}` === idOf(both, counterparty),
        ),
      })),
    );
    const money = await moneyOf(one.client);
    print(out, options.json, { windows, positions }, () => {
      const rows = positions.flatMap((each) =>
        each.positions.map(({ asset, balance }) => [
          `${each.operator} owes ${each.counterparty}`,
          money.text(balance, asset),
          asset,
        ]),
      );
      const [first] = windows;
      return [...(first === undefined ? [] : [windowText(first, money)]), table(rows, [1])].join('\n');
    });
    return 0;
  } finally {
    one.client.close();
    other.client.close();
  }
}

const idOf = (both: readonly Party[], handle: string): string =>
  `${both.find(({ operator }) => operator.handle === handle)?.operator.id ?? ''}`;

function parties({ peer, operator, devnet: dir }: SettleOptions): readonly [Party, Party] {
  const { operators } = readDevnet(dir ?? devnetDirFromEnvironment());
  const named = (text: string): DevnetOperator => {
    const found = operators.find(({ handle, id }) => handle === text || `${id}` === text);
    if (found === undefined) {
      throw new UsageError(
        `This devnet has no operator ${text}; it has ${operators.map(({ handle }) => handle).join(', ')}.`,
      );
    }
    return found;
  };
  const theirs = named(peer);
  const rest = operators.filter(({ id }) => id !== theirs.id);
  const mine = operator === undefined && rest.length === 1 ? rest[0] : named(operator ?? '');
  if (mine === undefined || mine.id === theirs.id) throw new UsageError('--operator and --peer are the same operator.');
  const party = (own: DevnetOperator, other: DevnetOperator): Party => ({
    operator: own,
    client: nodeClient(own, { timeoutMillis: 120_000 }),
    other: other.handle,
  });
  return [party(mine, theirs), party(theirs, mine)];
}

async function windowAt({ client, other }: Party, number: number): Promise<WindowView> {
  const found = await windowIfThere({ client, other }, number);
  if (found === undefined) throw new TandemError('not-found', `Window ${number} with ${other} does not exist.`);
  return found;
}

const windowIfThere = async (
  { client, other }: Pick<Party, 'client' | 'other'>,
  number: number,
): Promise<WindowView | undefined> =>
  (await client.windows({ counterparty: other })).windows.find((each) => each.number === number);

async function reached(party: Party, number: number, states: readonly WindowView['state'][]): Promise<WindowView> {
  const until = performance.now() + patienceMillis;
  for (;;) {
    const window = await windowIfThere(party, number);
    if (window !== undefined && states.includes(window.state)) return window;
    if (window?.state === 'differs') {
      throw new TandemError(
        'unprocessable',
        `Window ${number} was not signed: ${window.refusal ?? 'differs'}; see tandem window compare.`,
      );
    }
    if (performance.now() > until) {
      throw new TandemError(
        'not-ready',
        `Window ${number} is ${window?.state ?? 'unknown'} at ${party.operator.handle} after ${patienceMillis / 1000} s.`,
      );
    }
    await setTimeout(pollMillis);
  }
}
