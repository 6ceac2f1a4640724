/**
 * One field of what the contracts say, read by itself. What a single party has put on the chain decides about that field
 * and no other: it is read or it is a FieldFault, and whoever asked says whose fault that is.
 */
import type { Result } from 'ethers';
import {
  isBatchId,
  isHash,
  isHex,
  isOperatorId,
  type BatchId,
  type Hash,
  type Hex,
  type OperatorId,
  type UnixSeconds,
} from '../model/ids.ts';

/** This field cannot be read; `message` says what it is and what it should be. */
export class FieldFault extends Error {
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.name = 'FieldFault';
    this.field = field;
  }
}

const shownCharacters = 80;
const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}… (${text.length} characters)`;
};

/** The fields of one event or struct, each read on its own. All throw FieldFault. */
export class Fields {
  readonly #result: Result;

  constructor(result: Result) {
    this.#result = result;
  }

  /** As ethers has it. It keeps what went wrong with a field until that field is asked for. */
  raw(name: string): unknown {
    try {
      return this.#result.getValue(name) as unknown;
    } catch {
      throw new FieldFault(name, 'has bytes that are not a value of its type');
    }
  }

  text(name: string): string {
    const value = this.raw(name);
    if (typeof value !== 'string') throw new FieldFault(name, `is ${shown(value)}, not a text`);
    return value;
  }

  flag(name: string): boolean {
    return this.raw(name) === true;
  }

  big(name: string): bigint {
    const value = this.raw(name);
    if (typeof value !== 'bigint') throw new FieldFault(name, `is ${shown(value)}, not a number`);
    return value;
  }

  /** A number of a Solidity type that is wider than JavaScript's safe integers. */
  number(name: string): number {
    const value = this.big(name);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FieldFault(name, `is ${value}, above 2^53 − 1`);
    return Number(value);
  }

  /** A running number, from 1. */
  ordinal(name: string): number {
    const value = this.number(name);
    if (value === 0) throw new FieldFault(name, 'is 0; the lowest valid number is 1');
    return value;
  }

  seconds(name: string): UnixSeconds {
    return this.number(name) as UnixSeconds;
  }

  address(name: string): string {
    return this.text(name).toLowerCase();
  }

  hex(name: string): Hex {
    const found = this.text(name).toLowerCase();
    if (!isHex(found)) throw new FieldFault(name, `is ${shown(found)}, not bytes`);
    return found;
  }

  hash(name: string): Hash {
    const found = this.text(name).toLowerCase();
    if (!isHash(found)) throw new FieldFault(name, `is ${shown(found)}, not a hash`);
    return found;
  }

  batchId(name: string): BatchId {
    const found = this.text(name).toLowerCase();
    if (!isBatchId(found)) throw new FieldFault(name, `is ${shown(found)}, not a batchId`);
    return found;
  }

  operatorId(name: string): OperatorId {
    const found = this.number(name);
    if (!isOperatorId(found)) throw new FieldFault(name, `is ${found}, not an operator id`);
    return found;
  }
}
