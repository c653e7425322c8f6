import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JsonApiConfiguration } from '../src/domains/content/connectors/json-api-configuration.ts';
import { jsonApiConnector } from '../src/domains/content/connectors/json-api-connector.ts';
import { failureOf, Reading, textOf, WebServer } from './web-server.ts';

let server: WebServer;
let reading: Reading<JsonApiConfiguration>;
beforeEach(async () => {
  server = await new WebServer().start();
  reading = new Reading(jsonApiConnector);
});
afterEach(async () => {
  server.stop();
  await reading.close();
});

const json = (value: unknown, headers: Record<string, string> = {}) => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});
const paths = { items: '$.items[*]', id: '$.id', text: '$.text' };
const configured = (rest: object = {}) => ({ url: server.url('/items'), ...paths, ...rest });
const item = (id: number) => ({ id, text: `Text ${id}` });
const idsOf = async (rest: object) => (await reading.listAll(configured(rest))).map((page) => page.map(({ id }) => id));

describe('items', () => {
  test('have the parts that the paths find', async () => {
    server.routes['/items'] = json({
      data: [
        {
          key: { id: 7 },
          fields: { title: ' Seven ', parts: [{ body: '# One' }, { body: 'Two' }] },
          link: '/seven',
          changed: '2026-11-20',
        },
        { key: { id: 'b' }, fields: { title: null, parts: [{ body: 'B' }] }, link: 'javascript:alert(1)' },
        { key: { id: 'c' }, fields: { parts: [] } },
      ],
    });
    const configuration = {
      url: server.url('/items'),
      items: '$.data[*]',
      id: '$.key.id',
      title: '$.fields.title',
      text: '$.fields.parts[*].body',
      uri: '$.link',
      updatedAt: '$.changed',
      format: 'MARKDOWN',
    };
    const { items, next } = await reading.list(configuration);
    const version = { updatedAt: '2026-11-20' };
    expect(next).toBeNull();
    expect(items).toHaveLength(2);
    expect(items[0]).toEqual({
      id: '7',
      title: 'Seven',
      uri: server.url('/seven'),
      version,
      content: { bytes: new TextEncoder().encode('# One\n\nTwo'), mimeType: 'text/markdown', title: 'Seven', version },
    });
    expect(items[1]).toMatchObject({ id: 'b', title: null, uri: null, version: { sha256: expect.any(String) } });
    expect(textOf(await reading.fetch(configuration, { id: 'b' }))).toBe('B');
    expect(await reading.fetch(configuration, { id: '7' }, version)).toBe('UNCHANGED');
    expect(await reading.fetch(configuration, { id: 'z' })).toBe('GONE');
  });

  test.each([
    ['TEXT', 'text/plain'],
    ['MARKDOWN', 'text/markdown'],
    ['HTML', 'text/html'],
  ])('in %s are %s', async (format, mimeType) => {
    server.routes['/items'] = json({ items: [item(1)] });
    expect(await reading.listAll(configured({ format }))).toMatchObject([[{ content: { mimeType } }]]);
  });

  test.each([
    ['no id', [{ text: 'x' }], 'Item 1 has no id of 1 to 1,000 characters at $.id.'],
    ['a long id', [{ id: 'x'.repeat(1001), text: 'x' }], 'Item 1 has no id of 1 to 1,000 characters at $.id.'],
    ['an object for a text', [item(1), { id: 2, text: {} }], 'The text of item 2 is no text at $.text.'],
  ])('with %s are told', async (_what, items, message) => {
    server.routes['/items'] = json({ items });
    expect(await failureOf(reading.listAll(configured()))).toMatchObject({ kind: 'INVALID', message });
  });

  test.each([
    ['HTML', '<html>'],
    ['JSON that is cut off', '{"items": ['],
    ['nothing', ''],
  ])('are not to be had from %s', async (_what, body) => {
    server.routes['/items'] = body;
    expect(await failureOf(reading.listAll(configured()))).toMatchObject({ kind: 'INVALID' });
  });

  test('are not taken from an answer of more than 10 MB', async () => {
    server.routes['/items'] = json({ items: [], filler: 'x'.repeat(10_000_001) });
    expect(await failureOf(reading.listAll(configured()))).toMatchObject({ kind: 'REFUSED' });
  });

  test('in JSON of great depth are found', async () => {
    server.routes['/items'] = { body: `${'{"a":'.repeat(5000)}{"items":[{"id":1,"text":"deep"}]}${'}'.repeat(5000)}` };
    expect(await idsOf({ items: '$..items[*]' })).toEqual([['1']]);
  });
});

