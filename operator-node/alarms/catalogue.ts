/**
 * Every alarm of a node: how bad it is, what it says, and what staff does about it. Log, metrics, `GET /v1/alarms`, `tandem
 * alarms` and docs/alarms.md have their words from here; a test compares this list with the documents and with the code,
 * both ways. An `event` has happened, and is shown until somebody acknowledges it; a `condition` begins and ends by itself.
 */
interface AlarmEntry {
  readonly kind: 'event' | 'condition';
  /** `critical`: money, evidence or service is at stake now, and somebody is called out. `warning`: to be looked at on the day. */
  readonly severity: 'critical' | 'warning';
  readonly text: string;
  /** The first thing to do. */
  readonly remedy: string;
}

export const alarmCatalogue = {
  // ---- what other operators do ----
  'batch-refused': {
    kind: 'event',
    severity: 'warning',
    text: 'A batch was refused, by the peer or by this node; its pairs were abandoned.',
    remedy:
      'Read the refusal: “deadline” points to a wrong clock, anything else to a fault in one of the two nodes. Contact the peer.',
  },
  'batch-refused-after-signing': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer refuses a batch that it has already signed. Only the chain can end the batch now.',
    remedy: 'Ask the peer whether it lost its store. Keep the journal entry: it holds both versions.',
  },
  'answer-for-another-batch': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer answered for a different batch than the one offered. Nothing was signed.',
    remedy: 'Tell the peer that its node is faulty or dishonest.',
  },
  'wrong-signature': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer signed a batch with a key that the registry does not list for it. The signature was rejected.',
    remedy:
      'While the peer rotates its key this resolves itself. Otherwise tell the peer that its node is faulty or dishonest.',
  },
  'proposal-not-taken': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer refused a proposal as malformed; the order was abandoned and the user was told.',
    remedy: 'Compare the versions of the two nodes.',
  },
  'impossible-event': {
    kind: 'event',
    severity: 'critical',
    text: 'A pair received an event that cannot occur while both operators follow the protocol. It was ignored.',
    remedy:
      'The details are in the journal’s fault entry. Contact the peer; if the peer did nothing wrong, report a bug in this node.',
  },
  'executed-unexpectedly': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain committed a pair that this node had not accepted, or had no hold for. It was booked as decided on the chain.',
    remedy:
      'Somebody else may have the account key: see “foreign-decision”. Check the user’s balance, which may be negative.',
  },
  discrepancy: {
    kind: 'event',
    severity: 'critical',
    text: 'The two operators attested different results for a batch: their books differ.',
    remedy: 'Find the pairs with tandem discrepancies --batch ID, then resolve them with the counterparty.',
  },
  'books-differ': {
    kind: 'event',
    severity: 'critical',
    text: 'Comparing books for a window found pairs that the two operators booked differently.',
    remedy: 'tandem discrepancies shows what is wrong on this side; resolve the pairs with the counterparty.',
  },
  'window-differs': {
    kind: 'event',
    severity: 'warning',
    text: 'The two operators disagree about a settlement window. Nothing was signed.',
    remedy: 'Run tandem window compare to find the pairs that differ.',
  },
  'window-not-signed': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer’s signature of a settlement window is invalid, or the peer refused this operator’s.',
    remedy: 'While the peer rotates its key this resolves itself. Otherwise contact the peer.',
  },
  'erasure-not-taken': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer rejected an erasure notice because it considers the signature wrong.',
    remedy: 'Ask the peer which signer its registry lists for this operator. The notice is resent automatically.',
  },

  'unreadable-log': {
    kind: 'event',
    severity: 'warning',
    text: 'A log on the chain that names this operator has an unreadable field. It was kept as evidence and skipped.',
    remedy: 'Ask the named operator what it sent; the log is in the journal’s fault entry.',
  },
  'peer-standing': {
    kind: 'condition',
    severity: 'warning',
    text: 'Another operator is suspended or retired in the registry: no new pairs are started with it.',
    remedy: 'No action needed: open pairs continue, and the alarm ends when the consortium reinstates the operator.',
  },
  'operator-unreadable': {
    kind: 'condition',
    severity: 'warning',
    text: 'An operator’s entry in the registry has unreadable fields: it cannot be reached, or cannot act.',
    remedy: 'Ask that operator to correct them; the consortium can suspend an operator that does not.',
  },
  'peer-over-budget': {
    kind: 'condition',
    severity: 'warning',
    text: 'A peer exceeds its share of this node’s capacity. The excess is refused; other peers are not affected.',
    remedy:
      'The fact “why” names the limit; tandem_peer_refusals_total counts the refusals. Contact the peer; if its traffic has grown, raise the limit.',
  },
  'peer-foreign-number': {
    kind: 'condition',
    severity: 'warning',
    text: 'A peer acts for a phone number that the number directory assigns to somebody else; its message or proposal is refused.',
    remedy:
      'Compare the directories: the number may have been ported. Otherwise the peer, or somebody with its TLS key, is impersonating another operator’s user.',
  },
  'number-disputed': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer refused an order because its number directory does not assign the user’s number to this operator; the user was told.',
    remedy: 'Check the pair’s user and this node’s directory, then have the peer correct its directory.',
  },

  // ---- load ----
  overloaded: {
    kind: 'condition',
    severity: 'critical',
    text: 'Pairs wait too long, for the named peer or for the chain. New orders that would also wait are refused as busy.',
    remedy:
      'If it names a peer, that peer is slow or down: contact it. If it names “chain”, see the transaction alarms. Otherwise orders arrive faster than this node can settle them.',
  },
  'connections-crowded': {
    kind: 'condition',
    severity: 'warning',
    text: 'Unauthenticated connections are being closed to make room: somebody opens more than the channel or the API accepts.',
    remedy:
      'The fact “address” is the latest offender: block it in front of the node. If it is a proxy, list it in sharedAddresses.',
  },

  // ---- this operator's own keys, used by somebody else ----
  'foreign-decision': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a decision from this operator’s account that this node never made.',
    remedy: 'Somebody else has the account key, or the store is behind: see docs/operations.md, After a halt.',
  },
  'unknown-batch-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a batch with this operator’s signature that this node never signed.',
    remedy: 'Somebody else has the signer key, or the store is behind: see docs/operations.md, After a halt.',
  },
  'foreign-journal-head': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a journal head of this operator that is not in its journal.',
    remedy: 'Somebody else has the account key, or the store is behind: see docs/operations.md, After a halt.',
  },
  'own-journal-heads-disowned': {
    kind: 'event',
    severity: 'critical',
    text: 'This operator’s controller has disowned journal heads on the chain that are in this journal.',
    remedy:
      'Ask whoever holds the controller key. If it was a mistake, the entries since then are anchored again and count as written now. If not, the key is stolen.',
  },
  'unknown-statement-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a statement of a window that this node does not know.',
    remedy: 'After a restore the node recovers it when the peer answers. Otherwise somebody else has the signer key.',
  },
  'unknown-discharge-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a discharge of a window that this operator’s staff did not order. It was booked.',
    remedy: 'Ask staff first. If nobody ordered it, somebody else has the account key: rotate the key.',
  },
  'unknown-answer-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has an answer to an auditor that this operator’s staff did not give.',
    remedy: 'Ask staff first. If nobody gave it, somebody else has the account key: rotate the key.',
  },
  'nonce-used-elsewhere': {
    kind: 'event',
    severity: 'critical',
    text: 'A transaction that this node did not send has used a nonce of its account or carrier key.',
    remedy:
      'Find out who else uses that key. Stop a second process that runs on a copy of the store; rotate a leaked key.',
  },

  // ---- the way of transactions into the chain ----
  'nonce-gap': {
    kind: 'event',
    severity: 'warning',
    text: 'Unused nonces blocked this node’s transactions; the gap was filled with empty transactions.',
    remedy: 'No action needed. If it recurs, check the endpoints: one of them drops transactions.',
  },
  'transaction-refused': {
    kind: 'event',
    severity: 'critical',
    text: 'No endpoint accepts a transaction of this node; it is resent.',
    remedy:
      'The detail quotes the endpoint. For “insufficient funds”, fund the named address (docs/gas.md); the node notices within seconds.',
  },
  'transaction-reverted': {
    kind: 'event',
    severity: 'warning',
    text: 'A transaction of this node was included in a block but reverted.',
    remedy:
      'The detail has the contract’s error. No action is needed if a peer carried the batch first or a deadline had passed.',
  },
  'fee-cap': {
    kind: 'event',
    severity: 'critical',
    text: 'A transaction offers the highest fee that this node may pay, and is still not included.',
    remedy: 'It is resent, and goes through when fees fall. To pay more, raise gas.feeCapGwei.',
  },
  'transaction-lost': {
    kind: 'event',
    severity: 'warning',
    text: 'A transaction of this node disappeared from the endpoint’s pool; it was resent.',
    remedy:
      'Once needs no action: an endpoint was restarted. If it recurs, the endpoint’s pool is too small or drops transactions without a fee.',
  },
  'transaction-stuck': {
    kind: 'condition',
    severity: 'critical',
    text: 'The next transaction of a key has missed ten blocks: nothing this node sends is included, and no orders are accepted.',
    remedy:
      'If offeredWei is below baseFeeWei, the key has too little money to offer more (docs/gas.md). Otherwise the endpoints do not relay the transaction: try another one.',
  },
  'nonce-used-up': {
    kind: 'event',
    severity: 'warning',
    text: 'A nonce of this node is used up without a receipt: the chain rejected its transaction before running it. The transaction is resent if it is still due.',
    remedy: 'No key is stolen. Ask the chain’s operators why transactions fail without a receipt.',
  },
  'gas-empty': {
    kind: 'condition',
    severity: 'critical',
    text: 'A sending key cannot pay for the open batches and one more: no orders are accepted, and no second user is asked.',
    remedy: 'Send at least neededWei to the named address (docs/gas.md); the node resumes within seconds.',
  },
  'gas-low': {
    kind: 'condition',
    severity: 'warning',
    text: 'At the rate of the last 24 hours, the balance of a sending key lasts for fewer than gas.alarmDays days.',
    remedy: 'Send some of the chain’s currency to the named address (docs/gas.md).',
  },
  'journal-anchor-overdue': {
    kind: 'condition',
    severity: 'warning',
    text: 'No journal head has been anchored for longer than the interval plus ten minutes.',
    remedy: 'See the transaction alarms: the account key may lack funds, or the endpoints may accept nothing.',
  },

  // ---- what the chain says ----
  'block-unreadable': {
    kind: 'condition',
    severity: 'critical',
    text: 'A final block cannot be read: no later block is applied, and no orders are accepted.',
    remedy:
      'The detail names the block and the log. Compare the endpoints, and compare network.json with the contracts; see docs/operations.md.',
  },
  'registry-not-read': {
    kind: 'condition',
    severity: 'critical',
    text: 'The operator registry has not been read from the chain for too long: no orders are accepted, because keys may have been revoked.',
    remedy: 'The detail says why: compare the endpoints. Until then the node uses what it read last.',
  },

  'chain-stalled': {
    kind: 'condition',
    severity: 'critical',
    text: 'No new block has arrived for longer than the consortium’s limit: no orders are accepted.',
    remedy:
      'Run tandem doctor to see whether the endpoints or the chain are at fault. Holds stay until blocks arrive again.',
  },
  'own-standing': {
    kind: 'condition',
    severity: 'critical',
    text: 'This operator is suspended, retired or unknown in the registry: no orders are accepted, and peers accept nothing from it.',
    remedy:
      'Contact the consortium (docs/governance.md). Open pairs continue; the alarm ends when the operator is reinstated.',
  },

  // ---- the way to the chain ----
  'endpoint-disagrees': {
    kind: 'condition',
    severity: 'critical',
    text: 'An RPC endpoint contradicts the others. A majority outvotes it; with two endpoints nothing is done until they agree.',
    remedy:
      'The facts name the endpoint and the question. Contact its owner; if it continues, replace it in chain.rpcUrls. Until then no other endpoint may fail.',
  },
  'endpoint-silent': {
    kind: 'condition',
    severity: 'warning',
    text: 'An RPC endpoint has not answered for a minute or longer.',
    remedy: 'The detail quotes its last error. Repair or replace it; docs/operations.md says how many may be down.',
  },
  'endpoint-wrong-network': {
    kind: 'condition',
    severity: 'critical',
    text: 'An RPC endpoint serves another chain than network.json names, or one without its contracts. It is not used.',
    remedy: 'Correct its URL in chain.rpcUrls, or contact its owner.',
  },

  // ---- this node and its surroundings ----
  halted: {
    kind: 'condition',
    severity: 'critical',
    text: 'This node starts nothing new: the chain has something that was made with this operator’s keys, but not by this node.',
    remedy: 'Run tandem resume to see what it is and what to do first (docs/operations.md, After a halt).',
  },
  recovering: {
    kind: 'condition',
    severity: 'critical',
    text: 'The store may be behind: this node accepts nothing, signs nothing and sends no messages until it has caught up.',
    remedy: 'Run tandem recover to see how far it is and what it waits for.',
  },
  'certificate-ends': {
    kind: 'condition',
    severity: 'warning',
    text: 'The channel’s certificate expires within two weeks, or has expired. With an expired certificate no peer accepts a connection.',
    remedy: 'Issue a new certificate for the same key, so that the pin stays the same (docs/operations.md).',
  },
  'disk-nearly-full': {
    kind: 'condition',
    severity: 'critical',
    text: 'The store’s disk is nearly full: no orders are accepted.',
    remedy: 'Free some space, or enlarge the volume.',
  },
  'message-set-aside': {
    kind: 'event',
    severity: 'warning',
    text: 'The gateway permanently refused a message to a user; the message is kept.',
    remedy: 'Run tandem set-aside to see why; fix the gateway, then run tandem set-aside --send ID.',
  },
  'request-overdue': {
    kind: 'condition',
    severity: 'warning',
    text: 'An auditor’s request was not answered in time.',
    remedy: 'Find it with tandem request list, then answer it.',
  },
  'reload-failed': {
    kind: 'condition',
    severity: 'warning',
    text: 'The node was told to reload its files, and one of them is faulty. The previous settings stay in force.',
    remedy: 'The detail names the file and line. Fix it, then send SIGHUP again.',
  },
  'too-many-requests': {
    kind: 'event',
    severity: 'warning',
    text: 'An auditor has filed more requests than this node tracks; further ones are only on the chain.',
    remedy:
      'Answer the open requests, or contact the auditor, whose number in the AuditLog is named. tandem request answer also accepts requests that are not tracked.',
  },
} as const satisfies Readonly<Record<string, AlarmEntry>>;

export type AlarmCode = keyof typeof alarmCatalogue;

type OfKind<K extends AlarmEntry['kind']> = {
  [C in AlarmCode]: (typeof alarmCatalogue)[C]['kind'] extends K ? C : never;
}[AlarmCode];

/** Codes that a step emits: something has happened. */
export type EventAlarm = OfKind<'event'>;
/** Codes that `Alarms.set` begins and ends. */
export type ConditionAlarm = OfKind<'condition'>;

export const alarmCodes = Object.keys(alarmCatalogue) as readonly AlarmCode[];

export const alarmEntry = (code: AlarmCode): AlarmEntry => alarmCatalogue[code];

export const isAlarmCode = (code: string): code is AlarmCode => Object.hasOwn(alarmCatalogue, code);
