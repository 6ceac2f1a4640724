/** One part as a submit_sm, and what the SMS centre's answer means. */
import type { UnixMillis } from '../model/ids.ts';
import { addressOf } from './smsc-address.ts';
import type { RouteConfig } from './smpp-config.ts';
import { status, statusName, type Pdu } from './pdu.ts';
import type { OutRecord, PartRecord } from './smpp-tables.ts';
import { validityPeriod } from './validity.ts';

/** Two octets that a centre gives back in the receipt, where it does. */
export const userReference = (key: string, index: number): number => (Number(key) * 7 + index) & 0xffff;

export function submitFields(
  record: OutRecord,
  part: PartRecord,
  reference: number,
  route: RouteConfig,
  now: UnixMillis,
): object {
  const source = addressOf(record.from, route);
  const destination = addressOf(record.to, route);
  const octets = Buffer.from(part.octets ?? '', 'base64');
  return {
    service_type: route.serviceType,
    source_addr_ton: source.ton,
    source_addr_npi: source.npi,
    source_addr: source.address,
    dest_addr_ton: destination.ton,
    dest_addr_npi: destination.npi,
    destination_addr: destination.address,
    esm_class: part.esmClass,
    priority_flag: record.urgent ? 1 : 0,
    validity_period: validityPeriod(record.validUntil, now, route.validity),
    registered_delivery: route.receipts ? 1 : 0,
    data_coding: record.coding,
    ...(record.payload ? { message_payload: octets } : { short_message: octets }),
    ...(part.sar === undefined
      ? {}
      : {
          sar_msg_ref_num: part.sar.ref,
          sar_total_segments: part.sar.total,
          sar_segment_seqnum: part.sar.index,
        }),
    ...(route.userReferences ? { user_message_reference: reference } : {}),
  };
}

export type Answer =
  | { readonly kind: 'accepted'; readonly id: string }
  /** The centre is busy, and says nothing of this message. */
  | { readonly kind: 'throttled'; readonly reason: string }
  /** Not now. */
  | { readonly kind: 'later'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Whether the centre has it is not known. */
  | { readonly kind: 'lost' };

const temporary: ReadonlySet<number> = new Set([status.systemError, status.temporary]);
const busy: ReadonlySet<number> = new Set([status.throttled, status.queueFull]);

export function answerOf(pdu: Pdu): Answer {
  const code = pdu.command_status;
  const reason = statusName(code);
  if (busy.has(code)) return { kind: 'throttled', reason };
  if (temporary.has(code)) return { kind: 'later', reason };
  if (code !== status.ok) return { kind: 'refused', reason };
  const id = pdu['message_id'];
  return { kind: 'accepted', id: typeof id === 'string' ? id : '' };
}
