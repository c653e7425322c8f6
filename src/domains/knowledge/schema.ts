import { pgSchema, type PgColumnBuilderBase, type PgTableExtraConfigValue } from 'drizzle-orm/pg-core';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { tenantTable, type Access } from '../../database/tenant-table.ts';

/** Name of the part that may have a database of its own, and of its schema there. */
export const knowledgePart = 'knowledge';

/** Where the tables of the knowledge bank stand. No foreign key leads out of it. */
export const knowledgeSchema = pgSchema(knowledgePart);

/** A table of the knowledge bank, made as `tenantTable` makes one. */
export const knowledgeTable = <Name extends string, Own extends Record<string, PgColumnBuilderBase>>(
  name: Name,
  access: Access,
  own: Own,
  extras: (table: ReturnType<typeof tenantTable<Name, Own>>) => PgTableExtraConfigValue[] = () => [],
): ReturnType<typeof tenantTable<Name, Own>> =>
  // The cast is safe: what is built is the table itself.
  tenantTable(name, access, own, extras as never, knowledgeSchema);

/** The unit of the same viewer on the database of the knowledge bank, which may be the one it is on. */
export const knowledgeOf = (unit: UnitOfWork): UnitOfWork => unit.of(knowledgePart);
