import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { brokenReference } from '../../database/failures.ts';
import { jobsAlone, wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { lockedFile } from '../content/file-readers.ts';
import { removeUnused } from '../content/stored-bytes.ts';
import { files, type FileRow } from '../content/tables.ts';
import { revokeTokens } from '../identity/tokens.ts';
import type { Services } from '../services.ts';
import { emailLimits } from './email-rules.ts';
import { emailAttachments, type EmailRow } from './email-tables.ts';
import { ownerOf } from './mailbox.ts';

/** Bytes in the store that stay there while the running transaction makes a row for them, and what they are to be called. */
export interface Attachable extends Pick<FileRow, 'name' | 'mimeType' | 'size'> {
  readonly sha256: string | null;
  readonly contentId: string | null;
}

/**
 * Attaches files to an e-mail behind those of the positions before `from`. Each gets a row of its own that the mailbox's owner alone reads, so that
 * nobody comes to see a file by another's e-mail, and nobody's deletion takes it away.
 */
export const attach = async (
  unit: UnitOfWork,
  { id: emailId }: Pick<EmailRow, 'id'>,
  attachables: readonly Attachable[],
  from = 0,
): Promise<void> => {
  if (attachables.length === 0) return;
  const { organizationId } = unit;
  const userId = ownerOf(unit);
  const rows = attachables.map(({ contentId: _contentId, ...file }) => ({
    ...file,
    organizationId,
    id: newId(),
    readers: [userId, jobsAlone],
    status: 'STORED' as const,
    uploadedById: userId,
  }));
  await database.insert(files).values(rows);
  await database.insert(emailAttachments).values(
    attachables.map(({ name, contentId }, index) => ({
      organizationId,
      userId,
      emailId,
      fileId: rows[index]?.id ?? '',
      position: from + index,
      name,
      contentId,
    })),
  );
};

/**
 * Gives a draft these attachments and no others: files that the viewer reads are copied, those of the draft stay. Gives the files that are its no
 * more; see `discard`. Throws NotFound, Conflict (bytes that have not arrived), BadUserInput (more bytes than an e-mail takes).
 */
export const replaceAttachments = async (
  unit: UnitOfWork,
  email: Pick<EmailRow, 'id'>,
  fileIds: readonly string[],
): Promise<string[]> => {
  const { organizationId } = unit;
  const ofEmail = and(eq(emailAttachments.organizationId, organizationId), eq(emailAttachments.emailId, email.id));
  const current = await database.select().from(emailAttachments).where(ofEmail);
  const wanted = [...new Set(fileIds)];
  const found: FileRow[] = [];
  // In one order for all, so that no two wait for each other.
  for (const id of wanted.toSorted()) found.push(await lockedFile(unit, id));
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  if (bytes > emailLimits.attachedBytes)
    throw new BadUserInput(
      'attachmentIds',
      `The attachments of an e-mail have at most ${emailLimits.attachedBytes} bytes together; these have ${bytes}.`,
    );
  await database.delete(emailAttachments).where(ofEmail);
  const kept = new Map(current.map((attachment) => [attachment.fileId, attachment]));
  for (const [position, id] of wanted.entries()) {
    const attachment = kept.get(id);
    const file = found.find((each) => each.id === id);
    if (attachment !== undefined) await database.insert(emailAttachments).values({ ...attachment, position });
    else if (file !== undefined) await attach(unit, email, [attachableOf(file)], position);
  }
  return current.map(({ fileId }) => fileId).filter((id) => !wanted.includes(id));
};

const attachableOf = ({ name, mimeType, size, sha256 }: FileRow): Attachable => ({
  name,
  mimeType,
  size,
  sha256,
  contentId: null,
});

/** The files of an e-mail in its own mailbox, in their order. */
export const attachedFiles = async (
  unit: UnitOfWork,
  emailId: string,
): Promise<(Attachable & { fileId: string })[]> => {
  const { organizationId } = unit;
  return database
    .select({
      fileId: files.id,
      name: emailAttachments.name,
      mimeType: files.mimeType,
      size: files.size,
      sha256: files.sha256,
      contentId: emailAttachments.contentId,
    })
    .from(emailAttachments)
    .innerJoin(files, and(eq(files.organizationId, organizationId), eq(files.id, emailAttachments.fileId)))
    .where(and(eq(emailAttachments.organizationId, organizationId), eq(emailAttachments.emailId, emailId)))
    .orderBy(emailAttachments.position);
};

/** Keeps files, and so their bytes, until the running transaction ends; gives those that are still there. */
export const holdFiles = async (unit: UnitOfWork, fileIds: readonly string[]): Promise<Set<string>> => {
  if (fileIds.length === 0) return new Set();
  const held = await database
    .select({ id: files.id })
    .from(files)
    .where(and(eq(files.organizationId, unit.organizationId), inArray(files.id, [...fileIds])))
    .orderBy(files.id)
    .for('key share');
  return new Set(held.map(({ id }) => id));
};

/**
 * Removes files that were attached and are so no more, with bytes that nothing else has, each in a transaction of its own. One that its owner has
 * used for something else meanwhile stays theirs.
 */
export const discard = async (services: Services, unit: UnitOfWork, fileIds: readonly string[]): Promise<void> => {
  const whole = unit.as(wholeOf(unit.organizationId));
  for (const id of fileIds) {
    const sha256 = await whole
      .transact(async ({ organizationId }) => {
        await revokeTokens(whole, [id]);
        const [gone] = await database
          .delete(files)
          .where(
            and(
              eq(files.organizationId, organizationId),
              eq(files.id, id),
              sql`${jobsAlone}::uuid = any(${files.readers})`,
            ),
          )
          .returning({ sha256: files.sha256 });
        return gone?.sha256 ?? null;
      })
      .catch((error: unknown) => {
        if (brokenReference(error) === null) throw error;
        return null;
      });
    if (sha256 !== null) await removeUnused(whole, services.store, sha256);
  }
};
