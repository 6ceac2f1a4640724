/** What a message from a phone has in common with its repetition: all but the number that its session gave it. */
import { createHash } from 'node:crypto';
import type { MessagePdu } from './pdu.ts';

export function printOf({ source, destination, esmClass, coding, octets, sar, userReference }: MessagePdu): string {
  const head = [source.ton, source.npi, source.address, destination.ton, destination.npi, destination.address];
  const how = [esmClass, coding, sar?.ref, sar?.total, sar?.index, userReference];
  return createHash('sha256')
    .update(JSON.stringify([...head, ...how]))
    .update(octets)
    .digest('base64');
}
