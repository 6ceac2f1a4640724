/** `1 window`, `2 windows`; `many` where the plural is not made with an s. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** A number with its name, given as a plural in -s, -ches or -ies: `1 lane on chain`, `2 journal entries`. */
export const countedOf = (count: number, plural: string): string =>
  counted(
    count,
    plural.replace(/(ies|ches|s)\b/, (ending) => (ending === 'ies' ? 'y' : ending.slice(0, -1).replace(/e$/, ''))),
    plural,
  );
