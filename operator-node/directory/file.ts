/**
 * The directory from a YAML file: number ranges by their leading digits, and single numbers that have been ported.
 *
 *     ranges:
 *       - { prefix: '+4670', operator: 1 }
 *       - { from: '+46730', to: '+46734', operator: 2, machines: true }
 *     exceptions:
 *       - { number: '+46701234567', operator: 2 }
 */
import { z } from 'zod';
import { LocatedYaml } from '../located-yaml.ts';
import { isMsisdn, isOperatorId, type Msisdn, type OperatorId } from '../model/ids.ts';
import type { Directory } from './directory.ts';

const operator = z.number().refine(isOperatorId, 'expected an operator id, 1 to 4294967295');
const leading = z.string().regex(/^\+[1-9][0-9]{0,14}$/, 'expected a plus sign and leading digits, in quotes');
const machines = z.boolean().optional();

const rangeSchema = z
  .strictObject({ prefix: leading.optional(), from: leading.optional(), to: leading.optional(), operator, machines })
  .transform(({ prefix, from = prefix, to = prefix, ...rest }, context) => {
    if (from !== undefined && to !== undefined && (prefix === undefined || (from === prefix && to === prefix))) {
      return { from, to, ...rest };
    }
    context.addIssue('expected either prefix, or from and to');
    return z.NEVER;
  });

type RangeEntry = z.output<typeof rangeSchema>;

const schema = z.strictObject({
  ranges: z.array(rangeSchema),
  exceptions: z
    .array(
      z.strictObject({
        number: z.string().refine(isMsisdn, 'expected a number in E.164 with its plus sign, in quotes'),
        operator,
      }),
    )
    .default([]),
});

/** Numbers whose first `digits` digits, read as one number, lie between `from` and `to`. */
interface Range {
  readonly digits: number;
  readonly from: number;
  readonly to: number;
  readonly operator: OperatorId;
  readonly machines: boolean;
  readonly index: number;
}

class FileDirectory implements Directory {
  readonly #exceptions: ReadonlyMap<Msisdn, OperatorId>;
  /** Longest first; the ranges of one length in order and apart from each other. */
  readonly #byLength: readonly { readonly digits: number; readonly ranges: readonly Range[] }[];

  constructor(ranges: readonly Range[], exceptions: ReadonlyMap<Msisdn, OperatorId>) {
    this.#exceptions = exceptions;
    this.#byLength = [...Map.groupBy(ranges, ({ digits }) => digits)]
      .map(([digits, same]) => ({ digits, ranges: same.toSorted((a, b) => a.from - b.from) }))
      .sort((a, b) => b.digits - a.digits);
  }

  find(number: Msisdn): OperatorId | undefined {
    return this.#exceptions.get(number) ?? this.#range(number)?.operator;
  }

  isMachine(number: Msisdn): boolean {
    return this.#range(number)?.machines === true;
  }

  #range(number: Msisdn): Range | undefined {
    for (const { digits, ranges } of this.#byLength) {
      if (number.length - 1 < digits) continue;
      const found = search(ranges, Number(number.slice(1, digits + 1)));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function search(ranges: readonly Range[], value: number): Range | undefined {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined) return undefined;
    if (value < range.from) high = middle - 1;
    else if (value > range.to) low = middle + 1;
    else return range;
  }
  return undefined;
}

const toRange = ({ from, to, operator: owner, machines: ofMachines }: RangeEntry, index: number): Range => ({
  digits: from.length - 1,
  from: Number(from.slice(1)),
  to: Number(to.slice(1)),
  operator: owner,
  machines: ofMachines === true,
  index,
});

function checkRanges(yaml: LocatedYaml, entries: readonly RangeEntry[]): Range[] {
  const ranges: Range[] = [];
  for (const [index, entry] of entries.entries()) {
    const range = toRange(entry, index);
    if (entry.from.length !== entry.to.length) {
      yaml.problem(['ranges', index], `from ${entry.from} and to ${entry.to} have different numbers of digits`);
    } else if (range.from > range.to) {
      yaml.problem(['ranges', index], `from ${entry.from} is above to ${entry.to}`);
    } else ranges.push(range);
  }
  for (const same of Map.groupBy(ranges, ({ digits }) => digits).values()) {
    let widest: Range | undefined;
    for (const range of same.toSorted((a, b) => a.from - b.from || a.index - b.index)) {
      if (widest !== undefined && range.from <= widest.to) {
        const [earlier, later] = range.index > widest.index ? [widest, range] : [range, widest];
        const line = yaml.line(['ranges', earlier.index]);
        yaml.problem(['ranges', later.index], `overlaps the range of the same length at line ${line}`);
      }
      if (widest === undefined || range.to > widest.to) widest = range;
    }
  }
  return ranges;
}

function build(yaml: LocatedYaml): Directory & { isMachine(number: Msisdn): boolean } {
  const data = yaml.parse(schema);
  const exceptions = new Map<Msisdn, OperatorId>();
  const ranges = checkRanges(yaml, data?.ranges ?? []);
  for (const [index, { number, operator: owner }] of (data?.exceptions ?? []).entries()) {
    if (exceptions.has(number)) yaml.problem(['exceptions', index], `${number} stands twice`);
    exceptions.set(number, owner);
  }
  yaml.assertSound('config-invalid', 'The number directory');
  return new FileDirectory(ranges, exceptions);
}

/** `file` is what problems are reported under. */
export const parseDirectory = (file: string, source: string): ReturnType<typeof build> =>
  build(new LocatedYaml(file, source));

/** @throws {TandemError} `config-invalid`: the file cannot be read, or one line a problem with file and line. */
export const loadDirectory = (file: string): ReturnType<typeof build> =>
  build(LocatedYaml.read(file, 'config-invalid'));
