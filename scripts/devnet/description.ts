/**
 * Who a devnet is of, from a YAML file (`devnet.yaml`; docs/devnet.md): operators with their numbers and currencies, and
 * their users. Everything else follows from it: ids, ports, configuration, the directory of numbers.
 */
import { dirname, join, resolve } from 'node:path';
import { newUser } from '../../operator-node/api/user-routes.ts';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { LocatedYaml } from '../../operator-node/located-yaml.ts';
import type { Amount, Asset, Msisdn } from '../../operator-node/model/ids.ts';
import { minorOf } from '../../operator-node/model/money.ts';
import { descriptionSchema, type RawDescription, type RawOperator, type RawUser } from './description-schema.ts';
import { parseDirectory } from '../../operator-node/directory/file.ts';
import { directoryText } from './directory.ts';
import { furtherOperators } from './further.ts';
import { catalogueFile, DevnetError } from './layout.ts';
import type { DevnetPerson } from './users.ts';

export interface DevnetAsset {
  readonly asset: Asset;
  readonly exponent: number;
}

/** An operator as it is described; its id is its place in the list, from 1. */
export interface OperatorPlan {
  readonly handle: string;
  readonly name: string;
  readonly serviceNumber: Msisdn;
  /** Leading digits. */
  readonly numbers: readonly string[];
  readonly machines: readonly string[];
  readonly assets: readonly DevnetAsset[];
  readonly language: string;
}

export interface Description {
  readonly file: string;
  /** In the order of their ids. */
  readonly operators: readonly OperatorPlan[];
  readonly users: readonly DevnetPerson[];
  /** Numbers that have come from another operator: exceptions of the directory. */
  readonly ported: readonly Ported[];
  /** The recorded conversation, if these people have one. */
  readonly recording: string | undefined;
}

export interface Ported {
  readonly number: Msisdn;
  /** Handle. */
  readonly operator: string;
}

export const minOperators = 2;
export const maxOperators = 8;
export const defaultFile = join(import.meta.dirname, 'devnet.yaml');

/** Names of a devnet's own folders and processes, which no operator can have. */
const reserved = new Set(['chain', 'deployment', 'endpoints', 'gateway']);
/** A code after another: `CUP-1000`, `CUP-1037`. */
const [firstCode, codeStep] = [1000, 37];

/**
 * The description in `file`; with `operators`, of so many: the file's first ones, and further ones in the same pattern.
 * @throws {DevnetError} for a file that cannot be read, or with one line a problem
 */
export function readDescription(file: string, operators?: number): Description {
  try {
    return describe(LocatedYaml.read(file, 'config-invalid'), operators);
  } catch (error) {
    if (error instanceof TandemError) throw new DevnetError(error.message, { cause: error });
    throw error;
  }
}

/** From the text of a file; `file` is what problems are reported under. */
export function parseDescription(file: string, source: string, operators?: number): Description {
  try {
    return describe(new LocatedYaml(file, source), operators);
  } catch (error) {
    if (error instanceof TandemError) throw new DevnetError(error.message, { cause: error });
    throw error;
  }
}

function describe(yaml: LocatedYaml, wanted: number | undefined): Description {
  const raw = yaml.parse(descriptionSchema);
  const what = 'The description of the devnet';
  if (raw === undefined) {
    yaml.assertSound('config-invalid', what);
    throw new TandemError('config-invalid', `${yaml.file} is empty.`);
  }
  const operators = plansOf(yaml, raw);
  const users = usersOf(yaml, raw, operators);
  checkNumbers(yaml, raw);
  yaml.assertSound('config-invalid', what);
  const described: Description = {
    file: yaml.file,
    operators,
    users,
    ported: raw.users.flatMap(({ ported, number, operator }) =>
      ported ? [{ number: number as Msisdn, operator }] : [],
    ),
    recording: raw.recording === undefined ? undefined : resolve(dirname(yaml.file), raw.recording),
  };
  return wanted === undefined ? described : ofSoMany(described, wanted);
}

/** The first `count` operators with their users, and further ones where there are fewer. */
function ofSoMany(described: Description, count: number): Description {
  if (!Number.isInteger(count) || count < minOperators || count > maxOperators) {
    throw new DevnetError(`${count} operators: give a number from ${minOperators} to ${maxOperators}.`);
  }
  const kept = described.operators.slice(0, count);
  const handles = new Set(kept.map(({ handle }) => handle));
  const further = furtherOperators(described, count - kept.length);
  return {
    ...described,
    operators: [...kept, ...further.operators],
    users: [...described.users.filter(({ operator }) => handles.has(operator)), ...further.users],
    ported: described.ported.filter(({ operator }) => handles.has(operator)),
  };
}

