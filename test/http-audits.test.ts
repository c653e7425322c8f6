import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

/** The audits of GraphQL over HTTP that `graphql-http` knows. The server's address is not known when tests are named. */
const audits = serverAudits({ url: () => `${bed.url}/graphql` });

const simpleGet =
  'a page of any origin can send a GET without a header of its own, so such a query is refused as a possible forgery';
/** Audits that do not end well, and why that is meant. */
const notices: Readonly<Record<string, string>> = { '5A70': simpleGet, D6D5: simpleGet, '6A70': simpleGet };

test('there are audits', () => {
  expect(audits.length).toBeGreaterThan(55);
  expect(audits.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(notices)));
});

test.each(audits.map(({ id, name, fn }) => [id, name, fn] as const))('%s %s', async (id, _name, run) => {
  const result = await run();
  const reason = 'reason' in result ? result.reason : '';
  expect({ status: result.status, reason }).toEqual({
    status: id in notices ? 'notice' : 'ok',
    reason: id in notices ? expect.any(String) : '',
  });
});

const preflighted = serverAudits({
  url: () => `${bed.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set('apollo-require-preflight', 'yes');
    return fetch(url, { ...init, headers });
  },
});

test.each(preflighted.filter(({ id }) => id in notices).map(({ id, name, fn }) => [id, name, fn] as const))(
  '%s %s, with a header that no form can send',
  async (_id, _name, run) => {
    expect(await run()).toMatchObject({ status: 'ok' });
  },
);

test.each([
  ['application/json', 200],
  ['application/json, text/plain, */*', 200],
  ['application/graphql-response+json', 400],
  ['application/graphql-response+json, application/json;q=0.9', 400],
  ['*/*', 400],
])('a wrong document is answered to who accepts %s with %i', async (accept, status) => {
  const ask = (query: string) =>
    fetch(`${bed.url}/graphql`, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });

  expect((await ask('{ nothing }')).status).toBe(status);
  expect((await ask(`{ ${'__typename '.repeat(100)} }`)).status).toBe(400);
});
