import { database } from '../../database/client.ts';
import type { Confidence } from '../../ai/citations.ts';
import { contextTokensOf, maxOutputTokensOf } from '../../ai/deployment.ts';
import { answerPassages, answerRecords } from './answer-tables.ts';
import type { Material } from './answering.ts';
import type { Asked } from './asking.ts';
import { readersOfGround } from './grounds.ts';

/** A statement has at most 65,535 parameters, and a row of a passage 20 of them. */
const rowsAtOnce = 3000;

/** What found room in a prompt. */
export interface PromptFill {
  /** The first so many of the grounds. */
  readonly passagesUsed: number;
  /** The newest so many messages of the history. */
  readonly turnsUsed: number;
}

/** What is known of the making of an answer when it ends. */
export interface Making {
  /** Null where it failed before it had been gathered. */
  readonly material: Material | null;
  /** Null where no prompt was made. */
  readonly prompt: PromptFill | null;
  /** Null where the answer was not completed by a model. */
  readonly confidence: Confidence | null;
  /** Who may read the documents of the material that the asker still sees. */
  readonly readers: ReadonlyMap<string, string[] | null>;
}

/**
 * Writes down, in the transaction that settles an answer, what it was made with, so that it can be explained and its prompt be made again: the
 * same texts by the spans in the versions of the documents, the same history, and the same bounds. Passages of documents that are gone, or
 * were taken from the asker's sight meanwhile, are left out.
 */
export const writeRecord = async (asked: Asked, { material, prompt, confidence, readers }: Making): Promise<void> => {
  const { answer, workspace } = asked;
  const { organizationId, workspaceId, id: messageId } = answer;
  const own = { organizationId, workspaceId, messageId };
  const turnsUsed = prompt?.turnsUsed ?? 0;
  await database.insert(answerRecords).values({
    ...own,
    ...modelOf(asked),
    promptVersion: material?.ofTemplate === true ? 0 : promptVersionOf(asked),
    systemPrompt: material?.system ?? '',
    chatMode: workspace.chatMode,
    parameters: { ...parametersOf(asked), tone: material?.tone ?? null },
    searchQuery: material?.searchQuery ?? null,
    historyMessageIds: turnsUsed === 0 ? [] : (material?.history ?? []).slice(-turnsUsed).map((said) => said.messageId),
    support: confidence?.support ?? null,
    relevance: confidence?.relevance ?? null,
    confidenceThreshold: workspace.confidenceThreshold,
  });
  const rows: (typeof answerPassages.$inferInsert)[] = [];
  for (const [position, ground] of (material?.grounds ?? []).entries()) {
    const { start, text } = ground;
    const readable = readersOfGround(ground, readers);
    if (readable === undefined) continue;
    const used = position < (prompt?.passagesUsed ?? 0);
    rows.push({ ...ground, ...own, readers: readable, position, end: start + text.length, used });
  }
  for (let from = 0; from < rows.length; from += rowsAtOnce)
    await database.insert(answerPassages).values(rows.slice(from, from + rowsAtOnce));
};

/** The question's own prompt has no version in the workspace. */
const promptVersionOf = ({ choices, workspace }: Asked): number => {
  if (choices.systemPrompt !== undefined) return 0;
  return workspace.promptVersion === 0 && workspace.systemPrompt !== null ? 1 : workspace.promptVersion;
};

const modelOf = ({ call: { callable, route }, choices, workspace }: Asked) => {
  const { model, provider, price } = callable;
  const kindOf = () => {
    if (route.ruleId !== null) return 'RULE';
    if (workspace.chatModelId === null) return 'BUILTIN';
    return choices.chatModelId === undefined ? 'WORKSPACE_MODEL' : 'CHOICE';
  };
  return {
    providerName: provider.name,
    modelName: model.name,
    inputPrice: price?.input ?? null,
    outputPrice: price?.output ?? null,
    route: { kind: kindOf(), modelId: model.id },
  };
};

const parametersOf = ({
  workspace,
  call: {
    callable: { deployment },
  },
}: Asked) => {
  const { temperature, topN, similarityThreshold, historyLength, language } = workspace;
  return {
    temperature,
    topN,
    similarityThreshold,
    historyLength,
    language,
    contextTokens: contextTokensOf(deployment),
    maxOutputTokens: maxOutputTokensOf(deployment),
    timeoutMs: deployment.timeoutMs,
  };
};
