/** Files that are there as a whole or not at all. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../operator-node/config.ts';
import { removeLeftovers } from '../../operator-node/recovery/backup.ts';
import { removePartials, renameDurably, writeWholeFile, writeWholeText } from '../../operator-node/store/whole-file.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-whole-'));
let dir = '';
let made = 0;
beforeEach(() => {
  made += 1;
  dir = join(root, String(made));
  mkdirSync(dir);
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
const modeOf = (name: string): number => statSync(join(dir, name)).mode & 0o777;

describe.each([
  ['writeWholeFile', (file: string, content: string) => writeWholeFile(file, (put) => put(content))],
  [
    'writeWholeText',
    (file: string, content: string) => {
      writeWholeText(file, content);
      return Promise.resolve();
    },
  ],
])('%s', (_name, write) => {
  it('fails where the folder is not there', async () => {
    await expect(Promise.try(() => write(join(dir, 'none', 'a'), 'x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('writes a file that only its owner can read, and leaves nothing else', async () => {
    await write(join(dir, 'a'), 'första\n');
    expect(text('a')).toBe('första\n');
    expect(modeOf('a')).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('replaces what was there, with its mode', async () => {
    writeFileSync(join(dir, 'a'), 'a long text of before', { mode: 0o644 });
    await write(join(dir, 'a'), 'new');
    expect(text('a')).toBe('new');
    expect(modeOf('a')).toBe(0o600);
  });

  it('takes nothing over of what a crash has left: neither its end nor its mode', async () => {
    writeFileSync(join(dir, 'a.partial'), 'what a crash has left, which is longer', { mode: 0o644 });
    await write(join(dir, 'a'), 'new');
    expect(text('a')).toBe('new');
    expect(modeOf('a')).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['a']);
  });
});

describe('writeWholeFile', () => {
  it('leaves the file as it was when what writes it fails', async () => {
    writeFileSync(join(dir, 'a'), 'before');
    const failing = writeWholeFile(join(dir, 'a'), async (put) => {
      await put('half of it');
      expect(text('a')).toBe('before');
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(text('a')).toBe('before');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('gives back what the writing gives, and the mode that is asked for', async () => {
    expect(await writeWholeFile(join(dir, 'a'), async (put) => (await put('1'), await put('2'), 7), 0o644)).toBe(7);
    expect(text('a')).toBe('12');
    expect(modeOf('a')).toBe(0o644);
  });
});

describe('renameDurably', () => {
  it('moves a file over another one, also from another folder', async () => {
    mkdirSync(join(dir, 'from'));
    writeFileSync(join(dir, 'from', 'a'), 'moved');
    writeFileSync(join(dir, 'b'), 'before');
    await renameDurably(join(dir, 'from', 'a'), join(dir, 'b'));
    expect(text('b')).toBe('moved');
    expect(readdirSync(join(dir, 'from'))).toEqual([]);
  });
});

describe('removePartials', () => {
  it('finds none where there is no folder', async () => {
    expect(await removePartials(join(dir, 'none'), () => true)).toEqual([]);
  });

  it('removes those that are meant and no others', async () => {
    for (const name of ['a.tandem', 'a.tandem.partial', 'b.other.partial']) writeFileSync(join(dir, name), '');
    expect(await removePartials(dir, (name) => name.endsWith('.tandem'))).toEqual(['a.tandem.partial']);
    expect(readdirSync(dir).sort()).toEqual(['a.tandem', 'b.other.partial']);
  });
});

describe('removeLeftovers', () => {
  it('removes unfinished backups, keys and tombstones of this node, and none of another one', async () => {
    const place = (...names: string[]): string => {
      const file = join(dir, ...names);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, '');
      return file;
    };
    place('backups', 'aurora-1.tandem.partial');
    place('backups', 'aurora-1.tandem');
    place('backups', 'borealis-1.tandem.partial');
    place('keys', 'aurora-1.keys.tandem.partial');
    place('followed', 'next-base.partial');
    place('followed', 'base-000000000000001.tandem.partial');
    place('followed.keys', 'keys.tandem.partial');
    place('data.erased', 'u1.erased.partial');
    place('data.erased', 'u1.erased');
    const config = {
      operator: { handle: 'aurora' },
      dataDir: join(dir, 'data'),
      backup: { dir: join(dir, 'backups'), keysDir: join(dir, 'keys'), followDir: join(dir, 'followed') },
    } as unknown as Config;
    expect(await removeLeftovers(config)).toHaveLength(6);
    const left = ['backups', 'keys', 'followed', 'followed.keys', 'data.erased'].flatMap((name) =>
      readdirSync(join(dir, name)),
    );
    expect(left.sort()).toEqual(['aurora-1.tandem', 'borealis-1.tandem.partial', 'u1.erased']);
  });
});
