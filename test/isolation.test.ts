import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isInterfaceType, isObjectType, type GraphQLSchema } from 'graphql';
import { buildSchema } from '../src/gateway/schema.ts';
import { globalId } from '../src/ids.ts';
import { castOf, fingerprint, secret, type Cast } from './two-tenants.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

/** What somebody gets: a code, or `nothing of others` where the field answers everybody from what is their own. */
type Outcome =
  'NOT_FOUND' | 'FORBIDDEN' | 'BAD_USER_INPUT' | 'CONFLICT' | 'UNAUTHENTICATED' | 'data' | 'nothing of others';

interface Fixture {
  /** The field with its arguments and selection; `$Document` and the like stand for the owner's ids. */
  readonly field: string;
  readonly stranger: Outcome;
  readonly neighbour: Outcome;
  /** `data` when absent. */
  readonly owner?: Outcome;
  /** Part of what the owner reads, so that a field which gives nothing to anybody does not pass. */
  readonly shows?: RegExp;
}

/** Both are refused as if the id were unknown. */
const hidden = { stranger: 'NOT_FOUND', neighbour: 'NOT_FOUND' } as const;
/** It answers from what belongs to the one who asks. */
const own = { stranger: 'nothing of others', neighbour: 'nothing of others' } as const;
const shows = new RegExp(secret);

const queries: Readonly<Record<string, Fixture>> = {
  node: { ...hidden, field: 'node(id: $Document) { ... on Document { title text } }', shows },
  nodes: {
    ...own,
    field: 'nodes(ids: [$Document, $DocumentChunk, $Conversation, $Message, $Workspace]) { ... on Document { title } }',
    shows,
  },
  viewer: {
    ...own,
    // Members of one organization see each other and its name.
    neighbour: 'data',
    field: 'viewer { user { name } organization { name members { totalCount edges { node { user { name } } } } } }',
    shows,
  },
  workspace: {
    ...hidden,
    field: `workspace(id: $Workspace) { name documents { totalCount edges { node { title } } } conversations { totalCount } }`,
    shows,
  },
  workspaces: { ...own, field: 'workspaces { totalCount edges { node { id name documents { totalCount } } } }', shows },
  document: { ...hidden, field: 'document(id: $Document) { title text chunks { totalCount } }', shows },
  file: { ...hidden, field: 'file(id: $File) { name sha256 }', shows },
  search: {
    ...hidden,
    field: `search(workspaceId: $Workspace, query: "${secret} roses") { edges { node { text } } }`,
    shows,
  },
  conversation: {
    ...hidden,
    field: 'conversation(id: $Conversation) { messages { totalCount edges { node { content } } } }',
    shows,
  },
  // Providers and models belong to the whole installation.
  providers: { stranger: 'data', neighbour: 'data', field: 'providers { edges { node { slug } } }', shows: /example/ },
  models: { stranger: 'data', neighbour: 'data', field: 'models { edges { node { name } } }', shows: /example/ },
  providerKeys: {
    stranger: 'nothing of others',
    neighbour: 'FORBIDDEN',
    field: 'providerKeys { totalCount edges { node { label } } }',
    shows,
  },
  job: { ...hidden, field: 'job(id: $Job) { state kind }', shows: /SUCCEEDED/ },
};

