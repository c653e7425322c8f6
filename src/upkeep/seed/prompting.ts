import {
  agentInvocations,
  agentSettings,
  agentSteps,
  agentToolCalls,
} from '../../domains/conversations/agent-tables.ts';
import { answerPassages, answerRecords } from '../../domains/conversations/answer-tables.ts';
import {
  promptHistory,
  promptVariables,
  slashCommands,
  suggestedMessages,
  welcomeMessages,
} from '../../domains/conversations/prompt-tables.ts';
import { Chance, madeAt, rows, sampleId } from './chance.ts';
import { organizationId, userOf, workspaceOf } from './company.ts';
import type { Fill } from './fill.ts';
import { documentIdOf } from './knowledge.ts';
import { answerIdOf, conversationIdOf, settingOf } from './talk.ts';

const base = { ...madeAt(0, 1), organizationId };
const instructions = 'Answer from the documents, in a friendly tone.';

/** What answers are made with: the texts of an organization and its workspaces, how answers came about, and what agents did. */
export const fillPrompting = async (fill: Fill): Promise<void> => {
  await fillTexts(fill);
  await fillRecords(fill);
  await fillAgents(fill);
};

const fillTexts = async ({ size, put }: Fill): Promise<void> => {
  const inWorkspace = (number: number) => ({ ...base, workspaceId: workspaceOf(number) });
  await put(
    promptHistory,
    rows(size.workspaces, (number) => ({
      ...inWorkspace(number),
      id: sampleId('prompt history', number),
      version: 1,
      prompt: instructions,
      authorId: userOf(0),
    })),
  );
  await put(
    suggestedMessages,
    rows(size.workspaces, (number) => ({
      ...inWorkspace(number),
      id: sampleId('suggested message', number),
      heading: 'Find your way',
      message: 'What is in this workspace?',
    })),
  );
  await put(welcomeMessages, [
    { ...base, id: sampleId('welcome message', 0), question: 'What can you do?', answer: 'I read our documents.' },
  ]);
  const command = { ...base, command: 'brief', prompt: 'Answer in one sentence:', description: 'Short answers' };
  await put(slashCommands, [{ ...command, id: sampleId('slash command', 0) }]);
  const variable = { ...base, type: 'STATIC' as const, key: 'company', value: 'Sample Company' };
  await put(promptVariables, [{ ...variable, id: sampleId('prompt variable', 0), createdById: userOf(0) }]);
};

/** Of the last answer of each conversation. */
const fillRecords = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('records');
  const count = size.conversations;
  const own = (number: number) => ({
    ...madeAt(number, count),
    organizationId,
    workspaceId: settingOf(number, size).workspaceId,
    messageId: answerIdOf(number),
  });
  await put(
    answerRecords,
    rows(count, (number) => ({
      ...own(number),
      id: sampleId('answer record', number),
      promptVersion: 1,
      systemPrompt: instructions,
      chatMode: 'CHAT' as const,
      providerName: 'Tessera',
      modelName: 'builtin',
    })),
  );
  await put(
    answerPassages,
    rows(count, (number) => ({
      ...own(number),
      id: sampleId('answer passage', number),
      position: 0,
      origin: 'SEARCH' as const,
      documentId: documentIdOf(chance.below(size.documents)),
      documentVersion: 1,
      title: chance.title(),
      start: 0,
      end: 40,
      score: chance.below(1000) / 1000,
      used: true,
    })),
  );
};

const runIdOf = (number: number) => sampleId('agent run', number);

/** What agents may do in each workspace, and a run for every tenth conversation. */
const fillAgents = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('agents');
  await put(
    agentSettings,
    rows(size.workspaces, (number) => ({
      ...base,
      id: sampleId('agent settings', number),
      workspaceId: workspaceOf(number),
    })),
  );
  const count = Math.ceil(size.conversations / 10);
  const own = (number: number) => ({
    ...madeAt(number, count),
    organizationId,
    workspaceId: settingOf(number * 10, size).workspaceId,
  });
  const userIdOf = (number: number) => settingOf(number * 10, size).userId;
  await put(
    agentInvocations,
    rows(count, (number) => ({
      ...own(number),
      id: runIdOf(number),
      messageId: answerIdOf(number * 10),
      conversationId: conversationIdOf(number * 10),
      userId: userIdOf(number),
      credentialKind: 'SESSION',
      credentialId: sampleId('session', number),
      maxSteps: 10,
      status: 'COMPLETED' as const,
      tools: ['search_workspace'],
    })),
  );
  const ofRun = (number: number) => ({
    ...own(number),
    readers: [userIdOf(number), organizationId],
    invocationId: runIdOf(number),
  });
  await put(
    agentSteps,
    rows(count, (number) => ({
      ...ofRun(number),
      id: sampleId('agent step', number),
      position: 1,
      text: chance.text(1),
    })),
  );
  await put(
    agentToolCalls,
    rows(count, (number) => ({
      ...ofRun(number),
      id: sampleId('agent call', number),
      step: 1,
      position: 0,
      callId: `call-${number}`,
      tool: 'search_workspace',
      arguments: { text: chance.title() },
      status: 'COMPLETED' as const,
      changes: false,
      result: chance.text(1),
    })),
  );
};
