import { randomUUID } from 'node:crypto';
import { eq, and } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import {
  promptHistory,
  promptVariables,
  slashCommands,
  suggestedMessages,
  welcomeMessages,
} from '../../src/domains/conversations/prompt-tables.ts';
import { globalId, newId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { secret, whole } from './cast.ts';
import { byAdmins, byWorkspaceAdmins, type Fixture, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

/** A name that nothing has yet. */
const fresh = (): string => `n${randomUUID().replaceAll('-', '')}`;
const newName = () => Promise.resolve({ Name: fresh() });

const placeOf = (ids: Ids) => ({ organizationId: uuidOf(String(ids.Organization)) });
const inWorkspaceOf = (ids: Ids) => ({ ...placeOf(ids), workspaceId: uuidOf(String(ids.Workspace)) });

/** What is changed or deleted next; written past the API, which takes in only so many. */
const planted = (type: string, insert: (ids: Ids) => PromiseLike<{ id: string }[]>): NonNullable<Fixture['target']> => {
  return async (_owner: Person, ids: Ids, bed: Testbed) => ({
    Fresh: globalId(type, sole(await whole(bed, String(ids.Organization)).transact(async () => await insert(ids))).id),
  });
};
const newCommand = planted('SlashCommand', (ids) =>
  database
    .insert(slashCommands)
    .values({ ...placeOf(ids), command: fresh(), prompt: secret })
    .returning(),
);
const newVariable = planted('PromptVariable', (ids) =>
  database
    .insert(promptVariables)
    .values({ ...placeOf(ids), type: 'STATIC', key: fresh(), value: secret })
    .returning(),
);
const newSuggested = planted('SuggestedMessage', (ids) =>
  database
    .insert(suggestedMessages)
    .values({ ...inWorkspaceOf(ids), heading: secret, message: secret })
    .returning(),
);
const newWelcome = planted('WelcomeMessage', (ids) =>
  database
    .insert(welcomeMessages)
    .values({ ...placeOf(ids), question: secret, answer: secret })
    .returning(),
);

/** Leaves room for one more message. */
const emptied = async (_owner: Person, ids: Ids, bed: Testbed): Promise<Record<string, string>> => {
  const { organizationId, workspaceId } = inWorkspaceOf(ids);
  await whole(bed, String(ids.Organization)).transact(async () => {
    const ofWorkspace = and(
      eq(suggestedMessages.organizationId, organizationId),
      eq(suggestedMessages.workspaceId, workspaceId),
    );
    await database.delete(suggestedMessages).where(ofWorkspace);
    await database.delete(welcomeMessages).where(eq(welcomeMessages.organizationId, organizationId));
  });
  return {};
};

/** Two earlier prompts of the filled workspace, of versions that it comes to by no other way. */
const earlierPrompts = async (_owner: Person, ids: Ids, bed: Testbed): Promise<Record<string, string>> => {
  const { organizationId, workspaceId } = inWorkspaceOf(ids);
  const rows = [1_000_001, 1_000_002].map((version) => ({
    organizationId,
    workspaceId,
    id: newId(),
    version,
    prompt: `${secret} ${version}`,
  }));
  await whole(bed, String(ids.Organization)).transact(() =>
    database.insert(promptHistory).values(rows).onConflictDoNothing(),
  );
  return {};
};

/** All members of the organization; strangers get what is their own. */
const byMembers: Fixture['gets'] = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'own',
  platformAdmin: 'own',
  keyWithoutScope: 'FORBIDDEN',
};
/** Everybody about what is their own, or the same for all. */
const byReaders: Fixture['gets'] = { otherwise: 'data', anonymous: 'UNAUTHENTICATED', keyWithoutScope: 'FORBIDDEN' };
/** Administrators of organizations, each about the list of their own. */
const byLibrarians: Fixture['gets'] = { ...byAdmins, stranger: 'data', platformAdmin: 'data' };

/** Prompts, slash commands, variables and the messages to begin with. */
export const fixtures: Fixtures = {
  queries: {
    slashCommands: { gets: byMembers, field: 'slashCommands(first: 100) { totalCount edges { node { prompt } } }' },
    expandSlashCommands: {
      gets: byMembers,
      field: 'expandSlashCommands(text: "Now /secret that") { text commands { prompt } }',
    },
    promptVariables: { gets: byMembers, field: 'promptVariables(first: 100) { totalCount edges { node { value } } }' },
    systemPromptVariables: {
      gets: byReaders,
      field: 'systemPromptVariables { key description }',
      shows: /workspace\.name/,
    },
    renderSystemPrompt: {
      gets: byWorkspaceAdmins,
      field: 'renderSystemPrompt(workspaceId: $Workspace, prompt: "{workspace.name} {secret}") { text unknown }',
    },
    comparePrompts: {
      gets: byWorkspaceAdmins,
      field: 'comparePrompts(workspaceId: $Workspace, from: 1000001, to: 1000002) { hunks { lines } }',
      target: earlierPrompts,
    },
    welcomeMessages: { gets: byMembers, field: 'welcomeMessages { question answer }' },
  },
  mutations: {
    createSlashCommand: {
      gets: byReaders,
      field: 'createSlashCommand(input: { command: $Name, prompt: "x" }) { slashCommand { id } }',
      shows: /slash_command_/,
      target: newName,
    },
    updateSlashCommand: {
      gets: byAdmins,
      field: 'updateSlashCommand(input: { id: $Fresh, description: "x" }) { slashCommand { prompt } }',
      target: newCommand,
    },
    deleteSlashCommand: {
      gets: byAdmins,
      field: 'deleteSlashCommand(input: { id: $Fresh }) { deletedId }',
      shows: /slash_command_/,
      target: newCommand,
    },
    createPromptVariable: {
      gets: byWorkspaceAdmins,
      field:
        'createPromptVariable(input: { type: WORKSPACE, workspaceId: $Workspace, key: $Name, value: "x" }) { promptVariable { workspace { name } } }',
      target: newName,
    },
    updatePromptVariable: {
      gets: byAdmins,
      field: 'updatePromptVariable(input: { id: $Fresh, description: "x" }) { promptVariable { value } }',
      target: newVariable,
    },
    deletePromptVariable: {
      gets: byAdmins,
      field: 'deletePromptVariable(input: { id: $Fresh }) { deletedId }',
      shows: /prompt_variable_/,
      target: newVariable,
    },
    restorePrompt: {
      gets: byWorkspaceAdmins,
      field: 'restorePrompt(input: { workspaceId: $Workspace, version: 1000001 }) { workspace { systemPrompt } }',
      target: earlierPrompts,
    },
    deletePromptHistory: {
      gets: byWorkspaceAdmins,
      field:
        'deletePromptHistory(input: { workspaceId: $Workspace, versions: [1000001, 1000002] }) { deletedCount workspace { name } }',
      target: earlierPrompts,
    },
    setSuggestedMessages: {
      gets: byWorkspaceAdmins,
      field: `setSuggestedMessages(input: { workspaceId: $Workspace, messages: [{ heading: "${secret}", message: "x" }] }) { suggestedMessages { heading } }`,
    },
    createSuggestedMessage: {
      gets: byWorkspaceAdmins,
      field: `createSuggestedMessage(input: { workspaceId: $Workspace, heading: "${secret}", message: "x" }) { suggestedMessage { heading } }`,
      target: emptied,
    },
    updateSuggestedMessage: {
      gets: byWorkspaceAdmins,
      field: 'updateSuggestedMessage(input: { id: $Fresh, heading: "x" }) { suggestedMessage { message } }',
      target: newSuggested,
    },
    moveSuggestedMessage: {
      gets: byWorkspaceAdmins,
      field: 'moveSuggestedMessage(input: { id: $Fresh, position: 0 }) { suggestedMessage { message } }',
      target: newSuggested,
    },
    deleteSuggestedMessage: {
      gets: byWorkspaceAdmins,
      field: 'deleteSuggestedMessage(input: { id: $Fresh }) { deletedId }',
      shows: /suggested_message_/,
      target: newSuggested,
    },
    setWelcomeMessages: {
      gets: byLibrarians,
      field: 'setWelcomeMessages(input: { messages: [{ question: "x", answer: "x" }] }) { welcomeMessages { id } }',
      shows: /welcome_message_/,
    },
    createWelcomeMessage: {
      gets: byLibrarians,
      field: 'createWelcomeMessage(input: { question: "x", answer: "x" }) { welcomeMessage { id } }',
      shows: /welcome_message_/,
      target: emptied,
    },
    updateWelcomeMessage: {
      gets: byAdmins,
      field: 'updateWelcomeMessage(input: { id: $Fresh, question: "x" }) { welcomeMessage { answer } }',
      target: newWelcome,
    },
    moveWelcomeMessage: {
      gets: byAdmins,
      field: 'moveWelcomeMessage(input: { id: $Fresh, position: 0 }) { welcomeMessage { answer } }',
      target: newWelcome,
    },
    deleteWelcomeMessage: {
      gets: byAdmins,
      field: 'deleteWelcomeMessage(input: { id: $Fresh }) { deletedId }',
      shows: /welcome_message_/,
      target: newWelcome,
    },
  },
  connections: {
    'Workspace.promptHistory': { gets: byWorkspaceAdmins },
  },
};
