import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, jsonb, text, unique, uuid, type AnyPgColumn } from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { memberships, organizations } from '../tenancy/tables.ts';

export const officeDocumentKinds = ['WORD', 'EXCEL', 'POWERPOINT'] as const;
export const officeShareLevels = ['VIEW', 'COMMENT', 'EDIT'] as const;

/** A text, a spreadsheet or slides that people write together. */
export const officeDocuments = tenantTable(
  'office_documents',
  'granted',
  {
    /** The owner, those it is shared with, and the organization. */
    readers: uuid().array().notNull(),
    ownerId: uuid().notNull(),
    kind: word(officeDocumentKinds).notNull(),
    title: text().notNull(),
    /** As the editor that made it wants it. */
    content: jsonb().$type<unknown>().notNull(),
    /** Bytes of the content as JSON. */
    size: integer().notNull(),
    /** Counts the saves, from 1. */
    version: integer().notNull().default(1),
    savedById: uuid(),
    savedAt: moment().notNull().defaultNow(),
    deletedAt: moment(),
    deletedById: uuid(),
  },
  (document) => [
    oneOf('office_documents', document.kind, officeDocumentKinds),
    check('office_documents_version_check', sql`${document.version} >= 1`),
    foreignKey({
      name: 'office_documents_organization_id_fkey',
      columns: [document.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('office_documents_saved_at_index').on(document.organizationId, document.savedAt, document.id),
    index('office_documents_created_at_index').on(document.organizationId, document.createdAt, document.id),
    index('office_documents_title_index').on(document.organizationId, document.title, document.id),
    index('office_documents_kind_index').on(document.organizationId, document.kind, document.savedAt, document.id),
    index('office_documents_owner_id_index').on(
      document.organizationId,
      document.ownerId,
      document.savedAt,
      document.id,
    ),
    index('office_documents_deleted_at_index')
      .on(document.organizationId, document.deletedAt, document.id)
      .where(sql`${document.deletedAt} is not null`),
  ],
);
/** The content is read apart, because it is long. */
export type OfficeDocumentRow = Omit<typeof officeDocuments.$inferSelect, 'content'>;

const ofDocument = (table: string, part: { organizationId: AnyPgColumn; documentId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_document_id_fkey`,
    columns: [part.organizationId, part.documentId],
    foreignColumns: [officeDocuments.organizationId, officeDocuments.id],
  }).onDelete('cascade');

/** What an office document was after a save; the first stands here too. */
export const officeDocumentVersions = tenantTable(
  'office_document_versions',
  'granted',
  {
    /** As the document's, kept by a trigger; so are those of the other parts. */
    readers: uuid().array().notNull(),
    documentId: uuid().notNull(),
    version: integer().notNull(),
    title: text().notNull(),
    content: jsonb().$type<unknown>().notNull(),
    /** Bytes of the content as JSON. */
    size: integer().notNull(),
    savedById: uuid(),
    /** The version that was restored by this save; null for any other. */
    restoredFrom: integer(),
  },
  (version) => [
    unique('office_document_versions_version_key').on(version.organizationId, version.documentId, version.version),
    ofDocument('office_document_versions', version),
  ],
);
export type OfficeDocumentVersionRow = Omit<typeof officeDocumentVersions.$inferSelect, 'content'>;

/** Who else may see an office document, and what they may do in it. */
export const officeDocumentShares = tenantTable(
  'office_document_shares',
  'granted',
  {
    readers: uuid().array().notNull(),
    documentId: uuid().notNull(),
    userId: uuid().notNull(),
    level: word(officeShareLevels).notNull(),
    sharedById: uuid(),
  },
  (share) => [
    oneOf('office_document_shares', share.level, officeShareLevels),
    unique('office_document_shares_user_id_key').on(share.organizationId, share.documentId, share.userId),
    ofDocument('office_document_shares', share),
    // Who leaves the organization is shared with no more.
    foreignKey({
      name: 'office_document_shares_user_id_fkey',
      columns: [share.organizationId, share.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('office_document_shares_member_index').on(share.organizationId, share.userId),
    index('office_document_shares_created_at_index').on(
      share.organizationId,
      share.documentId,
      share.createdAt,
      share.id,
    ),
  ],
);
export type OfficeDocumentShareRow = typeof officeDocumentShares.$inferSelect;

/** A remark about an office document, or about a place in it. */
export const officeDocumentComments = tenantTable(
  'office_document_comments',
  'granted',
  {
    readers: uuid().array().notNull(),
    documentId: uuid().notNull(),
    authorId: uuid(),
    text: text().notNull(),
    /** What of the document it is about, as its editor names places; null: the whole. */
    anchor: jsonb().$type<unknown>(),
    /** The version it was written about. */
    version: integer().notNull(),
    resolvedAt: moment(),
    resolvedById: uuid(),
  },
  (comment) => [
    ofDocument('office_document_comments', comment),
    index('office_document_comments_created_at_index').on(
      comment.organizationId,
      comment.documentId,
      comment.createdAt,
      comment.id,
    ),
  ],
);
export type OfficeDocumentCommentRow = typeof officeDocumentComments.$inferSelect;
