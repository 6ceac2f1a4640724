import { describe, expect, it } from 'vitest';
import { changelogOf, follows } from '../../scripts/release/changelog.ts';

describe('the version of a release', () => {
  it.each([
    ['0.1.0', ''],
    ['1.0.0', ''],
    ['1.2.4', '1.2.3'],
    ['1.3.0', '1.2.3'],
    ['2.0.0', '1.2.3'],
  ])('may be %s after "%s"', (version, last) => {
    expect(follows(version, last)).toBe(true);
  });

  it.each([
    ['1.2.3', '1.2.3'],
    ['1.2.5', '1.2.3'],
    ['1.3.1', '1.2.3'],
    ['1.2', '1.1.0'],
    ['v1.2.4', '1.2.3'],
    ['01.2.4', '1.2.3'],
    ['0.2.0', ''],
    ['', '1.2.3'],
  ])('may not be "%s" after "%s"', (version, last) => {
    expect(follows(version, last)).toBe(false);
  });
});

describe('the changelog of a release', () => {
  it('gets a section of the version and its day, and an empty "Unreleased" above it', () => {
    const released = changelogOf(
      '# Changelog\n\n## Unreleased\n\n- One.\n- Two.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n',
      '0.2.0',
      '2026-11-30',
    );
    expect(released).toEqual({
      ok: true,
      section: '- One.\n- Two.',
      text: '# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-11-30)\n\n- One.\n- Two.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n',
    });
  });

  it('is refused where nothing is unreleased', () => {
    expect(changelogOf('# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-01-01)\n', '0.2.0', '2026-11-30')).toMatchObject(
      {
        ok: false,
        reason: 'Nothing is unreleased: CHANGELOG.md has no sentence for it.',
      },
    );
    expect(changelogOf('# Changelog\n', '0.2.0', '2026-11-30')).toMatchObject({ ok: false });
  });
});
