import { streamAnswer, type AnswerResult } from '../../ai/answer.ts';
import { estimatedUsage, type ChatDelta, type ChatResult } from '../../ai/chat.ts';
import { textsOf, type ChatMessage } from '../../ai/chat-prompt.ts';
import { verifiedCitations } from '../../ai/citations.ts';
import { contextTokensOf, type Deployment, type Turn } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import { QuestionTooLong } from '../../ai/prompt.ts';
import { standaloneQuestion } from '../../ai/query-terms.ts';
import type { Loader } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import { documentById } from '../content/loaders.ts';
import { pinnedPassages } from '../content/pinned.ts';
import { knowledgeEntryById } from '../knowledge/search-loaders.ts';
import { viewerOf, type Context } from '../context.ts';
import { failed, succeeded, unused, type ModelRequest, type Outcome } from '../modelhub/calls.ts';
import { ofPrograms, settled, unexpected } from '../modelhub/completions.ts';
import type { Callable } from '../modelhub/deployments.ts';
import { beginAlone, streamCall, type ModelCall } from '../modelhub/model-call.ts';
import { routeFor, type Route } from '../modelhub/routing.ts';
import { archived, requirePermission } from '../permissions.ts';
import { workspaceBySlug } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { settingsByWorkspace } from '../tenancy/workspace-loaders.ts';
import { pinnedShare, refusal } from './answering.ts';
import { foundGrounds } from './found-grounds.ts';
import { groundsOf, type Ground } from './grounds.ts';
import { boundedCitations, maxCitations } from './settling.ts';
import { filled, ownPrompt } from './system-prompt.ts';
import { instructedBy, templateOf } from './template-instructions.ts';

/** A workspace that is asked as a model is. */
export interface WorkspaceQuestion {
  /** The workspace's short name. */
  readonly slug: string;
  /** The last message of the user is the question, those before it the history; what the system says stands behind the workspace's own prompt. */
  readonly messages: readonly ChatMessage[];
  /** 0 to 2; undefined: the workspace's own. */
  readonly temperature: number | undefined;
  /** Tokens of the answer at most; null: the usual bound. */
  readonly maxOutputTokens: number | null;
  readonly tags: readonly string[];
}

/** A place in a document, or in an entry of the knowledge bank, that an answer rests on. */
export interface CompletionCitation {
  /** The number in square brackets by which the answer names it. */
  readonly marker: number;
  /** Null for an entry. */
  readonly documentId: string | null;
  /** Null for a document. */
  readonly knowledgeEntryId: string | null;
  readonly title: string;
  /** Where the document came from; null for what has no address. */
  readonly url: string | null;
  readonly quote: string;
}

/** What is given of an answer, the citations once it is whole. */
export type WorkspaceDelta = ChatDelta | { readonly type: 'citations'; readonly citations: CompletionCitation[] };

/** An answer that can be begun. */
export interface WorkspaceAnswer {
  /** Null where nothing was found and the workspace answers from its documents alone: then no model is called. */
  readonly call: ModelCall | null;
  readonly callable: Callable;
  readonly parts: (signal: AbortSignal) => AsyncGenerator<WorkspaceDelta, void>;
}

/** What an answer is made from. */
interface Material {
  readonly system: string;
  readonly tone: string | null;
  readonly history: readonly Turn[];
  readonly question: string;
  /** Of what the viewer sees, and of nothing else. */
  readonly passages: readonly Ground[];
}

/**
 * Searches a workspace for what a question needs and reserves the call of its chat model. Nothing is stored but the call. Throws NotFound (no such
 * workspace, or none that the viewer sees), Forbidden (needs DOCUMENT_READ there), Conflict (archived, no key), BadUserInput (no question, prompt too
 * long), QuotaExceeded, SwitchedOff.
 */
