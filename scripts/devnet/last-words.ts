/** Why a part of the devnet has ended by itself, in its own words where its log has them. */
import { existsSync, readFileSync } from 'node:fs';
import type { Exit } from './processes.ts';

export interface LastWords {
  readonly fatal?: string;
  readonly code?: string;
}

/** The last line of a node's log in which it says why it ends. */
export function lastWordsOf(logFile: string): LastWords | undefined {
  const lines = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n') : [];
  for (const line of lines.slice(-5).reverse()) {
    try {
      const words = JSON.parse(line) as LastWords;
      if (words.fatal !== undefined) return words;
    } catch {
      // Not a line of the node's own.
    }
  }
  return undefined;
}

export function endingOf(part: string, { code, signal }: Exit, logFile: string): string {
  const how = `${part} ended by itself (${signal ?? `exit code ${code}`})`;
  const fatal = lastWordsOf(logFile)?.fatal;
  return fatal === undefined ? `${how}: see ${logFile}.` : `${how}:\n${fatal}\nIts log is ${logFile}.`;
}
