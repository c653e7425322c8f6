import { buffer } from 'node:stream/consumers';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { chunkAside, parse } from '../content/parsing/parse.ts';
import { UnreadableDocument } from '../content/parsing/unreadable-document.ts';
import { files } from '../content/tables.ts';
import { fileKey } from '../content/stored-bytes.ts';
import type { Work } from '../services.ts';
import { parsedFiles } from './tables.ts';

/** Where it is published that a parsed file's status has changed. */
export const parsedFileTopic = (id: string): string => `parsed-file:${id}`;

/** Reads a file of a conversation into text and passages. Done twice it changes nothing. A file that cannot be read ends FAILED at once. */
export const parseFile: JobHandler<Work>['run'] = async (work, data, run) => {
  const id = String(data.parsedFileId);
  const { unit, services } = work;
  const waiting = await unit.run(() =>
    database
      .select({ name: files.name, sha256: files.sha256, mimeType: files.mimeType })
      .from(parsedFiles)
      .innerJoin(files, and(eq(files.organizationId, unit.organizationId), eq(files.id, parsedFiles.fileId)))
      .where(isPending(unit.organizationId, id)),
  );
  await unit.rest();
  const [file] = waiting;
  if (file === undefined || file.sha256 === null) return undefined;
  try {
    const bytes = await buffer(await services.store.read(fileKey(unit.organizationId, file.sha256)));
    const { text, ...parsed } = await parse({ bytes, mimeType: file.mimeType, name: file.name });
    await run.progress(50);
    const chunks = await chunkAside({ text, ...parsed });
    const passages = chunks.map(({ start, end, headings, page, tokens }) => ({ start, end, headings, page, tokens }));
    const tokenCount = passages.reduce((total, { tokens }) => total + tokens, 0);
    await settle(work, id, { status: 'READY', text, passages, tokenCount });
    return { status: 'READY', tokenCount };
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    await settle(work, id, { status: 'FAILED', failure: error.message });
    return { status: 'FAILED', reason: error.message };
  }
};

/** Ends a file FAILED whose reading failed to the last try, or was cancelled. */
export const giveUpParsing: JobHandler<Work>['giveUp'] = (work, data, why) =>
  settle(work, String(data.parsedFileId), {
    status: 'FAILED',
    failure:
      why === 'CANCELLED'
        ? 'Reading this file was cancelled.'
        : 'This file could not be processed. Drop it again later.',
  });

const isPending = (organizationId: string, id: string) =>
  and(eq(parsedFiles.organizationId, organizationId), eq(parsedFiles.id, id), eq(parsedFiles.status, 'PENDING'));

const settle = (
  { unit, services }: Work,
  id: string,
  values: Partial<typeof parsedFiles.$inferInsert>,
): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const [settled] = await database
      .update(parsedFiles)
      .set(values)
      .where(isPending(organizationId, id))
      .returning({ workspaceId: parsedFiles.workspaceId });
    if (settled === undefined) return;
    const action = values.status === 'READY' ? 'parsed_file.read' : 'parsed_file.failed';
    unit.record({ action, type: 'ParsedFile', id, workspaceId: settled.workspaceId });
    unit.afterCommit(() => services.bus.publish(parsedFileTopic(id), { status: values.status }));
  });
