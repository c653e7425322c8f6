import { and, eq } from 'drizzle-orm';
import type { GraphQLSchema } from 'graphql';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateSavedViewInput, UpdateSavedViewInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { issuesOf } from '../content/validation.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { atLeast, organizationRanks, requireActive, roleIn, workspaceRanks } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { lockToWork, type ProjectMeans } from './project-rights.ts';
import { savedViews, type SavedViewRow } from './project-tables.ts';
import { questionIssues, type Question } from './view-questions.ts';

const maxName = 200;
const maxDescription = 2_000;

type Place = Pick<SavedViewRow, 'audience' | 'projectId' | 'workspaceId'>;
type Fields = Place & Pick<SavedViewRow, 'name' | 'description'> & Question;

/** Keeps a question to a list as the viewer's own. Throws BadUserInput, Conflict (archived), Forbidden (the audience), NotFound (project, workspace). */
export const createSavedView = (
  means: ProjectMeans,
  schema: GraphQLSchema,
  input: CreateSavedViewInput,
): Promise<SavedViewRow> => {
  const fields: Fields = {
    list: input.list,
    name: input.name,
    description: input.description ?? '',
    filter: input.filter ?? {},
    orderBy: orderingOf(input.orderBy),
    audience: input.audience ?? 'OWNER',
    projectId: input.projectId ?? null,
    workspaceId: input.workspaceId ?? null,
  };
  requireSound([...fieldIssues(fields), ...questionIssues(schema, fields)]);
  const unit = projectsUnit(means);
  const { userId } = viewerOf(means);
  return unit.transact(async ({ organizationId }) => {
    await requireAudience(means, fields);
    const row = { ...asKept(fields), organizationId, userId };
    const view = sole(await database.insert(savedViews).values(row).returning());
    note(unit, 'saved_view.created', view);
    return view;
  });
};

/**
 * Changes a view of the viewer's own. Throws BadUserInput, Conflict (changed since the version named; archived), Forbidden (another's view; the audience),
 * NotFound (view, project, workspace).
 */
export const updateSavedView = (
  means: ProjectMeans,
  schema: GraphQLSchema,
  input: UpdateSavedViewInput,
): Promise<SavedViewRow> =>
  projectsUnit(means).transact(async () => {
    const view = await lockOwn(means, input.id);
    if (view.version !== input.version)
      throw new Conflict('version', `The view has been changed since: its version is ${view.version}.`, {
        current: { id: globalId('SavedView', view.id), name: view.name, version: view.version },
      });
    const fields = changed(view, input);
    const asksAnew = input.filter !== undefined || input.orderBy !== undefined;
    requireSound([...nullIssues(input), ...fieldIssues(fields), ...(asksAnew ? questionIssues(schema, fields) : [])]);
    await requireAudience(means, fields);
    const { list: _, ...kept } = asKept(fields);
    const updated = sole(
      await database
        .update(savedViews)
        .set({ ...kept, version: view.version + 1 })
        .where(isView(means.unit, view.id))
        .returning(),
    );
    note(means.unit, 'saved_view.updated', updated);
    return updated;
  });

/** Deletes a view of the viewer's own and gives its id. Throws Forbidden (another's view), NotFound. */
export const deleteSavedView = (means: ProjectMeans, id: string): Promise<string> =>
  projectsUnit(means).transact(async () => {
    const view = await lockOwn(means, id);
    await database.delete(savedViews).where(isView(means.unit, id));
    note(means.unit, 'saved_view.deleted', view);
    return id;
  });

const orderingOf = (orderBy: CreateSavedViewInput['orderBy']): Question['orderBy'] =>
  (orderBy ?? []).map(({ field, direction }) => ({ field, direction: direction ?? 'ASC' }));

const isView = ({ organizationId }: UnitOfWork, id: string) =>
  and(eq(savedViews.organizationId, organizationId), eq(savedViews.id, id));

const lockOwn = async (means: ProjectMeans, id: string): Promise<SavedViewRow> => {
  const [view] = await database.select().from(savedViews).where(isView(means.unit, id)).for('no key update');
  if (view === undefined) throw new NotFound('SavedView', id);
  if (view.userId !== viewerOf(means).userId)
    throw new Forbidden('SAVED_VIEW_WRITE', 'A view is changed by its owner alone.');
  return view;
};

const changed = (view: SavedViewRow, input: UpdateSavedViewInput): Fields => ({
  list: view.list,
  name: input.name ?? view.name,
  description: input.description === undefined ? view.description : (input.description ?? ''),
  filter: input.filter === undefined ? view.filter : (input.filter ?? {}),
  orderBy: input.orderBy === undefined ? view.orderBy : orderingOf(input.orderBy),
  audience: input.audience ?? view.audience,
  projectId: input.projectId === undefined ? view.projectId : input.projectId,
  workspaceId: input.workspaceId === undefined ? view.workspaceId : input.workspaceId,
});

/** The columns. The cast is safe: `questionIssues` has found that the filter is an object. */
const asKept = ({ name, filter, ...fields }: Fields) => ({
  ...fields,
  name: name.trim(),
  filter: filter as Record<string, unknown>,
});

const requireSound = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

const nullIssues = (input: UpdateSavedViewInput): InputIssue[] =>
  (['name', 'audience'] as const).flatMap((field) =>
    input[field] === null ? [{ field, message: 'This cannot be empty.' }] : [],
  );

const fieldIssues = ({ name, description, audience, projectId, workspaceId }: Fields): InputIssue[] => [
  ...issuesOf('name', name, maxName),
  ...(description.length <= maxDescription && !description.includes('\0')
    ? []
    : [{ field: 'description', message: 'This has at most 2,000 characters, and no NUL.' }]),
  ...(audience === 'PROJECT' && projectId === null
    ? [{ field: 'projectId', message: 'A view that is shared with a project names it.' }]
    : []),
  ...(audience === 'WORKSPACE' && workspaceId === null
    ? [{ field: 'workspaceId', message: 'A view that is shared with a workspace names it.' }]
    : []),
];

/** Throws Conflict (archived), Forbidden, NotFound unless the viewer may share a view so. */
const requireAudience = async (means: ProjectMeans, { audience, projectId, workspaceId }: Place): Promise<void> => {
  const { unit } = means;
  const viewer = viewerOf(means);
  if (projectId !== null && audience !== 'PROJECT') await found('Project', projectId, projectById(unit));
  if (projectId !== null && audience === 'PROJECT') await lockToWork(means, projectId);
  if (workspaceId !== null) await found('Workspace', workspaceId, workspaceById(unit));
  if (workspaceId !== null && audience === 'WORKSPACE') {
    requireActive(viewer, workspaceId);
    if (!atLeast(workspaceRanks, roleIn(viewer, workspaceId), 'EDITOR'))
      throw new Forbidden('SAVED_VIEW_WRITE', 'This needs the role EDITOR in the workspace.');
  }
  if (audience === 'ORGANIZATION' && !atLeast(organizationRanks, viewer.role, 'MANAGER'))
    throw new Forbidden('SAVED_VIEW_WRITE', 'This needs the role MANAGER in the organization.');
};

const note = (unit: UnitOfWork, action: string, { id, list, audience, workspaceId, version }: SavedViewRow): void =>
  unit.record({ action, type: 'SavedView', id, workspaceId, data: { list, audience, version } });
