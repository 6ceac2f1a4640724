/**
 * Ends the devnet's processes when the process that started them is gone, however it went. Reads lines `+<pid>` and
 * `-<pid>` on stdin; the end of stdin is the sign. Each pid leads a process group of its own.
 */
import { createInterface } from 'node:readline';

const graceMillis = 3000;
const groups = new Set();

// The terminal's Ctrl-C is for the one that started this; its going is what counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const signalAll = (signal) => {
  for (const pid of groups) {
    try {
      process.kill(-pid, signal);
    } catch {
      groups.delete(pid);
    }
  }
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const pid = Number(line.slice(1));
    if (line.startsWith('+')) groups.add(pid);
    else groups.delete(pid);
  })
  .on('close', () => {
    signalAll('SIGTERM');
    if (groups.size === 0) process.exit(0);
    setTimeout(() => {
      signalAll('SIGKILL');
      process.exit(0);
    }, graceMillis);
  });
