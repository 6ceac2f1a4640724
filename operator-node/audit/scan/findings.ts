/**
 * What an audit can find: one closed catalogue. `breach`: what was disclosed or happened contradicts what was signed,
 * decided or agreed. `late`: it happened, after the time allowed. `incomplete`: it could not be checked.
 * `docs/audit.md` has this table; a test compares the two.
 */
export type Severity = 'breach' | 'late' | 'incomplete';

interface Entry {
  readonly severity: Severity;
  readonly means: string;
}

export const findingCatalogue = {
  'endpoints-disagree': {
    severity: 'breach',
    means: 'RPC endpoints contradict each other about the same final block.',
  },
  'wrong-network': {
    severity: 'breach',
    means: 'An endpoint serves another chain or other contracts than the network file names.',
  },
  'history-rewritten': {
    severity: 'breach',
    means: 'A block that was final in an earlier scan is no longer in the chain.',
  },
  'sequence-gap': {
    severity: 'breach',
    means: 'The sequence numbers of a lane’s batches on the chain are not consecutive.',
  },
  'chain-inconsistent': {
    severity: 'breach',
    means:
      'The endpoint contradicts itself: its events do not match the contract’s state, a log comes twice, or a batchId is not the one computed from the batch.',
  },
  'chain-stale': {
    severity: 'incomplete',
    means: 'The newest final block is too old for a running chain; anything after it was not audited.',
  },
  'heads-apart': {
    severity: 'incomplete',
    means: 'The endpoints’ newest blocks are further apart than finality explains: one of them is behind.',
  },
  'file-ahead': {
    severity: 'incomplete',
    means: 'A file names blocks that the chain does not have yet: the endpoint is behind, or the file is wrong.',
  },
  'operator-unreadable': {
    severity: 'breach',
    means: 'Something that an operator wrote into the registry, or put on the chain, cannot be read.',
  },
  'journal-head-implausible': {
    severity: 'breach',
    means: 'An operator anchored a journal head that is implausibly far from the one before.',
  },
  'not-checked': {
    severity: 'incomplete',
    means: 'A file or part of one could not be checked, or a node provided none; everything else was checked.',
  },
  'foreign-file': { severity: 'breach', means: 'A disclosure file belongs to another chain or another contract.' },
  'file-malformed': { severity: 'breach', means: 'A disclosure file, or one of its lines, is malformed.' },
  'batch-withheld': { severity: 'breach', means: 'A batch is on the chain but missing from an operator’s files.' },
  'batch-not-on-chain': {
    severity: 'breach',
    means: 'A file contains a batch that the contract did not prepare in these blocks.',
  },
  'batch-differs': { severity: 'breach', means: 'A file describes a batch differently than the chain does.' },
  'disclosures-missing': { severity: 'incomplete', means: 'An operator that has batches provided no file at all.' },
  'disclosure-stale': {
    severity: 'incomplete',
    means: 'A file was written before the last decision of one of its batches was final; it must be disclosed again.',
  },
  'pair-missing': { severity: 'breach', means: 'An operator’s section of a batch lacks one of its pairs.' },
  'pair-surplus': {
    severity: 'breach',
    means: 'An operator’s section contains a pair twice, or a pair outside of the batch.',
  },
  'leaf-differs': { severity: 'breach', means: 'An operator’s leaves do not lead to the root that both signed.' },
  'disclosure-misplaced': { severity: 'breach', means: 'A disclosure is in the place of another field.' },
  'disclosure-malformed': {
    severity: 'breach',
    means: 'A disclosure is malformed, or its value does not have the format of its field.',
  },
  'disclosure-hidden': { severity: 'breach', means: 'A field that must be disclosed is hidden.' },
  'commitment-unopenable': {
    severity: 'breach',
    means: 'What an operator discloses does not open the commitment that was anchored.',
  },
  'pair-twice': { severity: 'breach', means: 'One pairId appears twice in the anchored batches.' },
  'commitment-twice': { severity: 'breach', means: 'Two pairs have the same operation commitment.' },
  'leg-swapped': { severity: 'breach', means: 'A record belongs to the other leg or the other operator.' },
  'action-contradicts': { severity: 'breach', means: 'The actions of the two legs do not match the service.' },
  'amount-differs': { severity: 'breach', means: 'An operation’s amount or asset differs from the terms.' },
  'terms-contradict': {
    severity: 'breach',
    means: 'Terms, records, leaf and batch contradict each other about a pair.',
  },
  'field-undisclosed': { severity: 'incomplete', means: 'A check needs a field that the file’s policy hides.' },
  'executed-against-decision': { severity: 'breach', means: 'An aborted pair has a posting.' },
  'executed-though-expired': {
    severity: 'breach',
    means: 'A pair that was aborted by its deadline has a posting, or a pair was decided after its deadline.',
  },
  'posting-missing': { severity: 'breach', means: 'A committed pair has no posting in an operator’s ledger.' },
  'posting-doubled': {
    severity: 'breach',
    means: 'A pair has more than one posting for a leg in an operator’s ledger.',
  },
  'posting-shared': { severity: 'breach', means: 'Two pairs share one posting.' },
  'posting-differs': {
    severity: 'breach',
    means: 'A posting’s amount, asset, sign or leg differs from the operation.',
  },
  'posted-early': { severity: 'breach', means: 'A pair was posted before it was decided.' },
  'posted-late': { severity: 'late', means: 'A pair was posted too long after its decision.' },
  'attested-early': {
    severity: 'breach',
    means: 'A posting was booked after its operator had attested that everything in the batch is posted.',
  },
  'attestation-missing': {
    severity: 'late',
    means: 'A batch ended longer ago than allowed, and an operator has not attested it.',
  },
  'attested-late': { severity: 'late', means: 'An operator attested a batch too long after its end.' },
  'attestation-mismatch': {
    severity: 'breach',
    means: 'An operator’s attestation does not match its disclosed postings.',
  },
  'attestations-differ': {
    severity: 'breach',
    means: 'The two operators’ attestations differ: the chain records a discrepancy.',
  },
  'secret-differs': { severity: 'breach', means: 'The two operators disclose different secrets for one batch.' },
  'refund-exceeds': { severity: 'breach', means: 'The committed refunds of a pair exceed what the pair moved.' },
  'refund-unfounded': {
    severity: 'breach',
    means: 'A refund refers to a pair that was not committed, belongs to other operators, or is in another asset.',
  },
  'refund-original-unseen': {
    severity: 'incomplete',
    means: 'The original pair of a refund is in neither this scan nor earlier ones.',
  },
  'window-unanchored': {
    severity: 'breach',
    means: 'A window was handed over for which no statement signed by both operators is anchored.',
  },
  'window-differs': {
    severity: 'breach',
    means: 'What both operators signed for a window is not the sum of its pairs.',
  },
  'window-gap': {
    severity: 'breach',
    means: 'Windows of two operators overlap, leave batches out, or were handed over in two versions.',
  },
  'reference-missing': {
    severity: 'incomplete',
    means: 'A payment was discharged on the chain, but no window file contains its reference.',
  },
  'reference-differs': {
    severity: 'breach',
    means: 'A payment’s reference is not the one that the payee anchored.',
  },
  'window-unchecked': {
    severity: 'incomplete',
    means: 'A window covers batches that are not in this scan, or whose terms nobody disclosed.',
  },
  'statement-unexplained': {
    severity: 'incomplete',
    means: 'A statement of two operators is on the chain but in none of the window files.',
  },
  'position-differs': {
    severity: 'breach',
    means:
      'A position according to an operator’s postings or statement differs from the one according to the signed terms.',
  },
  'bundle-invalid': { severity: 'breach', means: 'An evidence bundle fails a check, which the sentence names.' },
  'bundle-foreign': { severity: 'breach', means: 'An evidence bundle belongs to another chain or another contract.' },
  'bundles-contradict': {
    severity: 'breach',
    means: 'Two bundles show different values for one field of one pair, or put it in different places.',
  },
  'journal-invalid': { severity: 'breach', means: 'A journal excerpt fails a check, which the sentence names.' },
  'journal-unanchored': {
    severity: 'breach',
    means: 'A journal excerpt does not lead to a head that its operator anchored.',
  },
  'journal-misdated': {
    severity: 'breach',
    means:
      'A journal entry may have been written later than it says: it was anchored too late, or before its own time.',
  },
  'answer-differs': {
    severity: 'breach',
    means: 'The opening of an answer does not match the answer on the chain.',
  },
  'answer-late': {
    severity: 'late',
    means: 'A request for disclosure was answered late, or not at all.',
  },
  'answer-unchecked': {
    severity: 'incomplete',
    means: 'What an answer names was not provided to be checked, or what was provided is not named by the answer.',
  },
  'bundle-unpinned': { severity: 'incomplete', means: 'No network file says which chain and contract to query.' },
} as const satisfies Readonly<Record<string, Entry>>;

