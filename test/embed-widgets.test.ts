import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { colleagueOf } from './company.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { Page, pageOrigin, widgetIn } from './visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const whole = `id name publicId snippet enabled allowedOrigins chatMode maxMessagesPerDay maxMessagesPerVisitor maxMessagesPerAddress
  allowModelOverride allowTemperatureOverride allowPromptOverride historyLength showSources allowHandover
  appearance { title greeting placeholder primaryColor position } workspace { name }`;
const create = `mutation ($input: CreateEmbedWidgetInput!) { createEmbedWidget(input: $input) { embedWidget { ${whole} } } }`;
const update = `mutation ($input: UpdateEmbedWidgetInput!) { updateEmbedWidget(input: $input) { embedWidget { ${whole} } } }`;
const visits = `query ($id: ID!) { embedWidget(id: $id) { conversations(first: 5) { totalCount edges { node {
  id visitorId visitorName origin address userAgent lastSeenAt widget { name } conversation { title channel messages { edges { node { role content } } } } } } } } }`;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  garden = await workspaceOf(ada, { name: 'Garden' });
}, 60_000);
afterAll(() => bed.stop());

/** The paths of an input's faults. */
const faults = async (person: Person, mutation: string, input: object): Promise<unknown[]> =>
  (await person.ask(mutation, { input })).errors.flatMap(({ extensions }) =>
    extensions.code === 'BAD_USER_INPUT'
      ? (extensions.issues as { field: string }[]).map(({ field }) => field)
      : [extensions.code],
  );

