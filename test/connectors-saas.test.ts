import { afterEach, describe, expect, test } from '@jest/globals';
import {
  SourceFailure,
  type Connector,
  type SourceItem,
  type SourcePage,
} from '../src/domains/content/connectors/connector.ts';
import { connector as notion } from '../src/domains/content/connectors/notion-connector.ts';
import { connector as slack } from '../src/domains/content/connectors/slack-connector.ts';
import { closeParsers, parse } from '../src/domains/content/parsing/parse.ts';
import { AddressRefused } from '../src/outbound/outbound.ts';
import { startService, type ServiceAnswer, type ServiceRequest } from './service-server.ts';

const token = 'a-very-secret-token';
const outbound = { fetch };
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await closeParsers();
});

const serve = async (answer: (request: ServiceRequest) => ServiceAnswer) => {
  const service = await startService(answer);
  stops.push(service.stop);
  return service;
};

/** All pages of a list, each taken up as another process would. */
const listAll = async <Configuration>(
  connector: Connector<Configuration>,
  configuration: object,
): Promise<{ items: SourceItem[]; pages: SourcePage[] }> => {
  const parsed = connector.configuration.parse(configuration);
  const pages: SourcePage[] = [];
  let from: SourcePage['next'] = null;
  do {
    // A source of its own each time: nothing but the position leads on.
    const source = { configuration: parsed, outbound, signal: new AbortController().signal };
    const page: SourcePage = await connector.list(source, from);
    pages.push(page);
    from = page.next === null ? null : (JSON.parse(JSON.stringify(page.next)) as SourcePage['next']);
    if (pages.length > 50) throw new Error('The list does not end.');
  } while (from !== null);
  return { items: pages.flatMap(({ items }) => items), pages };
};

const sourceOf = <Configuration>(connector: Connector<Configuration>, configuration: object) => ({
  configuration: connector.configuration.parse(configuration),
  outbound,
  signal: new AbortController().signal,
});

const failureOf = async (work: Promise<unknown>): Promise<SourceFailure> => {
  const failure = await work.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SourceFailure);
  // Not in the message, and not in what a log would show of it.
  expect(`${String(failure)}${JSON.stringify(failure)}`).not.toContain(token);
  return failure as SourceFailure;
};

const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const edited = '2026-03-01T10:00:00.000Z';

const richText = (plain: string, more: object = {}) => ({
  type: 'text',
  plain_text: plain,
  href: null,
  annotations: { bold: false, italic: false, strikethrough: false, underline: false, code: false, color: 'default' },
  text: { content: plain, link: null },
  ...more,
});

const marked = (plain: string, ...marks: string[]) => {
  const plainText = richText(plain);
  const on = Object.fromEntries(marks.map((mark) => [mark, true]));
  return { ...plainText, annotations: { ...plainText.annotations, ...on } };
};

const page = (number: number, title: string, more: object = {}) => ({
  object: 'page',
  id: uuid(number),
  created_time: edited,
  last_edited_time: edited,
  in_trash: false,
  archived: false,
  is_archived: false,
  url: `https://www.notion.so/${number}`,
  parent: { type: 'workspace', workspace: true },
  properties: { Name: { id: 'title', type: 'title', title: [richText(title)] } },
  ...more,
});

let blockNumber = 100_000;
const block = (type: string, value: object, children: object[] = []) => ({
  object: 'block',
  id: uuid(blockNumber++),
  type,
  [type]: value,
  created_time: edited,
  last_edited_time: edited,
  in_trash: false,
  archived: false,
  has_children: children.length > 0,
  children,
});
type Block = ReturnType<typeof block>;
const said = (type: string, plain: string, children: object[] = []) =>
  block(type, { rich_text: [richText(plain)] }, children);

const flat = (blocks: readonly Block[]): Block[] => blocks.flatMap((each) => [each, ...flat(each.children as Block[])]);

