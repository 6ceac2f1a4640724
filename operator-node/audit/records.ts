/** The records in a bundle: digests of all fields, values of those that are disclosed. */
import { disclosureDigest, parseDisclosure } from '../commitment/disclosure.ts';
import { operationCommitmentOf, termsCommitmentOf } from '../commitment/record.ts';
import {
  operationFields,
  operationFormats,
  termsFields,
  termsFormats,
  type Format,
  type OperationField,
  type TermsField,
} from '../commitment/schema.ts';
import type { Hash } from '../model/ids.ts';
import { fails, holds, type Finding } from './finding.ts';
import { isDigest, type EvidenceBundle, type RecordName } from './format.ts';

export interface OpenedRecord<Field extends string> {
  readonly digests: readonly Hash[];
  readonly values: Readonly<Partial<Record<Field, string>>>;
}

export interface OpenedRecords {
  readonly terms: OpenedRecord<TermsField>;
  readonly first?: OpenedRecord<OperationField>;
  readonly second?: OpenedRecord<OperationField>;
}

/** What no discloser may hide (protocol §7). */
export const alwaysDisclosed = {
  terms: ['pair'],
  operation: ['pair', 'leg', 'operator', 'action'],
} as const satisfies { terms: readonly TermsField[]; operation: readonly OperationField[] };

class Refused extends Error {}

function open<Field extends string>(
  record: RecordName,
  entries: readonly string[],
  fields: readonly Field[],
  formats: Readonly<Record<Field, Format>>,
  always: readonly Field[],
): OpenedRecord<Field> {
  const values: Partial<Record<Field, string>> = {};
  const digests = fields.map((field, position) => {
    const entry = entries[position] ?? '';
    if (isDigest(entry)) {
      if (always.includes(field)) throw new Refused(`${record}.${field} is hidden, and must be disclosed`);
      return entry;
    }
    const disclosure = parseDisclosure(entry);
    if (!disclosure.ok) throw new Refused(`${record}.${field} is no disclosure: ${disclosure.reason}`);
    const { name, value } = disclosure.value;
    if (name !== field) {
      throw new Refused(`${record}.${field} is disclosed by a disclosure of ${JSON.stringify(name)}`);
    }
    if (!formats[field].test(value)) {
      throw new Refused(`${record}.${field} is ${JSON.stringify(value)}, which is not ${formats[field].what}`);
    }
    values[field] = value;
    return disclosureDigest(entry);
  });
  return { digests, values };
}

/** Every disclosure is exact, stands at the position of its name, and its value has its format. */
export function openRecords({ records }: EvidenceBundle): {
  readonly finding: Finding;
  readonly records?: OpenedRecords;
} {
  const operation = (name: 'first' | 'second', entries: readonly string[] | undefined) =>
    entries === undefined
      ? {}
      : { [name]: open(name, entries, operationFields, operationFormats, alwaysDisclosed.operation) };
  try {
    const opened: OpenedRecords = {
      terms: open('terms', records.terms, termsFields, termsFormats, alwaysDisclosed.terms),
      ...operation('first', records.first),
      ...operation('second', records.second),
    };
    const counts = (['terms', 'first', 'second'] as const).flatMap((name) => {
      const record = opened[name];
      return record === undefined ? [] : [`${name} ${Object.keys(record.values).length} of ${record.digests.length}`];
    });
    return {
      finding: holds(`fields disclosed: ${counts.join(', ')}; each well-formed and in its place`),
      records: opened,
    };
  } catch (error) {
    if (error instanceof Refused) return { finding: fails(error.message) };
    throw error;
  }
}

/** The digests of each record give the commitment that stands in the leaf. */
export function checkCommitments({ leaf }: EvidenceBundle, { terms, first, second }: OpenedRecords): Finding {
  const computed = [
    ['terms', leaf.terms, termsCommitmentOf(terms.digests)],
    ...(first === undefined ? [] : [['first', leaf.first, operationCommitmentOf(first.digests)] as const]),
    ...(second === undefined ? [] : [['second', leaf.second, operationCommitmentOf(second.digests)] as const]),
  ] as const;
  for (const [name, expected, actual] of computed) {
    if (actual !== expected) return fails(`the ${name} record commits to ${actual}; the leaf has ${expected}`);
  }
  return holds(`the leaf has the commitments of: ${computed.map(([name]) => name).join(', ')}`);
}
