import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBody } from '../../operator-node/channel/wire.ts';
import { DoubledNameError, parseJson } from '../../operator-node/json.ts';

const doubled = (text: string): string | undefined => {
  try {
    parseJson(text);
    return undefined;
  } catch (error) {
    if (error instanceof DoubledNameError) return error.member;
    throw error;
  }
};

/** Members of a text as written: a name may stand more than once. */
const written = (members: readonly (readonly [string, string])[]): string =>
  `{${members.map(([name, value]) => `${name}:${value}`).join(',')}}`;

describe('parseJson', () => {
  it.each([
    ['{"from":"a","from":"b"}', 'from'],
    ['{"from":"a","from":"a"}', 'from'],
    ['{ "from" : 1 ,\n\t"to":2,\r\n "from"\n:3}', 'from'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"a\\"b":1,"x":"\\\\","a\\"b":2}', 'a"b'],
    ['{"\\\\":1,"\\\\":2}', '\\'],
    ['{"":1,"":2}', ''],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"a":{"b":1,"c":[{"d":1,"d":{}}]}}', 'd'],
    ['[[],[{"a":1},{"a":1,"a":1}]]', 'a'],
    ['{"0":1,"0":2}', '0'],
    ['{"a":{"a":{"a":1}},"a":2}', 'a'],
    ['{"😀":1,"\\ud83d\\ude00":2}', '😀'],
  ])('refuses %s', (text, name) => {
    expect(doubled(text)).toBe(name);
  });

  it.each([
    '{}',
    '[]',
    'null',
    '""',
    '"a\\":\\""',
    '1',
    '{"a":"a","b":["a","a",{"a":1},{"a":1}]}',
    '{"a":{"a":{"a":"\\"a\\":1"}}}',
    '{"a":"\\\\","b":"\\\\\\"","c":":"}',
    '{"__proto__":{"a":1},"constructor":{"a":1},"toString":1}',
    '{"A":1,"a":2,"a ":3,"á":4,"a\\u0301":5}',
    '["a" , "b"]',
  ])('takes %s', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('takes whatever has been written by a serialiser, compact or spaced', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }), fc.nat({ max: 3 }), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(JSON.stringify(parseJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('refuses a member that is written again, wherever it stands and however it is escaped', () => {
    const escaped = (name: string): string =>
      `"${[...Array(name.length).keys()].map((at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 }),
        fc.jsonValue({ maxDepth: 2 }),
        fc.array(fc.constantFrom('[', '{'), { maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        (names, value, around, which, where) => {
          const of = JSON.stringify(value);
          const members = names.map((name): [string, string] => [JSON.stringify(name), of]);
          const again = names[which % names.length] ?? '';
          members.splice(where % (members.length + 1), 0, [escaped(again), '0']);
          const text = around.reduce(
            (inner, bracket) => (bracket === '[' ? `["x",${inner}]` : `{"x":${inner},"y":[]}`),
            written(members),
          );
          expect(doubled(text)).toBe(again);
        },
      ),
    );
  });

  it('leaves what is no JSON to the parser', () => {
    for (const text of ['', '{', '{"a":1,}', '{"a":1 "a":2}', "{'a':1}", '"\u0001"', 'undefined']) {
      expect(() => parseJson(text), text).toThrow(SyntaxError);
    }
  });

  it('does not recurse, and is linear in what it is given', () => {
    const deep = 500_000;
    expect(doubled(`${'['.repeat(deep)}{"a":1,"a":2}${']'.repeat(deep)}`)).toBe('a');
    expect(doubled(`{"a":"${'\\\\'.repeat(deep)}","b":"${'\\"'.repeat(deep)}","a":1}`)).toBe('a');
  });

  it('names no more than the beginning of a long name', () => {
    const name = 'x'.repeat(10_000);
    expect(() => parseJson(`{"${name}":1,"${name}":2}`)).toThrow(/^the name "x{64}" stands twice in one object$/);
  });
});

describe('a body of the channel', () => {
  it('with a doubled name is refused, with the name', () => {
    expect(() => parseBody(Buffer.from('{"version":1,"version":2}'))).toThrow(
      'The body is ambiguous: the name "version" stands twice in one object',
    );
  });
});
