/** Whom a devnet's nodes know at this moment, and whom of them somebody means by a name or a number. */
import { ApiError, nodeClient } from '../api/client.ts';
import { UsageError, type DevnetFile, type DevnetUser } from './devnet-file.ts';

export type KnownUser = Omit<DevnetUser, 'accounts'>;

export interface KnownUsers {
  readonly users: readonly KnownUser[];
  /** Handles of all operators. */
  readonly operators: readonly string[];
  /** Operators whose node does not answer: of theirs only those are known that devnet.json names. */
  readonly silent: readonly string[];
}

/** Shown where nobody of a name is found. */
const shownUsers = 30;

/** Asks every node for its users. @throws {ApiError} for a node that answers and refuses */
export async function knownUsers(devnet: DevnetFile): Promise<KnownUsers> {
  const silent: string[] = [];
  const users = await Promise.all(
    devnet.operators.map(async (operator): Promise<readonly KnownUser[]> => {
      const { handle } = operator;
      const client = nodeClient(operator);
      try {
        return (await client.users()).users.map(({ number, name, language, kind }) => ({
          number,
          operator: handle,
          name,
          language,
          kind: kind === 'machine' ? 'machine' : 'person',
        }));
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 0) throw error;
        silent.push(handle);
        return devnet.users.filter((user) => user.operator === handle);
      } finally {
        client.close();
      }
    }),
  );
  return { users: users.flat(), operators: devnet.operators.map(({ handle }) => handle), silent };
}

const described = ({ number, name, operator }: KnownUser): string => `${number} ${name} (${operator})`;

/**
 * By number (with spaces, hyphens and dots, as people write them), by name, or by first name; `@HANDLE` behind it says at
 * which operator. A whole name counts before a first name.
 * @throws {UsageError} where it is nobody, or more than one
 */
export function findUser({ users, operators, silent }: KnownUsers, text: string): KnownUser {
  const at = text.lastIndexOf('@');
  const operator = operators.find((handle) => at > 0 && text.slice(at + 1).toLowerCase() === handle);
  const who = operator === undefined ? text : text.slice(0, at);
  const candidates = users.filter((user) => operator === undefined || user.operator === operator);
  const number = who.replaceAll(/[\s().-]/g, '');
  const wanted = who.toLowerCase();
  const ways: ((user: KnownUser) => boolean)[] = [
    (user) => user.number === number,
    (user) => user.name.toLowerCase() === wanted,
    (user) => user.name.toLowerCase().split(' ')[0] === wanted,
  ];
  const found = ways.map((fits) => candidates.filter(fits)).find((some) => some.length > 0) ?? [];
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  if (one !== undefined) {
    const alike = new Set(found.map((user) => user.number)).size === 1;
    throw new UsageError(
      `Several users match ${text}: ${found.map(described).join(', ')}. ` +
        (alike ? `Write ${one.number}@${one.operator}.` : 'Use the number.'),
    );
  }
  const others = users.length - shownUsers;
  const known = users.slice(0, shownUsers).map(described).join(', ') + (others > 0 ? ` and ${others} more` : '');
  const missing = silent.length === 0 ? '' : ` ${silent.join(', ')} did not answer and may have others.`;
  throw new UsageError(`This devnet has no user ${text}. Its users: ${known}.${missing}`);
}
