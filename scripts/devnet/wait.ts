import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again until `probe` gives something else than undefined.
 * @throws {Error} with what `failure` says when `timeoutMillis` are over
 */
export async function until<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  options: { readonly timeoutMillis: number; readonly everyMillis?: number; readonly failure: () => string },
): Promise<T> {
  const end = performance.now() + options.timeoutMillis;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(options.failure());
    await sleep(options.everyMillis ?? 50);
  }
}
