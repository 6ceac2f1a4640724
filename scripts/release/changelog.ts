/** The changelog at a release: what was unreleased becomes a section of that version. */

const versionPattern = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$/;

/** Whether `version` is the next patch, minor or major version after `last`; `last` is empty before the first. */
export function follows(version: string, last: string): boolean {
  if (!versionPattern.test(version)) return false;
  if (last === '') return version === '0.1.0' || version === '1.0.0';
  const [major = 0, minor = 0, patch = 0] = last.split('.').map(Number);
  return [`${major}.${minor}.${patch + 1}`, `${major}.${minor + 1}.0`, `${major + 1}.0.0`].includes(version);
}

export type Released =
  | { readonly ok: true; readonly text: string; readonly section: string }
  | { readonly ok: false; readonly reason: string };

const heading = '## Unreleased\n';

/** @param day as `2026-11-30` */
export function changelogOf(text: string, version: string, day: string): Released {
  const at = text.indexOf(heading);
  if (at < 0) return { ok: false, reason: 'CHANGELOG.md has no section "Unreleased".' };
  const from = at + heading.length;
  const next = text.indexOf('\n## ', from);
  const section = text.slice(from, next < 0 ? text.length : next).trim();
  if (section === '') return { ok: false, reason: 'Nothing is unreleased: CHANGELOG.md has no sentence for it.' };
  const rest = next < 0 ? '' : text.slice(next);
  return { ok: true, section, text: `${text.slice(0, from)}\n## ${version} (${day})\n\n${section}\n${rest}` };
}
