/**
 * Every table of the node's store: the format of its keys, the module that declares and writes it, what a record is.
 * A key on disk is `<table>!<key>`. What of a record is sealed at rest is in `store/personal.ts`. A test compares this list with the declarations in the source, both ways.
 */
export interface TableEntry {
  readonly key: string;
  /** Module under `operator-node/`. */
  readonly owner: string;
  readonly holds: string;
}

const pair = 'flow/pair.ts';
const batch = 'flow/batch.ts';
const sent = 'chain/sent.ts';
const journal = 'engine/journal.ts';
const checkpoint = 'flow/checkpoint.ts';
const users = 'users/user.ts';
const payments = 'domains/payments/records.ts';
const window = 'flow/windows/window.ts';
const request = 'flow/requests/request.ts';
const goods = 'domains/goods/records.ts';

export const tables: Readonly<Record<string, TableEntry>> = {
  user: { key: '<userId>', owner: users, holds: 'a customer of this operator' },
  alias: {
    key: '<MAC of the number under the operator’s key>',
    owner: users,
    holds: 'the user id that a phone number is an alias of',
  },
  'user-key': { key: '<userId>', owner: 'store/personal.ts', holds: 'the keys that seal what is about a user' },
  activity: { key: '<userId>', owner: 'store/activity.ts', holds: 'the last day on which something was written' },
  erasure: { key: '<userId>', owner: 'erasure/state.ts', holds: 'an erasure that was begun, or is done' },
  'written-out': {
    key: '<pairId>!<leg>',
    owner: 'erasure/records.ts',
    holds: 'what an erased user’s record can still show',
  },

  side: { key: '<pairId>!<leg>', owner: pair, holds: 'a pair as one of this operator’s users has it' },
  'user-side': { key: '<userId>!<pairId>!<leg>', owner: pair, holds: 'that the side is of that user' },
  'ref-side': { key: '<ref>!<pairId>!<leg>', owner: pair, holds: 'that the side is named so by its user' },
  'side-state': { key: '<pairId>!<leg>', owner: pair, holds: 'the state of a side' },
  'open-side': { key: '<pairId>!<leg>', owner: pair, holds: 'the deadline of a side that has not ended' },
  sealed: { key: '<pairId>!<leg of the peer>', owner: pair, holds: 'the peer’s sealed record of its own leg' },
  withdrawn: { key: '<initiator>!<pairId>', owner: pair, holds: 'that its initiator has given the pair up' },
  refused: { key: '<pairId>', owner: 'flow/propose.ts', holds: 'the refusal that a proposal was answered with' },
  batch: { key: '<batchId>!<role>', owner: batch, holds: 'a batch and its signatures' },
  'batch-state': { key: '<batchId>!<role>', owner: batch, holds: 'the state of a batch' },
  'open-batch': { key: '<batchId>!<role>', owner: batch, holds: 'that there is still something to do about a batch' },
  halt: { key: 'halt', owner: batch, holds: 'why this node begins nothing new' },
  lane: { key: '<role>!<peer>', owner: batch, holds: 'where a lane is' },
  'lane-batch': { key: '<role>!<peer>!<sequence, 12 digits>', owner: batch, holds: 'the batch of a number in a lane' },
  'peer-commitment': { key: '<pairId>!<role>', owner: batch, holds: 'the other operator’s commitment in the leaf' },
  'refused-batch': { key: '<batchId>', owner: 'flow/batches.ts', holds: 'why a batch was refused for good' },
  'set-aside': {
    key: '<number of the message>',
    owner: 'flow/deliver.ts',
    holds: 'a message that the gateway would not take',
  },
  duty: { key: '<tag>', owner: 'chain/duties.ts', holds: 'what a transaction under way is for' },
  'gas-spending': {
    key: '<address>',
    owner: 'chain/spending.ts',
    holds: 'what a key spends on gas, hour by hour, and its balance as last seen',
  },
  registry: {
    key: 'last',
    owner: 'chain/kept-registry.ts',
    holds: 'the operators as the chain last said, for a start without it',
  },
  cursor: { key: 'chain', owner: 'chain/cursor.ts', holds: 'the last final block that is applied' },
  'peer-cap': { key: '<peer>', owner: 'flow/caps.ts', holds: 'what a peer has said last of what the two may owe' },
  'own-cap': {
    key: '<peer>/<asset>',
    owner: 'flow/caps.ts',
    holds: 'what staff has set in place of the configuration',
  },
  window: { key: '<peer>!<number, 8 digits>', owner: window, holds: 'a settlement window' },
  'open-window': { key: '<peer>!<number, 8 digits>', owner: window, holds: 'that a window is not discharged' },
  'window-head': { key: '<peer>', owner: window, holds: 'the number of the last window with an operator' },
  statement: { key: '<statement digest>', owner: window, holds: 'the window and asset that a statement is of' },
  'statement-seen': { key: '<statement digest>', owner: window, holds: 'what the chain has of an unknown statement' },
  'window-schedule': {
    key: '<peer>',
    owner: 'flow/windows/schedule.ts',
    holds: 'when a window with an operator was last closed by the clock, or looked at',
  },
  request: { key: '<number, 12 digits>', owner: request, holds: 'an auditor’s request for disclosure, and its answer' },
  'open-request': { key: '<number, 12 digits>', owner: request, holds: 'that no answer to a request is final' },
  'request-tally': {
    key: '<auditor>',
    owner: request,
    holds: 'how many requests of an auditor are open, and how many were passed over',
  },
  'handed-text': {
    key: '<request, 12 digits>!<number, 8 digits>',
    owner: request,
    holds: 'the hash of what an auditor has fetched under a request',
  },
  inbound: { key: '<gateway’s message id>', owner: 'flow/receive.ts', holds: 'that a message was taken, and as what' },
  question: { key: '<userId>', owner: 'flow/question.ts', holds: 'open questions and the last closed ones' },
  counter: { key: 'message', owner: 'flow/tell.ts', holds: 'the number of messages that have left' },
  recent: { key: '<userId>', owner: 'flow/account.ts', holds: 'the user’s last committed pairs, newest first' },
  ref: { key: '<userId>!<ref>', owner: 'flow/account.ts', holds: 'the pair and leg that a reference means' },
  refunded: { key: '<original pairId>!<leg>', owner: 'flow/refund.ts', holds: 'minor units refunded so far' },

  'sending-account': { key: '<address, lower case>', owner: sent, holds: 'the next nonce of an account' },
  sent: { key: '<address>!<nonce, 12 digits>', owner: sent, holds: 'a signed transaction that is not final yet' },

  checkpoint: { key: '<entry, 12 digits>', owner: checkpoint, holds: 'a head of the journal that the chain has' },
  'checkpoint-state': { key: 'now', owner: checkpoint, holds: 'the newest of them, and how far the chain is' },

  alarm: {
    key: '<code>!<subject>',
    owner: 'alarms/record.ts',
    holds: 'an alarm that staff has not acknowledged',
  },

  recovery: { key: 'mark', owner: 'flow/past.ts', holds: 'that this store may be behind, and since when' },
  format: { key: 'store', owner: 'store/format.ts', holds: 'the version of this list and of how it is sealed' },
  recovered: { key: 'past', owner: 'flow/past.ts', holds: 'that this store was behind once' },
  'lost-pair': { key: '<pairId>!<role>', owner: 'flow/past.ts', holds: 'a pair of which only the leaf is known' },
  lost: { key: '<what>!<id>', owner: 'flow/past.ts', holds: 'what only a lost store knew' },
  guard: { key: 'head', owner: 'store/guard.ts', holds: 'which store this is, and how many writes it has seen' },

  outbox: { key: '<queue>!<item key>', owner: 'engine/engine.ts', holds: 'an effect that is still to be done' },
  journal: { key: '<sequence, 12 digits>', owner: journal, holds: 'an entry of the node’s journal' },
  'journal-head': { key: 'head', owner: journal, holds: 'the last entry of the journal' },
  'journal-verified': { key: 'head', owner: journal, holds: 'up to where the journal was recomputed' },

  account: { key: '<userId>/<asset>', owner: payments, holds: 'balance, what is held, what was spent on the day' },
  'account-list': { key: '<userId>', owner: payments, holds: 'the assets of a user’s accounts' },
  payment: { key: '<pairId>/<leg>', owner: payments, holds: 'an operation: its state and its journal entries' },
  position: { key: '<operatorId>/<asset>', owner: payments, holds: 'what is owed to a counterparty, and on hold' },
  'position-list': { key: 'all', owner: payments, holds: 'the keys of all positions' },
  internal: {
    key: 'fees/<asset>, cash/<asset>, settlement/<asset>',
    owner: payments,
    holds: 'balance of an account of the operator’s own',
  },
  discharge: { key: '<statement digest>', owner: payments, holds: 'a position that was paid outside, with its entry' },
  cash: { key: '<MAC of the movement id>', owner: payments, holds: 'a deposit or withdrawal with its journal entry' },

  item: { key: '<userId>/<MAC of the item>', owner: goods, holds: 'what a seller sells, its price, what is in stock' },
  'item-name': { key: '<userId>/<MAC of the label>', owner: goods, holds: 'the item that a name means' },
  'item-list': { key: '<userId>', owner: goods, holds: 'a seller’s items' },
  'item-code': { key: '<userId>/<MAC of item and index>', owner: goods, holds: 'the code of one piece in stock' },
  sale: { key: '<pairId>/<leg>', owner: goods, holds: 'the item of a sale and its code' },
  stock: {
    key: '<stock id>, of which what is behind <userId>/ as a MAC',
    owner: goods,
    holds: 'that a delivery has been added',
  },
};
