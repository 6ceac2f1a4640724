/** The parts of a node that its API calls. */
import type { ComposedNode } from '../compose.ts';
import type { PaymentsDomain } from '../domains/payments/payments.ts';
import type { Eraser } from '../erasure/erase.ts';
import { TandemError } from '../errors.ts';
import type { Receiver } from '../flow/receive.ts';
import type { Phones } from '../messaging/phones.ts';
import type { Hash, Hex } from '../model/ids.ts';
import type { Backups } from '../recovery/backup.ts';
import type { DoctorParts } from '../recovery/doctor.ts';
import type { RecoveryRun } from '../recovery/run.ts';
import type { Staff } from '../users/staff.ts';

export interface ApiNode {
  readonly flow: ComposedNode['flow'];
  readonly receiver: Pick<Receiver, 'receive'>;
  readonly staff: Pick<Staff, 'createUser' | 'move'>;
  readonly eraser: Pick<Eraser, 'erase' | 'list'>;
  readonly payments: PaymentsDomain;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** Only on a devnet. */
  readonly phones: Pick<Phones, 'messages'> | undefined;
  /** By the operator's signer. */
  readonly sign: (digest: Hash) => Hex;
  /** Address of AuditLog; undefined where the network has none. */
  readonly auditLog: string | undefined;
  readonly backups: Pick<Backups, 'make' | 'makeKeys'>;
  readonly recovery: Pick<RecoveryRun, 'needed' | 'status' | 'goWithout'>;
  readonly doctor: DoctorParts;
}

/** A node in recovery takes nothing (rule 11). @throws {TandemError} `not-ready` */
export function assertTaking({ recovery }: { readonly recovery: Pick<RecoveryRun, 'needed'> }): void {
  if (recovery.needed) throw new TandemError('not-ready', 'This node is in recovery: see tandem recover.');
}

export const missing = (what: string): TandemError => new TandemError('not-found', what);
