/** A message to a phone while it is under way, and what its parts come to. The record is replaced, never changed. */
import type { Awaited } from './awaited.ts';
import type { Queued } from './lanes.ts';
import type { Outcome } from './receipt.ts';
import type { OutRecord, PartRecord } from './smpp-tables.ts';

export class Entry implements Queued {
  readonly key: string;
  record: OutRecord;
  over = false;
  /** Requests of it that wait for their answers. */
  onTheWay = 0;
  /** Parts that wait for a receipt, by their place. */
  readonly awaited = new Map<number, AwaitedPart>();

  constructor(key: string, record: OutRecord) {
    this.key = key;
    this.record = record;
  }

  get to(): string {
    return this.record.to;
  }

  get lane(): string {
    return this.record.to;
  }

  get urgent(): boolean {
    return this.record.urgent;
  }

  /** Places of the parts in that state. */
  parts(state: PartRecord['state']): number[] {
    return this.record.parts.flatMap((part, index) => (part.state === state ? [index] : []));
  }

  has(state: PartRecord['state']): boolean {
    return this.record.parts.some((part) => part.state === state);
  }

  change(indices: readonly number[], change: (part: PartRecord) => PartRecord): void {
    const parts = this.record.parts.map((part, index) => (indices.includes(index) ? change(part) : part));
    this.record = { ...this.record, parts };
  }

  /** Nothing more is to be known of these parts. */
  settle(indices: readonly number[], outcome: Outcome, reason: string): void {
    this.change(indices, ({ esmClass, sar, id }) => ({
      state: 'done',
      esmClass,
      ...(sar === undefined ? {} : { sar }),
      ...(id === undefined ? {} : { id }),
      outcome,
      reason,
    }));
  }

  /** What became of all of it: as bad as its worst part. */
  outcome(): { readonly outcome: Outcome; readonly reason: string } {
    const worst = ranked.find((one) => this.record.parts.some(({ outcome }) => outcome === one)) ?? 'unknown';
    return { outcome: worst, reason: this.record.parts.find(({ outcome }) => outcome === worst)?.reason ?? '' };
  }
}

const ranked: readonly Outcome[] = ['undeliverable', 'expired', 'unknown', 'accepted', 'delivered'];

export class AwaitedPart implements Awaited {
  readonly entry: Entry;
  readonly index: number;
  readonly id: string;

  constructor(entry: Entry, index: number, id: string) {
    this.entry = entry;
    this.index = index;
    this.id = id;
  }

  get number(): string {
    return this.entry.to;
  }
}
