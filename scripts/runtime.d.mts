export interface NodeRuntime {
  readonly path: string;
  /** As `process.versions.node` has it. */
  readonly version: string;
}

export const testedMajor: number;
/** By line of Node. */
export const secureReleases: Readonly<Record<number, string>>;
export function isSecureNode(version: string): boolean;
/** Undefined where none of them will do. */
export function chooseNode(candidates: readonly NodeRuntime[]): NodeRuntime | undefined;
