import { byWorkspaceAdmins, type Fixtures } from './fixture.ts';

export const fixtures: Fixtures = {
  mutations: {
    setEmbeddingModel: {
      field: 'setEmbeddingModel(input: { workspaceId: $Workspace }) { workspace { name } job { id } }',
      gets: byWorkspaceAdmins,
    },
  },
};
