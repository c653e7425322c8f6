import type { GraphQLSchema } from 'graphql';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { documentListOfAll } from '../../content/loaders.ts';
import type { DocumentRow } from '../../content/tables.ts';
import { found } from '../../nodes.ts';
import { orderList } from '../../orders/loaders.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { enteredProjects, projectById, projectList, projectsUnit } from '../project-loaders.ts';
import type { SavedViewRow } from '../project-tables.ts';
import { savedViewById, savedViewList } from '../saved-view-loaders.ts';
import { createSavedView, deleteSavedView, updateSavedView } from '../saved-views.ts';
import { taskList } from '../task-loaders.ts';
import { timeEntryList } from '../time-loaders.ts';
import { askedWith, questionIssues, type Asked } from '../view-questions.ts';

/** What a view finds in its list; null for a view of another, and for one that does not fit its list. */
const askedOf = <Found>(
  view: SavedViewRow,
  list: SavedViewRow['list'],
  schema: GraphQLSchema,
  ask: (asked: Asked) => Promise<Found>,
): Promise<Found> | null => {
  const asked = view.list === list ? askedWith(schema, view) : null;
  return asked && ask(asked);
};

export const resolvers: Resolvers = {
  Query: {
    savedViews: (_root, args, context) => savedViewList(projectsUnit(context), args),
    savedView: (_root, { id }, context) => found('SavedView', id, savedViewById(projectsUnit(context))),
  },
  Mutation: {
    createSavedView: async (_root, { input }, context, { schema }) => ({
      savedView: await createSavedView(context, schema, input),
    }),
    updateSavedView: async (_root, { input }, context, { schema }) => ({
      savedView: await updateSavedView(context, schema, input),
    }),
    deleteSavedView: async (_root, { input }, context) => ({
      deletedId: globalId('SavedView', await deleteSavedView(context, input.id)),
    }),
  },
  SavedView: {
    owner: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
    project: ({ projectId }, _args, context) =>
      projectId === null ? null : projectById(projectsUnit(context)).load(projectId),
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    valid: (view, _args, _context, { schema }) => questionIssues(schema, view).length === 0,
    issues: (view, _args, _context, { schema }) => questionIssues(schema, view),
    tasks: (view, args, context, { schema }) =>
      askedOf(view, 'TASKS', schema, (asked) => taskList(projectsUnit(context), { ...args, ...asked })),
    projects: (view, args, context, { schema }) =>
      askedOf(view, 'PROJECTS', schema, (asked) => projectList(projectsUnit(context), { ...args, ...asked })),
    timeEntries: (view, args, context, { schema }) =>
      askedOf(view, 'TIME_ENTRIES', schema, (asked) => timeEntryList(projectsUnit(context), { ...args, ...asked })),
    orders: (view, args, { unit }, { schema }) =>
      askedOf(view, 'ORDERS', schema, (asked) => orderList(unit, { ...args, ...asked })),
    documents: (view, args, { unit }, { schema }) =>
      askedOf(view, 'DOCUMENTS', schema, (asked) => documentListOfAll<DocumentRow>(unit, { ...args, ...asked })),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { SavedView: enteredProjects(savedViewById) };
