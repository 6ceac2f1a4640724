/** Times as SMPP writes them (SMPP 3.4, 7.1.1). */
import type { UnixMillis } from '../model/ids.ts';

const two = (value: number): string => String(value).padStart(2, '0');

/** `validity_period`: so long from now, or until then in UTC. */
export function validityPeriod(until: UnixMillis, now: UnixMillis, form: 'relative' | 'absolute'): string {
  if (form === 'absolute') {
    const at = new Date(until);
    const day = `${two(at.getUTCFullYear() % 100)}${two(at.getUTCMonth() + 1)}${two(at.getUTCDate())}`;
    return `${day}${two(at.getUTCHours())}${two(at.getUTCMinutes())}${two(at.getUTCSeconds())}000+`;
  }
  // Months are of no certain length: days go up to what the field holds, which is more than any centre keeps a message.
  const seconds = Math.min(Math.max(1, Math.floor((until - now) / 1000)), 30 * 86_400);
  const days = Math.floor(seconds / 86_400);
  return `0000${two(days)}${two(Math.floor(seconds / 3600) % 24)}${two(Math.floor(seconds / 60) % 60)}${two(seconds % 60)}000R`;
}
