/** Numbers between E.164, which a node speaks, and what an SMS centre writes: types of number, short codes, names. */
import { isMsisdn, type Msisdn } from '../model/ids.ts';
import type { RouteConfig } from './smpp-config.ts';
import type { Address } from './pdu.ts';

type Rules = Pick<RouteConfig, 'addresses' | 'numbers'>;

const international = 1;
const national = 2;

export function addressOf(number: Msisdn, { addresses, numbers }: Rules): Address {
  const own = addresses.find((one) => one.number === number);
  if (own !== undefined) return own;
  return { ton: numbers.ton, npi: numbers.npi, address: numbers.plus ? number : number.slice(1) };
}

/** Undefined for what is no number: a name, or a short code that the configuration does not have. */
export function numberOf({ ton, address }: Address, { addresses, numbers }: Rules): Msisdn | undefined {
  const own = addresses.find((one) => one.address === address);
  if (own !== undefined) return own.number;
  const number = e164(ton, address, numbers.country);
  return number !== undefined && isMsisdn(number) ? number : undefined;
}

function e164(ton: number, address: string, country: string | undefined): string | undefined {
  if (address.startsWith('+')) return address;
  if (!/^[0-9]+$/.test(address)) return undefined;
  if (ton === international) return `+${address}`;
  if (address.startsWith('00')) return `+${address.slice(2)}`;
  const isNational = ton === national || address.startsWith('0');
  if (isNational) return country === undefined ? undefined : `${country}${address.replace(/^0/, '')}`;
  return `+${address}`;
}

/** The way with the longest beginning of the number; of two alike, the first. */
export function routeFor<R extends { readonly prefixes: readonly string[] }>(
  number: string,
  routes: readonly R[],
): R | undefined {
  const fit = ({ prefixes }: R): number =>
    Math.max(-1, ...prefixes.filter((prefix) => number.startsWith(prefix)).map(({ length }) => length));
  let best: R | undefined;
  for (const route of routes) if (fit(route) > (best === undefined ? -1 : fit(best))) best = route;
  return best;
}
