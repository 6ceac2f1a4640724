/** Measures what a pair costs and writes `snapshots/gas.json`. Run `hardhat build` first. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { measureGas } from '../../test/contracts/gas.ts';

const target = join(import.meta.dirname, '..', '..', 'snapshots', 'gas.json');
const report = await measureGas();
await writeFile(target, `${JSON.stringify(report, null, 2)}\n`);
console.table(report.byFunction);
console.table(report.perPair);
