import { byWorkspaceAdmins, inWorkspace, type Fixtures } from './fixture.ts';

/** What is set for whom. */
export const fixtures: Fixtures = {
  queries: {
    settings: {
      gets: inWorkspace,
      field: 'settings(scope: WORKSPACE, workspaceId: $Workspace) { key value origin }',
      shows: /"key":"product\.name"/,
    },
    setting: {
      gets: byWorkspaceAdmins,
      field: 'setting(scope: WORKSPACE, workspaceId: $Workspace, key: "connectors.notion") { key value isSet }',
      shows: /"key":"connectors\.notion"/,
    },
    publicSettings: {
      // Whatever token they carry.
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      field: 'publicSettings { key value }',
      shows: /"key":"product\.name"/,
    },
  },
  mutations: {
    setSetting: {
      gets: byWorkspaceAdmins,
      field:
        'setSetting(input: { scope: WORKSPACE, workspaceId: $Workspace, key: "ingestion.chunk_tokens", value: 512 }) { setting { key value } }',
      shows: /"key":"ingestion\.chunk_tokens","value":512/,
    },
  },
};