describe('a widget', () => {
  test('is made, changed, switched and deleted', async () => {
    const made: Data = await ada.want(create, {
      input: {
        workspaceId: garden,
        name: ' Shop ',
        allowedOrigins: ['https://Shop.Example.com', 'https://shop.example.com:443/', 'http://localhost:3000'],
        chatMode: 'QUERY',
        maxMessagesPerDay: 100,
        maxMessagesPerVisitor: 10,
        maxMessagesPerAddress: 20,
        allowModelOverride: true,
        historyLength: 4,
        showSources: true,
        allowHandover: true,
        appearance: { title: 'Ask', primaryColor: '#AABBCC', position: 'LEFT' },
      },
    });
    const widget = made.createEmbedWidget.embedWidget;
    expect(widget).toEqual({
      id: expect.stringMatching(/^embed_widget_/),
      name: 'Shop',
      publicId: expect.stringMatching(/^[\w-]{16}$/),
      snippet: `<script src="${bed.url}/embed.js" data-widget="${widget.publicId}" async></script>`,
      enabled: true,
      allowedOrigins: ['https://shop.example.com', 'http://localhost:3000'],
      chatMode: 'QUERY',
      maxMessagesPerDay: 100,
      maxMessagesPerVisitor: 10,
      maxMessagesPerAddress: 20,
      allowModelOverride: true,
      allowTemperatureOverride: false,
      allowPromptOverride: false,
      historyLength: 4,
      showSources: true,
      allowHandover: true,
      appearance: { title: 'Ask', greeting: null, placeholder: null, primaryColor: '#aabbcc', position: 'LEFT' },
      workspace: { name: 'Garden' },
    });

    const { id } = widget;
    const changed: Data = await ada.want(update, {
      input: { id, name: 'Blog', chatMode: null, maxMessagesPerDay: null, allowedOrigins: [], appearance: null },
    });
    expect(changed.updateEmbedWidget.embedWidget).toEqual({
      ...widget,
      name: 'Blog',
      chatMode: null,
      maxMessagesPerDay: null,
      allowedOrigins: [],
      appearance: { title: null, greeting: null, placeholder: null, primaryColor: null, position: null },
    });

    const off: Data = await ada.want(
      'mutation ($id: ID!) { disableEmbedWidget(input: { id: $id }) { embedWidget { enabled } } }',
      { id },
    );
    const on: Data = await ada.want(
      'mutation ($id: ID!) { enableEmbedWidget(input: { id: $id }) { embedWidget { enabled } } }',
      { id },
    );
    expect([off.disableEmbedWidget.embedWidget.enabled, on.enableEmbedWidget.embedWidget.enabled]).toEqual([
      false,
      true,
    ]);
    await ada.want('mutation ($id: ID!) { deleteEmbedWidget(input: { id: $id }) { deletedId } }', { id });
    expect(await ada.codes('query ($id: ID!) { embedWidget(id: $id) { name } }', { id })).toEqual(['NOT_FOUND']);
  });

  test('refuses what it cannot be, with every fault, and stays as it is', async () => {
    const { id } = await widgetIn(ada, garden);
    const read = () => ada.want(`query ($id: ID!) { embedWidget(id: $id) { ${whole} updatedAt } }`, { id });
    const before = await read();
    const origins = [
      'example.com',
      'http://example.com',
      'https://example.com/path',
      'https://example.com/?',
      'https://user@example.com',
      'https://*.example.com',
      'javascript:alert(1)',
      `https://${'a'.repeat(300)}.example`,
    ];
    expect(await faults(ada, update, { id, name: ' ', allowedOrigins: origins })).toEqual([
      'name',
      ...origins.map((_, at) => `allowedOrigins.${at}`),
    ]);
    expect(
      await faults(ada, update, {
        id,
        name: null,
        allowedOrigins: null,
        chatMode: 'AUTOMATIC',
        maxMessagesPerDay: 0,
        maxMessagesPerVisitor: -1,
        maxMessagesPerAddress: 0,
        historyLength: 201,
        showSources: null,
        appearance: { title: 'x'.repeat(61), primaryColor: 'red' },
      }),
    ).toEqual([
      'name',
      'allowedOrigins',
      'chatMode',
      'maxMessagesPerDay',
      'maxMessagesPerVisitor',
      'maxMessagesPerAddress',
      'historyLength',
      'showSources',
      'appearance.title',
      'appearance.primaryColor',
    ]);
    const many = Array.from({ length: 101 }, (_, at) => `https://${at}.example.com`);
    expect(await faults(ada, update, { id, allowedOrigins: many })).toEqual(['allowedOrigins']);
    expect(await faults(ada, create, { workspaceId: garden, name: '' })).toEqual(['name']);
    expect(await read()).toEqual(before);
  });

  test('is its workspace’s admins’ affair, and so is who visited', async () => {
    const [editor, stranger] = [
      await colleagueOf(bed, ada.organizationId, 'Ed', 'MEMBER'),
      await bed.signUp('Stranger'),
    ];
    await ada.want(
      'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }',
      {
        input: { workspaceId: garden, userId: editor.userId, role: 'EDITOR' },
      },
    );
    const { id, publicId } = await widgetIn(ada, garden);
    const page = new Page(bed, publicId);
    await page.enter({ visitorName: 'Grace' });
    for (const [person, code] of [
      [editor, 'FORBIDDEN'],
      [stranger, 'NOT_FOUND'],
    ] as const) {
      expect(await person.codes(visits, { id })).toEqual([code]);
      expect(await person.codes(update, { input: { id, name: 'Mine' } })).toEqual([code]);
      expect(await person.codes(create, { input: { workspaceId: garden, name: 'Mine' } })).toEqual([code]);
      expect(
        await person.codes('mutation ($id: ID!) { deleteEmbedWidget(input: { id: $id }) { deletedId } }', { id }),
      ).toEqual([code]);
    }
    const seen: Data = await ada.want(visits, { id });
    const visit = seen.embedWidget.conversations.edges[0].node.id;
    // An editor sees the conversation as they see all others of the workspace, and not who it was.
    const node = (fields: string) => `query ($id: ID!) { node(id: $id) { ... on EmbedConversation { ${fields} } } }`;
    expect(await editor.codes(node('conversation { channel }'), { id: visit })).toEqual([]);
    for (const field of ['visitorName', 'address', 'userAgent'])
      expect(await editor.codes(node(field), { id: visit })).toEqual(['FORBIDDEN']);
  });

  test('shows who visited from where, all in one statement a level', async () => {
    const { id, publicId } = await widgetIn(ada, garden);
    const pages = [new Page(bed, publicId), new Page(bed, publicId)];
    for (const page of pages) {
      await page.enter({ visitorName: 'Grace' });
      await page.say('Are there roses?');
    }
    // So that the viewer need not be looked up.
    await ada.want('{ viewer { role } }');
    const { data, statements }: { data: Data; statements: readonly string[] } = await ada.ask(visits, { id });
    const { totalCount, edges } = data.embedWidget.conversations;
    expect([totalCount, edges.length]).toEqual([2, 2]);
    expect(edges[0].node).toMatchObject({
      visitorName: 'Grace',
      origin: pageOrigin,
      address: expect.stringMatching(/127\.0\.0\.1|::1/),
      userAgent: expect.any(String),
      widget: { name: 'Shop' },
      conversation: {
        channel: 'EMBED',
        messages: { edges: [{ node: { role: 'USER' } }, { node: { role: 'ASSISTANT' } }] },
      },
    });
    // The widget, its visits and their number, their conversations with the messages of each; the widget again from its cache.
    expect(statements).toHaveLength(5);
  });

  test('stands in its workspace’s list, newest first', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'List' });
    for (const name of ['One', 'Two', 'Three']) await widgetIn(ada, workspaceId, { name });
    const list = `query ($id: ID!, $after: String) { workspace(id: $id) { embedWidgets(first: 2, after: $after) { totalCount
      pageInfo { endCursor hasNextPage } edges { node { name } } } } }`;
    const first: Data = await ada.want(list, { id: workspaceId });
    const { edges, pageInfo, totalCount } = first.workspace.embedWidgets;
    expect([edges.map(({ node }: Data) => node.name), totalCount, pageInfo.hasNextPage]).toEqual([
      ['Three', 'Two'],
      3,
      true,
    ]);
    const second: Data = await ada.want(list, { id: workspaceId, after: pageInfo.endCursor });
    expect(second.workspace.embedWidgets.edges.map(({ node }: Data) => node.name)).toEqual(['One']);
  });
});

test('the script is served to pages of every origin, and kept by browsers', async () => {
  const answer = await fetch(`${bed.url}/embed.js`, { headers: { origin: 'https://anywhere.example' } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  const text = await answer.text();
  expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|cookie/);
  expect(text.length).toBeLessThan(30_000);
  const again = await fetch(`${bed.url}/embed.js`, {
    // Without the second, fetch itself asks for a new one.
    headers: { 'if-none-match': answer.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
  });
  expect(again.status).toBe(304);
  expect((await fetch(`${bed.url}/embed.js`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${bed.url}/embed.js/more`)).status).toBe(404);
});