/** In an order in which the owner can run them all. */
const mutations: Readonly<Record<string, Fixture>> = {
  signUp: {
    ...own,
    field: `signUp(input: { email: "new@example.com", password: "correct horse battery", name: "New", organizationName: "New" }) { user { name } }`,
    // Each asks with the same address, and whoever comes first has it.
    owner: 'CONFLICT',
  },
  signIn: {
    stranger: 'UNAUTHENTICATED',
    neighbour: 'UNAUTHENTICATED',
    owner: 'UNAUTHENTICATED',
    field: 'signIn(input: { email: "nobody@example.com", password: "correct horse battery" }) { user { name } }',
  },
  createWorkspace: {
    stranger: 'nothing of others',
    neighbour: 'FORBIDDEN',
    field: 'createWorkspace(input: { name: "Mine" }) { workspace { name } }',
  },
  updateWorkspace: {
    ...hidden,
    field: `updateWorkspace(input: { id: $Workspace, name: "${secret} New" }) { workspace { name } }`,
    shows,
  },
  setWorkspaceModel: {
    ...hidden,
    field: 'setWorkspaceModel(input: { workspaceId: $Workspace, modelId: null }) { workspace { name } }',
    shows,
  },
  createUpload: {
    ...own,
    field: 'createUpload(input: { name: "a.txt", size: 1, mimeType: "text/plain" }) { file { name } }',
  },
  addDocument: {
    ...hidden,
    field:
      'addDocument(input: { workspaceId: $Workspace, title: "New", text: "New", wait: true }) { document { title workspace { name } } }',
    shows,
  },
  updateDocument: {
    ...hidden,
    field: `updateDocument(input: { id: $Document, title: "${secret}" }) { document { title } }`,
    shows,
  },
  reprocessDocument: {
    ...hidden,
    owner: 'CONFLICT',
    field: 'reprocessDocument(input: { id: $Document }) { document { title } }',
  },
  startConversation: {
    ...hidden,
    field:
      'startConversation(input: { workspaceId: $Workspace, title: "New" }) { conversation { title workspace { name } } }',
    shows,
  },
  updateConversation: {
    ...hidden,
    field: `updateConversation(input: { id: $Conversation, title: "${secret}" }) { conversation { title } }`,
    shows,
  },
  addMessage: {
    ...hidden,
    field: `addMessage(input: { conversationId: $Conversation, content: "${secret}" }) { message { content } }`,
    shows,
  },
  ask: {
    ...hidden,
    field: `ask(input: { conversationId: $Conversation, text: "${secret} roses?" }) { answer { content } }`,
    shows,
  },
  cancelAnswer: {
    ...hidden,
    owner: 'CONFLICT',
    field: 'cancelAnswer(input: { messageId: $Message }) { message { content } }',
  },
  giveFeedback: {
    ...hidden,
    field: `giveFeedback(input: { messageId: $Message, score: -1, comment: "${secret}" }) { feedback { comment } }`,
    shows,
  },
  createProvider: {
    stranger: 'FORBIDDEN',
    neighbour: 'FORBIDDEN',
    field: 'createProvider(input: { name: "B", slug: "b", dialect: OPENAI }) { provider { slug } }',
  },
  createModel: {
    stranger: 'FORBIDDEN',
    neighbour: 'FORBIDDEN',
    field: 'createModel(input: { providerId: $Provider, name: "b", contextWindow: 4096 }) { model { name } }',
  },
  createProviderKey: {
    stranger: 'nothing of others',
    neighbour: 'FORBIDDEN',
    field: `createProviderKey(input: { providerId: $Provider, label: "b", key: "sk-12345678" }) { providerKey { label isDefault } }`,
  },
  deleteProviderKey: {
    stranger: 'NOT_FOUND',
    neighbour: 'FORBIDDEN',
    field: 'deleteProviderKey(input: { id: $ProviderKey }) { deletedId }',
  },
  deleteConversation: { ...hidden, field: 'deleteConversation(input: { id: $Conversation }) { deletedId }' },
  deleteDocument: { ...hidden, field: 'deleteDocument(input: { id: $Document }) { deletedId }' },
  deleteWorkspace: { ...hidden, field: 'deleteWorkspace(input: { id: $Workspace }) { deletedId }' },
  signOut: { ...own, field: 'signOut { signedOut }' },
};

const subscriptions: Readonly<Record<string, Fixture>> = {
  jobProgress: { ...hidden, field: 'jobProgress(id: $Job) { state }', shows: /SUCCEEDED/ },
  answerStream: {
    ...hidden,
    field: 'answerStream(conversationId: $Conversation) { __typename ... on AnswerCompleted { message { content } } }',
  },
};

/** Types whose nodes everybody, or every member of the organization, may see. */
const seenByAll = ['Model', 'Provider'];
const seenByMembers = [...seenByAll, 'Membership', 'Organization', 'User'];

let bed: Testbed;
let cast: Cast;
let schema: GraphQLSchema;

beforeAll(async () => {
  [bed, schema] = [await startTestbed(), await buildSchema()];
  cast = await castOf(bed);
}, 60_000);
afterAll(() => bed.stop());

const operation = (kind: string, { field }: Fixture): string =>
  `${kind} { ${field.replace(/\$(\w+)/g, (_match, type: string) => JSON.stringify(cast.ids[type]))} }`;

/** Asks, and holds what comes against what is due. */
const asks = async (person: Person, text: string, due: Outcome, fixture?: Fixture): Promise<void> => {
  const { data, errors } = await person.ask(text);
  const codes = errors.map((error) => error.extensions.code);
  const told = JSON.stringify(data ?? null);
  if (due === 'data' || due === 'nothing of others') {
    expect({ text, codes }).toEqual({ text, codes: [] });
    if (due === 'data' && fixture?.shows !== undefined) expect(told).toMatch(fixture.shows);
  } else {
    expect({ text, codes }).toEqual({ text, codes: [due] });
    expect(Object.values((data as object | null | undefined) ?? {}).filter((value) => value !== null)).toEqual([]);
  }
  if (due !== 'data') expect(told + JSON.stringify(errors)).not.toContain(secret);
};

const rootFields = (type: 'Query' | 'Mutation' | 'Subscription'): string[] => {
  const root = schema.getType(type);
  return isObjectType(root) ? Object.keys(root.getFields()).sort() : [];
};

test('every root field has a fixture', () => {
  expect(Object.keys(queries).sort()).toEqual(rootFields('Query'));
  expect(Object.keys(mutations).sort()).toEqual(rootFields('Mutation'));
  expect(Object.keys(subscriptions).sort()).toEqual(rootFields('Subscription'));
});

