import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check';
import { add, ask, branch, choose, edit, pathOf, regenerate, type Told } from './asking.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// One connection lets nothing run side by side, so these prove something on a server only.
const onPostgres = process.env.TEST_POSTGRES_URL !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
}, 60_000);
afterAll(() => bed.stop());

type Node = Pick<Told, 'id' | 'content' | 'parent' | 'siblingIndex' | 'siblingCount'> & {
  readonly createdAt: string;
  readonly siblings: readonly { readonly id: string }[];
  readonly children: readonly { readonly id: string }[];
};

const reading = `query ($id: ID!) { conversation(id: $id) { messages(first: 100) { edges { node { id content createdAt parent { id }
  siblingIndex siblingCount siblings { id } children { id } } } } } }`;

/** All messages, and the first fault of the tree that they form. */
const treeOf = async (conversationId: string): Promise<{ nodes: Node[]; fault: string | null }> => {
  const data: { conversation: { messages: { edges: { node: Node }[] } } } = await ada.want(reading, {
    id: conversationId,
  });
  const nodes = data.conversation.messages.edges.map(({ node }) => node);
  return { nodes, fault: nodes.map((node) => faultOf(node, nodes)).find((fault) => fault !== null) ?? null };
};

const faultOf = (node: Node, nodes: readonly Node[]): string | null => {
  const parent = nodes.find(({ id }) => id === node.parent?.id);
  if (node.parent !== null && parent === undefined) return `${node.content} hangs below a message of elsewhere.`;
  if (parent !== undefined && parent.createdAt >= node.createdAt) return `${node.content} is as old as its parent.`;
  const beside = nodes.filter((other) => other.parent?.id === node.parent?.id).map(({ id }) => id);
  if (JSON.stringify(node.siblings.map(({ id }) => id)) !== JSON.stringify(beside))
    return `${node.content} has other siblings.`;
  if (node.siblingIndex !== beside.indexOf(node.id) || node.siblingCount !== beside.length)
    return `${node.content} has the place ${node.siblingIndex} of ${node.siblingCount}.`;
  const below = nodes.filter((other) => other.parent?.id === node.id).map(({ id }) => id);
  if (JSON.stringify(node.children.map(({ id }) => id)) !== JSON.stringify(below))
    return `${node.content} has other children.`;
  return null;
};

/** The ids from the first message to this one. */
const wayTo = (id: string | undefined, nodes: readonly Node[]): string[] => {
  const node = nodes.find((each) => each.id === id);
  return node === undefined ? [] : [...wayTo(node.parent?.id, nodes), node.id];
};

const idsOf = (path: readonly Told[]) => path.map(({ id }) => id);
const times = <Result>(count: number, act: (at: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => act(at)));

onPostgres('what is asked, answered and written anew at once gets places of its own', async () => {
  const conversationId = await conversationIn(ada, workspaceId);
  const { question, answer } = await ask(ada, { conversationId, text: 'Colour?' });
  await times(24, async (at): Promise<unknown> => {
    if (at % 6 === 0) return regenerate(ada, answer.id);
    if (at % 6 === 1) return edit(ada, { messageId: question.id, text: `Edit ${at}`, answer: at % 4 === 1 });
    if (at % 6 === 2) return edit(ada, { messageId: answer.id, text: `Answer ${at}` });
    if (at % 6 === 3) return add(ada, { conversationId, content: `Added ${at}` });
    if (at % 6 === 4) return add(ada, { conversationId, content: `Below ${at}`, parentId: answer.id });
    return choose(ada, question.id);
  });
  const { nodes, fault } = await treeOf(conversationId);
  expect(fault).toBeNull();
  expect(nodes.find(({ id }) => id === question.id)?.children).toHaveLength(1 + 4 + 4);
  expect(new Set(nodes.map(({ createdAt }) => createdAt)).size).toBe(nodes.length);
  const path = await pathOf(ada, conversationId);
  expect(idsOf(path)).toEqual(wayTo(path.at(-1)?.id, nodes));
});

onPostgres('of additions and a choice at once, none is lost and the tree stays whole', async () => {
  for (let round = 0; round < 5; round += 1) {
    const conversationId = await conversationIn(ada, workspaceId);
    const first = await add(ada, { conversationId, content: '1' });
    const left = await add(ada, { conversationId, content: 'left' });
    await add(ada, { conversationId, content: 'right', parentId: first.id });
    await times(8, (at): Promise<unknown> =>
      at % 2 === 0 ? choose(ada, left.id) : add(ada, { conversationId, content: `x${at}` }),
    );
    const { nodes, fault } = await treeOf(conversationId);
    expect(fault).toBeNull();
    expect(nodes).toHaveLength(7);
  }
});

test('whatever is done in whatever order, the tree stays sound and the path is one way through it', async () => {
  const step = record({
    what: constantFrom('ask', 'add', 'below', 'anew', 'regenerate', 'edit', 'choose', 'branch'),
    where: nat(),
  });
  await assert(
    asyncProperty(array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const conversationId = await conversationIn(ada, workspaceId);
      const { answer } = await ask(ada, { conversationId, text: 'Colour?' });
      // Where the conversation goes on, as it is told of the steps alone.
      let tip = answer.id;
      for (const { what, where } of steps) {
        const { nodes } = await treeOf(conversationId);
        const target = nodes[where % nodes.length];
        const messageId = target?.id ?? '';
        const before = tip;
        if (what === 'ask') {
          const asked = await ask(ada, { conversationId, text: 'More?' });
          expect(asked.question.parent?.id).toBe(before);
          tip = asked.answer.id;
        } else if (what === 'add') {
          const added = await add(ada, { conversationId, content: 'Note' });
          expect(added.parent?.id).toBe(before);
          tip = added.id;
        } else if (what === 'below' || what === 'anew')
          tip = (await add(ada, { conversationId, content: 'Note', parentId: what === 'anew' ? null : messageId })).id;
        else if (what === 'regenerate') {
          const { errors, data } = await ada.ask(
            'mutation ($id: ID!) { regenerate(input: { messageId: $id }) { answer { id } } }',
            { id: messageId },
          );
          expect(errors).toEqual([]);
          tip = (data as unknown as { regenerate: { answer: { id: string } } }).regenerate.answer.id;
        } else if (what === 'edit') {
          const { message, answer: again } = await edit(ada, { messageId, text: 'Anew' });
          expect(message).toMatchObject({ parent: target?.parent, editedFrom: { id: messageId } });
          tip = again?.id ?? message.id;
        } else if (what === 'choose') {
          tip = nodes.findLast(({ id }) => wayTo(id, nodes).includes(messageId))?.id ?? '';
          await choose(ada, messageId);
        } else {
          const made = await branch(ada, { messageId });
          const branched = await treeOf(made.id);
          expect(branched.fault).toBeNull();
          expect(branched.nodes.map(({ content }) => content)).toEqual(
            wayTo(messageId, nodes).map((id) => nodes.find((each) => each.id === id)?.content),
          );
        }
        const now = await treeOf(conversationId);
        expect(now.fault).toBeNull();
        expect(idsOf(await pathOf(ada, conversationId))).toEqual(wayTo(tip, now.nodes));
      }
    }),
    { numRuns: 12 },
  );
}, 60_000);
