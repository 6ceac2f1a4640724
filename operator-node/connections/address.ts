/**
 * Whose a connection is, as far as its address says: bounds are for one address, or for a network that one party has
 * whole.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { TandemError } from '../errors.ts';

/** `::ffff:192.0.2.1` is the IPv4 address in it. */
const plain = (address: string): string => (/^::ffff:[0-9.]+$/i.test(address) ? address.slice(7) : address);

/** The first four groups of an IPv6 address. */
function network64(address: string): string {
  const [before = '', after] = address.replace(/%.*$/, '').split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const gap = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array.from({ length: gap }, () => '0'), ...tail];
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 address, which is given to one customer. */
export function addressGroup(remoteAddress: string | undefined): string {
  const address = plain(remoteAddress ?? '');
  return address === '' || isIPv4(address) ? address : `${network64(address)}::/64`;
}

/** True for an address of the list: of a proxy, or of something else that many come through. */
export type SharedAddresses = (remoteAddress: string | undefined) => boolean;

interface Network {
  readonly address: string;
  readonly length: number;
  readonly family: 'ipv4' | 'ipv6';
}

function networkOf(entry: string): Network | undefined {
  const [address = '', bits, ...more] = entry.split('/');
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const length = bits === undefined ? most : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (version === 0 || more.length > 0 || length > most) return undefined;
  return { address, length, family: version === 6 ? 'ipv6' : 'ipv4' };
}

export const isAddressOrNetwork = (entry: string): boolean => networkOf(entry) !== undefined;

/** @throws {TandemError} `config-invalid` for what is neither an address nor a network in CIDR form */
export function sharedAddresses(list: readonly string[]): SharedAddresses {
  const blocks = new BlockList();
  for (const entry of list) {
    const network = networkOf(entry);
    if (network === undefined) {
      throw new TandemError(
        'config-invalid',
        `sharedAddresses: "${entry}" is neither an address nor a network like 10.0.0.0/8`,
      );
    }
    blocks.addSubnet(network.address, network.length, network.family);
  }
  return (remoteAddress) => {
    const address = plain(remoteAddress ?? '');
    const version = isIP(address);
    return version !== 0 && blocks.check(address, version === 6 ? 'ipv6' : 'ipv4');
  };
}
