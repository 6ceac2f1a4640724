import { describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { fill, matches, readRecording } from '../../scripts/devnet/recording.ts';
import { devnetUsers } from '../../scripts/devnet/users.ts';

describe('matches', () => {
  it.each([
    ['another text', 'PAY 1', 'PAY 2'],
    ['more than the text', 'PAY 1', 'PAY 1 now'],
    ['a character of the pattern that is special in an expression', 'a.b (c)', 'axb (c)'],
    ['two words where the same name stands twice', 'YES {code} or NO {code}', 'YES 11 or NO 22'],
    ['a blank where a word is expected', 'YES {code}', 'YES 1 2'],
  ])('refuses %s', (_, expected, actual) => {
    const memory = new Map<string, string>();
    expect(matches(expected, actual, memory)).toBe(false);
    expect(memory.size).toBe(0);
  });

  it('refuses another word than the one that is remembered', () => {
    expect(matches('Ref {ref}', 'Ref B', new Map([['ref', 'A']]))).toBe(false);
  });

  it('remembers the words of names, and none for {*}', () => {
    const memory = new Map<string, string>();
    expect(matches('YES {code} or NO {code}, {*} of {ref}.', 'YES 4821 or NO 4821, any\nthing of W-10.', memory)).toBe(
      true,
    );
    expect(Object.fromEntries(memory)).toEqual({ code: '4821', ref: 'W-10' });
  });
});

describe('fill', () => {
  it('refuses a name that nothing is remembered under', () => {
    expect(() => fill('YES {code}', new Map())).toThrow('{code}');
  });

  it('puts what is remembered in its place', () => {
    expect(fill('YES {code}', new Map([['code', '4821']]))).toBe('YES 4821');
  });
});

describe('the recorded conversation', () => {
  it('names only people of the devnet, and remembers each name before it uses it', () => {
    const { scenes } = readRecording(join(import.meta.dirname, '..', '..', 'scripts', 'devnet', 'messages.yaml'));
    const names = new Set(devnetUsers.map(({ user }) => user.name.split(' ')[0]?.toLowerCase()));
    const unknown: string[] = [];
    for (const scene of scenes) {
      const remembered = new Set<string>();
      for (const step of scene.steps) {
        for (const name of [step.from, step.to, ...step.arrives.map(({ phone }) => phone)]) {
          if (name !== 'service' && !name.startsWith('+') && !names.has(name)) unknown.push(name);
        }
        for (const [, name = ''] of step.text.matchAll(/\{(\w+)\}/g)) if (!remembered.has(name)) unknown.push(name);
        for (const { text } of step.arrives)
          for (const [, name = ''] of text.matchAll(/\{(\w+)\}/g)) remembered.add(name);
      }
    }
    expect(unknown).toEqual([]);
  });
});
