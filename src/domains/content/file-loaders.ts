import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { files } from './tables.ts';

/** Files in the viewer's sight: their own, those of workspaces they see and of rooms they have entered, and for administrators all. */
export const fileList = listOf({
  from: files,
  columns: getTableColumns(files),
  orders: { CREATED_AT: files.createdAt, NAME: files.name, SIZE: files.size },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    name: files.name,
    mimeType: files.mimeType,
    size: files.size,
    status: files.status,
    visibility: files.visibility,
    uploadedBy: files.uploadedById,
    createdAt: files.createdAt,
  },
});

/** What the stored files of organizations take up, as far as the unit sees them; those without any are missing. */
export const storageByOrganization = loadOne(
  () => {
    // Of files with the same bytes the first counts, for the bytes are stored once.
    const stored = database
      .select({
        organizationId: files.organizationId,
        size: files.size,
        first: sql<boolean>`row_number() over (partition by ${files.organizationId}, ${files.sha256}) = 1`.as('first'),
      })
      .from(files)
      .where(and(sql`${files.organizationId} = any(${bound.keys})`, eq(files.status, 'STORED')))
      .as('stored');
    return database
      .select({
        organizationId: stored.organizationId,
        fileCount: sql<number>`count(*)::float8`.as('file_count'),
        bytes: sql<number>`sum(${stored.size})::float8`.as('bytes'),
        storedBytes: sql<number>`coalesce(sum(${stored.size}) filter (where ${stored.first}), 0)::float8`.as(
          'stored_bytes',
        ),
      })
      .from(stored)
      .groupBy(stored.organizationId);
  },
  (row) => row.organizationId,
);