let catalogueLanguages: readonly string[] | undefined;
/** Of the devnet's catalogue, which is read once. */
const languages = (): readonly string[] =>
  (catalogueLanguages ??= loadCatalogue(catalogueFile, { assets: [{ asset: 'SEK' as Asset, exponent: 2 }] }).languages);

function plansOf(yaml: LocatedYaml, { operators }: RawDescription): OperatorPlan[] {
  if (operators.length < minOperators) {
    const count = operators.length === 1 ? 'one operator' : 'no operator';
    yaml.problem(['operators'], `there is ${count}: a devnet has at least ${minOperators}. Add another one`);
  }
  if (operators.length > maxOperators) {
    yaml.problem(
      ['operators', maxOperators],
      `there are ${operators.length}: a devnet has at most ${maxOperators}. Leave the others out`,
    );
  }
  const known = languages();
  const first = new Map<string, number>();
  return operators.map((operator, index) => {
    const { handle, name, serviceNumber, numbers, machines, language } = operator;
    const at = ['operators', index] as const;
    const before = first.get(handle);
    if (before !== undefined) {
      const line = yaml.line(['operators', before, 'handle']);
      yaml.problem([...at, 'handle'], `${handle} is the operator at line ${line} already: give it another handle`);
    } else first.set(handle, index);
    if (reserved.has(handle)) {
      yaml.problem([...at, 'handle'], `${handle} is what the devnet calls a part of its own: give it another handle`);
    }
    if (language !== undefined) checkLanguage(yaml, [...at, 'language'], language, known);
    const assets = assetsOf(yaml, index, operator);
    return {
      handle,
      name: name ?? handle,
      serviceNumber: serviceNumber as Msisdn,
      numbers,
      machines,
      assets,
      language: language ?? known[0] ?? 'en',
    };
  });
}

function checkLanguage(yaml: LocatedYaml, path: readonly PropertyKey[], language: string, known: readonly string[]) {
  if (known.includes(language)) return;
  yaml.problem(path, `the catalogue has no language ${language}: it has ${known.join(', ')}`);
}

const isoCurrencies = new Set(Intl.supportedValuesOf('currency'));

