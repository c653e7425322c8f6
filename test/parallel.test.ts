import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// One connection lets nothing run side by side, so these prove something on a server only.
const onPostgres = process.env.TEST_POSTGRES_URL !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

let bed: Testbed;
let ada: Person;
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
});
afterAll(() => bed.stop());

const times = <Result>(count: number, act: (at: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => act(at)));

onPostgres('workspaces made at once under one name get slugs of their own', async () => {
  const made: { createWorkspace: { workspace: { slug: string } } }[] = await times(20, () =>
    ada.want('mutation { createWorkspace(input: { name: "Team" }) { workspace { slug } } }'),
  );
  const slugs = made.map(({ createWorkspace }) => createWorkspace.workspace.slug);
  expect(new Set(slugs).size).toBe(20);
  expect(slugs).toContain('team');
});

onPostgres('an e-mail address signed up at once gets one account', async () => {
  const input = {
    email: 'twin@example.com',
    password: 'correct horse battery',
    name: 'Twin',
    organizationName: 'Twins',
  };
  const codes = await times(10, () =>
    bed.anonymous.codes('mutation ($input: SignUpInput!) { signUp(input: $input) { token } }', { input }),
  );
  expect(codes.filter((each) => each.length === 0)).toHaveLength(1);
  expect(codes.flat()).toEqual(Array.from({ length: 9 }, () => 'CONFLICT'));
});

interface Conversation {
  readonly conversation: {
    readonly messages: {
      readonly edges: readonly {
        readonly node: { readonly id: string; readonly parent: { readonly id: string } | null };
      }[];
    };
  };
}

onPostgres('messages sent at once to a conversation stand one behind the other', async () => {
  const { createWorkspace }: { createWorkspace: { workspace: { id: string } } } = await ada.want(
    'mutation { createWorkspace(input: { name: "Talk" }) { workspace { id } } }',
  );
  const { startConversation }: { startConversation: { conversation: { id: string } } } = await ada.want(
    'mutation ($id: ID!) { startConversation(input: { workspaceId: $id, title: "All at once" }) { conversation { id } } }',
    { id: createWorkspace.workspace.id },
  );
  const { id } = startConversation.conversation;
  await times(40, (at) =>
    ada.want(
      'mutation ($id: ID!, $content: String!) { addMessage(input: { conversationId: $id, content: $content }) { message { id } } }',
      {
        id,
        content: `Message ${at}`,
      },
    ),
  );
  const { conversation }: Conversation = await ada.want(
    'query ($id: ID!) { conversation(id: $id) { messages(first: 100) { edges { node { id parent { id } } } } } }',
    { id },
  );
  const messages = conversation.messages.edges.map(({ node }) => node);
  expect(messages).toHaveLength(40);
  // Also those of one millisecond: each has the one listed before it as its parent.
  expect(messages.map(({ parent }) => parent?.id)).toEqual([undefined, ...messages.slice(0, -1).map(({ id }) => id)]);
});
