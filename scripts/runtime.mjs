/**
 * Which Node may run the project, and which one of several does. Plain JavaScript without dependencies, as setup.mjs,
 * which uses it before anything is installed.
 */

/** The project's TypeScript is run as it is; this is the line of Node that it is tested with. */
export const testedMajor = 24;

/**
 * By line, the first release that has the line's security releases up to now: nothing older is run. A line that is not
 * here and older than the newest one here has reached its end, and gets no security releases.
 */
export const secureReleases = { 24: '24.21.0', 26: '26.12.1' };

/** `[24, 21, 0]`; undefined for what is no release, such as a nightly build. */
const versionOf = (text) => (/^\d+\.\d+\.\d+$/.test(text) ? text.split('.').map(Number) : undefined);

/** Above zero where `a` is the newer. */
const compare = (a, b) => a.map((part, at) => part - b[at]).find((difference) => difference !== 0) ?? 0;

export function isSecureNode(text) {
  const version = versionOf(text);
  if (version === undefined) return false;
  const least = secureReleases[version[0]];
  if (least !== undefined) return compare(version, versionOf(least)) >= 0;
  return version[0] > Math.max(...Object.keys(secureReleases).map(Number));
}

/** Of those that have the security releases one of the tested line where there is one, and of these the newest. */
export function chooseNode(candidates) {
  const rank = ({ version }) => {
    const parts = versionOf(version);
    return [parts[0] === testedMajor ? 1 : 0, ...parts];
  };
  return candidates.filter(({ version }) => isSecureNode(version)).sort((a, b) => compare(rank(b), rank(a)))[0];
}
