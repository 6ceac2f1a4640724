/**
 * How large each message can be: of its schema's maxima, with every character of free text escaped. What is larger is
 * refused by its method before it is read; what has more values or nests deeper, before it is parsed. A test makes the
 * largest message of each schema and holds it against these.
 */
import type { JsonSize } from '../json-size.ts';
import type { Method } from './messages.ts';

export interface Size extends JsonSize {
  readonly bytes: number;
}

const kib = 1024;
const size = (kibibytes: number, marks: number, depth: number): Size => ({ bytes: kibibytes * kib, marks, depth });

export const sizes: { readonly [M in Method]: { readonly request: Size; readonly answer: Size } } = {
  hello: { request: size(192, 9_000, 3), answer: size(192, 9_000, 3) },
  quote: { request: size(4, 8, 1), answer: size(4, 16, 1) },
  propose: { request: size(4_096, 22_000, 4), answer: size(4_096, 8_900, 3) },
  offer: { request: size(768, 18_000, 3), answer: size(4, 8, 1) },
  countersign: { request: size(4, 8, 1), answer: size(4, 8, 1) },
  withdraw: { request: size(32, 600, 2), answer: size(64, 2_200, 3) },
  cancel: { request: size(4, 8, 1), answer: size(4, 8, 1) },
  outcome: { request: size(32, 600, 2), answer: size(64, 2_200, 3) },
  window: { request: size(128, 4_200, 4), answer: size(3_072, 5_200, 4) },
  compare: { request: size(6, 300, 3), answer: size(8, 80, 2) },
  erased: { request: size(64, 2_200, 3), answer: size(4, 8, 1) },
  sealed: { request: size(4, 8, 1), answer: size(8_192, 31_000, 4) },
  forward: { request: size(64, 8, 1), answer: size(4, 8, 1) },
};

/** The size of an answer other than 200, for every method. */
export const errorSize: Size = size(16, 8, 2);
