import { inWorkspace, byEditors, byWorkspaceAdmins, type Fixtures } from './fixture.ts';
import { secret } from './cast.ts';
import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A conversation of the filled workspace's owner without files. */
const newConversation = async (owner: Person, ids: Readonly<Record<string, string>>) => {
  const { startConversation }: Data = await owner.want(
    'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
    { input: { workspaceId: ids.Workspace, title: `${secret} with files` } },
  );
  return { Fresh: String(startConversation.conversation.id) };
};

/** A file that was dropped into such a conversation. */
const newParsedFile = async (owner: Person, ids: Readonly<Record<string, string>>) => {
  const { Fresh: conversationId } = await newConversation(owner, ids);
  const { addParsedFile }: Data = await owner.want(
    'mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }',
    { input: { conversationId, fileId: ids.File, wait: true } },
  );
  return { Fresh: String(addParsedFile.parsedFile.id) };
};

/** Files dropped into conversations. */
export const fixtures: Fixtures = {
  queries: {
    parsedFile: { gets: inWorkspace, field: 'parsedFile(id: $ParsedFile) { title text conversation { title } }' },
  },
  mutations: {
    addParsedFile: {
      gets: inWorkspace,
      field: 'addParsedFile(input: { conversationId: $Fresh, fileId: $File }) { parsedFile { title } }',
      target: newConversation,
    },
    // It was dropped by the owner.
    deleteParsedFile: {
      gets: byWorkspaceAdmins,
      field: 'deleteParsedFile(input: { id: $Fresh }) { deletedId }',
      shows: /parsed_file_/,
      target: newParsedFile,
    },
    moveParsedFile: {
      gets: { ...byEditors, editor: 'FORBIDDEN', manager: 'FORBIDDEN' },
      field: 'moveParsedFile(input: { id: $Fresh }) { document { title } }',
      target: newParsedFile,
    },
  },
  connections: {
    'Conversation.parsedFiles': { gets: inWorkspace },
  },
};
