import { and, eq, isNull } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { CreateFileLinkInput } from '../../generated/resolvers.ts';
import { globalId, parseGlobalId, prefixOf } from '../../ids.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { grantToken, readToken, revokeTokensOf } from '../identity/tokens.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { organizations } from '../tenancy/tables.ts';
import { discovery, scopeOf, viewerOfMember } from '../tenancy/viewers.ts';
import { manages } from './files.ts';
import { fileById } from './loaders.ts';
import { fileKey } from './stored-bytes.ts';
import { everybody, files, type FileRow } from './tables.ts';

/** The way to a file's bytes, for whoever holds the address. */
export interface FileLink {
  readonly url: string;
  readonly expiresAt: string;
}

const defaultSeconds = 60 * 60;
const maxSeconds = 7 * 24 * 60 * 60;

const base = ({ address }: Pick<Services, 'address'>): string => address.url.replace(/\/+$/, '');

/**
 * Opens the way to a file's bytes for a time. It leads there as long as its maker sees the file. Throws BadUserInput, NotFound, Conflict
 * (the bytes have not arrived; or a key of some workspaces asks for what is in none of them, and its member may not see that).
 */
export const createFileLink = async (
  context: Context,
  { id, expiresInSeconds, disposition }: CreateFileLinkInput,
): Promise<FileLink> => {
  const seconds = expiresInSeconds ?? defaultSeconds;
  if (seconds < 1 || seconds > maxSeconds)
    throw new BadUserInput('expiresInSeconds', `A link leads somewhere for 1 to ${maxSeconds} seconds.`);
  const { unit, services } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const file = await found('File', id, fileById(unit));
    if (file.status !== 'STORED') throw new Conflict('id', 'The bytes of this file have not arrived yet.');
    if (isKeysOwn(viewer, file)) throw new Conflict('id', 'A key of some workspaces links to files of those alone.');
    const expiresAt = new Date(Date.now() + seconds * 1000);
    const token = await grantToken(unit, 'FILE', { organizationId, userId: viewer.userId, subjectId: id }, expiresAt);
    unit.record({ action: 'file.link_created', type: 'File', id, data: { expiresAt: expiresAt.toISOString() } });
    const query = disposition === 'INLINE' ? '?disposition=inline' : '';
    return { url: `${base(services)}/files/${token}${query}`, expiresAt: expiresAt.toISOString() };
  });
};

/** Seen by the key itself and by nobody in its place. */
const isKeysOwn = ({ self, userId, principals }: Viewer, { readers }: FileRow): boolean =>
  self !== userId && !readers.some((reader) => reader !== self && principals.includes(reader));

/** Ends the links to a file: all of them for who manages it, else the viewer's own. Gives their number. Throws NotFound. */
export const revokeFileLinks = (context: Context, id: string): Promise<number> =>
  context.unit.transact(async () => {
    const file = await found('File', id, fileById(context.unit));
    const viewer = viewerOf(context);
    const revoked = await revokeTokensOf(context.unit, 'FILE', id, manages(viewer, file) ? null : viewer.userId);
    context.unit.record({ action: 'file.links_revoked', type: 'File', id, data: { revoked } });
    return revoked;
  });

/** Where everybody gets a public file; null for what is private, or has not arrived. */
export const publicUrl = (services: Pick<Services, 'address'>, file: FileRow): string | null => {
  const { organizationId, id, name, visibility, status } = file;
  if (visibility !== 'PUBLIC' || status !== 'STORED') return null;
  const place = `${globalId('Organization', organizationId)}/${globalId('File', id)}`;
  return `${base(services)}/files/${place}/${encodeURIComponent(name)}`;
};

/** Bytes that an address leads to. */
export interface OpenFile {
  readonly by: 'LINK' | 'PUBLIC';
  readonly organizationId: string;
  readonly id: string;
  /** In the store. */
  readonly key: string;
  readonly name: string;
  readonly mimeType: string;
  readonly size: number;
  readonly sha256: string;
  readonly since: Date;
}

/** What is asked for may be a secret and stays out of the message. */
const unknownAddress = () => new NotFound('File', 'of this address');

const opened = (by: OpenFile['by'], file: FileRow | null | undefined): OpenFile => {
  if (file === null || file === undefined || file.sha256 === null) throw unknownAddress();
  const { organizationId, id, sha256, name, mimeType, size, createdAt } = file;
  const key = fileKey(organizationId, sha256);
  return { by, organizationId, id, key, name, mimeType, size, sha256, since: new Date(createdAt) };
};

/** The file of a link, as long as whoever made it sees it. Throws NotFound: unknown, expired, revoked, or out of their sight. */
export const openLink = async (services: Services, origin: Origin, token: string): Promise<OpenFile> => {
  const anonymous = new UnitOfWork(nowhere, { ...services, origin });
  const target = await readToken(anonymous, 'FILE', token);
  await anonymous.rest();
  if (target === null || target.organizationId === null || target.userId === null) throw unknownAddress();
  const { organizationId, userId, subjectId } = target;
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
  const viewer = await viewerOfMember(unit, { organizationId, userId });
  await unit.rest();
  if (viewer?.permissions.has('DOCUMENT_READ') !== true) throw unknownAddress();
  const member = unit.as(scopeOf(viewer));
  const file = await fileById(member).load(subjectId);
  await member.rest();
  return opened('LINK', file);
};

/** A public file by the ids in its address. Throws NotFound: unknown or private, or nobody enters its organization. */
export const openPublic = async (
  services: Services,
  origin: Origin,
  organization: string,
  file: string,
): Promise<OpenFile> => {
  const [organizationId, id] = [uuidIn('Organization', organization), uuidIn('File', file)];
  if (organizationId === null || id === null) throw unknownAddress();
  const scope = { organizationId, userId: null, principals: [everybody], workspaces: [] };
  const unit = new UnitOfWork(scope, { ...services, origin });
  const rows = await unit.run(() =>
    database
      .select({ file: files })
      .from(files)
      .innerJoin(organizations, eq(organizations.id, files.organizationId))
      .where(
        and(
          eq(files.organizationId, organizationId),
          eq(files.id, id),
          isNull(organizations.suspendedAt),
          isNull(organizations.deletedAt),
        ),
      ),
  );
  await unit.rest();
  return opened('PUBLIC', rows[0]?.file);
};

const uuidIn = (type: string, id: string): string | null => {
  const parsed = parseGlobalId(id);
  return parsed?.prefix === prefixOf(type) ? parsed.uuid : null;
};
