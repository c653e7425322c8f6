import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { AddParsedFileInput, MoveParsedFileInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { lockedFile, renewFileReaders } from '../content/file-readers.ts';
import { addDocument } from '../content/operations.ts';
import type { DocumentRow } from '../content/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { lockActiveConversation, lockConversation } from './conversation-lock.ts';
import { parsedFileFields } from './loaders.ts';
import { parsedFiles, type ParsedFileRow } from './tables.ts';

/** The job that reads a file; `jobs.ts` handles it. */
export const parseKind = 'conversations.parse-file';

/** Files of one conversation: all of them go with each question. */
const maxFiles = 20;

/**
 * Drops an uploaded file into a conversation, to be read in the background. Throws NotFound (conversation or file), Conflict (not ACTIVE,
 * archived, the file's bytes have not arrived, it is there already, or there are 20).
 */
export const addParsedFile = (
  context: Context,
  { conversationId, fileId, title }: Pick<AddParsedFileInput, 'conversationId' | 'fileId' | 'title'>,
): Promise<ParsedFileRow> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const named = title?.trim();
  if (typeof named === 'string' && (named.length < 1 || named.length > 500 || named.includes('\0')))
    throw new BadUserInput('title', 'A title has 1 to 500 characters, and no NUL.');
  return unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await lockActiveConversation(unit, conversationId);
    requireActive(viewer, workspaceId);
    const file = await lockedFile(unit, fileId);
    const inConversation = and(
      eq(parsedFiles.organizationId, organizationId),
      eq(parsedFiles.conversationId, conversationId),
    );
    const there = await database.select({ fileId: parsedFiles.fileId }).from(parsedFiles).where(inConversation);
    if (there.some((each) => each.fileId === fileId))
      throw new Conflict('fileId', 'This file is in the conversation already.');
    if (there.length >= maxFiles)
      throw new Conflict(
        'conversationId',
        `A conversation holds at most ${maxFiles} files; move some into the workspace.`,
      );
    const row = {
      organizationId,
      id: newId(),
      workspaceId,
      conversationId,
      userId: viewer.userId,
      fileId,
      title: named ?? file.name,
      mimeType: file.mimeType,
    };
    const parsed = sole(await database.insert(parsedFiles).values(row).returning(parsedFileFields));
    // Whoever sees the conversation sees what is in it.
    await renewFileReaders(unit, [fileId]);
    await services.queue.enqueue(unit, {
      kind: parseKind,
      data: { parsedFileId: parsed.id },
      target: { type: 'ParsedFile', id: parsed.id },
      workspaceId,
    });
    unit.record({ action: 'parsed_file.added', type: 'ParsedFile', id: parsed.id, workspaceId });
    return parsed;
  });
};

/** Takes a file out of a conversation; the uploaded file stays. Throws NotFound, Forbidden, Conflict (archived). */
export const deleteParsedFile = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { workspaceId, fileId } = await lockedParsedFile(context, id);
    await database.delete(parsedFiles).where(is(organizationId, id));
    await renewFileReaders(context.unit, [fileId]);
    context.unit.record({ action: 'parsed_file.deleted', type: 'ParsedFile', id, workspaceId });
    return id;
  });

/**
 * Makes a file of a conversation a document of its workspace, to be found by search; it leaves the conversation in the same transaction.
 * Throws NotFound, Forbidden (needs EDITOR), Conflict (it could not be read, archived).
 */
export const moveParsedFile = (context: Context, { id, title }: MoveParsedFileInput): Promise<DocumentRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const parsed = await lockedParsedFile(context, id);
    if (parsed.status === 'FAILED')
      throw new Conflict('status', 'This file could not be read.', { status: parsed.status });
    const { workspaceId, fileId } = parsed;
    const document = await addDocument(context, { workspaceId, fileId, title: title ?? parsed.title });
    await database.delete(parsedFiles).where(is(organizationId, id));
    const data = { documentId: document.id };
    context.unit.record({ action: 'parsed_file.moved', type: 'ParsedFile', id, workspaceId, data });
    return document;
  });

const is = (organizationId: string, id: string) =>
  and(eq(parsedFiles.organizationId, organizationId), eq(parsedFiles.id, id));

/** Locks the conversation first, as whoever adds a file does. Whoever dropped it may take it away, and the workspace's admins. */
const lockedParsedFile = async (context: Context, id: string): Promise<ParsedFileRow> => {
  const { organizationId } = context.unit;
  const [seen] = await database
    .select({ conversationId: parsedFiles.conversationId })
    .from(parsedFiles)
    .where(is(organizationId, id));
  if (seen === undefined) throw new NotFound('ParsedFile', id);
  await lockConversation(context.unit, seen.conversationId);
  const [parsed] = await database
    .select(parsedFileFields)
    .from(parsedFiles)
    .where(is(organizationId, id))
    .for('update');
  if (parsed === undefined) throw new NotFound('ParsedFile', id);
  const viewer = viewerOf(context);
  if (viewer.userId !== parsed.userId) requirePermission(viewer, 'CONVERSATION_MANAGE', parsed.workspaceId);
  requireActive(viewer, parsed.workspaceId);
  return parsed;
};
