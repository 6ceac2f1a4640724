/**
 * What follows a service's keyword: slots in order, `[slot]` where it may be missing. `amount [currency] [note]`,
 * `item`, `[code] [amount] [currency] [note]`.
 */
const slotKinds = ['amount', 'currency', 'item', 'code', 'note'] as const;
export type SlotKind = (typeof slotKinds)[number];

export interface Slot {
  readonly kind: SlotKind;
  readonly optional: boolean;
}

export type Grammar = readonly Slot[];

export type GrammarReading =
  { readonly ok: true; readonly grammar: Grammar } | { readonly ok: false; readonly problem: string };

function readSlot(word: string): Slot | undefined {
  const optional = word.startsWith('[') && word.endsWith(']');
  const name = optional ? word.slice(1, -1) : word;
  const kind = slotKinds.find((each) => each === name);
  return kind && { kind, optional };
}

function problemOf(grammar: Grammar): string | undefined {
  const kinds = grammar.map(({ kind }) => kind);
  for (const [index, { kind, optional }] of grammar.entries()) {
    if (kinds.indexOf(kind) !== index) return `${kind} stands twice`;
    if (kind === 'currency' && kinds[index - 1] !== 'amount') return 'currency must follow amount';
    if ((kind === 'currency' || kind === 'note') && !optional) return `${kind} must be optional: [${kind}]`;
    if (kind === 'note' && index !== kinds.length - 1) return 'note must be last';
    if (kind === 'code' && (index !== 0 || !optional)) return 'code must be first and optional: [code]';
    if (kind === 'item' && optional) return 'item cannot be optional';
    if (kind === 'amount' && optional !== kinds.includes('code'))
      return 'amount is optional after [code], and only there';
  }
  if (kinds.includes('item') === kinds.includes('amount'))
    return 'expected an amount, or an item that has its own price';
  return undefined;
}

export function parseGrammar(source: string): GrammarReading {
  const grammar: Slot[] = [];
  for (const word of source.split(' ')) {
    const slot = readSlot(word);
    if (slot === undefined) {
      return {
        ok: false,
        problem: `"${word}" is no slot; there are ${slotKinds.join(', ')}, in [ ] if one may be missing`,
      };
    }
    grammar.push(slot);
  }
  const problem = problemOf(grammar);
  return problem === undefined ? { ok: true, grammar } : { ok: false, problem };
}
