import { and, eq, inArray, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { DocumentAccessKind } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { groups, memberships, workspaceMemberships, workspaces } from '../tenancy/tables.ts';

const maxNamed = 100;

/** Who is to read a document, by ids. */
export interface GivenAccess {
  readonly kind: DocumentAccessKind;
  readonly groupIds?: readonly string[] | null | undefined;
  readonly userIds?: readonly string[] | null | undefined;
}

/**
 * The readers of a document for the access given; null for all who see the workspace. The organization's own id stands for its
 * administrators and jobs; whoever narrows it stays among them, with the key they do it by, or they would lock themselves out.
 * Throws BadUserInput, with the place in the lists under `path`.
 */
export const readersFor = async (
  context: Context,
  workspaceId: string,
  access: GivenAccess,
  path: string,
): Promise<string[] | null> => {
  const groupIds = access.groupIds ?? [];
  const userIds = access.userIds ?? [];
  const lists = { groupIds, userIds };
  refuse(Object.entries(lists).flatMap(([field, ids]) => lengthIssues(`${path}${field}`, ids, access.kind)));
  if (access.kind === 'WORKSPACE') return null;
  const { organizationId } = context.unit;
  const [knownGroups, knownUsers] = [
    await knownIn(groupIds, groupsAmong(organizationId, groupIds)),
    await knownIn(userIds, peopleAmong(organizationId, workspaceId, userIds)),
  ];
  refuse([
    ...strangers(`${path}groupIds`, groupIds, knownGroups, 'There is no such group.'),
    ...strangers(`${path}userIds`, userIds, knownUsers, 'This is no member who sees the workspace.'),
  ]);
  const { userId, self } = viewerOf(context);
  return [...new Set([...userIds, ...groupIds, userId, self, organizationId])];
};

const lengthIssues = (field: string, ids: readonly string[], kind: DocumentAccessKind): InputIssue[] => {
  if (ids.length > maxNamed) return [{ field, message: `This takes at most ${maxNamed}.` }];
  if (kind === 'WORKSPACE' && ids.length > 0)
    return [{ field, message: 'Nobody is named where all who see the workspace may read.' }];
  return [];
};

/** Which of the ids given the statement finds; none are asked for in vain. */
const knownIn = async (ids: readonly string[], rows: PromiseLike<{ id: string }[]>): Promise<ReadonlySet<string>> =>
  ids.length === 0 ? new Set() : new Set((await rows).map(({ id }) => id));

const strangers = (field: string, ids: readonly string[], known: ReadonlySet<string>, message: string): InputIssue[] =>
  ids.flatMap((id, at) => (known.has(id) ? [] : [{ field: `${field}.${at}`, message }]));

const groupsAmong = (organizationId: string, ids: readonly string[]) =>
  database
    .select({ id: groups.id })
    .from(groups)
    .where(and(eq(groups.organizationId, organizationId), inArray(groups.id, [...ids])));

/** Members who see a workspace: administrators see all of them, others those they belong to, and who is no guest the published ones. */
const peopleAmong = (organizationId: string, workspaceId: string, ids: readonly string[]) =>
  database
    .select({ id: memberships.userId })
    .from(memberships)
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        inArray(memberships.userId, [...ids]),
        sql`(${memberships.role} in ('OWNER', 'ADMIN') or ${belongs(workspaceId)} or ${published(workspaceId)})`,
      ),
    );

const belongs = (workspaceId: string): SQL => sql`exists (select from ${workspaceMemberships}
  where ${workspaceMemberships.organizationId} = ${memberships.organizationId}
    and ${workspaceMemberships.workspaceId} = ${workspaceId} and ${workspaceMemberships.userId} = ${memberships.userId})`;

const published = (
  workspaceId: string,
): SQL => sql`(${memberships.role} <> 'GUEST' and exists (select from ${workspaces}
  where ${workspaces.organizationId} = ${memberships.organizationId} and ${workspaces.id} = ${workspaceId} and ${workspaces.published}))`;

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};
