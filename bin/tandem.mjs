#!/usr/bin/env node
/** `npx tandem COMMAND`: the command line, run with the project's own Node. */
import { run } from '../scripts/run.mjs';

run('operator-node/cli/main.ts', process.argv.slice(2));
