import { expect, test } from '@jest/globals';
import { graphiqlFiles } from '../src/gateway/graphiql.ts';

const files = await graphiqlFiles({ path: '/graphiql', endpoint: '/graphql', defaultQuery: '{ __typename }' });
const page = files.get('/graphiql');

test('the page loads nothing but files of this server', () => {
  const loaded = [...(page?.body ?? '').matchAll(/(?:src|href)="(?<path>[^"]*)"/g)].map(({ groups }) => groups?.path);

  expect(loaded).toEqual(['data:,', '/graphiql/graphiql.css', '/graphiql/graphiql.js', '/graphiql/start.js']);
  expect(loaded.slice(1).every((path) => path && files.has(path))).toBe(true);
  expect(page?.headers['content-security-policy']).toContain(
    "default-src 'none'; script-src 'self'; worker-src 'self'",
  );
});

test('workers and scripts are text of their type', () => {
  const types = [...files].map(([path, { headers }]) => [path, headers['content-type']]);

  expect(Object.fromEntries(types)).toEqual({
    '/graphiql': 'text/html; charset=utf-8',
    '/graphiql/start.js': 'text/javascript; charset=utf-8',
    '/graphiql/graphiql.js': 'text/javascript; charset=utf-8',
    '/graphiql/editor-worker.js': 'text/javascript; charset=utf-8',
    '/graphiql/json-worker.js': 'text/javascript; charset=utf-8',
    '/graphiql/graphql-worker.js': 'text/javascript; charset=utf-8',
    '/graphiql/graphiql.css': 'text/css; charset=utf-8',
  });
});

test('operations and subscriptions go to the endpoint', () => {
  const start = files.get('/graphiql/start.js')?.body;

  expect(start).toContain('endpoint: "/graphql"');
  expect(start).toContain('subscriptionsEndpoint: "/graphql"');
  expect(start).toContain('defaultQuery: "{ __typename }"');
});
