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
  'endpoints-disagree': { severity: 'breach', means: 'RPC endpoints tell different things of the same final block.' },
  'wrong-network': {
    severity: 'breach',
    means: 'An endpoint serves another chain or other contracts than the network file names.',
  },
  'history-rewritten': {
    severity: 'breach',
    means: 'A block that an earlier scan saw as final is not in the chain any more.',
  },
  'sequence-gap': {
    severity: 'breach',
    means: 'A lane’s batches on chain do not have the numbers that follow one another.',
  },
  'chain-inconsistent': {
    severity: 'breach',
    means: 'The contract’s events and its state at the final block differ, or its batchId is not that of the batch.',
  },
  'operator-unreadable': {
    severity: 'breach',
    means: 'What an operator has written into the registry, or has had put on chain, cannot be read.',
  },
  'journal-head-implausible': {
    severity: 'breach',
    means:
      'An operator has anchored a head of its journal whose entry does not follow the one before within the bound.',
  },
  'not-checked': {
    severity: 'incomplete',
    means: 'A file, or a part of one, could not be checked, or a node gave none; all else was.',
  },
  'foreign-file': { severity: 'breach', means: 'A disclosure file is of another chain or another contract.' },
  'file-malformed': { severity: 'breach', means: 'A disclosure file or a line of it has not the form of the format.' },
  'batch-withheld': { severity: 'breach', means: 'A batch is on chain and an operator’s files do not have it.' },
  'batch-not-on-chain': {
    severity: 'breach',
    means: 'A file has a batch that the contract did not prepare in these blocks.',
  },
  'batch-differs': { severity: 'breach', means: 'A file describes a batch otherwise than the chain.' },
  'disclosures-missing': { severity: 'incomplete', means: 'There is no file at all of an operator that has batches.' },
  'disclosure-stale': {
    severity: 'incomplete',
    means: 'A section was written before the last decision of its batch was final: it has to be disclosed again.',
  },
  'pair-missing': { severity: 'breach', means: 'An operator’s section of a batch lacks a pair of it.' },
  'pair-surplus': {
    severity: 'breach',
    means: 'An operator’s section has a pair more than once, or one that the batch has no place for.',
  },
  'leaf-differs': { severity: 'breach', means: 'An operator’s leaves do not lead to the root that both signed.' },
  'disclosure-misplaced': { severity: 'breach', means: 'A disclosure stands in another field’s place.' },
  'disclosure-malformed': {
    severity: 'breach',
    means: 'A disclosure is not exact, or its value has not its field’s format.',
  },
  'disclosure-hidden': { severity: 'breach', means: 'A field is hidden that must be disclosed.' },
  'commitment-unopenable': {
    severity: 'breach',
    means: 'What an operator discloses does not open the commitment that was anchored.',
  },
  'pair-twice': { severity: 'breach', means: 'One pairId stands in two places of the chain of batches.' },
  'commitment-twice': { severity: 'breach', means: 'One operation commitment stands under two pairs.' },
  'leg-swapped': { severity: 'breach', means: 'A record is of the other leg, or of the other operator.' },
  'action-contradicts': { severity: 'breach', means: 'The actions of the two legs are not those of the service.' },
  'amount-differs': { severity: 'breach', means: 'An operation’s amount or asset is not that of the terms.' },
  'terms-contradict': { severity: 'breach', means: 'Terms, records, leaf and batch do not say the same of a pair.' },
  'field-undisclosed': { severity: 'incomplete', means: 'A check needs a field that the policy of the file hides.' },
  'executed-against-decision': { severity: 'breach', means: 'An aborted pair has a posting.' },
  'executed-though-expired': {
    severity: 'breach',
    means: 'A pair that the deadline aborted has a posting, or was decided after its deadline.',
  },
  'posting-missing': { severity: 'breach', means: 'A committed pair has no posting in an operator’s ledger.' },
  'posting-doubled': {
    severity: 'breach',
    means: 'A pair has more than one posting of a leg in an operator’s ledger.',
  },
  'posting-shared': { severity: 'breach', means: 'One posting stands under two pairs.' },
  'posting-differs': {
    severity: 'breach',
    means: 'A posting’s amount, asset, sign or leg is not that of the operation.',
  },
  'posted-early': { severity: 'breach', means: 'A pair was posted before it was decided.' },
  'posted-late': { severity: 'late', means: 'A pair was posted later after its decision than allowed.' },
  'attestation-missing': {
    severity: 'late',
    means: 'A batch has ended for longer than allowed and an operator has not attested it.',
  },
  'attested-late': { severity: 'late', means: 'An operator attested a batch later after its end than allowed.' },
  'attestation-mismatch': {
    severity: 'breach',
    means: 'What an operator attested is not what its disclosed postings give.',
  },
  'attestations-differ': {
    severity: 'breach',
    means: 'The two operators attested different things: the chain has a discrepancy.',
  },
  'secret-differs': { severity: 'breach', means: 'The two operators disclose different secrets of one batch.' },
  'refund-exceeds': { severity: 'breach', means: 'The committed refunds of a pair are more than it moved.' },
  'refund-unfounded': {
    severity: 'breach',
    means: 'A refund is of a pair that was not committed, of other operators, or in another asset.',
  },
  'refund-original-unseen': {
    severity: 'incomplete',
    means: 'The original of a refund is not in what this scan and those before it read.',
  },
  'window-unanchored': {
    severity: 'breach',
    means: 'No statement that both operators signed is anchored for a window that is handed over.',
  },
  'window-differs': {
    severity: 'breach',
    means: 'What both signed for a window is not what the pairs of its batches add up to.',
  },
  'window-gap': {
    severity: 'breach',
    means: 'Windows of two operators overlap, leave batches out, or are handed over with two contents.',
  },
  'reference-differs': {
    severity: 'breach',
    means: 'The reference of a payment is not the one that its payee anchored.',
  },
  'window-unchecked': { severity: 'incomplete', means: 'A window covers batches that are not in this scan.' },
  'statement-unexplained': {
    severity: 'incomplete',
    means: 'A statement of two operators is on chain and in none of the files of windows.',
  },
  'position-differs': {
    severity: 'breach',
    means: 'A position by an operator’s postings or statement is not the one by the signed terms.',
  },
  'bundle-invalid': { severity: 'breach', means: 'An evidence bundle fails a check; the sentence names it.' },
  'bundle-foreign': { severity: 'breach', means: 'An evidence bundle is of another chain or of another contract.' },
  'bundles-contradict': {
    severity: 'breach',
    means: 'Two bundles show different values for one field of one pair, or put it in different places.',
  },
  'journal-invalid': { severity: 'breach', means: 'An excerpt of a journal fails a check; the sentence names it.' },
  'journal-unanchored': {
    severity: 'breach',
    means: 'The path of an excerpt does not end in a head that its operator anchored.',
  },
  'journal-misdated': {
    severity: 'breach',
    means:
      'An entry of a journal may be written later than it says: it was anchored later than allowed, or earlier than its time.',
  },
  'answer-differs': {
    severity: 'breach',
    means: 'The opening of an answer is not of the answer that its operator has on chain.',
  },
  'answer-late': {
    severity: 'late',
    means: 'A request for disclosure was answered after its due time, or not at all.',
  },
  'answer-unchecked': {
    severity: 'incomplete',
    means:
      'What an answer names was not given to be checked, or what was given is not named, text by text, by the answer.',
  },
  'bundle-unpinned': { severity: 'incomplete', means: 'No network file said which chain and contract to ask.' },
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
export const keptPerCode = 1_000;

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
