import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Conflict } from '../../errors.ts';
import type { Revive } from '../../queue/queue.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import type { Reviving } from '../services.ts';
import { lockActiveConversation } from './conversation-lock.ts';
import { parsedFiles } from './tables.ts';

const gone = () => new Conflict('target', 'The file is in the conversation no longer.');

/** Has a file of a conversation wait again for its reading, as whoever dropped it or manages the conversation. */
export const reviveParsing: Revive<Reviving> = ({ unit, viewer }, data) =>
  unit.transact(async ({ organizationId }) => {
    const id = String(data.parsedFileId);
    const isParsed = and(eq(parsedFiles.organizationId, organizationId), eq(parsedFiles.id, id));
    const { conversationId, workspaceId, userId, status } = parsedFiles;
    const [seen] = await database.select({ conversationId }).from(parsedFiles).where(isParsed);
    if (seen === undefined) throw gone();
    await lockActiveConversation(unit, seen.conversationId);
    const [parsed] = await database
      .select({ workspaceId, userId, status })
      .from(parsedFiles)
      .where(isParsed)
      .for('update');
    if (parsed === undefined) throw gone();
    if (viewer.userId !== parsed.userId) requirePermission(viewer, 'CONVERSATION_MANAGE', parsed.workspaceId);
    requireActive(viewer, parsed.workspaceId);
    if (parsed.status !== 'FAILED') throw new Conflict('target', 'This file was read.', { status: parsed.status });
    await database.update(parsedFiles).set({ status: 'PENDING', failure: null }).where(isParsed);
    unit.record({ action: 'parsed_file.retried', type: 'ParsedFile', id, workspaceId: parsed.workspaceId });
    return {};
  });
