/** The API as an express application: from the table of routes to handlers, and from errors to answers. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { TandemError, type ErrorCode } from '../errors.ts';
import { ApiAccess, type ApiTokens } from './access.ts';
import { refuse, send } from './http-answer.ts';
import { readJson } from './body.ts';
import { withOpenapi } from './openapi.ts';
import { checkGroups, type BoundRoute, type RouteGroup } from './route.ts';

export interface ApiHooks {
  /** After each answer; `refusal` is the error's code. */
  readonly onAnswer?: (operationId: string, status: number, refusal?: ErrorCode) => void;
  /** A request had the right token for its route. */
  readonly onToken?: (request: Request, token: Exclude<BoundRoute['token'], 'none'>) => void;
  /** A fault that its caller is told nothing of. */
  readonly onFault?: (operationId: string, error: unknown) => void;
}

const expressPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** The methods of each path, for the Allow header. Express answers HEAD where there is GET. */
function methodsByPath(routes: readonly BoundRoute[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const methods = found.get(path) ?? [];
    methods.push(...(method === 'get' ? ['GET', 'HEAD'] : ['POST']));
    found.set(path, methods);
  }
  return found;
}

/** @throws {TandemError} `internal` where two routes have one method and path */
export function createApi(
  resources: readonly RouteGroup[],
  tokens: ApiTokens | ApiAccess,
  hooks: ApiHooks = {},
): Express {
  const groups = withOpenapi(resources);
  checkGroups(groups);
  const routes = groups.flatMap((group) => group.routes);
  const access = tokens instanceof ApiAccess ? tokens : new ApiAccess(tokens);

  const fail = (operationId: string, request: Request, response: Response, error: unknown, allow?: string) => {
    const { code, status, hidden } = refuse(request, response, error, allow === undefined ? {} : { allow });
    if (hidden) hooks.onFault?.(operationId, error);
    hooks.onAnswer?.(operationId, status, code);
  };

  const serve = async (route: BoundRoute, request: Request, response: Response) => {
    const auditor = access.admit(route.token, request.headers.authorization);
    if (route.hostChecked === true) access.checkHost(request.headers.host);
    if (route.token !== 'none') hooks.onToken?.(request, route.token);
    const body = route.body === undefined ? undefined : await readJson(request, route.maxBodyBytes);
    // `request.query` parses the address anew at each look: only where a route has a query.
    const query = route.query === undefined ? undefined : request.query;
    const answer = await route.handle({ params: request.params, query, body, auditor });
    send(response, answer);
    hooks.onAnswer?.(route.operationId, answer.status);
  };

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', 'simple');
  for (const route of routes) {
    app[route.method](expressPath(route.path), (request, response) => {
      serve(route, request, response).catch((error: unknown) => {
        fail(route.operationId, request, response, error);
      });
    });
  }
  for (const [path, methods] of methodsByPath(routes)) {
    const allow = methods.join(', ');
    app.all(expressPath(path), (request, response) => {
      const error = new TandemError('method-not-allowed', `${request.method} is not allowed here; use ${allow}.`);
      fail('none', request, response, error, allow);
    });
  }
  app.use((request, response) => {
    fail('none', request, response, new TandemError('not-found', 'There is no resource at this address.'));
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    fail('none', request, response, error);
  });
  return app;
}
