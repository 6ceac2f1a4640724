/** What is disclosed says the same everywhere: leaf, batch, terms and both operations (protocol §4). */
import { operationFields } from '../commitment/schema.ts';
import { fails, holds, type Finding } from './finding.ts';
import type { EvidenceBundle } from './format.ts';
import type { OpenedRecord, OpenedRecords } from './records.ts';

/** One value as it stands in several places; undefined where it is hidden. */
type Places = Readonly<Record<string, string | undefined>>;

const subjectPosition = operationFields.indexOf('subject');

function subjectDigestOf(record: OpenedRecord<string> | undefined): string | undefined {
  const digest = record?.digests[subjectPosition];
  return digest === undefined ? undefined : Buffer.from(digest.slice(2), 'hex').toString('base64url');
}

export function checkAgreement({ leaf, batch }: EvidenceBundle, records: OpenedRecords): Finding {
  const terms = records.terms.values;
  const first = records.first?.values ?? {};
  const second = records.second?.values ?? {};
  const values: Readonly<Record<string, Places>> = {
    pair: { leaf: leaf.pair, terms: terms.pair, 'first record': first.pair, 'second record': second.pair },
    'leg of the first record': { 'its place': 'first', 'first record': first.leg },
    'leg of the second record': { 'its place': 'second', 'second record': second.leg },
    initiator: { batch: `${batch.initiator}`, terms: terms.initiator, 'first record': first.operator },
    acceptor: { batch: `${batch.acceptor}`, terms: terms.acceptor, 'second record': second.operator },
    deadline: { batch: `${batch.deadline}`, terms: terms.deadline },
    'first asset': { terms: terms.firstAsset, 'first record': first.asset },
    'first amount': { terms: terms.firstAmount, 'first record': first.amount },
    'second asset': { terms: terms.secondAsset, 'second record': second.asset },
    'second amount': { terms: terms.secondAmount, 'second record': second.amount },
    "first record's counterparty": {
      'first record': first.counterparty,
      'second subject': subjectDigestOf(records.second),
    },
    "second record's counterparty": {
      'second record': second.counterparty,
      'first subject': subjectDigestOf(records.first),
    },
  };
  const compared: string[] = [];
  for (const [what, places] of Object.entries(values)) {
    const known = Object.entries(places).filter(([, value]) => value !== undefined);
    const [one, other] = known;
    if (one === undefined || other === undefined) continue;
    const differing = known.find(([, value]) => value !== one[1]);
    if (differing !== undefined) return fails(`${what}: ${one[0]} has ${one[1]}, ${differing[0]} has ${differing[1]}`);
    compared.push(what);
  }
  return holds(`the same everywhere: ${compared.join(', ')}`);
}
