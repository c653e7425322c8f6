import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { getDirective } from '@graphql-tools/utils';
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
} from 'graphql';
import { buildSchema } from '../src/gateway/schema.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { eventsOf, faultsOf, memberOf, tablesHolding, tamper, type Place } from './machines.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

interface Made {
  readonly extensionKey: { readonly id: string; readonly label: string; readonly prefix: string };
  readonly secret: string;
}
interface Places {
  readonly savingPlaces: {
    readonly totalCount: number;
    readonly edges: readonly { readonly node: { readonly id: string; readonly name: string } }[];
  };
}

const create =
  'mutation ($label: String!) { createExtensionKey(input: { label: $label }) { extensionKey { id label prefix } secret } }';
const revoke = 'mutation ($id: ID!) { revokeExtensionKey(input: { id: $id }) { revokedId } }';
const list = '{ viewer { extensionKeys { totalCount edges { node { id label prefix expiresAt lastUsedAt } } } } }';
const save = 'mutation ($input: SavePageInput!) { savePage(input: $input) { documentId title workspaceName } }';
const where = '{ savingPlaces(first: 100) { totalCount edges { node { id name } } } }';
const read =
  'query ($id: ID!) { document(id: $id) { title text mimeType sourceUri status workspace { id } addedBy { id } } }';
const refused = ['UNAUTHENTICATED'];

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Person & Place;
let garden: string;
let library: string;

beforeAll(async () => {
  bed = await startTestbed();
  owner = await bed.signUp();
  garden = await workspaceOf(owner);
  library = await workspaceOf(owner, { name: 'Library' });
  editor = await memberOf(bed, owner.organizationId, 'MEMBER', [
    { workspace: garden, role: 'EDITOR' },
    { workspace: library, role: 'VIEWER' },
  ]);
});
afterAll(() => bed.stop());

