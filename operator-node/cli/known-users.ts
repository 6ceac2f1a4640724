/** Whom the nodes that a command talks to know at this moment, and whom of them somebody means by a name or a number. */
import { ApiError } from '../api/client.ts';
import { isMsisdn } from '../model/ids.ts';
import { UsageError, type DevnetUser } from './devnet-file.ts';
import { withClient, type ChosenNode } from './which-node.ts';

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
export async function knownUsers(nodes: readonly ChosenNode[]): Promise<KnownUsers> {
  const silent: string[] = [];
  const users = await Promise.all(
    nodes.map(async (node): Promise<readonly KnownUser[]> => {
      const { handle } = node;
      try {
        const { users } = await withClient(node, (client) => client.users());
        return users.map(({ number, name, language, kind }) => ({
          number,
          operator: handle,
          name,
          language,
          kind: kind === 'machine' ? 'machine' : 'person',
        }));
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 0 || node.users === undefined) throw error;
        silent.push(handle);
        return node.users;
      }
    }),
  );
  return { users: users.flat(), operators: nodes.map(({ handle }) => handle), silent };
}

/** With spaces, hyphens and dots, as people write numbers. */
export const withoutMarks = (text: string): string => text.replaceAll(/[\s().-]/g, '');

/**
 * Whom `text` means, and the node that has the user. A number at a node that is known by its address alone is taken as it
 * is: the gateway's token, which messages need, does not tell who the users are.
 * @throws {UsageError} where it is nobody, or more than one
 */
export async function userAt(
  nodes: readonly ChosenNode[],
  text: string,
): Promise<{ readonly user: KnownUser; readonly node: ChosenNode; readonly known: KnownUsers }> {
  const [first] = nodes;
  const number = withoutMarks(text);
  if (first !== undefined && first.configFile === undefined && isMsisdn(number)) {
    const user: KnownUser = { number, operator: first.handle, name: number, language: '', kind: 'person' };
    return { user, node: first, known: { users: [user], operators: [first.handle], silent: [] } };
  }
  const known = await knownUsers(nodes);
  const user = findUser(known, text);
  return { user, node: nodeFor(nodes, user), known };
}

export function nodeFor(nodes: readonly ChosenNode[], user: Pick<KnownUser, 'operator'>): ChosenNode {
  const found = nodes.find(({ handle }) => handle === user.operator);
  if (found === undefined) throw new UsageError(`There is no operator ${user.operator} here.`);
  return found;
}

const described = ({ number, name, operator }: KnownUser): string => `${number} ${name} (${operator})`;

/**
 * By number, by name, or by first name; `@HANDLE` behind it says at which operator. A whole name counts before a first name.
 * @throws {UsageError} where it is nobody, or more than one
 */
export function findUser({ users, operators, silent }: KnownUsers, text: string): KnownUser {
  const at = text.lastIndexOf('@');
  const operator = operators.find((handle) => at > 0 && text.slice(at + 1).toLowerCase() === handle);
  const who = operator === undefined ? text : text.slice(0, at);
  const candidates = users.filter((user) => operator === undefined || user.operator === operator);
  const number = withoutMarks(who);
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
  throw new UsageError(
    `${operators.join(' and ')} ${operators.length === 1 ? 'has' : 'have'} no user ${text}. Known users: ${known}.${missing}`,
  );
}