/** Notion's API for these pages, each page of a list holding two things. */
const notionApi = (
  pages: ReturnType<typeof page>[],
  contents: Record<string, Block[]> = {},
  databases: Record<string, { sources: Record<string, ReturnType<typeof page>[]> }> = {},
) => {
  const childrenOf = (id: string): Block[] => {
    const all = flat(Object.values(contents).flat());
    return contents[id] ?? (all.find((each) => each.id === id)?.children as Block[] | undefined) ?? [];
  };
  const listOf = (results: object[], cursor: unknown) => {
    const from = typeof cursor === 'string' ? Number(cursor.replace('cursor-', '')) : 0;
    const more = from + 2 < results.length;
    const shown = results.slice(from, from + 2);
    return { object: 'list', results: shown, has_more: more, next_cursor: more ? `cursor-${from + 2}` : null };
  };
  const absent = { json: { object: 'error', status: 404, code: 'object_not_found', message: 'No.' }, status: 404 };
  return ({ method, path, authorization, parameters }: ServiceRequest): ServiceAnswer => {
    if (authorization !== `Bearer ${token}`)
      return { json: { object: 'error', status: 401, code: 'unauthorized', message: `No: ${token}` }, status: 401 };
    const { start_cursor: cursor } = parameters;
    const [, version, thing, id = '', last] = path.split('/');
    if (version !== 'v1') return { json: {}, status: 404 };
    if (method === 'POST' && thing === 'search') return { json: listOf(pages, cursor) };
    if (thing === 'pages') {
      const found = pages.find((each) => each.id === id);
      return found === undefined ? absent : { json: found };
    }
    if (thing === 'blocks' && last === 'children')
      return {
        json: listOf(
          childrenOf(id).map(({ children: _children, ...each }) => each),
          cursor,
        ),
      };
    if (thing === 'databases' && databases[id] !== undefined) {
      const sources = Object.keys(databases[id].sources).map((source) => ({ id: source, name: source }));
      return { json: { object: 'database', id, in_trash: false, data_sources: sources } };
    }
    if (thing === 'data_sources' && method === 'POST') {
      const rows = Object.values(databases).flatMap(({ sources }) => sources[id] ?? []);
      return { json: listOf(rows, cursor) };
    }
    return absent;
  };
};

