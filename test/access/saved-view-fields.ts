import { secret } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { byWorkers, fresh, listed } from './project-fields.ts';

type Gets = Fixture['gets'];

/** Who keeps the view, also by a key; those who see it besides do not change it, administrators neither. */
const byKeeper: Gets = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  owner: 'data',
  key: 'data',
};

/** What a view that is shared with the project finds, for whoever asks it. */
const found = (view: string, list: string) => ({
  gets: inWorkspace,
  field: `savedView(id: $${view}) { ${list}(first: 5) { edges { node { id } } } }`,
});

/** Questions to lists that are kept. */
export const fixtures: Fixtures = {
  queries: {
    savedViews: { gets: listed, field: 'savedViews(first: 100) { edges { node { name } } }' },
    savedView: { gets: inWorkspace, field: 'savedView(id: $SavedView) { name }' },
  },
  mutations: {
    createSavedView: {
      gets: byWorkers,
      field: `createSavedView(input: { list: TASKS, name: "${secret}", audience: PROJECT, projectId: $Project }) { savedView { name } }`,
      target: fresh,
    },
    updateSavedView: {
      gets: byKeeper,
      field: 'updateSavedView(input: { id: $SavedView, version: 1, description: "x" }) { savedView { name } }',
      target: fresh,
    },
    deleteSavedView: {
      gets: byKeeper,
      field: 'deleteSavedView(input: { id: $SavedView }) { deletedId }',
      shows: /saved_view_/,
      target: fresh,
    },
  },
  connections: {
    'SavedView.tasks': found('SavedView', 'tasks'),
    'SavedView.projects': found('ProjectsView', 'projects'),
    'SavedView.timeEntries': found('TimeView', 'timeEntries'),
    'SavedView.orders': found('OrdersView', 'orders'),
    'SavedView.documents': found('DocumentsView', 'documents'),
  },
};
