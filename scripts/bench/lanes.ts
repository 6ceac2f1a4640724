/** Who pays whom in the bench: every operator's users those of every other one, each lane in turn. */
import type { Party } from './load.ts';

export interface Member extends Party {
  /** Handle. */
  readonly operator: string;
}

/** Each ordered pair of `count` operators once: first everybody to the next one, then to the one after that. */
export function lanesBetween(count: number): readonly (readonly [from: number, to: number])[] {
  const lanes: [number, number][] = [];
  for (let distance = 1; distance < count; distance += 1) {
    for (let from = 0; from < count; from += 1) lanes.push([from, (from + distance) % count]);
  }
  return lanes;
}

/**
 * The two users of each order, from the users by operator, of whom each has as many: the lanes in turn, and each user
 * meets others from round to round.
 */
export function partiesOf(sides: readonly (readonly Member[])[]): (index: number) => { first: Member; second: Member } {
  const lanes = lanesBetween(sides.length);
  const users = sides[0]?.length ?? 0;
  return (index) => {
    const [from, to] = lanes[index % lanes.length] ?? [0, 1];
    const step = Math.floor(index / lanes.length);
    const first = sides[from]?.[step % users];
    const second = sides[to]?.[(step + Math.floor(step / users) * 7) % users];
    if (first === undefined || second === undefined) throw new Error('no users');
    return { first, second };
  };
}