describe('pages are found', () => {
  /** Pages 1 to 3 of two items, 4 is empty; told apart by a parameter. */
  const servePages = (answer: (page: number) => ReturnType<typeof json>) => {
    server.routes['/items'] = (request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? 1);
      const { headers, body } = answer(page);
      response.writeHead(200, headers).end(body);
    };
  };
  const items = (page: number) => (page > 3 ? [] : [item(page * 2 - 1), item(page * 2)]);
  const all = [
    ['1', '2'],
    ['3', '4'],
    ['5', '6'],
  ];

  test('not at all', async () => {
    servePages((page) => json({ items: items(page), next: '/items?page=2' }));
    expect(await idsOf({})).toEqual(all.slice(0, 1));
  });

  test('by the Link header', async () => {
    servePages((page) =>
      json(
        { items: items(page) },
        page < 3 ? { link: `</items?page=1>; rel="first", </items?page=${page + 1}>; rel="next"` } : {},
      ),
    );
    expect(await idsOf({ paging: { kind: 'LINK_HEADER' } })).toEqual(all);
  });

  test.each([
    ['broken', '<'],
    ['long', `</items?page=2>; rel="next"; title="${'x'.repeat(8000)}"`],
  ])('unless the Link header is %s', async (_what, link) => {
    servePages((page) => json({ items: items(page) }, { link }));
    const reads = reading.listAll(configured({ paging: { kind: 'LINK_HEADER' } }));
    expect(await failureOf(reads)).toMatchObject({ kind: 'INVALID', message: expect.stringContaining('Link header') });
  });

  test('by a cursor', async () => {
    servePages((page) => json({ items: items(page), meta: { next: page < 3 ? page + 1 : null } }));
    const paging = { kind: 'CURSOR', path: '$.meta.next', parameter: 'page' };
    expect(await idsOf({ url: server.url('/items?size=2'), paging })).toEqual(all);
    expect(server.paths.at(-1)).toBe('/items?size=2&page=3');
  });

  test('by counting', async () => {
    servePages((page) => json({ items: items(page) }));
    expect(await idsOf({ paging: { kind: 'PAGE', parameter: 'page' } })).toEqual([...all, []]);
    expect(await idsOf({ paging: { kind: 'PAGE', parameter: 'page', start: 3 } })).toEqual([all[2], []]);
  });

  test('by the URL of the next', async () => {
    servePages((page) => json({ items: items(page), next: page < 3 ? server.url(`/items?page=${page + 1}`) : '' }));
    expect(await idsOf({ paging: { kind: 'NEXT_URL', path: '$.next' } })).toEqual(all);
  });

  test('up to the number wanted', async () => {
    servePages((page) => json({ items: items(page) }));
    expect(await idsOf({ paging: { kind: 'PAGE', parameter: 'page' }, maxPages: 2 })).toEqual(all.slice(0, 2));
  });

  test.each([
    ['itself', '/items', 'itself'],
    ['another host', 'http://elsewhere.example/items', 'elsewhere.example'],
    ['no URL', 'http://[', 'no URL'],
    ['a file', 'file:///etc/passwd', 'another host'],
  ])('unless the next is %s', async (_what, next, words) => {
    server.routes['/items'] = json({ items: [item(1)], next });
    const reads = reading.listAll(configured({ paging: { kind: 'NEXT_URL', path: '$.next' } }));
    expect(await failureOf(reads)).toMatchObject({ kind: 'INVALID', message: expect.stringContaining(words) });
  });
});