export const askWorkspace = async (context: Context, asked: WorkspaceQuestion): Promise<WorkspaceAnswer> => {
  const { unit, services } = context;
  const workspace = await workspaceBySlug(unit, asked.slug);
  if (workspace === null) throw new NotFound('Model', `workspace/${asked.slug}`);
  requirePermission(viewerOf(context), 'DOCUMENT_READ', workspace.id);
  if (workspace.archivedAt !== null) throw archived();
  const { maxOutputTokens, tags } = asked;
  const request: ModelRequest = {
    ...ofPrograms,
    type: 'TEXT',
    workspaceId: workspace.id,
    modelId: workspace.chatModelId,
    inputTokens: null,
    maxOutputTokens,
    tags,
  };
  const route = await routeFor(unit, services, request);
  const material = await materialOf(context, workspace, route, asked.messages);
  const [callable] = route.callables;
  if (workspace.chatMode === 'QUERY' && material.passages.length === 0) {
    const text = workspace.queryRefusalResponse ?? refusal;
    return { call: null, callable, parts: () => refused(text) };
  }
  const call = await beginAlone(unit, route, request);
  const temperature = asked.temperature ?? workspace.temperature ?? undefined;
  return { call, callable, parts: (signal) => answered(context, call, { workspace, material, temperature, signal }) };
};

/** Reads what the answer is made from; the unit holds no connection afterwards. */
const materialOf = async (
  { unit, services, viewer }: Context,
  workspace: WorkspaceRow,
  { callables: [{ deployment }] }: Route,
  messages: readonly ChatMessage[],
): Promise<Material> => {
  const { question, history, said } = questionIn(messages);
  const means = { unit, services };
  const whom = { userId: viewer?.userId ?? null, workspace };
  const own = async () => (await filled(means, await ownPrompt(means, workspace), whom)).text;
  const template = await templateOf(means, workspace);
  const [system, settings, pinned] = await Promise.all([
    instructedBy(means, template, whom, own),
    settingsByWorkspace(unit).load(workspace.id),
    pinnedPassages(unit, workspace.id, Math.floor(contextTokensOf(deployment) * pinnedShare)),
  ]);
  const earlier = history.findLast(({ role }) => role === 'user')?.text;
  const query = standaloneQuestion({ question, earlier, language: workspace.language });
  const found = await foundGrounds(
    { unit, services },
    {
      workspace,
      query,
      pinnedChunkIds: new Set(pinned.passages.map(({ chunkId }) => chunkId)),
      excludeDocumentIds: pinned.wholeDocumentIds,
    },
  );
  await unit.rest();
  return {
    system: [system.text, ...said].filter((text) => text !== '').join('\n\n'),
    tone: settings?.tone ?? null,
    history: history.slice(Math.max(0, history.length - workspace.historyLength)),
    question,
    passages: [...groundsOf(pinned.passages, 'PINNED'), ...found.grounds],
  };
};

const questionIn = (messages: readonly ChatMessage[]) => {
  const last = messages.findLastIndex(({ role }) => role === 'user');
  const question = (messages[last] === undefined ? '' : textsOf(messages[last]).join('\n')).trim();
  if (question === '') throw new BadUserInput('messages', 'A workspace is asked by a message of the user, in words.');
  const history = messages
    .slice(0, last)
    .flatMap((message): Turn[] =>
      message.role === 'user' || message.role === 'assistant'
        ? [{ role: message.role, text: textsOf(message).join('\n') }]
        : [],
    );
  const said = messages.flatMap((message) => (message.role === 'system' ? [message.text] : []));
  return { question, history, said };
};

async function* refused(text: string): AsyncGenerator<WorkspaceDelta, void> {
  yield { type: 'text', text };
  const usage = { ...unused, reasoningTokens: 0 };
  yield { type: 'citations', citations: [] };
  yield {
    type: 'result',
    result: { text, calls: [], finishReason: 'stop', usage, latencyMs: 0, timeToFirstTokenMs: 0 },
  };
}

interface Answering {
  readonly workspace: WorkspaceRow;
  readonly material: Material;
  readonly temperature: number | undefined;
  readonly signal: AbortSignal;
}

