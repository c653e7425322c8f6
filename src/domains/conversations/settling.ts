import { and, eq, inArray, sql, type SQL } from 'drizzle-orm';
import { confidence, verifiedCitations, type Citation } from '../../ai/citations.ts';
import type { AnswerResult, Usage } from '../../ai/answer.ts';
import { countTokens } from '../../ai/tokens.ts';
import { database } from '../../database/client.ts';
import { documents } from '../content/tables.ts';
import { keepContent } from '../modelhub/call-contents.ts';
import { costInLedger, costOf, failed, releaseCall, settleCall, succeeded, unused } from '../modelhub/calls.ts';
import { settleQuota } from '../modelhub/quotas.ts';
import { usedBy } from './allowance.ts';
import { writeRecord, type Making, type PromptFill } from './answer-records.ts';
import type { Material } from './answering.ts';
import type { Asked, Means } from './asking.ts';
import type { AnswerFailure } from './events.ts';
import { readersOfGround } from './grounds.ts';
import { concludeExchange, conversationToChange } from './handover.ts';
import { citations, messages, runningAnswers } from './tables.ts';

/** How the work on an answer ended. */
export type Ending =
  | { readonly kind: 'answered'; readonly result: AnswerResult; readonly material: Material }
  | { readonly kind: 'refused'; readonly text: string; readonly material: Material }
  | ({
      readonly kind: 'failed';
      readonly text: string;
      readonly error: AnswerFailure;
      /** What went wrong with the model, for the log. */
      readonly cause: string;
      readonly latencyMs: number;
    } & Reached)
  | ({ readonly kind: 'cancelled'; readonly text: string; readonly latencyMs: number } & Reached);

/** How far the work on an answer had come. */
export type Reached = Pick<Making, 'material'> & {
  /** With the tokens of the whole prompt; null where none was made. */
  readonly prompt: (PromptFill & Pick<Usage, 'inputTokens'>) | null;
};

const ofCitation = ({ passage, start, end }: Citation): string => `${passage} ${start} ${end}`;

/**
 * Each place once, at most `limit` in all, in the order of mention. When there are more, every passage keeps its first place
 * before any gets a second, so that each number in the answer leads somewhere.
 */
export const boundedCitations = (all: readonly Citation[], limit: number): Citation[] => {
  const places = [...new Map(all.toReversed().map((one) => [ofCitation(one), one])).values()].toReversed();
  const first = places.filter((one) => places.find(({ passage }) => passage === one.passage) === one);
  const kept = new Set([...first, ...places.filter((one) => !first.includes(one))].slice(0, limit));
  return places.filter((one) => kept.has(one));
};

/** Citations of an answer that was given more passages than a search finds. */
export const maxCitations = 50;

/** What becomes of a completed answer, with its citations and the passages they stand in. */
const answeredFields = ({ result, material }: Extract<Ending, { kind: 'answered' }>, { workspace }: Asked) => {
  const { text, usage } = result;
  const used = material.grounds.slice(0, result.passagesUsed);
  const verified = verifiedCitations(text, used, workspace.language);
  const sureness = confidence(text, verified.citations, used, workspace.language);
  const fields = {
    status: 'COMPLETED' as const,
    content: text,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    confidence: sureness.total,
    belowThreshold: sureness.total < workspace.confidenceThreshold,
  };
  return {
    sureness,
    prompt: result,
    used,
    cited: boundedCitations(verified.citations, Math.max(workspace.topN, Math.min(used.length, maxCitations))),
    fields,
  };
};

/** What the call has used. Of one that broke off the provider tells nothing, and bills what was read and written once the model had begun. */
const usageOf = async (ending: Ending): Promise<Usage> => {
  if (ending.kind === 'answered') return ending.result.usage;
  if (ending.kind === 'refused' || ending.prompt === null || ending.text === '') return unused;
  const { inputTokens } = ending.prompt;
  return { inputTokens, cachedInputTokens: 0, outputTokens: await countTokens(ending.text), estimated: true };
};

/** What becomes of the answer's row. */
const fieldsOf = (ending: Ending, usage: Usage, asked: Asked) => {
  if (ending.kind === 'answered') return answeredFields(ending, asked);
  const content = ending.text;
  // What was refused would only mislead a model that reads it later.
  if (ending.kind === 'refused')
    return {
      fields: { status: 'COMPLETED' as const, content, model: null, modelId: null, includedInHistory: false },
    };
  const { prompt } = ending;
  const { inputTokens, outputTokens, estimated: begun } = usage;
  const used = begun ? { inputTokens, outputTokens } : {};
  if (ending.kind === 'cancelled') return { fields: { status: 'CANCELLED' as const, content, ...used }, prompt };
  const { code: errorCode, message: errorMessage } = ending.error;
  return { fields: { status: 'FAILED' as const, content, errorCode, errorMessage, ...used }, prompt };
};

/** Another deployment than the first of the route may have written it. */
const answeredBy = ({ call: { callable } }: Asked, { kind }: Ending) =>
  kind === 'refused' ? {} : { model: callable.model.name, modelId: callable.model.id };

/** Changes an answer that is being written, and no other. */
export const streaming = (organizationId: string, which: SQL | undefined) =>
  and(eq(messages.organizationId, organizationId), which, eq(messages.status, 'STREAMING'));