describe('Notion', () => {
  test('lists what the integration was given, page by page, without what is in the trash', async () => {
    const pages = [page(1, 'One'), page(2, 'Two'), page(3, 'Gone', { in_trash: true }), page(4, ''), page(5, 'Five')];
    const service = await serve(notionApi(pages));
    const { items } = await listAll(notion, { token, baseUrl: service.url });
    expect(items).toEqual([
      { id: uuid(1), title: 'One', uri: 'https://www.notion.so/1', version: { lastEdited: edited } },
      { id: uuid(2), title: 'Two', uri: 'https://www.notion.so/2', version: { lastEdited: edited } },
      { id: uuid(4), title: null, uri: 'https://www.notion.so/4', version: { lastEdited: edited } },
      { id: uuid(5), title: 'Five', uri: 'https://www.notion.so/5', version: { lastEdited: edited } },
    ]);
    expect(service.requests.map(({ parameters }) => parameters.start_cursor)).toEqual([
      undefined,
      'cursor-2',
      'cursor-4',
    ]);
  });

  test('follows named pages and databases to what is below them', async () => {
    const [root, child, row, other] = [page(1, 'Root'), page(2, 'Child'), page(3, 'Row'), page(4, 'Not below')];
    const below = { ...block('child_page', { title: 'Child' }), id: uuid(2), has_children: true };
    const hidden = { ...block('child_page', { title: 'Not shared' }), id: uuid(77), has_children: true };
    const table = { ...block('child_database', { title: 'Table' }), id: uuid(50) };
    const service = await serve(
      notionApi(
        [root, child, row, other],
        { [uuid(1)]: [said('toggle', 'More', [below, hidden]), table], [uuid(2)]: [said('paragraph', 'Below.')] },
        {
          [uuid(50)]: { sources: { [uuid(60)]: [row] } },
          [uuid(51)]: { sources: { [uuid(61)]: [page(5, 'A'), page(6, 'B'), page(7, 'C')] } },
        },
      ),
    );
    const named = { token, baseUrl: `${service.url}/`, rootPageIds: [uuid(1)], databaseIds: [uuid(51)] };
    const { items } = await listAll(notion, named);
    expect(items.map(({ title }) => title)).toEqual(['Root', 'Child', 'Row', 'A', 'B', 'C']);
    expect(String(items[1]?.content?.bytes)).toBe('# Child\n\nBelow.\n');

    const nowhere = { ...named, rootPageIds: [uuid(99)] };
    expect((await failureOf(listAll(notion, nowhere))).kind).toBe('NOT_FOUND');
  });

  test('writes blocks as Markdown that reads as the page does', async () => {
    const blocks = [
      said('heading_2', 'Leave *rules*'),
      block('paragraph', {
        rich_text: [
          richText('Read '),
          marked('this', 'bold', 'italic'),
          richText(' and '),
          marked('npm ci', 'code'),
          richText(' at '),
          richText('the site', { href: 'https://example.org/a' }),
          richText(': <b>5 > 4</b>, '),
          { ...richText('e = mc^2'), type: 'equation', equation: { expression: 'e = mc^2' } },
        ],
      }),
      said('bulleted_list_item', 'One', [said('bulleted_list_item', 'Inner')]),
      said('bulleted_list_item', 'Two'),
      said('numbered_list_item', 'First'),
      said('numbered_list_item', 'Second'),
      block('to_do', { rich_text: [richText('Done')], checked: true }),
      block('to_do', { rich_text: [richText('Open')], checked: false }),
      said('toggle', 'Summary', [said('paragraph', 'Folded\n\nlines\n')]),
      said('quote', 'Wise words'),
      block('callout', { rich_text: [richText('Careful')], icon: { type: 'emoji', emoji: '⚠️' } }),
      block('code', { rich_text: [richText('let a = 1;\n# no heading')], language: 'plain text', caption: [] }),
      block('equation', { expression: 'a^2' }),
      block('divider', {}),
      block('table', { table_width: 2, has_column_header: true }, [
        block('table_row', { cells: [[richText('Country')], [richText('Days')]] }),
        block('table_row', { cells: [[richText('France | Corsica')], [richText('25')]] }),
      ]),
      block('column_list', {}, [block('column', {}, [said('paragraph', 'Left')])]),
      block('bookmark', { url: 'https://example.org/b', caption: [] }),
      block('image', { type: 'file', file: { url: 'https://files/secret?X-Amz=1' }, caption: [richText('A chart')] }),
      block('unsupported', { block_type: 'button' }),
    ];
    const properties = {
      Name: { id: 'title', type: 'title', title: [richText('Handbook')] },
      State: { id: 'a', type: 'status', status: { name: 'In force' } },
      Areas: { id: 'b', type: 'multi_select', multi_select: [{ name: 'HR' }, { name: 'Law' }] },
      Empty: { id: 'c', type: 'number', number: null },
    };
    const service = await serve(notionApi([page(1, 'x', { properties })], { [uuid(1)]: blocks }));
    const source = sourceOf(notion, { token, baseUrl: service.url });
    const content = await notion.fetch(source, { id: uuid(1), title: null, uri: null, version: null }, null);
    if (typeof content === 'string') throw new Error(content);
    expect(content).toMatchObject({ mimeType: 'text/markdown', title: 'Handbook', version: { lastEdited: edited } });
    const markdown = String(content.bytes);
    expect(markdown).toContain('**_this_**');
    expect(markdown).toContain('- [x] Done');
    expect(markdown).not.toContain('X-Amz');
    const { text } = await parse({ bytes: content.bytes, mimeType: 'text/markdown', name: 'page.md' });
    for (const line of [
      'State: In force',
      'Areas: HR, Law',
      'Leave *rules*',
      'Read this and npm ci at the site: <b>5 > 4</b>, $e = mc^2$',
      'Folded',
      'lines',
      'Wise words',
      '⚠️ Careful',
      '# no heading',
      'a^2',
      'Left',
      'https://example.org/b',
      'A chart',
    ])
      expect(text).toContain(line);
    expect(text).toMatch(/France \| Corsica.*25/s);
    expect(text).not.toContain('Empty');
  });

  test('reads ten levels and five thousand blocks of a page, and no more', async () => {
    let nested = said('paragraph', 'Level 12');
    for (let level = 11; level > 0; level--) nested = said('paragraph', `Level ${level}`, [nested]);
    const service = await serve(notionApi([page(1, 'Deep')], { [uuid(1)]: [nested] }));
    const source = sourceOf(notion, { token, baseUrl: service.url });
    const item = { id: uuid(1), title: null, uri: null, version: null };
    const content = await notion.fetch(source, item, null);
    const words = typeof content === 'string' ? content : String(content.bytes);
    expect(words).toContain('Level 10');
    expect(words).not.toContain('Level 11');

    let asked = 0;
    const endless = await serve(({ path }) => {
      if (path.includes('/pages/')) return { json: page(1, 'Endless') };
      asked++;
      const results = Array.from({ length: 100 }, () => said('paragraph', 'Again'));
      return { json: { object: 'list', results, has_more: true, next_cursor: 'on' } };
    });
    await notion.fetch(sourceOf(notion, { token, baseUrl: endless.url }), item, null);
    expect(asked).toBe(50);
  });

  test('says what is unchanged and what is gone, and trusts no time that may stand for two versions', async () => {
    const justNow = new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
    const pages = [page(1, 'Old'), page(2, 'Trash', { archived: true }), page(3, 'New', { last_edited_time: justNow })];
    const service = await serve(notionApi(pages));
    const source = sourceOf(notion, { token, baseUrl: service.url });
    const fetched = (number: number, known: string | null) =>
      notion.fetch(
        source,
        { id: uuid(number), title: null, uri: null, version: null },
        known === null ? null : { lastEdited: known },
      );
    expect(await fetched(1, edited)).toBe('UNCHANGED');
    expect(await fetched(1, '2026-02-01T10:00:00.000Z')).toMatchObject({ title: 'Old' });
    expect(await fetched(2, edited)).toBe('GONE');
    expect(await fetched(9, edited)).toBe('GONE');
    expect(await fetched(3, justNow)).toMatchObject({ title: 'New', version: null });
  });

  test('takes no configuration that it does not know', () => {
    const faulty = [
      {},
      { token: '' },
      { token, baseUrl: 'ftp://notion' },
      { token, baseUrl: 'https://a:b@notion' },
      { token, rootPageIds: ['../users'] },
      { token, other: 1 },
    ];
    for (const each of faulty) expect(notion.configuration.safeParse(each).success).toBe(false);
    expect(notion.configuration.parse({ token })).toEqual({ token, baseUrl: 'https://api.notion.com' });
  });
});

