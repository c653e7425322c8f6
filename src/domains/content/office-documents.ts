import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { CreateOfficeDocumentInput, SaveOfficeDocumentInput } from '../../generated/resolvers.ts';
import { globalId, newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { takeContent, titleIssues, type Written } from './office-content.ts';
import { tellOfOfficeDocument } from './office-events.ts';
import { officeContentById, officeDocumentFields } from './office-loaders.ts';
import {
  isOfficeDocument,
  lacking,
  lockDeletedOfficeDocument,
  lockOfficeDocument,
  actsAsOwner,
  refuse,
} from './office-rights.ts';
import { officeDocuments, officeDocumentVersions, type OfficeDocumentRow } from './office-tables.ts';

/** Makes an office document of the viewer's own, with its first version. Throws BadUserInput. */
export const createOfficeDocument = async (
  context: Context,
  { kind, title, ...given }: CreateOfficeDocumentInput,
): Promise<OfficeDocumentRow> => {
  const { content, issues } = takeContent(given);
  refuse([...titleIssues(title), ...issues]);
  if (content === undefined) throw new BadUserInput('content', 'Give one of content and contentText.');
  const { unit } = context;
  const { organizationId, userId } = viewerOf(context);
  const { json, size } = content;
  return unit.transact(async () => {
    const row = { organizationId, id: newId(), ownerId: userId, savedById: userId, kind, title: title.trim(), size };
    const readers = [userId, organizationId];
    const document = sole(
      await database
        .insert(officeDocuments)
        .values({ ...row, readers, content: sql`${json}::jsonb` })
        .returning(officeDocumentFields),
    );
    await keepVersion(document, null);
    record(context, 'created', document, { kind });
    return document;
  });
};

/** What a save brings; absent stays. */
interface Save {
  readonly baseVersion: number;
  readonly title: string | undefined;
  readonly content: Written | undefined;
  /** The version that it brings back. */
  readonly restoredFrom: number | null;
}

/**
 * Saves a content, a title or both as the next version; what is equal to the current one makes none. Throws BadUserInput, NotFound, Forbidden
 * (needs EDIT), Conflict with the current state (somebody else has saved since `baseVersion`).
 */
export const saveOfficeDocument = async (
  context: Context,
  { id, baseVersion, title, ...given }: SaveOfficeDocumentInput,
): Promise<OfficeDocumentRow> => {
  const { content, issues } = takeContent(given);
  refuse([...titleIssues(title), ...issues]);
  return save(context, id, { baseVersion, title: title?.trim(), content, restoredFrom: null });
};

/**
 * Saves title and content of a version as the next one; where they are the current ones, nothing happens. Throws NotFound (document or version),
 * Forbidden (needs EDIT), Conflict as a save does.
 */
export const restoreOfficeDocumentVersion = (
  context: Context,
  { id, version, baseVersion }: { id: string; version: number; baseVersion: number },
): Promise<OfficeDocumentRow> =>
  context.unit.transact(async (transaction) => {
    const { organizationId } = (await lockOfficeDocument(context, transaction, id, 'EDIT')).document;
    const [former] = await database
      .select({
        title: officeDocumentVersions.title,
        json: sql<string>`${officeDocumentVersions.content}::text`,
        size: officeDocumentVersions.size,
      })
      .from(officeDocumentVersions)
      .where(
        and(
          eq(officeDocumentVersions.organizationId, organizationId),
          eq(officeDocumentVersions.documentId, id),
          eq(officeDocumentVersions.version, version),
        ),
      );
    if (former === undefined) throw new NotFound('OfficeDocumentVersion', String(version));
    const { title, ...content } = former;
    return save(context, id, { baseVersion, title, content, restoredFrom: version });
  });

const save = (context: Context, id: string, { baseVersion, title, content, restoredFrom }: Save) =>
  context.unit.transact(async (transaction): Promise<OfficeDocumentRow> => {
    const { document } = await lockOfficeDocument(context, transaction, id, 'EDIT');
    if (document.version !== baseVersion) throw await outdated(context, document);
    const { userId, organizationId } = viewerOf(context);
    const changes = {
      ...(title !== undefined && { title }),
      ...(content !== undefined && { content: sql`${content.json}::jsonb`, size: content.size }),
    };
    const differs = sql`(${title === undefined ? sql`false` : sql`${officeDocuments.title} <> ${title}`}
      or ${content === undefined ? sql`false` : sql`${officeDocuments.content} <> ${content.json}::jsonb`})`;
    const [saved] = await database
      .update(officeDocuments)
      .set({ ...changes, version: document.version + 1, savedById: userId, savedAt: sql`now()` })
      .where(and(isOfficeDocument(organizationId, id), differs))
      .returning(officeDocumentFields);
    if (saved === undefined) return document;
    await keepVersion(saved, restoredFrom);
    record(context, restoredFrom === null ? 'saved' : 'version_restored', saved, {
      version: saved.version,
      ...(restoredFrom !== null && { restoredFrom }),
    });
    tellOfOfficeDocument(context, saved.id, { kind: 'saved' });
    return saved;
  });

/** The version that a save has made, from the row itself: a content is sent once. */
const keepVersion = async (document: OfficeDocumentRow, restoredFrom: number | null): Promise<void> => {
  const { organizationId, id } = document;
  const row = database
    .select({
      organizationId: officeDocuments.organizationId,
      id: sql<string>`${newId()}::uuid`.as('id'),
      createdAt: officeDocuments.savedAt,
      updatedAt: officeDocuments.savedAt,
      readers: officeDocuments.readers,
      documentId: officeDocuments.id,
      version: officeDocuments.version,
      title: officeDocuments.title,
      content: officeDocuments.content,
      size: officeDocuments.size,
      savedById: officeDocuments.savedById,
      restoredFrom: sql<number | null>`${restoredFrom}::integer`.as('restored_from'),
    })
    .from(officeDocuments)
    .where(isOfficeDocument(organizationId, id));
  await database.insert(officeDocumentVersions).select(row);
};

/** The state that somebody else has saved meanwhile, for the client to merge with or to show. */
const outdated = async (context: Context, document: OfficeDocumentRow): Promise<Conflict> => {
  const { unit } = context;
  const { id, version, title, savedAt, savedById } = document;
  const saver = savedById === null ? null : await memberUserById(unit).load(savedById);
  const current = {
    id: globalId('OfficeDocument', id),
    version,
    title,
    content: (await officeContentById(unit).load(id))?.content,
    savedAt: new Date(savedAt).toISOString(),
    savedBy: saver && { id: globalId('User', saver.id), name: saver.name },
  };
  return new Conflict('baseVersion', `The document has been saved since: its version is ${version} now.`, { current });
};

/** Deletes an office document so that it can be brought back. Throws NotFound, Forbidden (needs OWNER). */
export const deleteOfficeDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const { document } = await lockOfficeDocument(context, transaction, id, 'OWNER');
    await database
      .update(officeDocuments)
      .set({ deletedAt: sql`now()`, deletedById: viewerOf(context).userId })
      .where(isOfficeDocument(document.organizationId, id));
    record(context, 'deleted', document);
    tellOfOfficeDocument(context, id, { kind: 'deleted' });
    return id;
  });

