import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateWorkspaceInput, UpdateWorkspaceInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { goOnAs } from './entrance.ts';
import { withFreeSlug } from './slugs.ts';
import { workspaceMemberships, workspaces, type WorkspaceRow } from './tables.ts';
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
  topN: { holds: within(1, 50), message: 'An answer rests on 1 to 50 passages.' },
  queryRefusalResponse: {
    holds: shorterThan(2000),
    message: 'A refusal has at most 2,000 characters.',
    nullable: true,
  },
};

const issuesOf = (fields: Readonly<Record<string, unknown>>): InputIssue[] =>
  Object.entries(fields).flatMap(([field, value]) => {
    const rule = rules[field];
    if (rule === undefined || value === undefined) return [];
    const fine = value === null ? rule.nullable === true : rule.holds(value as never);
    return fine ? [] : [{ field, message: rule.message }];
  });

/** Only the fields that were given. */
const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Makes a workspace with the viewer as its admin; the context goes on with the workspace in sight. Throws BadUserInput. */
export const createWorkspace = async (context: Context, input: CreateWorkspaceInput): Promise<WorkspaceRow> => {
  const issues = issuesOf({ ...input, chatMode: input.chatMode ?? undefined, language: input.language ?? undefined });
  if (issues.length > 0) throw new BadUserInput(issues);
  const viewer = viewerOf(context);
  const id = newId();
  await goOnAs(context, {
    ...viewer,
    workspaces: viewer.workspaces === '*' ? '*' : [...viewer.workspaces, id],
    workspaceRoles: new Map([...viewer.workspaceRoles, [id, 'ADMIN']]),
    principals: [...viewer.principals, id],
  });
  const { unit } = context;
  const name = input.name.trim();
  const optional = { language: input.language, chatMode: input.chatMode, published: input.published };
  const own = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null && value !== undefined));
  return unit.transact(async ({ organizationId }) => {
    const workspace = await withFreeSlug(name, async (slug) => {
      const [row] = await database
        .insert(workspaces)
        .values({ organizationId, id, name, slug, ...own })
        .onConflictDoNothing({ target: [workspaces.organizationId, workspaces.slug] })
        .returning();
      return row;
    });
    await database
      .insert(workspaceMemberships)
      .values({ organizationId, workspaceId: id, userId: viewer.userId, role: 'ADMIN' });
    unit.record({ action: 'workspace.created', type: 'Workspace', id, workspaceId: id, data: { name } });
    return workspace;
  });
};

/** Changes a workspace. Throws BadUserInput, Forbidden (needs ADMIN in it), NotFound. */
export const updateWorkspace = (context: Context, { id, ...input }: UpdateWorkspaceInput): Promise<WorkspaceRow> => {
  const fields = given(input);
  return context.unit.transact(async ({ organizationId }) => {
    const ofWorkspace = and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id));
    const [current] = await database.select().from(workspaces).where(ofWorkspace).for('update');
    if (current === undefined) throw new NotFound('Workspace', id);
    requirePermission(viewerOf(context), 'WORKSPACE_MANAGE', id);
    const issues = issuesOf(fields);
    if (issues.length > 0) throw new BadUserInput(issues);
    if (Object.keys(fields).length === 0) return current;
    const [updated] = await database.update(workspaces).set(fields).where(ofWorkspace).returning();
    context.unit.record({
      action: 'workspace.updated',
      type: 'Workspace',
      id,
      workspaceId: id,
      data: { fields: Object.keys(fields) },
    });
    return updated ?? current;
  });
};

/** Deletes a workspace with all it holds. Throws Forbidden (needs ADMIN in it), NotFound. */
export const deleteWorkspace = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const ofWorkspace = and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id));
    const [current] = await database.select({ id: workspaces.id }).from(workspaces).where(ofWorkspace).for('update');
    if (current === undefined) throw new NotFound('Workspace', id);
    requirePermission(viewerOf(context), 'WORKSPACE_MANAGE', id);
    await database.delete(workspaces).where(ofWorkspace);
    context.unit.record({ action: 'workspace.deleted', type: 'Workspace', id, workspaceId: id });
    return id;
  });