const actions = {
  answered: 'answer.completed',
  refused: 'answer.completed',
  failed: 'answer.failed',
  cancelled: 'answer.cancelled',
} as const;

/**
 * Writes down how an answer ended, with its citations, its record and the call's log, in one transaction. False when the answer was no
 * longer awaited: its conversation was deleted, or another process has ended it.
 */
export const settle = async ({ unit, services }: Means, asked: Asked, ending: Ending): Promise<boolean> => {
  const usage = await usageOf(ending);
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const { answer, call } = asked;
    const outcome = { used: [], cited: [], prompt: null, sureness: null, ...fieldsOf(ending, usage, asked) };
    const { fields, used, cited, prompt, sureness: confidence } = outcome;
    const told = { confidence: null, belowThreshold: false, ...fields };
    const conversation = await conversationToChange(asked, told);
    const settling = { executionId: call.executionId, cost: costOf(call.callable.price, usage) };
    const cost = 'inputTokens' in fields ? costInLedger(organizationId, answer.id, settling) : null;
    const settled = await database
      .update(messages)
      .set({ ...answeredBy(asked, ending), ...fields, cost, leaseUntil: null, processedAt: sql`now()` })
      .where(streaming(organizationId, eq(messages.id, answer.id)))
      .returning({ id: messages.id });
    await database.delete(runningAnswers).where(eq(runningAnswers.messageId, answer.id));
    if (ending.kind === 'refused') await releaseCall(unit, call.executionId);
    else await settleCall(unit, call.executionId, outcomeOf(ending, usage));
    if (asked.claimed) await settleQuota(transaction, answer.id, usedBy(ending));
    if (settled.length === 0) return false;
    if (ending.kind !== 'refused') await keepContent(unit, call, () => contentOf(asked, ending));
    if (conversation !== null) await concludeExchange({ unit, services }, conversation, asked, told);
    const { workspaceId } = answer;
    const { material } = ending;
    const readers = await readersOf(
      organizationId,
      (material?.grounds ?? []).flatMap(({ documentId }) => documentId ?? []),
    );
    const rows = cited.flatMap((one, position) => {
      const ground = used[one.passage];
      const readable = ground && readersOfGround(ground, readers);
      if (ground === undefined || readable === undefined) return [];
      const { chunkId, documentId, documentVersion, parsedFileId, knowledgeEntryId, knowledgeVersion, score } = ground;
      return {
        organizationId,
        workspaceId,
        readers: readable,
        messageId: answer.id,
        position,
        marker: one.passage + 1,
        chunkId: chunkId === null ? null : survivingChunk(organizationId, chunkId),
        documentId,
        documentVersion,
        parsedFileId,
        knowledgeEntryId,
        knowledgeVersion,
        quote: one.quote,
        start: ground.start + one.start,
        end: ground.start + one.end,
        score,
      };
    });
    if (rows.length > 0) await database.insert(citations).values(rows);
    await writeRecord(asked, { material, prompt, confidence, readers });
    unit.record({ action: actions[ending.kind], type: 'Message', id: answer.id, workspaceId });
    return true;
  });
};

/**
 * Who may read the documents that the answer was made of, as far as the asker still sees them: what was deleted, or taken from their sight,
 * while the model wrote is not cited. They stay locked, so that a change of their readers comes before the citations and passages or finds them.
 */
const readersOf = async (organizationId: string, ids: readonly string[]): Promise<Map<string, string[] | null>> => {
  if (ids.length === 0) return new Map();
  const rows = await database
    .select({ id: documents.id, readers: documents.readers })
    .from(documents)
    .where(and(eq(documents.organizationId, organizationId), inArray(documents.id, [...new Set(ids)])))
    .orderBy(documents.id)
    .for('share');
  return new Map(rows.map(({ id, readers }) => [id, readers]));
};

/** The passage may have been replaced while the model wrote; locked, it stays until the citation stands. */
const survivingChunk = (organizationId: string, chunkId: string) => sql<string | null>`(
  select chunk.id from document_chunks chunk
  where chunk.organization_id = ${organizationId} and chunk.id = ${chunkId} for key share
)`;

/** What the model was told, as far as that was gathered, and what it said. */
const contentOf = ({ question }: Asked, ending: Exclude<Ending, { kind: 'refused' }>) => {
  const { system = '', history = [], grounds = [] } = ending.material ?? {};
  const turns = history.map(({ role, text }) => ({ role, text }));
  const passages = grounds.map(({ title, text }) => ({ title, text }));
  const output = ending.kind === 'answered' ? ending.result.text : ending.text;
  return { input: { system, turns, question: question.prompt ?? question.content, passages }, output };
};

const outcomeOf = (ending: Exclude<Ending, { kind: 'refused' }>, usage: Usage) => {
  if (ending.kind === 'answered') {
    const { latencyMs, timeToFirstTokenMs } = ending.result;
    return succeeded(usage, latencyMs, timeToFirstTokenMs);
  }
  if (ending.kind === 'failed') return failed(ending.cause, ending.error.message, ending.latencyMs, usage);
  return failed('CANCELLED', 'The answer was stopped.', ending.latencyMs, usage);
};
