import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadDirectory, parseDirectory } from '../../operator-node/directory/file.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Msisdn } from '../../operator-node/model/ids.ts';

const number = (text: string): Msisdn => text as Msisdn;

function problemsOf(source: string): string {
  try {
    parseDirectory('numbers.yaml', source);
  } catch (error) {
    if (error instanceof TandemError && error.code === 'config-invalid') return error.message;
    throw error;
  }
  return '';
}

describe('parseDirectory', () => {
  const ranges = (...lines: string[]): string => ['ranges:', ...lines.map((line) => `  - ${line}`)].join('\n');

  it.each([
    ['a file that is no YAML', 'ranges: [', 'numbers.yaml:1:'],
    ['a missing list', 'exceptions: []', 'numbers.yaml:1: ranges: is missing'],
    ['an unknown key', 'ranges: []\nrange: []', 'numbers.yaml:2: range: unknown key'],
    [
      'a prefix without plus',
      ranges("{ prefix: '4670', operator: 1 }"),
      'numbers.yaml:2: ranges.0.prefix: expected a plus',
    ],
    ['a prefix that is no text', ranges('{ prefix: 4670, operator: 1 }'), 'numbers.yaml:2: ranges.0.prefix:'],
    [
      'an operator that is no id',
      ranges("{ prefix: '+46', operator: 0 }"),
      'ranges.0.operator: expected an operator id',
    ],
    ['a range without end', ranges("{ from: '+46', operator: 1 }"), 'ranges.0: expected either prefix, or from and to'],
    [
      'two forms at once',
      ranges("{ prefix: '+46', from: '+47', operator: 1 }"),
      'expected either prefix, or from and to',
    ],
    ['ends of two lengths', ranges("{ from: '+46', to: '+470', operator: 1 }"), 'different numbers of digits'],
    ['a range backwards', ranges("{ from: '+47', to: '+46', operator: 1 }"), 'from +47 is above to +46'],
    [
      'the same prefix twice',
      ranges("{ prefix: '+46', operator: 1 }", "{ prefix: '+46', operator: 2 }"),
      'numbers.yaml:3: ranges.1: overlaps the range of the same length at line 2',
    ],
    [
      'overlap within a length, whatever stands between',
      ranges(
        "{ from: '+460', to: '+469', operator: 1 }",
        "{ prefix: '+461', operator: 1 }",
        "{ prefix: '+465', operator: 1 }",
      ),
      'numbers.yaml:4: ranges.2: overlaps the range of the same length at line 2',
    ],
    [
      'a number ported twice',
      "ranges: []\nexceptions:\n  - { number: '+46701234567', operator: 1 }\n  - { number: '+46701234567', operator: 2 }",
      'numbers.yaml:4: exceptions.1: +46701234567 stands twice',
    ],
    [
      'an exception that is no number',
      "ranges: []\nexceptions: [{ number: '0701234567', operator: 1 }]",
      'numbers.yaml:2: exceptions.0.number: expected a number in E.164',
    ],
  ])('refuses %s', (_, source, message) => {
    expect(problemsOf(source)).toContain(message);
  });

  it('names every problem of a file', () => {
    const message = problemsOf(ranges("{ prefix: '4', operator: 1 }", "{ prefix: '+4', operator: 0 }"));
    expect(message).toContain('has 2 problems');
    expect(message).toContain('numbers.yaml:2:');
    expect(message).toContain('numbers.yaml:3:');
  });

  it('refuses a file that is not there, by name', () => {
    expect(() => loadDirectory('/nowhere/numbers.yaml')).toThrow(/Cannot read \/nowhere\/numbers\.yaml/);
  });
});

describe('find', () => {
  const directory = parseDirectory(
    'numbers.yaml',
    `
ranges:
  - { prefix: '+46', operator: 1 }
  - { prefix: '+4670', operator: 2 }
  - { from: '+467300', to: '+467349', operator: 3, machines: true }
  - { prefix: '+4673015', operator: 4 }
  - { prefix: '+1', operator: 5 }
exceptions:
  - { number: '+46701234567', operator: 6 }
`,
  );

  it.each([
    ['a number of no range', '+4512345678', undefined],
    ['a number shorter than a range', '+467012', 2],
    ['the shortest range', '+46812345678', 1],
    ['the longer of two prefixes', '+46709999999', 2],
    ['the first of a range', '+46730000000', 3],
    ['the last of a range', '+46734999999', 3],
    ['what is just past a range', '+46735000000', 1],
    ['a prefix within a range', '+46730150000', 4],
    ['a ported number', '+46701234567', 6],
    ['the neighbour of a ported number', '+46701234568', 2],
    ['another country', '+12015550123', 5],
  ])('finds %s', (_, text, operator) => {
    expect(directory.find(number(text))).toBe(operator);
  });

  it('knows the series of machines', () => {
    expect(directory.isMachine(number('+46730000000'))).toBe(true);
    expect(directory.isMachine(number('+46730150000'))).toBe(false);
    expect(directory.isMachine(number('+4512345678'))).toBe(false);
  });

  it('agrees with a search through all prefixes', () => {
    const prefix = fc.stringMatching(/^[1-3][1-3]{0,3}$/);
    fc.assert(
      fc.property(fc.uniqueArray(prefix, { maxLength: 12 }), fc.stringMatching(/^[1-3]{6,8}$/), (prefixes, digits) => {
        const lines = prefixes.map((each, index) => `  - { prefix: '+${each}', operator: ${index + 1} }`);
        const source = lines.length === 0 ? 'ranges: []' : ['ranges:', ...lines].join('\n');
        const [longest] = prefixes.filter((each) => digits.startsWith(each)).sort((a, b) => b.length - a.length);
        const expected = longest === undefined ? undefined : prefixes.indexOf(longest) + 1;
        expect(parseDirectory('numbers.yaml', source).find(number(`+${digits}`))).toBe(expected);
      }),
    );
  });
});
