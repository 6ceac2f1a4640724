/** A node's disk as its process has it: writes take time, can fail, and can be the last thing that the process did. */
import type { Disk, DiskOp } from '../../operator-node/store/disk.ts';
import type { Fate, SimulatedDisk } from '../../operator-node/store/memory.ts';

/** What happens at one write: `before`, `lost`, `kept`: the process dies; `after`: it dies when it knows of the write. */
export type WriteFate =
  | 'done'
  | 'before'
  | Fate
  | 'after'
  /** The write fails and the process lives on to know it. */
  | 'fails-lost'
  | 'fails-kept';

export interface ProcessDiskOptions {
  readonly disk: SimulatedDisk;
  /** A planted bug: a write is said to be done so long before it is. */
  readonly unsyncedMillis: number;
  readonly fate: () => WriteFate;
  readonly latency: () => number;
  /** As the process's clock: nothing comes of it when the process is gone. */
  readonly after: (millis: number, action: () => void) => void;
  /** These are on disk now. */
  readonly written: (ops: readonly DiskOp[]) => void;
  readonly die: (how: string) => void;
}

export function processDisk({ disk, unsyncedMillis, fate, latency, after, written, die }: ProcessDiskOptions): Disk {
  const inner = disk.attach();
  const never = new Promise<void>(() => undefined);
  const apply = (ops: DiskOp[]): void => {
    void inner.write(ops);
    written(ops);
  };
  if (unsyncedMillis > 0) return unsynced(inner, unsyncedMillis, after, apply);
  return {
    get: (key) => inner.get(key),
    entries: (range) => inner.entries(range),
    close: () => inner.close(),
    write: (ops) => {
      const what = fate();
      if (what === 'before') {
        die('before a write');
        return never;
      }
      return new Promise((resolve, reject) => {
        after(latency(), () => {
          if (what === 'kept' || what === 'after' || what === 'done' || what === 'fails-kept') apply(ops);
          if (what === 'lost' || what === 'kept') {
            die(`during a write, which is ${what}`);
          } else if (what === 'fails-lost' || what === 'fails-kept') {
            reject(new Error('simulated: no space left on device'));
          } else {
            resolve();
            if (what === 'after') {
              after(0, () => {
                die('after a write');
              });
            }
          }
        });
      });
    },
  };
}

/** What was written is there to be read, and is on disk a while later, if the process still is. */
function unsynced(
  inner: Disk,
  millis: number,
  after: ProcessDiskOptions['after'],
  apply: (ops: DiskOp[]) => void,
): Disk {
  const waiting = new Map<string, string | undefined>();
  return {
    get: (key) => (waiting.has(key) ? waiting.get(key) : inner.get(key)),
    entries: (range) => inner.entries(range),
    close: () => inner.close(),
    write: async (ops) => {
      for (const op of ops) waiting.set(op.key, op.type === 'put' ? op.value : undefined);
      after(millis, () => {
        apply(ops);
        for (const op of ops) {
          if (waiting.get(op.key) === (op.type === 'put' ? op.value : undefined)) waiting.delete(op.key);
        }
      });
    },
  };
}