describe('queries', () => {
  test.each(Object.entries(queries))('%s', async (_name, fixture) => {
    const text = operation('query', fixture);
    await asks(cast.owner, text, fixture.owner ?? 'data', fixture);
    await asks(cast.stranger, text, fixture.stranger);
    await asks(cast.neighbour, text, fixture.neighbour);
    await asks(bed.anonymous, text, 'UNAUTHENTICATED');
  });

  test('lists hold and count what is in sight alone', async () => {
    const text = '{ workspaces { totalCount edges { node { id conversations { totalCount } } } } }';
    expect(await cast.neighbour.want(text)).toEqual({
      workspaces: {
        totalCount: 1,
        edges: [{ node: { id: cast.neighbourWorkspace, conversations: { totalCount: 0 } } }],
      },
    });
    expect(await cast.stranger.want(text)).toMatchObject({
      workspaces: { totalCount: 1, edges: [{ node: { conversations: { totalCount: 1 } } }] },
    });
    expect(await cast.owner.want(text)).toMatchObject({ workspaces: { totalCount: 2 } });
  });

  test('node finds each type for those who may see it', async () => {
    const node = schema.getType('Node');
    const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map((type) => type.name) : [];
    expect(Object.keys(cast.ids).sort()).toEqual([...types].sort());
    const seen = async (person: Person) => {
      const found: string[] = [];
      for (const type of types) {
        const { data, errors } = await person.ask('query ($id: ID!) { node(id: $id) { type: __typename id } }', {
          id: cast.ids[type],
        });
        if (errors.length === 0) found.push((data as { node: { type: string } }).node.type);
        else
          expect({ type, code: errors[0]?.extensions.code, data }).toEqual({
            type,
            // Who may read no keys at all learns nothing of any of them.
            code: person === cast.neighbour && type === 'ProviderKey' ? 'FORBIDDEN' : 'NOT_FOUND',
            data: { node: null },
          });
      }
      return found.sort();
    };
    expect(await seen(cast.owner)).toEqual([...types].sort());
    expect(await seen(cast.stranger)).toEqual(seenByAll);
    expect(await seen(cast.neighbour)).toEqual(seenByMembers.sort());
    const ids = types.map((type) => cast.ids[type]);
    const all: { nodes: ({ type: string } | null)[] } = await cast.stranger.want(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { type: __typename } }',
      { ids },
    );
    expect(all.nodes.flatMap((each) => each?.type ?? []).sort()).toEqual(seenByAll);
  });

  test('a foreign id and an unknown one are told alike', async () => {
    const text = 'query ($id: ID!) { document(id: $id) { title } }';
    const unknown = globalId('Document', '01890000-0000-7000-8000-000000000000');
    const told = async (id: string) =>
      JSON.stringify((await cast.stranger.ask(text, { id })).errors).replaceAll(id, '');
    expect(await told(String(cast.ids.Document))).toBe(await told(unknown));
  });
});

/** The first result of a subscription: its code, or what it tells. */
const firstOf = async (person: Person, text: string): Promise<string> => {
  const subscription = person.subscribe(text);
  try {
    const { value } = await subscription.results.next();
    return JSON.stringify(value);
  } catch (error) {
    return JSON.stringify(error);
  } finally {
    await subscription.stop();
  }
};

describe('subscriptions', () => {
  test.each(Object.entries(subscriptions))('%s', async (name, fixture) => {
    const text = operation('subscription', fixture);
    for (const [person, due] of [
      [cast.stranger, fixture.stranger],
      [cast.neighbour, fixture.neighbour],
    ] as const) {
      const told = await firstOf(person, text);
      expect(told).toContain(`"code":"${due}"`);
      expect(told).not.toContain(secret);
    }
    const told = firstOf(cast.owner, text);
    if (name === 'answerStream') {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await cast.owner.want(operation('mutation', mutations.ask as Fixture));
    }
    expect(await told).toMatch(fixture.shows ?? /AnswerStarted/);
  });
});

describe('mutations', () => {
  test('what is refused changes nothing', async () => {
    const { organizationId } = cast.owner;
    const before = await fingerprint(bed, organizationId);
    expect(before.documents).toMatch(/^2 /);
    for (const fixture of Object.values(mutations)) {
      const text = operation('mutation', fixture);
      for (const who of ['stranger', 'neighbour'] as const) {
        // What is one's own to change is tried below.
        if (fixture[who] === 'nothing of others') continue;
        await asks(cast[who], text, fixture[who]);
        expect({ text, who, rows: await fingerprint(bed, organizationId) }).toEqual({ text, who, rows: before });
      }
      if (!/signUp|signIn/.test(text)) await asks(bed.anonymous, text, 'UNAUTHENTICATED');
    }
    expect(await fingerprint(bed, organizationId)).toEqual(before);
  });

  test('what a stranger changes of their own does not touch the organization', async () => {
    const before = await fingerprint(bed, cast.owner.organizationId);
    for (const fixture of Object.values(mutations))
      if (fixture.stranger === 'nothing of others')
        await asks(cast.stranger, operation('mutation', fixture), 'nothing of others');
    expect(await fingerprint(bed, cast.owner.organizationId)).toEqual(before);
  });

  test('the owner may do it all', async () => {
    for (const fixture of Object.values(mutations))
      await asks(cast.owner, operation('mutation', fixture), fixture.owner ?? 'data', fixture);
  });
});
