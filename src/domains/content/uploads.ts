import type { Readable } from 'node:stream';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, UnitOfWork, wholeOf, type Origin } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateUploadInput } from '../../generated/resolvers.ts';
import { hashToken, issueToken, tokenPrefix } from '../../secrets/tokens.ts';
import { FileTooLarge } from '../../storage/failures.ts';
import type { FileStore } from '../../storage/store.ts';
import { viewerOf, type Context } from '../context.ts';
import { tokenTarget } from '../identity/operations.ts';
import { accessTokens } from '../identity/tables.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { organizationById } from '../tenancy/loaders.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { maxBytesOf, nameIssues, typeIssues } from './file-rules.ts';
import { fileById } from './loaders.ts';
import { place, takeIn, type Arrived } from './stored-bytes.ts';
import { files, type FileRow } from './tables.ts';
import { mimeTypeIssues } from './validation.ts';

const prefix = 'tsr_upload_';
const openMs = 60 * 60 * 1000;

/** A file that is awaited, and the address that takes its bytes. */
export interface OpenUpload {
  readonly file: FileRow;
  readonly url: string;
}

/** Opens the way for one file for an hour. Throws BadUserInput, also for what the organization does not take. */
export const createUpload = (context: Context, { name, size, mimeType }: CreateUploadInput): Promise<OpenUpload> => {
  const { maxUploadBytes } = context.services.settings;
  const { userId, self } = viewerOf(context);
  const { token, hash } = issueToken(prefix);
  return context.unit.transact(async ({ organizationId }) => {
    const limits = settingsOf(await found('Organization', organizationId, organizationById(context.unit)));
    const faulty = mimeTypeIssues(mimeType);
    const issues = [
      ...nameIssues(name),
      ...sizeIssues(size, maxBytesOf(limits, maxUploadBytes)),
      ...(faulty.length > 0 ? faulty : typeIssues(limits, mimeType)),
    ];
    if (issues.length > 0) throw new BadUserInput(issues);
    // The organization's own id stands for its administrators and jobs.
    const readers = [self, organizationId];
    const row = { organizationId, readers, name, size, mimeType, uploadedById: userId };
    const file = sole(await database.insert(files).values(row).returning());
    const expiresAt = new Date(Date.now() + openMs).toISOString();
    await database
      .insert(accessTokens)
      .values({ hash, kind: 'UPLOAD', organizationId, userId, subjectId: file.id, expiresAt });
    context.unit.record({ action: 'upload.opened', type: 'File', id: file.id, data: { name, size } });
    const base = context.services.address.url.replace(/\/+$/, '');
    return { file, url: `${base}/uploads/${token}` };
  });
};

const sizeIssues = (size: number, maxBytes: number): InputIssue[] =>
  size >= 1 && size <= maxBytes ? [] : [{ field: 'size', message: `A file has 1 to ${maxBytes} bytes.` }];

/**
 * Takes in the bytes of the file that a token was issued for. They are complete in the store before a row says so, and a
 * token opens the way once: of two uploads at a time one wins. Throws NotFound (unknown, expired or used token), BadUserInput
 * (not the size declared, or of a size or type that the organization does not take), Conflict (another upload was faster), and the stream's own error when it breaks off.
 */
export const receiveUpload = async (
  services: Services,
  origin: Origin,
  token: string,
  stream: Readable,
  declaredLength: number | undefined,
): Promise<FileRow> => {
  const unit = await uploaderOf(services, origin, token);
  const file = await awaited(unit.unit, unit.fileId);
  const limits = await limitsOf(unit.unit);
  // They may have become narrower since the upload was opened.
  refuse(sizeIssues(file.size, maxBytesOf(limits, services.settings.maxUploadBytes)));
  if (declaredLength !== undefined && declaredLength !== file.size) throw wrongSize(file);
  const arrived = await bytesOf(services, stream, file);
  try {
    refuse(typeIssues(limits, arrived.mimeType));
    return await settle(services.store, unit.unit, hashToken(token), file, arrived);
  } finally {
    await services.store.remove(arrived.aside);
  }
};

/** Who was let upload, and what. The token opens the way to that one file. */
const uploaderOf = async (services: Services, origin: Origin, token: string) => {
  if (tokenPrefix(token) !== prefix) throw unknownToken();
  const anonymous = new UnitOfWork(nowhere, { ...services, origin });
  const target = await tokenTarget(anonymous, hashToken(token));
  await anonymous.rest();
  if (target?.kind !== 'UPLOAD' || target.userId === null || target.organizationId === null) throw unknownToken();
  const { organizationId, userId, subjectId } = target;
  return { unit: new UnitOfWork(wholeOf(organizationId, userId), { ...services, origin }), fileId: subjectId };
};

/** The token itself is a secret and stays out of the message. */
const unknownToken = () => new NotFound('Upload', 'of this address');

const awaited = async (unit: UnitOfWork, fileId: string): Promise<FileRow> => {
  const file = await fileById(unit).load(fileId);
  await unit.rest();
  if (file?.status !== 'AWAITED') throw unknownToken();
  return file;
};

const limitsOf = async (unit: UnitOfWork) => {
  const organization = await found('Organization', unit.organizationId, organizationById(unit));
  await unit.rest();
  return settingsOf(organization);
};

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

const wrongSize = ({ size }: FileRow) =>
  new BadUserInput('size', `This upload was opened for ${size} bytes; send exactly those.`);

/** Takes in the bytes of a file, as many as were declared. */
const bytesOf = async ({ store, settings }: Services, stream: Readable, file: FileRow): Promise<Arrived> => {
  const maxBytes = Math.min(file.size, settings.maxUploadBytes);
  const accept = ({ size }: { size: number }): void => {
    if (size !== file.size) throw wrongSize(file);
  };
  try {
    return await takeIn(store, { ...file, maxBytes }, stream, accept);
  } catch (error) {
    throw error instanceof FileTooLarge ? wrongSize(file) : error;
  }
};

/** Uses up the token, and has the row refer to the bytes that have arrived. */
const settle = (
  store: FileStore,
  unit: UnitOfWork,
  tokenHash: string,
  file: FileRow,
  arrived: Arrived,
): Promise<FileRow> =>
  unit.transact(async ({ organizationId }) => {
    const used = await database.delete(accessTokens).where(eq(accessTokens.hash, tokenHash)).returning();
    if (used.length === 0) throw new Conflict('token', 'This upload has been done already.');
    const { sha256, mimeType } = arrived;
    const [stored] = await database
      .update(files)
      .set({ status: 'STORED', sha256, mimeType })
      .where(and(eq(files.organizationId, organizationId), eq(files.id, file.id)))
      .returning();
    if (stored === undefined) throw unknownToken();
    await place(store, organizationId, arrived);
    unit.record({ action: 'file.stored', type: 'File', id: file.id, data: { size: file.size, sha256, mimeType } });
    return stored;
  });
