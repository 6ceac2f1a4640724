/** A progress bar on the error output of a terminal; elsewhere nothing is shown. */
import type { Output } from './output.ts';

const width = 40;
/** The bar moves in thousandths; the line is rewritten only when it has moved. */
const steps = 1_000;

export interface ProgressBar {
  readonly show: (done: number, all: number) => void;
  /** Clears the line. */
  readonly end: () => void;
}

export function progressBar({ stderr }: Output, what: string): ProgressBar {
  const terminal = (stderr as { readonly isTTY?: boolean }).isTTY === true;
  let last = -1;
  return {
    show: (done, all) => {
      const step = all === 0 ? steps : Math.floor((steps * done) / all);
      if (!terminal || step === last) return;
      last = step;
      const filled = Math.round((width * step) / steps);
      stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done} of ${all} ${what}`);
    },
    end: () => {
      if (terminal && last >= 0) stderr.write('\r\u001b[2K');
    },
  };
}