/** Midnight of today, UTC, in seconds. */
const today = Math.floor(Date.now() / 86_400_000) * 86_400;
const tsOf = (daysAgo: number, second: number): string => `${today - daysAgo * 86_400 + second}.000100`;
const message = (daysAgo: number, second: number, more: object = {}) => ({
  type: 'message',
  ts: tsOf(daysAgo, second),
  user: 'U1',
  text: `Message ${daysAgo}/${second}`,
  ...more,
});
type Told = ReturnType<typeof message> & { readonly reply_count?: number };

/** Slack's API for these channels; a page of a history holds three messages. */
const slackApi =
  (channels: Record<string, { name: string; member: boolean; messages: Told[]; replies?: Record<string, Told[]> }>) =>
  ({ path, authorization, parameters }: ServiceRequest): ServiceAnswer => {
    if (authorization !== `Bearer ${token}`) return { json: { ok: false, error: 'invalid_auth' } };
    const channel = channels[String(parameters.channel)];
    const from = Number(parameters.cursor ?? 0);
    const cut = <Each>(all: Each[], size: number) => ({
      shown: all.slice(from, from + size),
      has_more: from + size < all.length,
      response_metadata: { next_cursor: from + size < all.length ? String(from + size) : '' },
    });
    const methodOf = path.replace('/api/', '');
    switch (methodOf) {
      case 'auth.test':
        return { json: { ok: true, url: 'https://team.slack.com/' } };
      case 'users.list': {
        const all = [
          { id: 'U1', name: 'ada', real_name: 'Ada Lovelace', profile: { display_name: '' } },
          { id: 'U2', name: 'alan', real_name: 'Alan Turing', profile: { display_name: 'Alan *T*' } },
        ];
        const { shown, ...rest } = cut(all, 1);
        return { json: { ok: true, members: shown, ...rest } };
      }
      case 'conversations.list': {
        expect(parameters.types).toBe('public_channel');
        const all = Object.entries(channels).map(([id, { name, member }]) => ({ id, name, is_member: member }));
        const { shown, ...rest } = cut(all, 2);
        return { json: { ok: true, channels: shown, ...rest } };
      }
      case 'conversations.info':
        return {
          json:
            channel === undefined
              ? { ok: false, error: 'channel_not_found' }
              : { ok: true, channel: { id: parameters.channel, name: channel.name } },
        };
      case 'conversations.history': {
        const all = (channel?.messages ?? [])
          .filter(
            ({ ts }) => Number(ts) >= Number(parameters.oldest ?? 0) && Number(ts) <= Number(parameters.latest ?? 9e12),
          )
          .toSorted((one, other) => Number(other.ts) - Number(one.ts));
        const { shown, ...rest } = cut(all, 3);
        return { json: { ok: true, messages: shown, ...rest } };
      }
      case 'conversations.replies': {
        const ts = String(parameters.ts);
        const parent = channel?.messages.find((each) => each.ts === ts);
        const all = [...(parent === undefined ? [] : [parent]), ...(channel?.replies?.[ts] ?? [])];
        const { shown, ...rest } = cut(all, 2);
        return { json: { ok: true, messages: shown, ...rest } };
      }
      default:
        return { json: { ok: false, error: 'unknown_method' } };
    }
  };

