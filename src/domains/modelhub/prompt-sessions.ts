import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type {
  CreatePromptSessionInput,
  DuplicatePromptSessionInput,
  UpdatePromptSessionInput,
} from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { modelById } from './loaders.ts';
import { stopRunsOf } from './prompt-running.ts';
import {
  givenIssues,
  isSession,
  lockOwnSession,
  lockSeenSession,
  objectOf,
  refuse,
  requireLiving,
  runsOfSession,
  writesText,
} from './prompt-rules.ts';
import { promptRuns, promptSessions, type PromptSessionRow } from './prompt-tables.ts';
import { readersOf } from './prompt-sharing.ts';

/** Throws BadUserInput (a model that writes no text), NotFound. */
const requireModel = async ({ unit }: Context, modelId: string | null | undefined): Promise<void> => {
  if (modelId === null || modelId === undefined) return;
  const model = await found('Model', modelId, modelById(unit));
  if (!writesText(model)) throw new BadUserInput('modelId', 'This model writes no text.');
};

type Made = Omit<typeof promptSessions.$inferInsert, 'organizationId' | 'creatorId' | 'readers'>;

const insertSession = async (context: Context, session: Made, readers: string[], from: string | null) => {
  const { organizationId, userId } = viewerOf(context);
  const values = { ...session, organizationId, creatorId: userId, readers };
  const made = sole(await database.insert(promptSessions).values(values).returning());
  record(context, 'created', made, { ...(from !== null && { duplicateOf: from }) });
  return made;
};

/** Begins a session of the viewer's own. Throws BadUserInput, NotFound (model, whom to share with). */
export const createPromptSession = (context: Context, input: CreatePromptSessionInput): Promise<PromptSessionRow> => {
  refuse(givenIssues(input));
  const { title, description, modelType, prompt, modelId } = input;
  return context.unit.transact(async () => {
    await requireModel(context, modelId);
    const session = {
      title: title.trim(),
      description: description ?? '',
      modelType: modelType ?? 'TEXT',
      prompt: prompt ?? '',
      context: objectOf(input.context),
      metadata: objectOf(input.metadata),
      modelId: modelId ?? null,
    };
    const readers = await readersOf(context, viewerOf(context).userId, input.shareWith ?? {});
    return insertSession(context, session, readers, null);
  });
};

/** Makes a session of the viewer's own from another that they see, without prompts, shares and project. Throws BadUserInput, NotFound. */
export const duplicatePromptSession = (
  context: Context,
  { id, title }: DuplicatePromptSessionInput,
): Promise<PromptSessionRow> => {
  refuse(givenIssues({ title }));
  return context.unit.transact(async () => {
    const original = await lockSeenSession(context, id);
    const { description, modelType, prompt, metadata, modelId } = original;
    const copied = { description, modelType, prompt, context: original.context, metadata, modelId };
    const readers = await readersOf(context, viewerOf(context).userId, {});
    return insertSession(context, { ...copied, title: title?.trim() ?? original.title }, readers, id);
  });
};

/** Changes a session. Throws BadUserInput, Conflict (archived, or another version), Forbidden, NotFound (session, model). */
export const updatePromptSession = (context: Context, input: UpdatePromptSessionInput): Promise<PromptSessionRow> => {
  const { id, version, title, description, modelType, prompt, modelId } = input;
  refuse(givenIssues(input));
  return context.unit.transact(async () => {
    const current = await lockOwnSession(context, id);
    requireLiving(current, 'id');
    if (current.version !== version) throw outdated(current);
    await requireModel(context, modelId);
    const fields = {
      ...(typeof title === 'string' && { title: title.trim() }),
      ...(description !== undefined && { description: description ?? '' }),
      ...(modelType !== undefined && { modelType: modelType ?? 'TEXT' }),
      ...(prompt !== undefined && { prompt: prompt ?? '' }),
      ...(input.context !== undefined && { context: objectOf(input.context) }),
      ...(input.metadata !== undefined && { metadata: objectOf(input.metadata) }),
      ...(modelId !== undefined && { modelId }),
    };
    if (Object.keys(fields).length === 0) return current;
    return changed(context, current, 'updated', fields, { fields: Object.keys(fields) });
  });
};

/** What somebody else has made of the session meanwhile, for the client to merge with or to show. */
const outdated = (session: PromptSessionRow): Conflict => {
  const { id, version, title, description, modelType, prompt, modelId, metadata } = session;
  const current = {
    id: globalId('PromptSession', id),
    version,
    title,
    description,
    modelType,
    prompt,
    context: session.context,
    metadata,
    modelId: modelId === null ? null : globalId('Model', modelId),
  };
  return new Conflict('version', `The session has been changed since: its version is ${version} now.`, { current });
};

/** Sets a session aside. Throws Conflict (archived already), Forbidden, NotFound. */
export const archivePromptSession = (context: Context, id: string): Promise<PromptSessionRow> =>
  context.unit.transact(async () => {
    const current = await lockOwnSession(context, id);
    requireLiving(current, 'id');
    return changed(context, current, 'archived', { status: 'ARCHIVED', archivedAt: sql`now()` });
  });

/** Takes a session out of the archive. Throws Conflict (not archived), Forbidden, NotFound. */
export const restorePromptSession = (context: Context, id: string): Promise<PromptSessionRow> =>
  context.unit.transact(async () => {
    const current = await lockOwnSession(context, id);
    if (current.archivedAt === null) throw new Conflict('id', 'This session is not archived.');
    const status = current.promptCount > 0 ? 'ACTIVE' : 'DRAFT';
    return changed(context, current, 'restored', { status, archivedAt: null });
  });

/** Deletes a session with its prompts and stops what is running. Throws Forbidden, NotFound. */
export const deletePromptSession = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const session = await lockOwnSession(context, id);
    const running = await database
      .select({ id: promptRuns.id })
      .from(promptRuns)
      .where(and(runsOfSession(organizationId, id), eq(promptRuns.status, 'PENDING')));
    await database.delete(promptSessions).where(isSession(organizationId, id));
    record(context, 'deleted', session);
    const ids = running.map((run) => run.id);
    context.unit.afterCommit(() => stopRunsOf(context.services, ids));
    return id;
  });

type Fields = Parameters<ReturnType<typeof database.update<typeof promptSessions>>['set']>[0];

const changed = async (
  context: Context,
  { organizationId, id, version }: PromptSessionRow,
  what: string,
  fields: Fields,
  data: Record<string, unknown> = {},
): Promise<PromptSessionRow> => {
  const rows = await database
    .update(promptSessions)
    .set({ ...fields, version: version + 1 })
    .where(isSession(organizationId, id))
    .returning();
  const session = sole(rows);
  record(context, what, session, data);
  return session;
};

const record = ({ unit }: Context, what: string, { id }: PromptSessionRow, data: Record<string, unknown> = {}): void =>
  unit.record({ action: `prompt_session.${what}`, type: 'PromptSession', id, data });
