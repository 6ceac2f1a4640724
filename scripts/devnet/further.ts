/** Operators beyond those of a description, in its pattern: `npm start -- --operators 4`. */
import type { Amount, Asset, Msisdn } from '../../operator-node/model/ids.ts';
import type { Description, DevnetAsset, OperatorPlan } from './description.ts';
import { DevnetError } from './layout.ts';
import type { DevnetPerson } from './users.ts';

interface Sketch {
  readonly handle: string;
  readonly swede: string;
  readonly brit: string;
  readonly machine: string;
}

const sketches: readonly Sketch[] = [
  { handle: 'cumulus', swede: 'Karin Lind', brit: 'Leo Moss', machine: 'Kiosk 7' },
  { handle: 'drift', swede: 'Nils Olin', brit: 'Olive Penn', machine: 'Locker 5' },
  { handle: 'equinox', swede: 'Petra Quist', brit: 'Quentin Rowe', machine: 'Meter 12' },
  { handle: 'foehn', swede: 'Rut Sand', brit: 'Simon Tate', machine: 'Ferry 3' },
  { handle: 'gale', swede: 'Tove Ulf', brit: 'Uma Vale', machine: 'Gate 9' },
  { handle: 'halo', swede: 'Viktor Wik', brit: 'Wendy York', machine: 'Pump 2' },
  { handle: 'iris', swede: 'Ylva Zell', brit: 'Zoe Abbott', machine: 'Booth 6' },
  { handle: 'jetstream', swede: 'Axel Brink', brit: 'Beth Cole', machine: 'Tram 11' },
];

/**
 * Two ranges each: ten numbers of the series for fiction, and a large one for the bench and chaos, as aurora and
 * borealis have them.
 */
const blocks: readonly { readonly small: string; readonly large: string }[] = [
  { small: '+4670174066', large: '+46703' },
  { small: '+4670174067', large: '+46704' },
  { small: '+4670174068', large: '+46705' },
  { small: '+4670174069', large: '+46706' },
  { small: '+4670174063', large: '+46707' },
  { small: '+4670174064', large: '+46708' },
  { small: '+4670174061', large: '+46701' },
  { small: '+4670174065', large: '+46702' },
];

/** `count` of them, which share no handle, range and number with what is described. @throws {DevnetError} */
export function furtherOperators(
  { operators, users, file }: Pick<Description, 'operators' | 'users' | 'file'>,
  count: number,
): { readonly operators: readonly OperatorPlan[]; readonly users: readonly DevnetPerson[] } {
  const handles = new Set(operators.map(({ handle }) => handle));
  const ranges = operators.flatMap(({ numbers, machines }) => [...numbers, ...machines]);
  const numbers = [...operators.map(({ serviceNumber }) => serviceNumber), ...users.map(({ user }) => user.number)];
  const isFree = (prefix: string): boolean =>
    !ranges.some((range) => range.startsWith(prefix)) && !numbers.some((number) => number.startsWith(prefix));
  const freeSketches = sketches.filter(({ handle }) => !handles.has(handle));
  const freeBlocks = blocks.filter(({ small, large }) => isFree(small) && isFree(large));
  const [first] = operators;
  if (first === undefined || freeSketches.length < count || freeBlocks.length < count) {
    throw new DevnetError(
      `${file} has ${operators.length} operators, and their numbers leave room for ${freeBlocks.length} more in the ` +
        `pattern of the devnet's own: describe the other ${count} in the file.`,
    );
  }
  const made = Array.from({ length: count }, (_, index) => {
    const [sketch, block] = [freeSketches[index], freeBlocks[index]];
    if (sketch === undefined || block === undefined) throw new RangeError('counted above');
    return furtherOperator(sketch, block, first);
  });
  return { operators: made.map(({ plan }) => plan), users: made.flatMap(({ people }) => people) };
}

function furtherOperator(
  { handle, swede, brit, machine }: Sketch,
  { small, large }: (typeof blocks)[number],
  { assets, language }: OperatorPlan,
): { readonly plan: OperatorPlan; readonly people: readonly DevnetPerson[] } {
  const [main, ...others] = assets;
  if (main === undefined) throw new RangeError('an operator has at least one currency');
  const person = (last: string, name: string, own: string): DevnetPerson => ({
    operator: handle,
    user: {
      number: `${small}${last}` as Msisdn,
      name,
      language: own,
      kind: 'person',
      assets: assets.map(({ asset }) => asset),
      joined: true,
      autoAccept: false,
      goods: [],
    },
    deposits: [units(main, 1000), ...others.map((asset) => units(asset, 100))],
  });
  const { asset, amount: price } = units(main, 20);
  const seller: DevnetPerson = {
    operator: handle,
    user: {
      ...person('9', machine, 'en').user,
      kind: 'machine',
      assets: [asset],
      autoAccept: true,
      goods: [{ item: '21', label: 'a ticket', asset, price, codes: ticketCodes }],
    },
    deposits: [],
  };
  return {
    plan: {
      handle,
      name: handle,
      serviceNumber: `${small}5` as Msisdn,
      numbers: [large, small],
      machines: [`${small}9`],
      assets,
      language,
    },
    people: [person('1', swede, 'sv'), person('2', brit, 'en'), seller],
  };
}

const ticketCodes = Array.from({ length: 20 }, (_, index) => `T-${2000 + index * 41}`);

const units = (
  { asset, exponent }: DevnetAsset,
  whole: number,
): { readonly asset: Asset; readonly amount: Amount } => ({
  asset,
  amount: (BigInt(whole) * 10n ** BigInt(exponent)).toString() as Amount,
});
