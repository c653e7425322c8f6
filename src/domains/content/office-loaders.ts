import { and, eq, getTableColumns, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Connection } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { QueryOfficeDocumentsArgs } from '../../generated/resolvers.ts';
import {
  officeDocumentComments,
  officeDocuments,
  officeDocumentShares,
  officeDocumentVersions,
  type OfficeDocumentRow,
} from './office-tables.ts';

const { content: _content, ...lightDocument } = getTableColumns(officeDocuments);
const { content: _former, ...lightVersion } = getTableColumns(officeDocumentVersions);

/** What an office document's row is read with: all but its content. */
export const officeDocumentFields = lightDocument;
/** What a version's row is read with: all but its content. */
export const officeVersionFields = lightVersion;

const living = isNull(officeDocuments.deletedAt);

const documentsWhere = (condition?: SQL) =>
  loadOne(
    () =>
      database
        .select(officeDocumentFields)
        .from(officeDocuments)
        .where(
          and(
            eq(officeDocuments.organizationId, bound.organizationId),
            sql`${officeDocuments.id} = any(${bound.keys})`,
            condition,
          ),
        ),
    (document) => document.id,
  );

/** Office documents that are not deleted. */
export const officeDocumentById = documentsWhere(living);

/** Office documents, deleted ones too: for what is read below one that the viewer was given. */
export const anyOfficeDocumentById = documentsWhere();

/** The contents of office documents, which are long. */
export const officeContentById = loadOne(
  () =>
    database
      .select({ id: officeDocuments.id, content: officeDocuments.content })
      .from(officeDocuments)
      .where(
        and(eq(officeDocuments.organizationId, bound.organizationId), sql`${officeDocuments.id} = any(${bound.keys})`),
      ),
  (document) => document.id,
);

/** The contents of versions, which are long. */
export const officeVersionContentById = loadOne(
  () =>
    database
      .select({ id: officeDocumentVersions.id, content: officeDocumentVersions.content })
      .from(officeDocumentVersions)
      .where(
        and(
          eq(officeDocumentVersions.organizationId, bound.organizationId),
          sql`${officeDocumentVersions.id} = any(${bound.keys})`,
        ),
      ),
  (version) => version.id,
);

type Part = typeof officeDocumentVersions | typeof officeDocumentShares | typeof officeDocumentComments;

/** Parts of a deleted document are not found, as it is not. */
const isPartOfLiving = (part: Part): SQL | undefined =>
  and(
    eq(part.organizationId, bound.organizationId),
    sql`${part.id} = any(${bound.keys})`,
    sql`exists (select from ${officeDocuments} where ${officeDocuments.organizationId} = ${part.organizationId}
      and ${officeDocuments.id} = ${part.documentId} and ${living})`,
  );

export const officeVersionById = loadOne(
  () => database.select(officeVersionFields).from(officeDocumentVersions).where(isPartOfLiving(officeDocumentVersions)),
  (version) => version.id,
);

export const officeShareById = loadOne(
  () => database.select().from(officeDocumentShares).where(isPartOfLiving(officeDocumentShares)),
  (share) => share.id,
);

export const officeCommentById = loadOne(
  () => database.select().from(officeDocumentComments).where(isPartOfLiving(officeDocumentComments)),
  (comment) => comment.id,
);

/** The viewer's own shares, by document. */
export const ownOfficeShareByDocument = loadOne(
  () =>
    database
      .select({ documentId: officeDocumentShares.documentId, level: officeDocumentShares.level })
      .from(officeDocumentShares)
      .where(
        and(
          eq(officeDocumentShares.organizationId, bound.organizationId),
          eq(officeDocumentShares.userId, bound.userId),
          sql`${officeDocumentShares.documentId} = any(${bound.keys})`,
        ),
      ),
  (share) => share.documentId,
);

const list = {
  from: officeDocuments,
  columns: officeDocumentFields,
  filters: {
    kind: officeDocuments.kind,
    title: officeDocuments.title,
    ownerId: officeDocuments.ownerId,
    savedAt: officeDocuments.savedAt,
    createdAt: officeDocuments.createdAt,
  },
};

const livingDocuments = listOf({
  ...list,
  orders: {
    SAVED_AT: officeDocuments.savedAt,
    CREATED_AT: officeDocuments.createdAt,
    TITLE: officeDocuments.title,
  },
  defaultOrder: { field: 'SAVED_AT', direction: 'DESC' },
  where: living,
});

/** Those whom the viewer's scope names as the owner, or as an administrator of the organization. */
const mayBringBack = sql`(${officeDocuments.ownerId} = nullif(current_setting('app.user_id', true), '')::uuid
  or ${officeDocuments.organizationId} = any(app_principals()))`;

const deletedDocuments = listOf({
  ...list,
  orders: { DELETED_AT: officeDocuments.deletedAt },
  defaultOrder: { field: 'DELETED_AT', direction: 'DESC' },
  where: sql`${isNotNull(officeDocuments.deletedAt)} and ${mayBringBack}`,
});

/** Office documents that the viewer sees; with `deleted` at the top of the filter, those that they may bring back. */
export const officeDocumentList = (
  unit: UnitOfWork,
  { filter, ...args }: QueryOfficeDocumentsArgs,
): Promise<Connection<OfficeDocumentRow>> => {
  const { deleted = false, ...conditions } = filter ?? {};
  return (deleted === true ? deletedDocuments : livingDocuments)<OfficeDocumentRow>(unit, {
    ...args,
    filter: conditions,
  });
};

/** What an office document was after each save, the newest first. */
export const officeVersionsByDocument = listOf({
  from: officeDocumentVersions,
  parent: officeDocumentVersions.documentId,
  columns: officeVersionFields,
  orders: { VERSION: officeDocumentVersions.version },
  defaultOrder: { field: 'VERSION', direction: 'DESC' },
});

/** Whom an office document is shared with. */
export const officeSharesByDocument = listOf({
  from: officeDocumentShares,
  parent: officeDocumentShares.documentId,
  columns: getTableColumns(officeDocumentShares),
  orders: { CREATED_AT: officeDocumentShares.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** Remarks about an office document, the oldest first. */
export const officeCommentsByDocument = listOf({
  from: officeDocumentComments,
  parent: officeDocumentComments.documentId,
  columns: getTableColumns(officeDocumentComments),
  orders: { CREATED_AT: officeDocumentComments.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: {
    resolved: (comparator, value) =>
      (value === true) === (comparator === 'eq')
        ? isNotNull(officeDocumentComments.resolvedAt)
        : isNull(officeDocumentComments.resolvedAt),
  },
});
