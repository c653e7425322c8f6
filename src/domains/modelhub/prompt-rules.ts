import { and, eq, inArray, sql } from 'drizzle-orm';
import { UnfitSchema, objectSchema, type ObjectSchema } from '../../ai/structured.ts';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { promptRuns, prompts, promptSessions, type PromptSessionRow } from './prompt-tables.ts';
import type { ModelRow } from './tables.ts';

/** Longest instructions and prompts, in characters, with their placeholders filled too. */
export const maxPrompt = 100_000;
const maxTitle = 255;
const maxDescription = 2000;
const maxContext = 64_000;
const maxMetadata = 16_000;

/** Throws BadUserInput where there are faults. */
export const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

const textIssues = (field: string, text: string | null | undefined, min: number, max: number): InputIssue[] => {
  if (text === undefined || text === null) return [];
  const fits = text.trim().length >= min && text.length <= max && !text.includes('\0');
  const length = min === 0 ? `at most ${max.toLocaleString('en')}` : `${min} to ${max.toLocaleString('en')}`;
  return fits ? [] : [{ field, message: `This has ${length} characters.` }];
};

/** A JSON value of a model's without what Postgres keeps in none: NUL, and halves of characters. What clients send has neither. */
export const storable = (value: unknown): unknown => {
  if (typeof value === 'string') return value.replaceAll('\0', '').toWellFormed();
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [storable(name), storable(each)]));
};

const objectIssues = (field: string, value: unknown, maxBytes: number): InputIssue[] => {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [{ field, message: 'This is a JSON object.' }];
  if (Buffer.byteLength(JSON.stringify(value)) <= maxBytes) return [];
  return [{ field, message: `This has at most ${maxBytes.toLocaleString('en')} bytes.` }];
};

/** What clients may say of a session or prompt; what is absent is not looked at. */
export interface GivenTexts {
  readonly title?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly prompt?: string | null | undefined;
  readonly input?: string | null | undefined;
  readonly context?: unknown;
  readonly metadata?: unknown;
  readonly modelType?: ModelRow['type'] | null | undefined;
}

/** What is wrong with what was said. */
export const givenIssues = (given: GivenTexts): InputIssue[] => [
  ...textIssues('title', given.title, 1, maxTitle),
  ...textIssues('description', given.description, 0, maxDescription),
  ...textIssues('prompt', given.prompt, 0, maxPrompt),
  ...textIssues('input', given.input, 1, maxPrompt),
  ...objectIssues('context', given.context, maxContext),
  ...objectIssues('metadata', given.metadata, maxMetadata),
  ...(given.modelType === undefined || given.modelType === null || writesText({ type: given.modelType })
    ? []
    : [{ field: 'modelType', message: 'Prompts are run with models that write text: TEXT or CODE.' }]),
];

/** Whether a model of the type writes text. */
export const writesText = ({ type }: Pick<ModelRow, 'type'>): boolean => type === 'TEXT' || type === 'CODE';

/** An object that was found to be one, as the columns take it; an empty one when absent. */
export const objectOf = (value: unknown): Record<string, unknown> => ({ ...(value as Record<string, unknown>) });

/** The schema that answers are to keep to; null: none. Throws BadUserInput. */
export const schemaOf = (given: unknown): ObjectSchema | null => {
  if (given === undefined || given === null) return null;
  try {
    return objectSchema(given);
  } catch (error) {
    if (error instanceof UnfitSchema) throw new BadUserInput('responseSchema', error.message);
    throw error;
  }
};

/** Whether the viewer may change a session: they made it, or are an administrator of the organization. */
export const mayChange = (viewer: Viewer, { creatorId }: Pick<PromptSessionRow, 'creatorId'>): boolean =>
  creatorId === viewer.userId || viewer.principals.includes(viewer.organizationId);

/** The one session with this id. */
export const isSession = (organizationId: string, id: string) =>
  and(eq(promptSessions.organizationId, organizationId), eq(promptSessions.id, id));

/** The runs of a session, by the index on their prompts. */
export const runsOfSession = (organizationId: string, id: string) =>
  and(
    eq(promptRuns.organizationId, organizationId),
    inArray(
      promptRuns.promptId,
      database
        .select({ id: prompts.id })
        .from(prompts)
        .where(and(eq(prompts.organizationId, organizationId), eq(prompts.sessionId, id))),
    ),
  );

/**
 * Locks a session that the viewer sees, in the running transaction. All that changes it, its readers or its runs begins here, so that they come one
 * after another. Throws NotFound.
 */
export const lockSeenSession = async (context: Context, id: string): Promise<PromptSessionRow> => {
  const { organizationId, principals } = viewerOf(context);
  const seen = sql`${promptSessions.readers} && ${uuidArray(principals)}::uuid[]`;
  const [session] = await database
    .select()
    .from(promptSessions)
    .where(and(isSession(organizationId, id), seen))
    .for('update');
  if (session === undefined) throw new NotFound('PromptSession', id);
  return session;
};

/** Locks a session for who may change it. Throws Forbidden, NotFound. */
export const lockOwnSession = async (context: Context, id: string): Promise<PromptSessionRow> => {
  const session = await lockSeenSession(context, id);
  if (!mayChange(viewerOf(context), session))
    throw new Forbidden('PROMPT_RUN', 'Only who made the session and administrators change it.');
  return session;
};

/** Throws Conflict for a session that is set aside. */
export const requireLiving = ({ archivedAt }: PromptSessionRow, field: string): void => {
  if (archivedAt !== null) throw new Conflict(field, 'This session is archived: nothing is changed or run in it.');
};
