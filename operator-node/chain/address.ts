/**
 * Where an RPC endpoint is, and what of that may be said. A URL often holds a secret: a user and a password, a key as a
 * part of the path or of the query. It goes into the request and nowhere else; messages, logs and metrics name the host.
 */
import { Buffer } from 'node:buffer';

/** What is said of an endpoint's own words at most. */
const maxWords = 200;
/** Shorter parts of a URL are no secrets, and stand in too many sentences. */
const leastSecret = { credential: 3, query: 4, path: 6 } as const;

export class RpcAddress {
  /** Without user and password: `fetch` takes no URL that has them. */
  readonly url: string;
  /** Host, and port where it is not the usual one. */
  readonly name: string;
  /** The value of the header of that name, where the URL has a user or a password. */
  readonly authorization: string | undefined;
  readonly #secrets: readonly string[];

  /** `name` in place of the host. @throws {TypeError} for what is no URL */
  constructor(url: string, name?: string) {
    const parsed = new URL(url);
    this.name = name ?? parsed.host;
    const { username, password, pathname, search } = parsed;
    const user = decoded(username);
    const token = Buffer.from(`${user}:${decoded(password)}`, 'utf8').toString('base64');
    this.authorization = username === '' && password === '' ? undefined : `Basic ${token}`;
    this.#secrets = secretsOf(parsed, token, `${pathname}${search}`);
    parsed.username = '';
    parsed.password = '';
    this.url = parsed.href;
  }

  /** Without what the URL may hold of secrets. */
  hide(words: string): string {
    return this.#secrets.reduce((said, secret) => said.replaceAll(secret, '…'), words);
  }

  /** Words of others, fit for a message: hidden, in one line, and not long. */
  conceal(words: string): string {
    const line = this.hide(words)
      .replaceAll(/[\p{C}\s]+/gu, ' ')
      .trim();
    return line.length <= maxWords ? line : `${line.slice(0, maxWords)}…`;
  }
}

/** `message`, as it may be shown of a command that was given that address; it may be none. */
export const hiding = (url: string | undefined, message: string): string =>
  url !== undefined && isRpcUrl(url) ? new RpcAddress(url).hide(message) : message;

/** What `--rpc` and the configuration take. */
export const isRpcUrl = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);

/** Longest first: a part of a secret must not be taken out of it before the whole is. */
function secretsOf(url: URL, token: string, path: string): readonly string[] {
  const credentials = [url.username, url.password].flatMap((part) => [part, decoded(part)]);
  const query = [...url.searchParams.values()].flatMap((value) => [value, encodeURIComponent(value)]);
  const parts = url.pathname.split('/').flatMap((part) => [part, decoded(part)]);
  const longEnough = (words: readonly string[], least: number): string[] =>
    words.filter(({ length }) => length >= least);
  return [
    ...(url.username === '' && url.password === '' ? [] : [token]),
    ...longEnough([path, ...parts], leastSecret.path),
    ...longEnough(query, leastSecret.query),
    ...longEnough(credentials, leastSecret.credential),
  ].sort((a, b) => b.length - a.length);
}

/** The text before URL encoding; unchanged if the encoding is malformed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
