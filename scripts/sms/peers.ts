/**
 * `npm run test:sms`: the SMPP gateway against an SMS centre that others have written (jSMPP's simulator), and the tests' own
 * SMS centre against a gateway that others have written (Kannel). Says what is missing on this machine; ends with 1 where
 * something is missing or did not come out as it should.
 */
import { expectations } from './expectations.ts';
import { withJsmpp } from './jsmpp.ts';
import { withKannel } from './kannel.ts';

const check = expectations();
for (const [name, run] of [
  ['jSMPP', withJsmpp],
  ['Kannel', withKannel],
] as const) {
  console.log(name);
  try {
    await run(check);
  } catch (error) {
    check(false, error instanceof Error ? error.message : String(error));
  }
}
console.log(`${check.passed()} passed, ${check.failed()} failed`);
process.exit(check.failed() === 0 ? 0 : 1);