/** Brings a deleted office document back as it was, with versions, shares and comments. Throws NotFound, Forbidden, Conflict (it is not deleted). */
export const restoreOfficeDocument = (context: Context, id: string): Promise<OfficeDocumentRow> =>
  context.unit.transact(async (transaction) => {
    await requireDeleted(context, id);
    const { organizationId } = await lockDeletedOfficeDocument(context, transaction, id);
    const restored = sole(
      await database
        .update(officeDocuments)
        .set({ deletedAt: null, deletedById: null })
        .where(isOfficeDocument(organizationId, id))
        .returning(officeDocumentFields),
    );
    record(context, 'restored', restored);
    return restored;
  });

/** Removes a deleted office document with all its versions, for good. Throws NotFound, Forbidden, Conflict (it is not deleted). */
export const purgeOfficeDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    await requireDeleted(context, id);
    const document = await lockDeletedOfficeDocument(context, transaction, id);
    await database.delete(officeDocuments).where(isOfficeDocument(document.organizationId, id));
    record(context, 'purged', document);
    return id;
  });

/** One that is not deleted is told as such to who sees it. */
const requireDeleted = async (context: Context, id: string): Promise<void> => {
  const [document] = await database
    .select({ ownerId: officeDocuments.ownerId, deletedAt: officeDocuments.deletedAt })
    .from(officeDocuments)
    .where(isOfficeDocument(context.unit.organizationId, id));
  if (document === undefined || document.deletedAt !== null) return;
  if (!actsAsOwner(viewerOf(context), document)) throw lacking('OWNER');
  throw new Conflict('id', 'This document is not deleted.');
};

/** The log holds no titles and contents: it is read by others than the documents. */
const record = ({ unit }: Context, what: string, { id }: OfficeDocumentRow, data: Record<string, unknown> = {}): void =>
  unit.record({ action: `office_document.${what}`, type: 'OfficeDocument', id, data });