const made = async (person: Person, label = 'Firefox'): Promise<Made & { extension: Person }> => {
  const data: { createExtensionKey: Made } = await person.want(create, { label });
  return { ...data.createExtensionKey, extension: new Person(bed, data.createExtensionKey.secret) };
};
const page = (more: object = {}) => ({
  input: { workspaceId: garden, title: 'Roses', url: 'https://example.org/roses', text: 'Roses need water.', ...more },
});
const documentsIn = async (workspace: string): Promise<number> => {
  const data: { workspace: { documents: { totalCount: number } } } = await owner.want(
    'query ($id: ID!) { workspace(id: $id) { documents { totalCount } } }',
    { id: workspace },
  );
  return data.workspace.documents.totalCount;
};
const readyDocument = async (id: string): Promise<Record<string, unknown>> => {
  for (let tries = 0; tries < 200; tries += 1) {
    const { document }: { document: Record<string, unknown> } = await owner.want(read, { id });
    if (document.status === 'READY' || document.status === 'FAILED') return document;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('The document was not read.');
};

test('a key is shown once, listed for its owner alone, and revoked at once', async () => {
  const { extensionKey, secret, extension } = await made(editor, 'Librewolf');
  expect(secret).toMatch(/^tsr_extension_/);
  expect(extensionKey).toMatchObject({ label: 'Librewolf', prefix: secret.slice(0, 22) });
  expect(await tablesHolding(bed, editor, secret)).toEqual([]);
  expect(await tablesHolding(bed, editor, 'Librewolf')).toEqual(['events', 'extension_keys']);

  const mine: { viewer: { extensionKeys: { edges: { node: { expiresAt: string } }[] } } } = await editor.want(list);
  const [edge] = mine.viewer.extensionKeys.edges;
  expect(edge?.node).toMatchObject({ ...extensionKey, lastUsedAt: null });
  expect((Date.parse(edge?.node.expiresAt ?? '') - Date.now()) / 86_400_000).toBeCloseTo(365, 2);
  // An administrator neither sees nor revokes it; suspending the member ends it.
  const theirs: { viewer: object } = await owner.want(list);
  expect(theirs.viewer).toEqual({ extensionKeys: { totalCount: 0, edges: [] } });
  expect(await owner.codes(revoke, { id: extensionKey.id })).toEqual(['NOT_FOUND']);

  expect(await extension.codes(where)).toEqual([]);
  const data: { revokeExtensionKey: object } = await editor.want(revoke, { id: extensionKey.id });
  expect(data.revokeExtensionKey).toEqual({ revokedId: extensionKey.id });
  expect(await extension.codes(where)).toEqual(refused);
  const events = await eventsOf(bed, editor, 'extension_key.%');
  expect(events.map(({ action, actor }) => [action, actor])).toEqual(
    ['created', 'revoked'].map((act) => [`extension_key.${act}`, uuidOf(editor.userId)]),
  );
});

test('a key ends with its time, its member’s suspension and PAGE_SAVE', async () => {
  const { extensionKey, extension } = await made(editor);
  const ofMember = sql`user_id = ${uuidOf(editor.userId)} and organization_id = ${uuidOf(owner.organizationId)}`;
  await tamper(bed, editor, sql`update memberships set role = 'GUEST' where ${ofMember}`);
  expect(faultsOf(await extension.ask(save, page()))).toEqual([['FORBIDDEN', 'PAGE_SAVE']]);
  await tamper(bed, editor, sql`update memberships set role = 'MEMBER', suspended_at = now() where ${ofMember}`);
  expect(await extension.codes(where)).toEqual(refused);
  await tamper(bed, editor, sql`update memberships set suspended_at = null where ${ofMember}`);
  expect(await extension.codes(where)).toEqual([]);
  await tamper(
    bed,
    editor,
    sql`update access_tokens set expires_at = now() - interval '1 second' where subject_id = ${uuidOf(extensionKey.id)}`,
  );
  expect(await extension.codes(where)).toEqual(refused);
});

test('a person has at most 10 live keys, however many are asked for at once', async () => {
  const person = await memberOf(bed, owner.organizationId, 'MEMBER');
  expect(faultsOf(await person.ask(create, { label: ' ' }))).toEqual([['BAD_USER_INPUT', 'label']]);
  for (let count = 0; count < 8; count += 1) await made(person);
  const codes = await Promise.all(Array.from({ length: 12 }, () => person.codes(create, { label: 'More' })));
  expect(codes.flat()).toEqual(Array.from({ length: 10 }, () => 'CONFLICT'));
  await tamper(
    bed,
    person,
    sql`update extension_keys set created_at = now() - interval '366 days' where label = 'More'`,
  );
  expect(await person.codes(create, { label: 'Again' })).toEqual([]);
});

describe('a page', () => {
  let extension: Person;
  beforeAll(async () => {
    ({ extension } = await made(editor));
  });

  test('is saved as text or as HTML, which is parsed, and nothing readable comes back', async () => {
    const html =
      '<html><head><title>x</title><script>alert(1)</script></head><body><main><h1>Tulips</h1><p>Tulips are planted in October, in rows of ten.</p></main></body></html>';
    const saved = async (more: object): Promise<{ documentId: string }> => {
      const data: { savePage: { documentId: string } } = await extension.want(save, page(more));
      return data.savePage;
    };
    const [text, markup] = [await saved({}), await saved({ title: ' Tulips ', text: null, html })];
    expect(text).toEqual({ documentId: text.documentId, title: 'Roses', workspaceName: 'Garden' });
    expect(markup).toMatchObject({ title: 'Tulips', workspaceName: 'Garden' });
    const common = {
      sourceUri: 'https://example.org/roses',
      workspace: { id: garden },
      addedBy: { id: editor.userId },
    };
    expect(await readyDocument(text.documentId)).toMatchObject({
      ...common,
      status: 'READY',
      mimeType: 'text/plain',
      text: 'Roses need water.',
    });
    const parsed = await readyDocument(markup.documentId);
    expect(parsed).toMatchObject({ ...common, status: 'READY', mimeType: 'text/html' });
    expect(parsed.text).toContain('Tulips are planted in October');
    expect(parsed.text).not.toContain('alert');
  });

  test('may have its address in the document itself', async () => {
    const literal = `mutation { savePage(input: { workspaceId: "${garden}", title: "Oaks", url: "https://example.org/oaks", text: "Oaks grow slowly." }) { title } }`;
    expect(await extension.want(literal)).toEqual({ savePage: { title: 'Oaks' } });
  });

  test.each([
    ['no text', { text: null }, 'text'],
    ['text and HTML', { html: '<p>x</p>' }, 'text'],
    ['empty HTML', { text: null, html: ' ' }, 'html'],
    ['no title', { title: ' ' }, 'title'],
    ['an address that is none of the web', { url: 'javascript:alert(1)' }, 'url'],
    ['a long address', { url: `https://example.org/${'x'.repeat(2000)}` }, 'url'],
    ['too long a text', { text: 'x'.repeat(500_001) }, 'text'],
  ])('with %s is refused, and nothing is saved', async (_name, more, field) => {
    const before = await documentsIn(garden);
    expect(faultsOf(await extension.ask(save, page(more)))).toEqual([['BAD_USER_INPUT', field]]);
    expect(await documentsIn(garden)).toBe(before);
  });

  test('needs EDITOR in the workspace', async () => {
    const stranger = await bed.signUp('Stranger');
    const before = await documentsIn(library);
    expect(faultsOf(await extension.ask(save, page({ workspaceId: library })))).toEqual([['FORBIDDEN', 'PAGE_SAVE']]);
    const elsewhere = await workspaceOf(stranger);
    expect(faultsOf(await extension.ask(save, page({ workspaceId: elsewhere })))).toEqual([['NOT_FOUND', undefined]]);
    expect(await documentsIn(library)).toBe(before);
  });
});

test('the places to save into are those where one is EDITOR, without archived ones', async () => {
  const placesOf = async (person: Person): Promise<readonly string[]> => {
    const { savingPlaces }: Places = await person.want(where);
    expect(savingPlaces.totalCount).toBe(savingPlaces.edges.length);
    return savingPlaces.edges.map(({ node }) => `${node.id} ${node.name}`);
  };
  const published = await workspaceOf(owner, { name: 'Published', published: true });
  const attic = await workspaceOf(owner, { name: 'Attic' });
  await tamper(bed, owner, sql`update workspaces set archived_at = now() where id = ${uuidOf(attic)}`);
  const { extension } = await made(editor);
  expect(await placesOf(extension)).toEqual([`${garden} Garden`]);
  expect(await placesOf(editor)).toEqual([`${garden} Garden`]);
  const { extension: ofOwner } = await made(owner);
  expect(await placesOf(ofOwner)).toEqual([`${published} Published`, `${library} Library`, `${garden} Garden`]);
});

const examples: Readonly<Record<string, unknown>> = {
  ID: 'workspace_01h2xcejqtf2nbrexx3vqjhp41',
  String: 'x',
  Int: 1,
  Float: 1,
  Boolean: true,
  Date: '2030-01-01',
  DateTime: '2030-01-01T00:00:00Z',
  EmailAddress: 'someone@example.org',
  URL: 'https://example.org/',
  Decimal: '1',
  JSON: {},
};

/** Something that the type takes. */
const valueOf = (type: GraphQLInputType): unknown => {
  const bare = getNullableType(type);
  if (isListType(bare)) return [];
  if (isEnumType(bare)) return bare.getValues()[0]?.name;
  if (!isInputObjectType(bare)) return examples[String(bare)];
  const required = Object.values(bare.getFields()).filter(isRequiredInputField);
  return Object.fromEntries(required.map((field) => [field.name, valueOf(field.type)]));
};

/** An operation that asks a root field with all arguments it requires. */
const operationOf = (kind: string, { name, args, type }: GraphQLField<unknown, unknown>) => {
  const required = args.filter(isRequiredArgument);
  const declared = required.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
  const passed = required.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const selection = isLeafType(getNamedType(type)) ? '' : '{ __typename }';
  return {
    text: `${kind.toLowerCase()} ${declared && `(${declared})`} { ${name}${passed && `(${passed})`} ${selection} }`,
    variables: Object.fromEntries(required.map((arg) => [arg.name, valueOf(arg.type)])),
  };
};

test('a key does nothing else, whatever field of the schema it asks', async () => {
  const schema = await buildSchema();
  const { extension } = await made(owner);
  const ofKind = (type: GraphQLObjectType | null | undefined) =>
    Object.values(type?.getFields() ?? {}).filter(
      (field) =>
        !['savePage', 'savingPlaces'].includes(field.name) && getDirective(schema, field, 'public') === undefined,
    );
  const asked: string[] = [];
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const field of ofKind(type)) {
      asked.push(field.name);
      const { text, variables } = operationOf(type?.name ?? '', field);
      expect([field.name, await extension.codes(text, variables)]).toEqual([field.name, ['FORBIDDEN']]);
    }
  expect(asked).toEqual(
    expect.arrayContaining(['viewer', 'node', 'nodes', 'document', 'search', 'signOut', 'createApiKey', 'ask']),
  );
  for (const field of ofKind(schema.getSubscriptionType())) {
    const { text, variables } = operationOf('subscription', field);
    const { results, stop } = extension.subscribe(text, variables);
    const outcome: unknown = await results.next().catch((error: unknown) => error);
    await stop();
    expect([field.name, JSON.stringify(outcome)]).toEqual([field.name, expect.stringContaining('FORBIDDEN')]);
  }
  expect(await extension.codes(where)).toEqual([]);
});
