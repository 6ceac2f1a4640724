/** A devnet's description: what is wrong with a file is said with its line and what to do; what is right becomes a devnet. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDirectory } from '../../operator-node/directory/file.ts';
import { isMsisdn, type Msisdn } from '../../operator-node/model/ids.ts';
import {
  defaultDescription,
  defaultFile,
  maxOperators,
  parseDescription,
  readDescription,
} from '../../scripts/devnet/description.ts';
import { directoryText } from '../../scripts/devnet/directory.ts';
import { DevnetError, layout, portOffsets } from '../../scripts/devnet/layout.ts';
import { recordingOf } from '../../scripts/devnet/show.ts';

const sound = `operators:
  - handle: north
    serviceNumber: '+254700000005'
    numbers: ['+254700']
    currencies: [KES, JPY]
    language: en
  - handle: south
    serviceNumber: '+254710000005'
    numbers: ['+25471']
    machines: ['+254719']
    currencies: [KES, { asset: '2:POINTS', exponent: 0 }]
users:
  - name: Achieng Odhiambo
    number: '+254700000011'
    operator: north
    accounts: { KES: 1234.50, JPY: 250 }
  - name: Juma Kamau
    number: '+254700000012'
    operator: south
    language: sv
    ported: true
    accounts: { KES: '0', '2:POINTS': 7 }
  - name: Kiosk 1
    number: '+254719000001'
    operator: south
    kind: machine
    accounts: { KES: 0 }
    goods:
      - { item: '1', label: tea, price: 20, codes: [A, B] }
`;

/** What is said of the file with one piece replaced. */
function saidOf(was: string | RegExp, is: string, operators?: number): string {
  const changed = sound.replace(was, is);
  expect(changed).not.toBe(sound);
  try {
    parseDescription('my.yaml', changed, operators);
  } catch (error) {
    expect(error).toBeInstanceOf(DevnetError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

const lineOf = (piece: string): number => sound.slice(0, sound.indexOf(piece)).split('\n').length;

describe('readDescription', () => {
  it.each([
    ['a file that is not there', undefined, 'Cannot read'],
    ['an empty file', '', 'my.yaml'],
    ['no YAML', 'operators: [', 'my.yaml:1:'],
    ['no list of operators', 'users: []', 'operators: is missing'],
    ['no operators', 'operators: []\nusers: []', 'my.yaml:1: operators: there is no operator: a devnet has at least 2'],
  ])('refuses %s', (_, source, expected) => {
    expect(() =>
      source === undefined ? readDescription('/nowhere/my.yaml') : parseDescription('my.yaml', source),
    ).toThrow(expected);
  });

  it.each([
    ['one operator', /  - handle: south[\s\S]*?(?=users:)/, '', 1, 'there is one operator: a devnet has at least 2'],
    ['an unknown key', 'language: en', 'lang: en', lineOf('language: en'), 'unknown key'],
    ['a number without quotes', "'+254700000011'", '+254700000011', lineOf("'+254700000011'"), 'in quotes'],
    [
      'two operators of one handle',
      'handle: south',
      'handle: north',
      lineOf('handle: south'),
      'is the operator at line 2 already',
    ],
    [
      'a handle that is a folder of the devnet',
      'handle: south',
      'handle: chain',
      lineOf('handle: south'),
      'a part of its own',
    ],
    ['a handle with capitals', 'handle: south', 'handle: South', lineOf('handle: south'), 'lower-case'],
    [
      'a user with another one’s number',
      "'+254700000012'",
      "'+254700000011'",
      lineOf("'+254700000012'"),
      `stands at line ${lineOf("'+254700000011'")} already`,
    ],
    [
      'a user with a service number',
      "'+254700000011'",
      "'+254700000005'",
      lineOf("'+254700000011'"),
      'stands at line 3 already',
    ],
    [
      'two operators with one service number',
      "'+254710000005'",
      "'+254700000005'",
      lineOf("'+254710000005'"),
      'stands at line 3 already',
    ],
    [
      'two operators with one range',
      "['+25471']",
      "['+254700']",
      lineOf("['+25471']"),
      'a range belongs to one operator',
    ],
    ['a range that is none', "['+25471']", "['0710']", lineOf("['+25471']"), 'leading digits'],
    ['no range', "['+25471']", '[]', lineOf("['+25471']"), 'at least one range'],
    [
      'a number in nobody’s range',
      "'+254700000011'",
      "'+46701740611'",
      lineOf("'+254700000011'"),
      'lies in no operator’s range: take one of north',
    ],
    [
      'a number in another one’s range',
      '    ported: true\n',
      '',
      lineOf("'+254700000012'"),
      "lies in the range of north: take one of south's own (+25471, +254719), or say ported: true",
    ],
    ['ported within its own range', "'+254700000012'", "'+254710000012'", lineOf('ported: true'), 'leave ported out'],
    [
      'a service number in another one’s range',
      "'+254710000005'",
      "'+254700000006'",
      lineOf("'+254710000005'"),
      'lies in the range of north',
    ],
    [
      'a currency that is none',
      'currencies: [KES, JPY]',
      'currencies: [KES, XQQ]',
      lineOf('currencies: [KES, JPY]'),
      'XQQ is no currency of ISO 4217',
    ],
    [
      'a currency twice',
      'currencies: [KES, JPY]',
      'currencies: [KES, KES]',
      lineOf('currencies: [KES, JPY]'),
      'KES stands twice',
    ],
    [
      'no currency',
      'currencies: [KES, JPY]',
      'currencies: []',
      lineOf('currencies: [KES, JPY]'),
      'at least one currency',
    ],
    [
      'an account that its operator has no currency for',
      'JPY: 250',
      'EUR: 250',
      lineOf('JPY: 250'),
      'north has no currency EUR: it has KES, JPY',
    ],
    [
      'more decimals than the currency has',
      'JPY: 250',
      'JPY: 250.5',
      lineOf('JPY: 250'),
      '250.5 has more decimals than JPY, which has 0',
    ],
    ['an amount below 0', 'JPY: 250', 'JPY: -1', lineOf('JPY: 250'), 'expected an amount'],
    ['an amount that YAML cannot hold', 'JPY: 250', 'JPY: 12345678901234567', lineOf('JPY: 250'), 'write it in quotes'],
    ['no account', '{ KES: 0 }', '{}', lineOf('{ KES: 0 }'), 'at least one account'],
    [
      'an operator that there is not',
      'operator: north',
      'operator: west',
      lineOf('operator: north'),
      'there is no operator west: it is one of north, south',
    ],
    [
      'a language that the catalogue has not',
      'language: sv',
      'language: fi',
      lineOf('language: sv'),
      'the catalogue has no language fi: it has en, sv',
    ],
    ['a kind that is none', 'kind: machine', 'kind: robot', lineOf('kind: machine'), 'person or machine'],
    [
      'goods in a currency of nobody',
      'price: 20,',
      'price: 20, currency: EUR,',
      lineOf('price: 20'),
      'south has no currency EUR',
    ],
    ['goods for nothing', 'price: 20,', 'price: 0,', lineOf('price: 20'), 'is 0'],
    ['goods without a price', 'price: 20, ', '', lineOf('price: 20'), 'is missing'],
    ['a missing name', 'name: Juma Kamau\n    number', 'number', lineOf('name: Juma'), 'is missing'],
  ])('refuses %s, and names the line', (_, was, is, line, expected) => {
    const said = saidOf(was, is);
    expect(said).toContain(`my.yaml:${line}: `);
    expect(said).toContain(expected);
  });

  it('names every problem of a file at once', () => {
    const said = saidOf(/language: (?:sv|en)/g, 'language: xx');
    expect(said).toContain('has 2 problems');
    expect(said).toContain(`my.yaml:${lineOf('language: en')}: `);
    expect(said).toContain(`my.yaml:${lineOf('language: sv')}: `);
  });

  it.each([1, 9, 0])('refuses %d operators', (count) => {
    expect(() => parseDescription('my.yaml', sound, count)).toThrow('give a number from 2 to 8');
  });

  it('reads operators, users, amounts in minor units, and what is said by default', () => {
    const { operators, users, ported } = parseDescription('my.yaml', sound);
    expect(operators).toMatchObject([
      {
        handle: 'north',
        name: 'north',
        language: 'en',
        machines: [],
        assets: [
          { asset: 'KES', exponent: 2 },
          { asset: 'JPY', exponent: 0 },
        ],
      },
      {
        handle: 'south',
        language: 'en',
        machines: ['+254719'],
        assets: [{ asset: 'KES' }, { asset: '2:POINTS', exponent: 0 }],
      },
    ]);
    expect(
      users.map(({ operator, user: { language, assets, autoAccept }, deposits }) => [
        operator,
        language,
        assets.join(),
        autoAccept,
        deposits,
      ]),
    ).toEqual([
      [
        'north',
        'en',
        'KES,JPY',
        false,
        [
          { asset: 'KES', amount: '123450' },
          { asset: 'JPY', amount: '250' },
        ],
      ],
      ['south', 'sv', 'KES,2:POINTS', false, [{ asset: '2:POINTS', amount: '7' }]],
      ['south', 'en', 'KES', true, []],
    ]);
    expect(users[2]?.user.goods).toEqual([{ item: '1', label: 'tea', asset: 'KES', price: '2000', codes: ['A', 'B'] }]);
    expect(ported).toEqual([{ number: '+254700000012', operator: 'south' }]);
  });
});

describe('the devnet’s own description', () => {
  it('is of aurora and borealis, with the ports, numbers and users that everybody knows', () => {
    const { operators, users } = defaultDescription;
    expect(operators.map(({ handle, serviceNumber }) => [handle, serviceNumber])).toEqual([
      ['aurora', '+46701740605'],
      ['borealis', '+46701740655'],
    ]);
    expect(users.map(({ operator, user }) => `${user.number} ${user.name} ${operator} ${user.language}`)).toEqual([
      '+46701740611 Anna Berg aurora en',
      '+46701740612 Björn Dahl aurora sv',
      '+46701740613 Café Norr aurora sv',
      '+46701740651 Elin Falk borealis sv',
      '+46701740652 George Hill borealis en',
      '+46701740620 Ida Juhl borealis sv',
      '+46701740659 Platform 4 borealis en',
    ]);
    const place = layout({ dir: '/x', portBase: 7400, operators });
    expect([...place.operators.flatMap(({ apiPort, channelPort }) => [apiPort, channelPort]), place.chainPort]).toEqual(
      [7400, 7401, 7410, 7411, 7445],
    );
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('grows to %d operators, whose numbers and ports are their own', (count) => {
    const { operators, users, ported } = readDescription(defaultFile, count);
    expect(operators).toHaveLength(count);
    expect(operators.slice(0, 2)).toEqual(defaultDescription.operators);
    expect(users.slice(0, defaultDescription.users.length)).toEqual(defaultDescription.users);
    const directory = parseDirectory('directory.yaml', directoryText({ operators, ported }));
    const handleOf = (number: string): string | undefined =>
      isMsisdn(number) ? operators[(directory.find(number) ?? 0) - 1]?.handle : undefined;
    for (const { operator, user } of users)
      expect([user.number, handleOf(user.number)]).toEqual([user.number, operator]);
    for (const { handle, serviceNumber, numbers } of operators) {
      expect(handleOf(serviceNumber)).toBe(handle);
      // Chaos and bench make users in the first range.
      expect(directory.find(`${numbers[0]}900000` as Msisdn)).toBe(
        operators.findIndex((each) => each.handle === handle) + 1,
      );
    }
    const numbers = [...users.map(({ user }) => user.number), ...operators.map(({ serviceNumber }) => serviceNumber)];
    expect(new Set(numbers).size).toBe(numbers.length);
    // Names that tandem understands without a number.
    const firstNames = users.map(({ user }) => user.name.split(' ')[0]);
    expect(new Set(firstNames).size).toBe(firstNames.length);
    const ports = portOffsets(count);
    expect(new Set(ports).size).toBe(2 * count + 1);
    expect(layout({ dir: '/x', portBase: 100, operators }).operators.map(({ apiPort }) => apiPort - 100)).toEqual(
      operators.map((_, index) => index * 10),
    );
  });

  it('has nobody at the number that the recorded conversation takes for nobody’s', () => {
    const { operators, ported } = readDescription(defaultFile, maxOperators);
    const directory = parseDirectory('directory.yaml', directoryText({ operators, ported }));
    expect(directory.find('+46709999999' as Msisdn)).toBeUndefined();
  });
});

describe('fewer and further operators than a file has', () => {
  it('leaves the later ones out, with their users', () => {
    const eight = readDescription(defaultFile, 8);
    const { operators, users } = readDescription(defaultFile, 3);
    expect(operators.map(({ handle }) => handle)).toEqual(['aurora', 'borealis', 'cumulus']);
    expect(users).toEqual(eight.users.filter(({ operator }) => ['aurora', 'borealis', 'cumulus'].includes(operator)));
  });

  it('adds some that have the currencies of the first one, and no handle, range or number of the others', () => {
    const own = sound.replace('handle: south', 'handle: cumulus').replaceAll('operator: south', 'operator: cumulus');
    const taken = `${own}  - name: Kajsa Lind
    number: '+46701740661'
    operator: north
    ported: true
    accounts: { KES: 1 }
`;
    const { operators, users } = parseDescription('my.yaml', taken, 4);
    expect(operators.map(({ handle }) => handle)).toEqual(['north', 'cumulus', 'drift', 'equinox']);
    // +4670174066 is taken by a number that was ported.
    expect(operators[2]).toMatchObject({
      numbers: ['+46704', '+4670174067'],
      assets: [{ asset: 'KES' }, { asset: 'JPY' }],
    });
    expect(users.find(({ operator }) => operator === 'drift')?.deposits).toEqual([
      { asset: 'KES', amount: '100000' },
      { asset: 'JPY', amount: '100' },
    ]);
  });

  it('says so where there is no room for more', () => {
    const wide = sound
      .replace("['+254700']", "['+254700', '+4670']")
      .replace(
        "['+25471']",
        "['+25471', '+467017406', '+46701', '+46702', '+46703', '+46704', '+46705', '+46706', '+46707', '+46708']",
      );
    expect(() => parseDescription('my.yaml', wide, 3)).toThrow('describe the other 1 in the file');
  });
});

describe('recordingOf', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-description-'));
  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('refuses a recording of people who are not there, and names them', () => {
    writeFileSync(
      join(dir, 'talk.yaml'),
      'scenes: [{ name: s, steps: [{ from: achieng, to: zainab, text: Hello, disposition: forwarded }] }]',
    );
    const description = parseDescription(join(dir, 'my.yaml'), `recording: talk.yaml\n${sound}`);
    expect(() => recordingOf(description)).toThrow(/talk\.yaml names zainab, who is not among the users/);
  });

  it('refuses one that is not there', () => {
    const description = parseDescription(join(dir, 'my.yaml'), `recording: none.yaml\n${sound}`);
    expect(() => recordingOf(description)).toThrow(DevnetError);
  });

  it('is none where the file names none', () => {
    expect(recordingOf(parseDescription('my.yaml', sound))).toBeUndefined();
    expect(recordingOf(defaultDescription)?.scenes.length).toBeGreaterThan(5);
  });
});
