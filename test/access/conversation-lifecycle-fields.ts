import { byEditors, byWorkspaceAdmins, inWorkspace, type Fixtures } from './fixture.ts';
import { secret } from './cast.ts';
import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Ids = Readonly<Record<string, string>>;

const act = async (owner: Person, name: string, input: object, selection: string): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const data: Data = await owner.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return data[name];
};

/** A conversation of the filled workspace's owner. */
const begun = async (owner: Person, { Workspace: workspaceId }: Ids): Promise<string> => {
  const input = { workspaceId, title: `${secret} talk` };
  return (await act(owner, 'startConversation', input, 'conversation { id }')).conversation.id;
};
const fresh = async (owner: Person, ids: Ids) => ({ Fresh: await begun(owner, ids) });
const ended = async (owner: Person, ids: Ids) => {
  const id = await begun(owner, ids);
  await act(owner, 'endConversation', { id }, 'conversation { id }');
  return { Fresh: id };
};
/** One that waits for a person, or is with the one named. */
const handedOver = async (owner: Person, ids: Ids, assigneeId: string | null = null) => {
  const conversationId = await begun(owner, ids);
  await act(owner, 'transferConversation', { conversationId, assigneeId }, 'conversation { id }');
  return { Fresh: conversationId };
};
const withEditor = (owner: Person, ids: Ids) => handedOver(owner, ids, ids.Editor);
const waiting = (owner: Person, ids: Ids) => handedOver(owner, ids);

const shared = async (owner: Person, ids: Ids) => {
  const conversationId = await begun(owner, ids);
  const { share, token } = await act(owner, 'shareConversation', { conversationId }, 'token share { id }');
  return { Fresh: String(share.id), Token: String(token) };
};
const opinion = async (owner: Person, ids: Ids) => {
  const conversationId = await begun(owner, ids);
  const { message } = await act(owner, 'addMessage', { conversationId, content: secret }, 'message { id }');
  const given = { messageId: message.id, score: -1, comment: secret };
  return { Fresh: String((await act(owner, 'giveFeedback', given, 'feedback { id }')).feedback.id) };
};

const changed = (name: string) => `${name}(input: { id: $Fresh }) { conversation { title } }`;

/** States, hand-over, links and export of conversations, and feedback. */
export const fixtures: Fixtures = {
  queries: {
    waitingConversations: {
      // Whoever may answer somewhere sees what waits there.
      gets: {
        otherwise: 'data',
        anonymous: 'UNAUTHENTICATED',
        guest: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
        stranger: 'own',
        platformAdmin: 'own',
        neighbour: 'own',
        viewer: 'own',
      },
      field: 'waitingConversations(first: 100) { totalCount edges { node { title } } }',
      target: waiting,
    },
    searchMessages: {
      gets: inWorkspace,
      field: `searchMessages(conversationId: $Conversation, text: "${secret}") { totalCount edges { snippet node { content } } }`,
    },
    sharedConversation: {
      // Whoever holds the link, whatever token they carry.
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      field: 'sharedConversation(token: $Token) { title messages { totalCount } }',
      target: shared,
    },
  },
  mutations: {
    endConversation: { gets: byEditors, field: changed('endConversation'), target: fresh },
    reopenConversation: { gets: byEditors, field: changed('reopenConversation'), target: ended },
    transferConversation: {
      gets: byEditors,
      field: 'transferConversation(input: { conversationId: $Fresh }) { conversation { title } }',
      target: fresh,
    },
    takeConversation: { gets: byEditors, field: changed('takeConversation'), target: waiting },
    answerConversation: {
      // Only the one who has it.
      gets: {
        ...byEditors,
        manager: 'CONFLICT',
        workspaceAdmin: 'CONFLICT',
        admin: 'CONFLICT',
        owner: 'CONFLICT',
        key: 'CONFLICT',
      },
      field: `answerConversation(input: { conversationId: $Fresh, content: "${secret}" }) { message { content } }`,
      target: withEditor,
    },
    // Nobody has taken it yet, and the owner started it.
    handBackConversation: { gets: byWorkspaceAdmins, field: changed('handBackConversation'), target: waiting },
    pinConversation: { gets: byWorkspaceAdmins, field: changed('pinConversation'), target: fresh },
    unpinConversation: { gets: byWorkspaceAdmins, field: changed('unpinConversation'), target: fresh },
    archiveConversation: { gets: byWorkspaceAdmins, field: changed('archiveConversation'), target: fresh },
    unarchiveConversation: { gets: byWorkspaceAdmins, field: changed('unarchiveConversation'), target: fresh },
    resetConversation: { gets: byWorkspaceAdmins, field: changed('resetConversation'), target: fresh },
    exportConversations: {
      gets: inWorkspace,
      field: 'exportConversations(input: { workspaceId: $Workspace, format: JSON }) { job { kind } }',
      shows: /conversations\.export/,
    },
    shareConversation: {
      gets: byEditors,
      field: 'shareConversation(input: { conversationId: $Fresh }) { share { conversation { title } } }',
      target: fresh,
    },
    revokeConversationShare: {
      gets: byEditors,
      field: 'revokeConversationShare(input: { id: $Fresh }) { share { conversation { title } } }',
      target: shared,
    },
    deleteFeedback: {
      gets: {
        otherwise: 'NOT_FOUND',
        anonymous: 'UNAUTHENTICATED',
        keyWithoutScope: 'FORBIDDEN',
        owner: 'data',
        key: 'data',
      },
      field: 'deleteFeedback(input: { id: $Fresh }) { deletedId }',
      shows: /feedback_/,
      target: opinion,
    },
    reviewFeedback: {
      // Who does not review does not see it, as far as it is not theirs.
      gets: { ...byWorkspaceAdmins, viewer: 'NOT_FOUND', editor: 'NOT_FOUND', manager: 'NOT_FOUND' },
      field: 'reviewFeedback(input: { id: $Fresh }) { feedback { comment } }',
      target: opinion,
    },
  },
  subscriptions: {
    conversationEvents: {
      gets: inWorkspace,
      field:
        'conversationEvents(conversationId: $Conversation) { ... on ConversationMessageAdded { message { content } } }',
      meanwhile: async (owner, { Conversation: conversationId }) => {
        await act(owner, 'addMessage', { conversationId, content: `${secret} said` }, 'message { id }');
      },
    },
  },
  connections: {
    'Conversation.shares': { gets: inWorkspace },
    'Workspace.feedback': { gets: byWorkspaceAdmins },
    'SharedConversation.messages': {
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      field: 'sharedConversation(token: $ShareToken) { messages { totalCount edges { node { __typename } } } }',
    },
  },
};
