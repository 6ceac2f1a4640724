/** A progress bar on a terminal, a line now and then elsewhere; on stderr, since stdout may be JSON. */
const width = 30;
const terminalMillis = 200;
const otherMillis = 5000;

export function showProgress(total: number, state: () => { done: number; text: string }): () => void {
  const { isTTY } = process.stderr;
  const draw = (): void => {
    const { done, text } = state();
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const full = Math.round(share * width);
    const bar = `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
    process.stderr.write(
      isTTY ? `\r\x1b[2K  ${bar} ${text}` : `  ${String(Math.round(share * 100)).padStart(3)} % ${text}\n`,
    );
  };
  const timer = setInterval(draw, isTTY ? terminalMillis : otherMillis);
  return () => {
    clearInterval(timer);
    draw();
    if (isTTY) process.stderr.write('\n');
  };
}
