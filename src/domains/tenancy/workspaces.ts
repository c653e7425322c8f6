import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { CreateWorkspaceInput, SetWorkspaceAvatarInput, UpdateWorkspaceInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { removeAvatar, storeAvatar } from '../identity/avatars.ts';
import { archived } from '../permissions.ts';
import { goOnAs, goOnAsNow } from './entrance.ts';
import { withFreeSlug } from './slugs.ts';
import { workspaceMemberships, workspaces, type WorkspaceRow } from './tables.ts';
import { lockActiveWorkspace, lockWorkspace, ofWorkspace } from './workspace-lock.ts';
import { newId } from '../../ids.ts';

const isLanguage = (code: string): boolean => /^[a-z]{2}$/.test(code);
const within = (low: number, high: number) => (value: number) => value >= low && value <= high;
const shorterThan = (max: number) => (text: string) => text.length <= max;

/** What each field must satisfy when it is given and not null. */
const rules: Readonly<
  Record<string, { readonly holds: (value: never) => boolean; readonly message: string; readonly nullable?: true }>
> = {
  name: {
    holds: (name: string) => name.trim().length >= 1 && name.length <= 255,
    message: 'A name has 1 to 255 characters.',
  },
  language: { holds: isLanguage, message: 'A language is an ISO 639-1 code such as en.' },
  published: { holds: () => true, message: 'This is yes or no.' },
  chatMode: { holds: () => true, message: 'A workspace has a chat mode.' },
  vectorSearchMode: { holds: () => true, message: 'A workspace has a vector search mode.' },
  temperature: { holds: within(0, 2), message: 'A temperature is 0 to 2.', nullable: true },
  historyLength: { holds: within(0, 200), message: 'A history has 0 to 200 messages.' },
  systemPrompt: {
    holds: shorterThan(20_000),
    message: 'A system prompt has at most 20,000 characters.',
    nullable: true,
  },
  similarityThreshold: { holds: within(0, 1), message: 'A threshold is 0 to 1.' },
  confidenceThreshold: { holds: within(0, 1), message: 'A threshold is 0 to 1.' },
  handoverBelowThreshold: { holds: () => true, message: 'This is yes or no.' },
  usesKnowledge: { holds: () => true, message: 'This is yes or no.' },
  topN: { holds: within(1, 50), message: 'An answer rests on 1 to 50 passages.' },
  queryRefusalResponse: {
    holds: shorterThan(2000),
    message: 'A refusal has at most 2,000 characters.',
    nullable: true,
  },
};

type Fields = Partial<typeof workspaces.$inferInsert>;

/** The fields as they are stored. Throws BadUserInput with the issues of all of them. */
const checked = (fields: Readonly<Record<string, unknown>>): Fields => {
  const issues = Object.entries(fields).flatMap(([field, value]): InputIssue[] => {
    const rule = rules[field];
    const fine = value === null ? rule?.nullable === true : rule?.holds(value as never) === true;
    return fine ? [] : [{ field, message: rule?.message ?? 'A workspace has no such field.' }];
  });
  if (issues.length > 0) throw new BadUserInput(issues);
  return typeof fields.name === 'string' ? { ...fields, name: fields.name.trim() } : fields;
};

/** Only the fields that were given. */
const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
/** For a new workspace null asks for what stands where nothing is said. */
const chosen = (fields: object) =>
  Object.fromEntries(Object.entries(given(fields)).filter(([, value]) => value !== null));

/** Makes a workspace with the viewer as its admin; the context goes on with the workspace in sight. Throws BadUserInput. */
export const createWorkspace = async (
  context: Context,
  { name, ...settings }: CreateWorkspaceInput,
): Promise<WorkspaceRow> => {
  const fields = checked({ ...chosen(settings), name });
  const viewer = viewerOf(context);
  const id = newId();
  await goOnAs(context, {
    ...viewer,
    workspaces: viewer.workspaces === '*' ? '*' : [...viewer.workspaces, id],
    workspaceRoles: new Map([...viewer.workspaceRoles, [id, 'ADMIN']]),
    principals: [...viewer.principals, id],
  });
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const workspace = await withFreeSlug(name, async (slug) => {
      const [row] = await database
        .insert(workspaces)
        .values({ ...fields, organizationId, id, name: name.trim(), slug })
        .onConflictDoNothing({ target: [workspaces.organizationId, workspaces.slug] })
        .returning();
      return row;
    });
    await database
      .insert(workspaceMemberships)
      .values({ organizationId, workspaceId: id, userId: viewer.userId, role: 'ADMIN' });
    const data = { name: workspace.name, fields: Object.keys(fields) };
    unit.record({ action: 'workspace.created', type: 'Workspace', id, workspaceId: id, data });
    const { viewers } = context.services;
    unit.afterCommit(() =>
      workspace.published ? viewers.forgetOrganization(organizationId) : viewers.forgetUser(viewer.userId),
    );
    return workspace;
  });
};