describe('secrets', () => {
  const secrets = { bearerToken: 'hush-hush', secretHeaders: { 'X-Api-Key': 'very-secret' } };

  test('are sent, and named as secret', async () => {
    server.routes['/items'] = json({ items: [] });
    await reading.listAll(configured({ ...secrets, headers: { 'X-Version': '2' } }));
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer hush-hush',
      'x-api-key': 'very-secret',
      'x-version': '2',
    });
    expect([...reading.connector.secrets].sort()).toEqual(['bearerToken', 'secretHeaders']);
  });

  test('are not sent to where a redirect leads, unless that is the same origin', async () => {
    const elsewhere = await new WebServer().start();
    elsewhere.routes['/items'] = json({ items: [item(1)] });
    server.routes = {
      '/items': { status: 302, headers: { location: '/moved' } },
      '/moved': { status: 302, headers: { location: elsewhere.url('/items') } },
    };
    expect(await idsOf({ ...secrets, headers: { 'X-Version': '2' } })).toEqual([['1']]);
    expect(server.requests[1]?.headers['x-api-key']).toBe('very-secret');
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('x-api-key');
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(elsewhere.requests[0]?.headers['x-version']).toBe('2');
    elsewhere.stop();
  });

  test.each([401, 403, 404, 429, 500, 418])('are in no failure by status %d', async (status) => {
    server.routes['/items'] = { status, headers: { 'retry-after': '90' }, body: 'hush-hush very-secret' };
    const failure = await failureOf(
      reading.listAll(configured({ ...secrets, url: server.url('/items?key=in-query') })),
    );
    const told = `${failure.message} ${failure.stack} ${JSON.stringify(failure)} ${String(failure.cause)}`;
    for (const secret of ['hush-hush', 'very-secret', 'in-query']) expect(told).not.toContain(secret);
  });

  test.each([
    [{ bearerToken: 'hush\nhush' }, 'A token has 1 to 4,000 characters of ASCII without spaces.'],
    [{ secretHeaders: { 'X-Key': 'hush\r\nhush' } }, 'A header has 1 to 2,000 characters of ASCII.'],
    [
      { bearerToken: 'hush', secretHeaders: { Authorization: 'hush' } },
      'Authorization is given once: as bearerToken or among these.',
    ],
  ])('that cannot be sent are refused without being shown', (rest, message) => {
    const { error } = reading.connector.configuration.safeParse(configured(rest));
    expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
    expect(JSON.stringify(error)).not.toContain('hush');
  });
});

describe('a configuration', () => {
  test.each([
    [{ id: 'id' }, 'This must be a JSONPath such as $.items[*].'],
    [{ text: `$.${'a'.repeat(300)}` }, 'A JSONPath has at most 300 characters.'],
    [{ items: "$['a','b'][*]" }, 'In each pair of brackets of a JSONPath stands one selector.'],
    [{ items: '$..a..b' }, 'A JSONPath has at most one filter and at most one “..”.'],
    [{ items: '$[?@[?@.a]]' }, 'A JSONPath has at most one filter and at most one “..”.'],
    [{ items: '$[?$.a == @.b]' }, 'A filter begins at @, not at $.'],
    [{ items: '$[?$.*]' }, 'A filter begins at @, not at $.'],
    [{ items: "$[?search(@.a, '(a+)+$')]" }, 'A JSONPath takes no regular expressions.'],
    [{ items: "$[?match(@.a, '(a+)+$')]" }, 'A JSONPath takes no regular expressions.'],
    [{ headers: { Authorization: 'Bearer x' } }, 'Headers that may be secret belong to secretHeaders.'],
    [{ headers: { 'X-Api-Key': 'x' } }, 'Headers that may be secret belong to secretHeaders.'],
    [{ headers: { Host: 'x' } }, 'This header is Tessera’s own.'],
    [{ secretHeaders: { 'Transfer-Encoding': 'x' } }, 'This header is Tessera’s own.'],
    [{ headers: { 'a b': 'x' } }, 'This is no name of a header.'],
    [{ headers: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'x'])) }, 'At most 20 headers.'],
    [{ maxPages: 1001 }, 'At most 1,000 pages.'],
    [{ paging: { kind: 'CURSOR', path: '$.a', parameter: 'a&b' } }, 'This is no name of a parameter.'],
  ])('with %j is refused', (rest, message) => {
    const { error } = reading.connector.configuration.safeParse(configured(rest));
    const messages = error?.issues.flatMap((issue) =>
      issue.code === 'invalid_key' ? issue.issues.map((inner) => inner.message) : [issue.message],
    );
    expect(messages).toEqual([message]);
  });

  test.each(['$.items[?@.state == "published" && @.id > 3]', '$..items', "$['a b'][0][1:5].c", '$[*]', '$'])(
    'may have the path %s',
    (path) => {
      expect(reading.connector.configuration.safeParse(configured({ items: path })).success).toBe(true);
    },
  );

  test('has nothing besides', () => {
    expect(reading.connector.configuration.safeParse(configured({ method: 'POST' })).success).toBe(false);
  });
});
