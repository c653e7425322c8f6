import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { newId } from '../../ids.ts';
import type { Context } from '../context.ts';
import { changed, enqueueIngestion, lockedDocument, waiting } from './document-changes.ts';
import { lockedFile } from './file-readers.ts';
import { documents, documentVersions, type DocumentRow } from './tables.ts';

/** Earlier texts that a document keeps. */
const keptVersions = 50;

const { text: _text, ...lightVersion } = getTableColumns(documentVersions);

export const versionById = loadOne(
  () =>
    database
      .select(lightVersion)
      .from(documentVersions)
      .where(
        and(
          eq(documentVersions.organizationId, bound.organizationId),
          sql`${documentVersions.id} = any(${bound.keys})`,
        ),
      ),
  (version) => version.id,
);

/** The texts of versions, which are long. */
export const versionTextById = loadOne(
  () =>
    database
      .select({ id: documentVersions.id, text: documentVersions.text })
      .from(documentVersions)
      .where(
        and(
          eq(documentVersions.organizationId, bound.organizationId),
          sql`${documentVersions.id} = any(${bound.keys})`,
        ),
      ),
  (version) => version.id,
);

/** Earlier texts of a document, newest first. */
export const versionList = listOf({
  from: documentVersions,
  parent: documentVersions.documentId,
  columns: lightVersion,
  orders: { VERSION: documentVersions.version },
  defaultOrder: { field: 'VERSION', direction: 'DESC' },
});

/**
 * Keeps the text that a locked document has now, or the file it was to be read from, before it gets another one; the last fifty are kept. Whoever
 * replaces a document's text or file calls it in the transaction that does, and counts the document's version up. A text that was read out of
 * a source is kept as plain text, one that was not read yet with its own type.
 */
export const keepVersion = async (transaction: Transaction, document: Pick<DocumentRow, 'id'>): Promise<void> => {
  const { organizationId, userId } = transaction;
  const ofDocument = and(
    eq(documentVersions.organizationId, organizationId),
    eq(documentVersions.documentId, document.id),
  );
  const text = sql`coalesce(${documents.text}, '')`;
  await database.insert(documentVersions).select(
    database
      .select({
        organizationId: documents.organizationId,
        id: sql`${newId()}::uuid`.as('id'),
        createdAt: sql`now()`.as('created_at'),
        updatedAt: sql`now()`.as('updated_at'),
        workspaceId: documents.workspaceId,
        readers: documents.readers,
        documentId: sql`${documents.id}`.as('document_id'),
        version: documents.version,
        title: documents.title,
        mimeType:
          sql`case when ${documents.fileId} is null and ${documents.contentHash} is not null then 'text/plain' else ${documents.mimeType} end`.as(
            'mime_type',
          ),
        text: text.as('text'),
        contentHash: sql`coalesce(${documents.contentHash}, encode(sha256(convert_to(${text}, 'UTF8')), 'hex'))`.as(
          'content_hash',
        ),
        fileId: documents.fileId,
        replacedById: sql`${userId}::uuid`.as('replaced_by_id'),
      })
      .from(documents)
      .where(and(eq(documents.organizationId, organizationId), eq(documents.id, document.id))),
  );
  const oldest = database
    .select({ version: documentVersions.version })
    .from(documentVersions)
    .where(ofDocument)
    .orderBy(sql`${documentVersions.version} desc`)
    .offset(keptVersions)
    .limit(1);
  await database.delete(documentVersions).where(and(ofDocument, sql`${documentVersions.version} <= (${oldest})`));
};

/**
 * Gives a document the text, or the file, that it had in an earlier version, as a new version that is read in the background. Throws NotFound
 * (document, version or its file), Forbidden (needs EDITOR), Conflict (it is the version that the document has, the workspace is archived).
 */
export const restoreVersion = (context: Context, id: string, version: number): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    if (version === current.version) throw new Conflict('version', 'The document has this version now.');
    const [former] = await database
      .select(getTableColumns(documentVersions))
      .from(documentVersions)
      .where(
        and(
          eq(documentVersions.organizationId, transaction.organizationId),
          eq(documentVersions.documentId, id),
          eq(documentVersions.version, version),
        ),
      );
    if (former === undefined) throw new NotFound('DocumentVersion', String(version));
    const file = former.fileId === null ? null : await lockedFile(context.unit, former.fileId);
    await keepVersion(transaction, current);
    const source = file === null ? textOf(former, current) : { ...fileOf(former), mimeType: file.mimeType };
    const document = await changed(
      context,
      transaction,
      id,
      { ...waiting, ...source, version: current.version + 1 },
      { action: 'document.version_restored', data: { version } },
    );
    await enqueueIngestion(context.unit, context.services, document);
    return document;
  });

/** A text that had been read is read as it stands, whatever the document's type is; texts to come are of that type still. */
const textOf = ({ text, contentHash, mimeType }: typeof documentVersions.$inferSelect, current: DocumentRow) => {
  const read = mimeType === 'text/plain';
  return {
    text,
    fileId: null,
    contentHash: read ? contentHash : null,
    mimeType: read && current.fileId === null ? current.mimeType : mimeType,
  };
};

/** Until the file has been read again, what was read of it then; nothing where it never was. */
const fileOf = ({ fileId, text, contentHash }: typeof documentVersions.$inferSelect) =>
  text === '' ? { fileId, text: null, contentHash: null } : { fileId, text, contentHash };
