/** Every route of a node, by resource. The first is the hot path: the router tries them in this order. */
import { accountRoutes } from './account-routes.ts';
import type { ApiNode } from './api-node.ts';
import { auditorRoutes } from './auditor-routes.ts';
import { capRoutes } from './cap-routes.ts';
import { careRoutes } from './care-routes.ts';
import { disclosureRoutes } from './disclosure-routes.ts';
import { discrepancyRoutes } from './discrepancy-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { messageRoutes } from './message-routes.ts';
import { openapiRoutes } from './openapi.ts';
import { pairRoutes } from './pair-routes.ts';
import { requestRoutes } from './request-routes.ts';
import { routeGroup, type RouteGroup } from './route.ts';
import { statementRoutes } from './statement-routes.ts';
import { upkeepRoutes } from './upkeep-routes.ts';
import { userRoutes } from './user-routes.ts';
import { windowRoutes } from './window-routes.ts';

export const resources = {
  messages: messageRoutes,
  pairs: pairRoutes,
  care: careRoutes,
  accounts: accountRoutes,
  users: userRoutes,
  caps: capRoutes,
  windows: windowRoutes,
  statements: statementRoutes,
  discrepancies: discrepancyRoutes,
  disclosures: disclosureRoutes,
  requests: requestRoutes,
  auditors: auditorRoutes,
  upkeep: upkeepRoutes,
  health: healthRoutes,
};

/** The same by operation id: what a client is derived from. */
export const operations = {
  ...messageRoutes,
  ...pairRoutes,
  ...careRoutes,
  ...accountRoutes,
  ...userRoutes,
  ...capRoutes,
  ...windowRoutes,
  ...statementRoutes,
  ...discrepancyRoutes,
  ...disclosureRoutes,
  ...requestRoutes,
  ...auditorRoutes,
  ...upkeepRoutes,
  ...healthRoutes,
  ...openapiRoutes,
};

/** The routes with the node behind them, in order, for `startApi`. */
export const nodeRoutes = (node: ApiNode): readonly RouteGroup[] =>
  Object.entries(resources).map(([name, routes]) => routeGroup<ApiNode>(name, routes, node));
