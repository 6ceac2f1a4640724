/** For whose numbers a peer speaks: for those that the number directory gives it, and no others. */
import type { Msisdn, OperatorId } from '../model/ids.ts';
import type { FlowContext } from './context.ts';

type Numbers = Pick<FlowContext, 'self' | 'serviceNumber' | 'directory'>;

/**
 * The directory alone decides, ported numbers first: of a number that it does not know, nobody's word counts. Never this
 * operator's own service number, whatever the directory says.
 */
export const speaksFor = ({ self, serviceNumber, directory }: Numbers, from: OperatorId, number: Msisdn): boolean =>
  from === self || (number !== serviceNumber && directory.find(number) === from);
