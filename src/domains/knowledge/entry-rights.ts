import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, Forbidden, NotFound } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { Context, Viewer } from '../context.ts';
import { knowledgeEntries, type KnowledgeEntryRow } from './tables.ts';

/** Who does something in the knowledge bank, and in which unit of work. */
export type KnowledgeMeans = Pick<Context, 'unit' | 'viewer' | 'services'>;

/** Condition for one entry. */
export const isEntry = (organizationId: string, id: string) =>
  and(eq(knowledgeEntries.organizationId, organizationId), eq(knowledgeEntries.id, id));

/** Whether somebody may change and delete an entry that they see: who may publish, and its author as long as it is a draft. */
const mayChange = ({ permissions, userId }: Viewer, { status, createdById }: KnowledgeEntryRow): boolean =>
  permissions.has('KNOWLEDGE_PUBLISH') || (status === 'DRAFT' && createdById === userId);

/** Locks an entry that the viewer sees, in the running transaction of the bank. Throws NotFound. */
export const lockEntry = async ({ organizationId }: UnitOfWork, id: string): Promise<KnowledgeEntryRow> => {
  const [entry] = await database.select().from(knowledgeEntries).where(isEntry(organizationId, id)).for('update');
  if (entry === undefined) throw new NotFound('KnowledgeEntry', id);
  return entry;
};

/** The same for an entry that the viewer is about to change. Throws NotFound, Forbidden. */
export const lockOwnEntry = async (bank: UnitOfWork, viewer: Viewer, id: string): Promise<KnowledgeEntryRow> => {
  const entry = await lockEntry(bank, id);
  if (!mayChange(viewer, entry))
    throw new Forbidden('KNOWLEDGE_PUBLISH', 'Without KNOWLEDGE_PUBLISH one changes drafts of one’s own alone.');
  return entry;
};

/** Throws Conflict, with what there is now, unless the entry is at the version named; with none it may be at any. */
export const requireVersion = ({ id, version, status }: KnowledgeEntryRow, wanted: number | null | undefined): void => {
  if (wanted === undefined || wanted === null || wanted === version) return;
  const current = { id: globalId('KnowledgeEntry', id), version, status };
  throw new Conflict('version', `The entry has been changed since: its version is ${version}.`, { current });
};