export type FindingCode = keyof typeof findingCatalogue;

export interface AuditFinding {
  readonly code: FindingCode;
  /** What was found and what was expected, in one sentence. Holds no personal value. */
  readonly sentence: string;
  /** Ids, blocks, hashes, amounts: where to look. */
  readonly evidence: Readonly<Record<string, string | number>>;
}

export const severityOf = (code: FindingCode): Severity => findingCatalogue[code].severity;

/** Findings of one code that are kept whole; more of it are counted. Bounds the memory of a scan. */
const keptPerCode = 1_000;

export class Findings {
  readonly #kept: AuditFinding[] = [];
  readonly #counts = new Map<FindingCode, number>();

  add(code: FindingCode, sentence: string, evidence: AuditFinding['evidence'] = {}): void {
    this.take({ code, sentence, evidence });
  }

  take(finding: AuditFinding, times = 1): void {
    const before = this.#counts.get(finding.code) ?? 0;
    this.#counts.set(finding.code, before + times);
    if (before < keptPerCode) this.#kept.push(finding);
  }

  /** More of a code than are kept. */
  count(code: FindingCode, times: number): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + times);
  }

  get list(): readonly AuditFinding[] {
    return this.#kept;
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  has(severity: Severity): boolean {
    return [...this.#counts.keys()].some((code) => severityOf(code) === severity);
  }
}

/** For scripts: 0 nothing found, 1 a breach, 3 nothing but what is late or could not be checked. (2: the audit itself failed.) */
export const exitCodeOf = (findings: Findings): 0 | 1 | 3 =>
  findings.has('breach') ? 1 : findings.has('late') || findings.has('incomplete') ? 3 : 0;