/** Decimals of an ISO 4217 currency. */
const exponentOf = (code: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions().maximumFractionDigits ?? 2;

function assetsOf(yaml: LocatedYaml, index: number, { currencies }: RawOperator): DevnetAsset[] {
  const found = new Map<string, DevnetAsset>();
  for (const [at, currency] of currencies.entries()) {
    const path = ['operators', index, 'currencies', at] as const;
    const code = typeof currency === 'string' ? currency : currency.asset;
    if (found.has(code)) yaml.problem(path, `${code} stands twice: leave one out`);
    if (typeof currency !== 'string') found.set(code, { asset: code as Asset, exponent: currency.exponent });
    else if (isoCurrencies.has(code)) found.set(code, { asset: code as Asset, exponent: exponentOf(code) });
    else {
      yaml.problem(
        path,
        `${code} is no currency of ISO 4217: correct it, or say how many decimals it has: { asset: '${code}', exponent: 2 }`,
      );
    }
  }
  return [...found.values()];
}

function usersOf(yaml: LocatedYaml, { users }: RawDescription, operators: readonly OperatorPlan[]): DevnetPerson[] {
  const known = languages();
  const people: DevnetPerson[] = [];
  for (const [index, user] of users.entries()) {
    const at = ['users', index] as const;
    const operator = operators.find(({ handle }) => handle === user.operator);
    if (operator === undefined) {
      const handles = operators.map(({ handle }) => handle).join(', ');
      yaml.problem([...at, 'operator'], `there is no operator ${user.operator}: it is one of ${handles || 'none'}`);
      continue;
    }
    if (user.language !== undefined) checkLanguage(yaml, [...at, 'language'], user.language, known);
    people.push(personOf(yaml, index, user, operator));
  }
  return people;
}

function personOf(yaml: LocatedYaml, index: number, user: RawUser, operator: OperatorPlan): DevnetPerson {
  const at = ['users', index] as const;
  const money = Object.entries(user.accounts).flatMap(([asset, written]) => {
    const minor = minorUnits(yaml, [...at, 'accounts', asset], { asset, written, operator });
    return minor === undefined ? [] : [{ asset: asset as Asset, amount: minor }];
  });
  const [firstAsset] = Object.keys(user.accounts);
  if (firstAsset === undefined) yaml.problem([...at, 'accounts'], 'expected at least one account: { SEK: 0 } is one');
  const goods = user.goods.flatMap(({ item, label, price, currency = firstAsset ?? '', codes }, place) => {
    const path = [...at, 'goods', place] as const;
    const minor = minorUnits(yaml, [...path, 'price'], { asset: currency, written: price, operator });
    if (minor === '0') yaml.problem([...path, 'price'], 'is 0: nothing is given away here');
    return minor === undefined
      ? []
      : [{ item, label, asset: currency as Asset, price: minor, codes: 'prefix' in codes ? codesOf(codes) : codes }];
  });
  const person = {
    number: user.number as Msisdn,
    name: user.name,
    language: user.language ?? operator.language,
    kind: user.kind,
    assets: Object.keys(user.accounts) as Asset[],
    joined: user.joined,
    autoAccept: user.autoAccept ?? user.kind === 'machine',
    goods,
  };
  if (firstAsset !== undefined) {
    // What the node would refuse is refused here, where the line is known.
    for (const { path, message } of newUser.safeParse(person).error?.issues ?? []) {
      yaml.problem([...at, ...path], message);
    }
  }
  return { operator: operator.handle, user: person, deposits: money.filter(({ amount }) => amount !== '0') };
}

const codesOf = ({ prefix, count }: { readonly prefix: string; readonly count: number }): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${firstCode + index * codeStep}`);

/** Undefined, with the problem noted, for a currency that the operator does not have or more decimals than it has. */
function minorUnits(
  yaml: LocatedYaml,
  path: readonly PropertyKey[],
  { asset, written, operator }: { asset: string; written: string; operator: OperatorPlan },
): Amount | undefined {
  const exponent = operator.assets.find((each) => each.asset === asset)?.exponent;
  if (exponent === undefined) {
    const has = operator.assets.map((each) => each.asset).join(', ');
    yaml.problem(
      path,
      `${operator.handle} has no currency ${asset}: it has ${has}. Add it to currencies, or correct it`,
    );
    return undefined;
  }
  const minor = minorOf(written, exponent);
  if (minor === undefined) yaml.problem(path, `${written} has more decimals than ${asset}, which has ${exponent}`);
  return minor as Amount | undefined;
}

/** Each number once, each range once, and every number where it belongs. */
function checkNumbers(yaml: LocatedYaml, { operators, users }: RawDescription): void {
  const taken = new Map<string, readonly PropertyKey[]>();
  const once = (text: string, path: readonly PropertyKey[], what: string): void => {
    const before = taken.get(text);
    if (before === undefined) taken.set(text, path);
    else yaml.problem(path, `${text} stands at line ${yaml.line(before)} already: ${what}`);
  };
  for (const [index, { serviceNumber }] of operators.entries()) {
    once(serviceNumber, ['operators', index, 'serviceNumber'], 'give each operator and user a number of its own');
  }
  for (const [index, { number }] of users.entries()) {
    once(number, ['users', index, 'number'], 'give each operator and user a number of its own');
  }
  let clear = true;
  for (const [index, { numbers, machines }] of operators.entries()) {
    for (const [name, list] of Object.entries({ numbers, machines })) {
      for (const [at, prefix] of list.entries()) {
        const path = ['operators', index, name, at];
        if (taken.has(`range ${prefix}`)) clear = false;
        once(`range ${prefix}`, path, 'a range belongs to one operator, once');
      }
    }
  }
  if (clear) checkPlaces(yaml, operators, users);
}

function checkPlaces(yaml: LocatedYaml, operators: readonly RawOperator[], users: readonly RawUser[]): void {
  const directory = parseDirectory('directory.yaml', directoryText({ operators, ported: [] }));
  const ownerOf = (number: string): string | undefined => {
    const id = directory.find(number as Msisdn);
    return id === undefined ? undefined : operators[id - 1]?.handle;
  };
  const rangesOf = (handle: string): string => {
    const operator = operators.find((each) => each.handle === handle);
    return [...(operator?.numbers ?? []), ...(operator?.machines ?? [])].join(', ');
  };
  const whose = (number: string): string => {
    const owner = ownerOf(number);
    return owner === undefined ? 'no operator’s range' : `the range of ${owner}`;
  };
  for (const [index, { handle, serviceNumber }] of operators.entries()) {
    if (ownerOf(serviceNumber) === handle) continue;
    yaml.problem(
      ['operators', index, 'serviceNumber'],
      `${serviceNumber} lies in ${whose(serviceNumber)}: take one of ${handle}'s own (${rangesOf(handle)})`,
    );
  }
  for (const [index, { number, operator, ported }] of users.entries()) {
    const own = ownerOf(number) === operator;
    if (!operators.some(({ handle }) => handle === operator) || own !== ported) continue;
    yaml.problem(
      ['users', index, own ? 'ported' : 'number'],
      own
        ? `${number} lies in ${operator}'s own range: leave ported out`
        : `${number} lies in ${whose(number)}: take one of ${operator}'s own (${rangesOf(operator)}), or say ` +
            'ported: true if it came along from there',
    );
  }
}

export const defaultDescription: Description = readDescription(defaultFile);
