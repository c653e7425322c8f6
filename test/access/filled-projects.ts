import type { UnitOfWork } from '../../src/database/unit-of-work.ts';
import { fillProjects } from '../organization-filled-projects.ts';
import { uuidOf } from '../talk.ts';

/** Projects of a member with all that belongs to one: one of a workspace, and one of their own. The unit sees the organization whole. */
export const filledProjects = (
  whole: UnitOfWork,
  { organizationId, userId }: { readonly organizationId: string; readonly userId: string },
  ids: { readonly workspaceId: string; readonly Document: string; readonly File: string },
  secret: string,
): Promise<Record<string, string>> =>
  fillProjects(whole, {
    organizationId: uuidOf(organizationId),
    workspaceId: uuidOf(ids.workspaceId),
    documentId: uuidOf(ids.Document),
    fileId: uuidOf(ids.File),
    memberId: uuidOf(userId),
    secret,
  });
