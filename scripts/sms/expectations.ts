/** What has to be so, line by line. */
export interface Expectations {
  (isSo: boolean, what: string): void;
  passed(): number;
  failed(): number;
}

export function expectations(): Expectations {
  let [passed, failed] = [0, 0];
  const check = (isSo: boolean, what: string): void => {
    if (isSo) passed += 1;
    else failed += 1;
    console.log(`  ${isSo ? 'ok  ' : 'FAIL'} ${what}`);
  };
  return Object.assign(check, { passed: () => passed, failed: () => failed });
}

/** False where it does not become so in that time. */
export async function becomes(what: () => boolean | Promise<boolean>, millis: number): Promise<boolean> {
  for (const end = Date.now() + millis; Date.now() < end;) {
    if (await what()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
