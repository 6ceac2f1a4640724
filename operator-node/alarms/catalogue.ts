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
    text: 'A batch was refused, by the peer or here; its pairs were given up.',
    remedy:
      'The refusal says who is wrong: “deadline” is a clock, anything else a fault of one of the two nodes. Ask the peer.',
  },
  'batch-refused-after-signing': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer refuses a batch that it has signed. Only the chain ends it now.',
    remedy: 'Ask the peer whether its store was lost; keep the journal’s entry, it has both contents.',
  },
  'answer-for-another-batch': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer answered another batch than the one that was offered. Nothing was signed.',
    remedy: 'Tell the peer: its node is faulty, or lies.',
  },
  'wrong-signature': {
    kind: 'event',
    severity: 'critical',
    text: 'A peer’s signature of a batch is by no key that the registry has for it. It was not taken.',
    remedy: 'During a rotation of its key it passes by itself. Otherwise tell the peer: its node is faulty, or lies.',
  },
  'proposal-not-taken': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer refused a proposal as malformed; the order was given up and the user told.',
    remedy: 'Compare the versions of the two nodes.',
  },
  'impossible-event': {
    kind: 'event',
    severity: 'critical',
    text: 'Something reached a pair that cannot happen while both operators keep the protocol. It changed nothing.',
    remedy:
      'The journal’s fault entry has it. Ask the peer; where the peer did nothing wrong, report it as a fault of the node.',
  },
  'executed-unexpectedly': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain committed a pair that this node had not accepted, or without its hold. It was booked as the chain says.',
    remedy:
      'Somebody else may have the account key: see “foreign-decision”. Look at the user’s balance, which may be below zero.',
  },
  discrepancy: {
    kind: 'event',
    severity: 'critical',
    text: 'The two operators attested a batch differently: their books are not the same.',
    remedy: 'tandem discrepancies --batch ID names the pairs; settle it with the counterparty.',
  },
  'books-differ': {
    kind: 'event',
    severity: 'critical',
    text: 'A comparison of books for a window found pairs that are booked differently.',
    remedy: 'tandem discrepancies names what is wrong on this side; settle the pairs with the counterparty.',
  },
  'window-differs': {
    kind: 'event',
    severity: 'warning',
    text: 'The two operators do not have the same window. Nothing was signed.',
    remedy: 'tandem window compare finds the pairs that differ.',
  },
  'window-not-signed': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer’s signature of a window is not its own, or it was refused.',
    remedy: 'During a rotation of its key it passes by itself. Otherwise ask the peer.',
  },
  'erasure-not-taken': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer did not take the notice of an erasure: it says that the signature is wrong.',
    remedy: 'Ask the peer which signer it has in its registry for this operator; the notice is sent again.',
  },

  'unreadable-log': {
    kind: 'event',
    severity: 'warning',
    text: 'A log on chain that names this operator has a field that cannot be read. It was kept as evidence and passed over.',
    remedy: 'Ask whoever is named what was sent; the journal’s fault entry has the log.',
  },
  'peer-standing': {
    kind: 'condition',
    severity: 'warning',
    text: 'Another operator is suspended or retired in the registry: nothing is begun with it.',
    remedy:
      'Nothing: what is open goes on, and it ends when the consortium reinstates it. Its own alarm says more there.',
  },
  'operator-unreadable': {
    kind: 'condition',
    severity: 'warning',
    text: 'The registry’s entry of an operator has fields that cannot be read: it cannot be reached, or cannot act.',
    remedy: 'Ask that operator to set them again; where it does not, the consortium can suspend it.',
  },
  'peer-over-budget': {
    kind: 'condition',
    severity: 'warning',
    text: 'A peer uses up more than its share of this node; what is beyond is refused, and nobody else waits for it.',
    remedy:
      'The fact “why” says of what; tandem_peer_refusals_total counts it. Ask the peer; where its business has grown, raise the bound.',
  },
  'peer-foreign-number': {
    kind: 'condition',
    severity: 'warning',
    text: 'A peer speaks for a number that the number directory does not give to it; its message or proposal is refused.',
    remedy:
      'Compare the directories: the number may have been ported. Otherwise the peer, or whoever has its TLS key, poses as somebody else.',
  },
  'number-disputed': {
    kind: 'event',
    severity: 'warning',
    text: 'A peer refused an order since its number directory does not give the user’s number to this operator; the user was told.',
    remedy: 'Look at the pair’s user and at the own directory; have the peer’s directory corrected.',
  },

  // ---- load ----
  overloaded: {
    kind: 'condition',
    severity: 'critical',
    text: 'Pairs wait too long: for the peer that is named, or for the chain. New orders that would wait too are refused as busy.',
    remedy:
      'A peer: it is slow or away; ask it. “chain”: see the alarms of transactions. Otherwise more orders come than this node can settle.',
  },
  'connections-crowded': {
    kind: 'condition',
    severity: 'warning',
    text: 'Connections that have proved nothing are closed to make room: somebody opens more than the channel or the API takes.',
    remedy:
      'The fact “address” is the last of them: block it in front of the node. Where it is a proxy, name it in sharedAddresses.',
  },

  // ---- this operator's own keys, used by somebody else ----
  'foreign-decision': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a decision by this operator’s account that this node never made.',
    remedy: 'Somebody else has the account key, or the store is behind: docs/operations.md, After a halt.',
  },
  'unknown-batch-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a batch with this operator’s signature that this node never signed.',
    remedy: 'Somebody else has the signer, or the store is behind: docs/operations.md, After a halt.',
  },
  'foreign-journal-head': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a head of this operator’s journal that the journal does not hold.',
    remedy: 'Somebody else has the account key, or the store is behind: docs/operations.md, After a halt.',
  },
  'own-journal-heads-disowned': {
    kind: 'event',
    severity: 'critical',
    text: 'This operator’s controller has disowned heads on chain that this journal holds.',
    remedy:
      'Ask who has the controller. By mistake: entries since are anchored anew and count as written now. Otherwise it is stolen.',
  },
  'unknown-statement-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a statement of a window that this node does not know.',
    remedy: 'After a restore it is taken up when the peer answers. Otherwise somebody else has the signer.',
  },
  'unknown-discharge-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has a discharge of a window that staff here did not order. It was booked.',
    remedy: 'Ask staff first. Nobody ordered it: somebody else has the account key, which is to be rotated.',
  },
  'unknown-answer-on-chain': {
    kind: 'event',
    severity: 'critical',
    text: 'The chain has an answer to an auditor that staff here did not give.',
    remedy: 'Ask staff first. Nobody gave it: somebody else has the account key, which is to be rotated.',
  },
  'nonce-used-elsewhere': {
    kind: 'event',
    severity: 'critical',
    text: 'A transaction that this node did not make has used a nonce of its account or carrier.',
    remedy: 'Find out who else sends with that key: a second process on a copy is ended, a key that is out is rotated.',
  },

  // ---- the way of transactions into the chain ----
  'nonce-gap': {
    kind: 'event',
    severity: 'warning',
    text: 'Nonces that nothing uses held this node’s transactions up; they were filled with empty ones.',
    remedy: 'Nothing. If it comes again, look at the endpoints: one of them forgets transactions.',
  },
  'transaction-refused': {
    kind: 'event',
    severity: 'critical',
    text: 'No endpoint takes a transaction of this node; it is sent again.',
    remedy:
      'The detail has the endpoint’s words. “insufficient funds”: fund the address that is named (docs/gas.md). Money that arrives is seen within seconds.',
  },
  'transaction-reverted': {
    kind: 'event',
    severity: 'warning',
    text: 'A transaction of this node is in a block and has changed nothing.',
    remedy:
      'The detail has the contract’s error. A batch that a peer carried first, or a deadline that had passed, is no fault.',
  },
  'fee-cap': {
    kind: 'event',
    severity: 'critical',
    text: 'A transaction offers the highest fee that this node pays, and is not taken.',
    remedy: 'It is sent again, and taken when the chain asks for less; gas.feeCapGwei allows more.',
  },
  'transaction-lost': {
    kind: 'event',
    severity: 'warning',
    text: 'The pool that had a transaction of this node has forgotten it; it was sent again.',
    remedy:
      'Nothing, once: an endpoint was started anew. If it goes on, its pool is too small or throws out what costs nothing.',
  },
  'transaction-stuck': {
    kind: 'condition',
    severity: 'critical',
    text: 'The next transaction of a key has been in none of ten blocks: nothing of this node gets in, and no orders are taken.',
    remedy:
      'Compare offeredWei with baseFeeWei: below it, the key lacks money for more (docs/gas.md). Otherwise the endpoints do not pass it on: try another one.',
  },
  'nonce-used-up': {
    kind: 'event',
    severity: 'warning',
    text: 'A nonce of this node is used, and no block shows by what: the chain failed its transaction before it ran. It is sent anew if it is still due.',
    remedy: 'No key is stolen. Ask who runs the chain why transactions fail there without a trace.',
  },
  'gas-empty': {
    kind: 'condition',
    severity: 'critical',
    text: 'A sending key cannot pay for what is open and one batch more: no orders are taken, nobody is asked.',
    remedy: 'Send the address that is named at least neededWei (docs/gas.md); the node goes on within seconds.',
  },
  'gas-low': {
    kind: 'condition',
    severity: 'warning',
    text: 'The balance of a sending key lasts for fewer than gas.alarmDays at the rate of the last 24 hours.',
    remedy: 'Send the address that is named some of the chain’s currency (docs/gas.md).',
  },
  'journal-anchor-overdue': {
    kind: 'condition',
    severity: 'warning',
    text: 'The journal’s head has not been on the chain for longer than its interval and ten minutes.',
    remedy: 'See the alarms of transactions: the account may be unfunded, or the endpoints take nothing.',
  },

  // ---- what the chain says ----
  'block-unreadable': {
    kind: 'condition',
    severity: 'critical',
    text: 'A final block cannot be read: nothing after it is applied, and no orders are taken.',
    remedy:
      'The detail names block and log. Compare the endpoints, and network.json with the contracts; see docs/operations.md.',
  },
  'registry-not-read': {
    kind: 'condition',
    severity: 'critical',
    text: 'The operators have not been read from the chain for too long: no orders are taken, since keys may have been revoked.',
    remedy: 'The detail says why: compare the endpoints; what was last read serves until then.',
  },

  'chain-stalled': {
    kind: 'condition',
    severity: 'critical',
    text: 'No newer block has been seen for longer than the consortium promises: no orders are taken.',
    remedy: 'tandem doctor says whether it is the endpoints or the chain. Holds stay until it moves again.',
  },
  'own-standing': {
    kind: 'condition',
    severity: 'critical',
    text: 'This operator is suspended, retired or unknown in the registry: no orders are taken, and peers take nothing from it.',
    remedy:
      'Ask the consortium (docs/governance.md). What is open goes on, and it ends by itself when it is reinstated.',
  },

  // ---- the way to the chain ----
  'endpoint-disagrees': {
    kind: 'condition',
    severity: 'critical',
    text: 'An RPC endpoint says otherwise than the others of what has one answer. A majority outvotes it; of two, nothing is done until they agree.',
    remedy:
      'The facts name it and what it is about. Ask its owner; if it stays, replace it in chain.rpcUrls: until then no other endpoint may fail.',
  },
  'endpoint-silent': {
    kind: 'condition',
    severity: 'warning',
    text: 'An RPC endpoint has not answered for a minute or longer.',
    remedy: 'The detail has its own words. Mend or replace it: docs/operations.md says how many may be down.',
  },
  'endpoint-wrong-network': {
    kind: 'condition',
    severity: 'critical',
    text: 'An RPC endpoint is on another chain than network.json, or lacks its contracts. It is not used.',
    remedy: 'Correct its URL in chain.rpcUrls, or ask its owner.',
  },

  // ---- this node and its surroundings ----
  halted: {
    kind: 'condition',
    severity: 'critical',
    text: 'This node begins nothing new: the chain has something that was made with its keys and not by it.',
    remedy: 'tandem release says what, and what has to be done first (docs/operations.md, After a halt).',
  },
  recovering: {
    kind: 'condition',
    severity: 'critical',
    text: 'The store may be behind: this node takes, signs and tells nothing until it has caught up.',
    remedy: 'tandem recover says where it is and what it waits for.',
  },
  'certificate-ends': {
    kind: 'condition',
    severity: 'warning',
    text: 'The certificate of the channel ends within two weeks, or has ended: then no peer lets this node in.',
    remedy: 'Make another for the same key (the pin stays); docs/operations.md.',
  },
  'disk-nearly-full': {
    kind: 'condition',
    severity: 'critical',
    text: 'The disk of the store is nearly full: no orders are taken.',
    remedy: 'Free some space, or give the volume more.',
  },
  'message-set-aside': {
    kind: 'event',
    severity: 'warning',
    text: 'The gateway refused a message to a user for good; it is kept.',
    remedy: 'tandem set-aside says why; mend the gateway, then tandem set-aside --send ID.',
  },
  'request-overdue': {
    kind: 'condition',
    severity: 'warning',
    text: 'An auditor’s request is not answered, and its time is over.',
    remedy: 'tandem request list, then answer it.',
  },
  'reload-failed': {
    kind: 'condition',
    severity: 'warning',
    text: 'The node was told to read its files again, and one of them is faulty: what was read before still counts.',
    remedy: 'The detail names file and line. Mend it, then send SIGHUP again.',
  },
  'too-many-requests': {
    kind: 'event',
    severity: 'warning',
    text: 'An auditor has filed more requests than are kept open here; further ones are on the chain alone.',
    remedy:
      'Answer those that are open, or ask the auditor, whose number in the AuditLog is named. tandem request answer takes any number.',
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
