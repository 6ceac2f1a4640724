/** docs/api.md against the node: routes, examples, errors, bounds, each in both directions. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { routes } from './api.fixture.ts';
import { maxJsonDepth } from '../../operator-node/api/body.ts';
import { apiLimits } from '../../operator-node/api/server.ts';
import { errorBody } from '../../operator-node/api/common-fields.ts';
import { errorCatalogue } from '../../operator-node/errors.ts';

const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const sections = new Map(
  text.split(/^(?=##+ )/m).map((section) => [/^##+ (.+)$/m.exec(section)?.[1] ?? '', section] as const),
);
const nameOf = ({ method, path }: { readonly method: string; readonly path: string }) =>
  `${method.toUpperCase()} ${path}`;
const examples = (section: string) =>
  [...section.matchAll(/^```json (request|answer)(?: (\d{3}))?\n(.*?)^```$/gms)].map(([, kind, status, body]) => ({
    kind,
    status: Number(status),
    body: JSON.parse(body ?? '') as unknown,
  }));

const answerSchema = ({ answers }: (typeof routes)[number], status: number) => {
  const form = answers[status];
  return form === undefined || form.kind === 'text' ? undefined : form.schema;
};

describe('docs/api.md', () => {
  it('has a section for each route, and no other', () => {
    const documented = [...sections.keys()].filter((name) => /^(?:GET|POST|PUT|PATCH|DELETE) /.test(name));
    expect(documented.toSorted()).toEqual(routes.map(nameOf).toSorted());
  });

  it.each(routes.map((route) => [nameOf(route), route] as const))(
    'has examples of %s that its schemas take',
    (name, route) => {
      const shown = examples(sections.get(name) ?? '');
      expect(shown.some(({ kind }) => kind === 'request')).toBe(route.body !== undefined);
      for (const { kind, status, body } of shown) {
        const schema = kind === 'request' ? route.body : answerSchema(route, status);
        expect(schema?.safeParse(body)).toMatchObject({ success: true });
      }
    },
  );

  it('has the error catalogue as it is, row for row', () => {
    const section = sections.get('Errors') ?? '';
    const rows = [...section.matchAll(/^\| `([a-z-]+)` *\| (\d+) *\| (yes|no) *\| (.+?) *\|$/gm)].map(
      ([, code, status, retry, remedy]) =>
        [code, { status: Number(status), retryable: retry === 'yes', remedy }] as const,
    );
    expect(rows).toEqual(Object.entries(errorCatalogue));
    for (const { body } of examples(section)) expect(errorBody.safeParse(body)).toMatchObject({ success: true });
  });

  it('says the bounds that hold', () => {
    const seconds = (millis: number) => `${millis / 1000} s`;
    const rows = [...(sections.get('Bounds') ?? '').matchAll(/^\| (.+?) *\| (\d.*?) *\|$/gm)].map(
      ([, , bound]) => bound,
    );
    expect(rows).toEqual([
      apiLimits.maxConnections.toLocaleString('en'),
      apiLimits.maxUnproven.toLocaleString('en'),
      apiLimits.maxUnprovenPerAddress.toLocaleString('en'),
      String(maxJsonDepth),
      `${apiLimits.maxHeaderBytes / 1024} KiB, ${seconds(apiLimits.headersMillis)}`,
      seconds(apiLimits.requestMillis),
      seconds(apiLimits.silentMillis),
      seconds(apiLimits.keepAliveMillis),
      '1 MiB',
      seconds(apiLimits.closeMillis),
    ]);
  });
});
