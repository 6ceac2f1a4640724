/** What the texts of the devnet's catalogue say, in English: what a person would understand of them. */
const pending = /^(?:Waiting for|You asked|Buying|Refunding) /;
const question = /(?:Reply|reply) YES (\d{4})/;
const done = /^(?:You paid (?!nothing)|You bought |You refunded )| (?:paid you|bought .* for|refunded you) /;
/** Texts in which "bought" or "paid you" is not the end of it. */
const undone = /Nothing was |You paid nothing|declined|no longer|did not/;

export const isPending = (text: string): boolean => pending.test(text);

/** The code that the question asks for. */
export const questionCode = (text: string): string | undefined => question.exec(text)?.[1];

/** Says that money or goods have changed hands. */
export const saysDone = (text: string): boolean => done.test(text) && !undone.test(text);

/** By which a pending order is taken back. */
export const cancelRef = (text: string): string | undefined =>
  isPending(text) ? /CANCEL (\w{4}) /.exec(text)?.[1] : undefined;

/** By which what was paid can be paid back. */
export const refundRef = (text: string): string | undefined => /REFUND (\w{4}) /.exec(text)?.[1];

/** The note of an order of this load. */
export const noteOf = (text: string): string | undefined => /"(w\d+)"$/.exec(text)?.[1];
