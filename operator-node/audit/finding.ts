/** What a check says: whether it holds, and in one sentence what was found. */
export interface Finding {
  readonly ok: boolean;
  readonly found: string;
}

export const holds = (found: string): Finding => ({ ok: true, found });
export const fails = (found: string): Finding => ({ ok: false, found });