/** Streams the answer and settles its call, as `completionOf` does. */
async function* answered(
  context: Context,
  call: ModelCall,
  { workspace, material, temperature, signal }: Answering,
): AsyncGenerator<WorkspaceDelta, void> {
  const began = performance.now();
  const { language, chatMode } = workspace;
  let text = '';
  let ended: (() => Promise<Outcome>) | undefined;
  const brokenOff =
    ({ kind, message, text }: ModelFailure) =>
    async () =>
      failed(kind, message, performance.now() - began, await usedBefore(material, text));
  const stream = (deployment: Deployment) =>
    streamAnswer({
      ...material,
      deployment,
      generalKnowledge: chatMode !== 'QUERY',
      language,
      signal,
      ...(temperature !== undefined && { temperature }),
    });
  try {
    for await (const part of streamCall(context, call, stream)) {
      if (part.type === 'delta') {
        text += part.text;
        yield { type: 'text', text: part.text };
        continue;
      }
      const { usage, latencyMs, timeToFirstTokenMs } = part.result;
      ended = async () => succeeded(usage, latencyMs, timeToFirstTokenMs);
      yield { type: 'citations', citations: await citationsOf(context.unit, part.result, workspace, material) };
      yield { type: 'result', result: resultOf(part.result) };
    }
  } catch (error) {
    ended ??=
      error instanceof ModelFailure ? brokenOff(error) : async () => unexpected(error, performance.now() - began);
    if (!(error instanceof QuestionTooLong)) throw error;
    throw new BadUserInput('messages', error.message);
  } finally {
    const outcome = ended ?? brokenOff(new ModelFailure('CANCELLED', 'The answer was cancelled.', { text }));
    await settled(context, call, outcome, () => ({ input: toldIn(material), output: text }));
  }
}

const toldIn = ({ system, history, question, passages }: Material) => ({
  system,
  turns: history.map(({ role, text }) => ({ role, text })),
  question,
  passages: passages.map(({ title, text }) => ({ title, text })),
});

const usedBefore = ({ system, history, question, passages }: Material, text: string) => {
  if (text === '') return unused;
  const said = [system, ...history.map((turn) => turn.text), ...passages.map((passage) => passage.text), question];
  return estimatedUsage({ messages: said.map((each): ChatMessage => ({ role: 'system', text: each })) }, text);
};

const resultOf = ({ text, finishReason, usage, latencyMs, timeToFirstTokenMs }: AnswerResult): ChatResult => ({
  text,
  calls: [],
  finishReason: finishReason === 'length' ? 'length' : 'stop',
  usage: { ...usage, reasoningTokens: 0 },
  latencyMs,
  timeToFirstTokenMs,
});

/** The places that the answer names, in documents and entries that the viewer still sees. One statement for each of the two, and none without any. */
const citationsOf = async (
  unit: UnitOfWork,
  { text, passagesUsed }: AnswerResult,
  { language, topN }: WorkspaceRow,
  { passages }: Material,
): Promise<CompletionCitation[]> => {
  const used = passages.slice(0, passagesUsed);
  const { citations } = verifiedCitations(text, used, language);
  const bounded = boundedCitations(citations, Math.max(topN, Math.min(used.length, maxCitations)));
  const cited = bounded.flatMap(({ passage, quote }) => {
    const { documentId = null, knowledgeEntryId = null } = used[passage] ?? {};
    return [{ marker: passage + 1, documentId, knowledgeEntryId, quote }];
  });
  const documents = await Promise.all(cited.map((each) => seen(documentById(unit), each.documentId)));
  const entries = await Promise.all(cited.map((each) => seen(knowledgeEntryById(unit), each.knowledgeEntryId)));
  await unit.rest();
  return cited.flatMap((each, at): CompletionCitation[] => {
    const [document, entry] = [documents[at] ?? null, entries[at] ?? null];
    const title = document?.title ?? entry?.title;
    return title === undefined ? [] : [{ ...each, title, url: document?.sourceUri ?? null }];
  });
};

const seen = async <Row>(loader: Loader<Row | null>, id: string | null): Promise<Row | null> =>
  id === null ? null : loader.load(id);
