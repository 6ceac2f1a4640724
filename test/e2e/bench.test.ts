import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../scripts/bench/report.ts';
import { freePortBase } from '../../scripts/devnet/ports.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'bench', 'bench.ts');

const bench = async (...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
  const env = { ...process.env, TANDEM_DEVNET_PORT_BASE: String(await freePortBase()) };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script, ...args], { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, stdout, stderr });
    });
  });
};

describe('npm run bench', () => {
  it('refuses a rate that is none, with its usage', async () => {
    const { code, stderr } = await bench('--rate', 'fast');
    expect(code).toBe(2);
    expect(stderr).toContain('usage: npm run bench');
  });

  it.each(['1', '9', '2.5', 'two'])('refuses %s operators, with its usage', async (operators) => {
    const { code, stderr } = await bench('--operators', operators);
    expect(code).toBe(2);
    expect(stderr).toContain(`--operators is "${operators}"`);
  });

  it('settles between all of three operators', async () => {
    const { code, stdout, stderr } = await bench(
      ...['--pairs', '36', '--rate', '30', '--warm-up', '0', '--users', '4', '--operators', '3', '--json'],
    );
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ settled: 36, failed: 0, unfinished: 0 });
    expect(Object.keys(report.operators)).toEqual(['aurora', 'borealis', 'cumulus']);
    expect(report.checks).toContainEqual({ ok: true, text: 'positions mirror each other (6 entries)' });
  });

  it('settles every pair and reports rate, latency, gas, CPU and bytes as JSON', async () => {
    const { code, stdout, stderr } = await bench(
      '--pairs',
      '60',
      '--rate',
      '30',
      '--warm-up',
      '1',
      '--users',
      '5',
      '--json',
    );
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ pairs: 60, warmUpPairs: 30, settled: 90, failed: 0, unfinished: 0, reasons: [] });
    expect(report.settledPerSecond).toBeGreaterThan(5);
    expect(report.latencyMillis.p50).toBeGreaterThan(report.latencyWithoutAnswerMillis.p50 - 1);
    expect(report.gasAPair).toBeGreaterThan(1000);
    expect(report.checks.every(({ ok }) => ok)).toBe(true);
    expect(Object.keys(report.processes).sort()).toEqual(['aurora', 'borealis', 'chain']);
    expect(Object.keys(report.operators)).toEqual(['aurora', 'borealis']);
  });
});
