/** The number ranges of a devnet: each operator's, those of its machines, and numbers that were ported. */
import { stringify } from 'yaml';

/** `operators` in the order of their ids. */
export function directoryText({
  operators,
  ported,
}: {
  readonly operators: readonly {
    readonly handle: string;
    readonly numbers: readonly string[];
    readonly machines: readonly string[];
  }[];
  readonly ported: readonly { readonly number: string; readonly operator: string }[];
}): string {
  const idOf = (handle: string): number => operators.findIndex((each) => each.handle === handle) + 1;
  return stringify({
    ranges: operators.flatMap(({ handle, numbers, machines }) => [
      ...numbers.map((prefix) => ({ prefix, operator: idOf(handle) })),
      ...machines.map((prefix) => ({ prefix, operator: idOf(handle), machines: true })),
    ]),
    exceptions: ported.map(({ number, operator }) => ({ number, operator: idOf(operator) })),
  });
}