/** The job that brings a workspace's vectors into the index that its search mode asks for; those who hold vectors handle it. */
export const moveVectorsKind = 'content.reindex';

/** Changes a workspace. Throws BadUserInput, Conflict (archived), Forbidden (needs ADMIN in it), NotFound. */
export const updateWorkspace = (context: Context, { id, ...input }: UpdateWorkspaceInput): Promise<WorkspaceRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockActiveWorkspace(context, id);
    const fields = checked(given(input));
    if (Object.keys(fields).length === 0) return current;
    const workspace = await changed(context, 'workspace.updated', id, fields);
    if ((workspace.vectorSearchMode === 'IVFFLAT') !== (current.vectorSearchMode === 'IVFFLAT'))
      await context.services.queue.enqueue(context.unit, {
        kind: moveVectorsKind,
        data: { workspaceId: id },
        target: { type: 'Workspace', id },
        workspaceId: id,
      });
    if (workspace.published !== current.published)
      context.unit.afterCommit(() => context.services.viewers.forgetOrganization(organizationId));
    return workspace;
  });

/** Deletes a workspace with all it holds. Throws Forbidden (needs ADMIN in it), NotFound. */
export const deleteWorkspace = async (context: Context, id: string): Promise<string> => {
  const picture = await context.unit.transact(async ({ organizationId }) => {
    const { avatarKey } = await lockWorkspace(context, id, 'update');
    await database.delete(workspaces).where(ofWorkspace(organizationId, id));
    context.unit.record({ action: 'workspace.deleted', type: 'Workspace', id, workspaceId: id });
    return avatarKey;
  });
  await removeAvatar(context.services, picture);
  return id;
};

/**
 * Sets a workspace's picture, or takes it away; that of before is removed. Throws BadUserInput, Conflict (archived), Forbidden (needs
 * ADMIN in it), NotFound.
 */
export const setWorkspaceAvatar = async (
  context: Context,
  { workspaceId, image }: SetWorkspaceAvatarInput,
): Promise<WorkspaceRow> => {
  const { services, unit } = context;
  // Nothing is stored for who may not change the workspace.
  await unit.transact(() => lockActiveWorkspace(context, workspaceId));
  const owner = `organizations/${unit.organizationId}/workspaces/${workspaceId}`;
  const avatarKey = typeof image === 'string' ? await storeAvatar(services, owner, 'image', image) : null;
  // Should this fail, the new picture stays without a row: whether the commit was heard is not always known.
  const { workspace, before } = await unit.transact(async () => ({
    before: (await lockActiveWorkspace(context, workspaceId)).avatarKey,
    workspace: await changed(context, 'workspace.updated', workspaceId, { avatarKey }, ['avatar']),
  }));
  await removeAvatar(services, before);
  return workspace;
};

/** Archives a workspace, once what is being written in it stands. Throws Conflict (archived), Forbidden (needs ADMIN in it), NotFound. */
export const archiveWorkspace = (context: Context, id: string): Promise<WorkspaceRow> =>
  moved(context, id, 'workspace.archived', ({ archivedAt }) => {
    if (archivedAt !== null) throw archived();
    return { archivedAt: sql`now()` };
  });

/** Takes a workspace out of the archive. Throws Conflict (not archived), Forbidden (needs ADMIN in it), NotFound. */
export const restoreWorkspace = (context: Context, id: string): Promise<WorkspaceRow> =>
  moved(context, id, 'workspace.restored', ({ archivedAt }) => {
    if (archivedAt === null) throw new Conflict('id', 'This workspace is not archived.');
    return { archivedAt: null };
  });

/** Into the archive or out of it; the context goes on knowing so, as do all viewers of the organization. */
const moved = async (
  context: Context,
  id: string,
  action: string,
  change: (current: WorkspaceRow) => { readonly archivedAt: ReturnType<typeof sql> | null },
): Promise<WorkspaceRow> => {
  const workspace = await context.unit.transact(async ({ organizationId }) => {
    const fields = change(await lockWorkspace(context, id, 'update'));
    context.unit.afterCommit(() => context.services.viewers.forgetOrganization(organizationId));
    return changed(context, action, id, fields);
  });
  await goOnAsNow(context);
  return workspace;
};

const changed = async (
  { unit }: Context,
  action: string,
  id: string,
  fields: { [Field in keyof Fields]: Fields[Field] | ReturnType<typeof sql> },
  named = Object.keys(fields),
): Promise<WorkspaceRow> => {
  const isWorkspace = ofWorkspace(unit.organizationId, id);
  const workspace = sole(await database.update(workspaces).set(fields).where(isWorkspace).returning());
  unit.record({ action, type: 'Workspace', id, workspaceId: id, data: { fields: named } });
  return workspace;
};
