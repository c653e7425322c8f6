import { jobsAlone } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden } from '../../errors.ts';
import type { CacheOwnerInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { found } from '../nodes.ts';
import { atLeast, organizationRanks, requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { CacheEntryRow } from './cache-tables.ts';

/** The columns that say whose an entry is, and who sees it. */
export type CacheOwner = Pick<CacheEntryRow, 'ownerType' | 'ownerId' | 'workspaceId' | 'userId' | 'readers'>;
type Act = 'CACHE_READ' | 'CACHE_WRITE';

const ofOrganization = ({ organizationId }: Viewer): CacheOwner => ({
  ownerType: 'ORGANIZATION',
  ownerId: organizationId,
  workspaceId: null,
  userId: null,
  readers: null,
});

const ofWorkspace = ({ organizationId }: Viewer, workspaceId: string): CacheOwner => ({
  ownerType: 'WORKSPACE',
  ownerId: workspaceId,
  workspaceId,
  userId: null,
  readers: [workspaceId, organizationId],
});

const ofUser = ({ userId }: Viewer): CacheOwner => ({
  ownerType: 'USER',
  ownerId: userId,
  workspaceId: null,
  userId,
  readers: [userId, jobsAlone],
});

/** Whether the viewer reads the organization's own cache: whoever belongs to it as a whole. */
const readsOrganization = ({ role, standing }: Viewer): boolean =>
  !standing.confined && atLeast(organizationRanks, role, 'MEMBER');

/** Whether the viewer, who sees the row of an entry, may read it. */
export const readsEntry = (viewer: Viewer, { ownerType }: Pick<CacheEntryRow, 'ownerType'>): boolean =>
  ownerType !== 'ORGANIZATION' || readsOrganization(viewer);

const organizationFor = (viewer: Viewer, act: Act): CacheOwner => {
  if (!readsOrganization(viewer)) throw new Forbidden(act, 'The cache of the organization is for its members.');
  if (act === 'CACHE_WRITE') requirePermission(viewer, 'ORGANIZATION_MANAGE');
  return ofOrganization(viewer);
};

const workspaceFor = async (context: Context, act: Act, workspaceId: string): Promise<CacheOwner> => {
  const viewer = viewerOf(context);
  await found('Workspace', workspaceId, workspaceById(context.unit));
  requirePermission(viewer, act, workspaceId);
  if (act === 'CACHE_WRITE') requireActive(viewer, workspaceId);
  return ofWorkspace(viewer, workspaceId);
};

const userFor = (viewer: Viewer, act: Act): CacheOwner => {
  if (viewer.standing.confined) throw new Forbidden(act, 'A key of some workspaces has no cache of a person.');
  return ofUser(viewer);
};

/** Whose cache is meant, where the viewer may do this to it. Throws BadUserInput, Conflict (archived), Forbidden, NotFound (workspace). */
export const ownerFor = async (
  context: Context,
  act: Act,
  { type, workspaceId = null }: CacheOwnerInput,
): Promise<CacheOwner> => {
  if ((type === 'WORKSPACE') !== (workspaceId !== null))
    throw new BadUserInput('owner.workspaceId', 'A workspace is named for the type WORKSPACE, and for no other.');
  if (workspaceId !== null) return workspaceFor(context, act, workspaceId);
  return type === 'USER' ? userFor(viewerOf(context), act) : organizationFor(viewerOf(context), act);
};