describe('Slack', () => {
  const threaded = message(0, 3600, {
    text: 'Ask <@U2> in <#C9|random> &amp; <https://example.org|here>, <!here>',
    reply_count: 3,
    latest_reply: tsOf(0, 3603),
  });
  const general = [
    threaded,
    message(0, 7200, { subtype: 'channel_join', text: 'joined' }),
    message(0, 7300, { user: 'U2', text: 'Two\nlines', files: [{ name: 'plan.pdf' }] }),
    ...[1, 2, 3, 4, 5].map((second) => message(1, second)),
    message(2, 5),
    message(3, 5),
    message(40, 5),
  ];
  const replies = {
    [threaded.ts]: [3601, 3602, 3603].map((second) => message(0, second, { user: 'U2', text: `Answer ${second}` })),
  };
  const channels = {
    C1: { name: 'general', member: true, messages: general, replies },
    C2: { name: 'elsewhere', member: false, messages: [message(0, 1)] },
    C3: { name: 'quiet', member: true, messages: [] },
    C4: { name: 'last', member: true, messages: [message(29, 0), message(30, 86_399)] },
  };
  const dayName = (daysAgo: number) => new Date((today - daysAgo * 86_400) * 1000).toISOString().slice(0, 10);

  test('lists each day of the channels that the bot is in, however the pages fall', async () => {
    const service = await serve(slackApi(channels));
    const { items, pages } = await listAll(slack, { token, baseUrl: `${service.url}/api/` });
    expect(items.map(({ title }) => title)).toEqual([
      ...[0, 1, 2, 3].map((daysAgo) => `#general, ${dayName(daysAgo)}`),
      `#last, ${dayName(29)}`,
    ]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(items[0]).toMatchObject({
      id: `C1/${dayName(0)}`,
      uri: `https://team.slack.com/archives/C1/p${threaded.ts.replace('.', '')}`,
    });
    expect(pages.length).toBeGreaterThan(3);
  });

  test('lists the days of named channels alone, as many as wanted', async () => {
    const service = await serve(slackApi(channels));
    const { items } = await listAll(slack, { token, baseUrl: `${service.url}/api`, channelIds: ['C2', 'C1'], days: 2 });
    expect(items.map(({ title }) => title)).toEqual([
      `#elsewhere, ${dayName(0)}`,
      `#general, ${dayName(0)}`,
      `#general, ${dayName(1)}`,
    ]);
    const missing = listAll(slack, { token, baseUrl: `${service.url}/api`, channelIds: ['C404'] });
    expect((await failureOf(missing)).kind).toBe('NOT_FOUND');
    for (const days of [0, 366, 1.5]) expect(slack.configuration.safeParse({ token, days }).success).toBe(false);
  });

  test('writes a day with names, threads and links, and knows what has not changed', async () => {
    const service = await serve(slackApi(channels));
    const configuration = { token, baseUrl: `${service.url}/api/` };
    const { items } = await listAll(slack, configuration);
    const [first, second] = items;
    if (first === undefined || second === undefined) throw new Error('No items.');
    const source = sourceOf(slack, configuration);
    const content = await slack.fetch(source, first, null);
    if (typeof content === 'string') throw new Error(content);
    const { text } = await parse({ bytes: content.bytes, mimeType: content.mimeType, name: 'day.md' });
    expect(text).toContain('Ada Lovelace (01:00): Ask @Alan *T* in #random & here, @here');
    for (const answer of ['3601', '3602', '3603']) expect(text).toContain(`Alan *T* (01:00): Answer ${answer}`);
    expect(text).toMatch(/Alan \*T\* \(02:01\): Two\s+lines \[plan\.pdf\]/);
    expect(text).not.toContain('joined');
    expect(String(content.bytes)).toContain('[here](https://example.org)');

    await slack.fetch(source, second, null);
    // Once a run, two pages of people.
    expect(service.requests.filter(({ path }) => path.endsWith('users.list'))).toHaveLength(2);

    expect(await slack.fetch(source, first, content.version)).toBe('UNCHANGED');
    expect(await slack.fetch(source, { ...first, version: null }, content.version)).toBe('UNCHANGED');
    expect(content.version).toEqual(first.version);
    expect(await slack.fetch(source, { ...first, id: `C3/${dayName(0)}`, version: null }, null)).toBe('GONE');
  });

  test.each([
    ['an edit', { edited: { user: 'U1', ts: '1.0' } }],
    ['an answer', { reply_count: 4, latest_reply: tsOf(0, 4000) }],
  ])('sees %s as a new version', async (_what, change) => {
    const versions: unknown[] = [];
    for (const messages of [[threaded], [{ ...threaded, ...change }]]) {
      const service = await serve(slackApi({ C1: { name: 'general', member: true, messages } }));
      const { items } = await listAll(slack, { token, baseUrl: `${service.url}/api/` });
      versions.push(items[0]?.version);
    }
    expect(versions[0]).not.toEqual(versions[1]);
  });
});

describe('What goes wrong', () => {
  const kinds = [
    { name: 'Notion', list: (url: string) => notion.list(sourceOf(notion, { token, baseUrl: url }), null) },
    { name: 'Slack', list: (url: string) => slack.list(sourceOf(slack, { token, baseUrl: url }), null) },
  ];
  const good: ServiceAnswer = {
    json: { ok: true, object: 'list', results: [], has_more: false, next_cursor: null, channels: [] },
  };

  describe.each(kinds)('at $name', ({ list }) => {
    test('a wrong token is UNAUTHORIZED', async () => {
      const body = {
        ok: false,
        error: 'invalid_auth',
        object: 'error',
        status: 401,
        code: 'unauthorized',
        message: token,
      };
      for (const status of [200, 401]) {
        if (status === 200 && list === kinds[0]?.list) continue;
        const service = await serve(() => ({ json: body, status }));
        expect((await failureOf(list(service.url))).kind).toBe('UNAUTHORIZED');
        expect(service.requests).toHaveLength(1);
      }
    });

    test('a limit of requests is waited for, unless that takes too long', async () => {
      let limited = 1;
      const service = await serve(() =>
        limited-- > 0 ? { json: { ok: false }, status: 429, headers: { 'retry-after': '1' } } : good,
      );
      const begun = Date.now();
      expect((await list(service.url)).items).toEqual([]);
      expect(Date.now() - begun).toBeGreaterThanOrEqual(990);

      const busy = await serve(() => ({ json: { ok: false }, status: 429, headers: { 'retry-after': '61' } }));
      const failure = await failureOf(list(busy.url));
      expect([failure.kind, failure.retryAfterSeconds]).toEqual(['RATE_LIMITED', 61]);
    });

    test('faults of the server and broken connections are tried again, three times', async () => {
      const faults: ServiceAnswer[] = [{ json: {}, status: 503 }, 'CUT', { json: {}, status: 500 }];
      const recovering = await serve(() => faults.shift() ?? good);
      const broken = await serve(() => 'CUT');
      const [page, failure] = await Promise.all([list(recovering.url), failureOf(list(broken.url))]);
      expect(page.items).toEqual([]);
      expect(failure.kind).toBe('UNAVAILABLE');
      expect(broken.requests).toHaveLength(4);
    });

    test('what is no answer of it is INVALID, and a redirect is not followed', async () => {
      const service = await serve(() => ({ raw: '<html>Welcome</html>' }));
      expect((await failureOf(list(service.url))).kind).toBe('INVALID');
      const elsewhere = await serve(() => good);
      const leading = await serve(() => ({ json: {}, status: 302, headers: { location: elsewhere.url } }));
      expect((await failureOf(list(leading.url))).kind).toBe('REFUSED');
      expect(elsewhere.requests).toEqual([]);
    });
  });

  test('what a run is cancelled for comes through at once, while waiting and while asking', async () => {
    const reason = new Error('The run was cancelled.');
    const silent = await serve(() => 'SILENT');
    const limiting = await serve(() => ({ json: {}, status: 429, headers: { 'retry-after': '50' } }));
    for (const { url } of [silent, limiting]) {
      const cancel = new AbortController();
      const { signal } = cancel;
      const works = [
        notion.list({ ...sourceOf(notion, { token, baseUrl: url }), signal }, null),
        slack.list({ ...sourceOf(slack, { token, baseUrl: url }), signal }, null),
      ];
      setTimeout(() => cancel.abort(reason), 100);
      expect(await Promise.all(works.map((work) => work.catch((error: unknown) => error)))).toEqual([reason, reason]);
    }
  });

  test('an address that requests may not go to is REFUSED, and all requests go through the outbound', async () => {
    const asked: string[] = [];
    const refusing = {
      fetch: (url: Parameters<typeof fetch>[0]) => {
        asked.push(url instanceof Request ? url.url : String(url));
        return Promise.reject(new TypeError('fetch failed', { cause: new AddressRefused('10.0.0.1') }));
      },
    };
    const works = [
      notion.list({ ...sourceOf(notion, { token, baseUrl: 'http://10.0.0.1' }), outbound: refusing }, null),
      slack.list({ ...sourceOf(slack, { token, baseUrl: 'http://10.0.0.1/api/' }), outbound: refusing }, null),
    ];
    for (const work of works) expect((await failureOf(work)).kind).toBe('REFUSED');
    expect(asked).toEqual(['http://10.0.0.1/v1/search', 'http://10.0.0.1/api/conversations.list']);
  });
});
