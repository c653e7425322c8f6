import { fillProjects } from '../organization-filled-projects.ts';
import { uuidOf } from '../talk.ts';
import type { Testbed } from '../testbed.ts';
import { secret, whole } from './cast.ts';

/** Projects of the owner with all that belongs to one: one of the filled workspace, and one of their own. */
export const filledProjects = (
  bed: Testbed,
  { organizationId, userId }: { readonly organizationId: string; readonly userId: string },
  ids: { readonly workspaceId: string; readonly Document: string; readonly File: string },
): Promise<Record<string, string>> =>
  fillProjects(whole(bed, organizationId), {
    organizationId: uuidOf(organizationId),
    workspaceId: uuidOf(ids.workspaceId),
    documentId: uuidOf(ids.Document),
    fileId: uuidOf(ids.File),
    memberId: uuidOf(userId),
    secret,
  });
