/** The number ranges of the devnet: long prefixes of numbers for fiction, and one number that was ported. */
import { stringify } from 'yaml';
import type { Layout } from './layout.ts';

export function devnetDirectory(place: Layout): string {
  const [aurora, borealis] = place.operators;
  return stringify({
    ranges: [
      { prefix: '+46701', operator: aurora.id },
      { prefix: '+46702', operator: borealis.id },
      { prefix: '+4670174065', operator: borealis.id },
      { prefix: '+46701740659', operator: borealis.id, machines: true },
    ],
    exceptions: [{ number: '+46701740620', operator: borealis.id }],
  });
}
