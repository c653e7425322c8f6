import type { Person } from '../testbed.ts';
import { widgetIn } from '../visitors.ts';
import { secret } from './cast.ts';
import { byWorkspaceAdmins, type Fixtures } from './fixture.ts';

const named = { name: `${secret} widget` };
/** Guests hold no permission for widgets; others lack the role in the workspace. */
const gets = byWorkspaceAdmins;

const newWidget = async (owner: Person, ids: Readonly<Record<string, string>>) => ({
  Fresh: (await widgetIn(owner, ids.Workspace ?? '', named)).id,
});

/** Widgets and who visited them. */
export const fixtures: Fixtures = {
  queries: {
    embedWidget: { gets, field: 'embedWidget(id: $EmbedWidget) { name snippet workspace { name } }' },
  },
  mutations: {
    createEmbedWidget: {
      gets,
      field: `createEmbedWidget(input: { workspaceId: $Workspace, name: "${secret} other" }) { embedWidget { name } }`,
    },
    updateEmbedWidget: {
      gets,
      field: 'updateEmbedWidget(input: { id: $Fresh, showSources: true }) { embedWidget { name } }',
      target: newWidget,
    },
    enableEmbedWidget: {
      gets,
      field: 'enableEmbedWidget(input: { id: $Fresh }) { embedWidget { name } }',
      target: newWidget,
    },
    disableEmbedWidget: {
      gets,
      field: 'disableEmbedWidget(input: { id: $Fresh }) { embedWidget { name } }',
      target: newWidget,
    },
    deleteEmbedWidget: {
      gets,
      field: 'deleteEmbedWidget(input: { id: $Fresh }) { deletedId }',
      shows: /embed_widget_/,
      target: newWidget,
    },
  },
  connections: {
    'Workspace.embedWidgets': { gets },
    'EmbedWidget.conversations': {
      gets,
      field:
        'embedWidget(id: $EmbedWidget) { conversations(first: 5) { totalCount edges { node { visitorName address } } } }',
    },
  },
};
