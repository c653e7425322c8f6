import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { byEditors, byWorkspaceAdmins, type Fixtures } from './fixture.ts';

const newDocument = async (owner: Person, ids: Readonly<Record<string, string>>) => {
  const data: { addDocument: { document: { id: string } } } = await owner.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId: ids.Workspace, title: `${secret} fresh`, text: `${secret} fresh`, wait: true } },
  );
  return { Fresh: data.addDocument.document.id };
};

/** Who may read a document, and what is searched for. */
export const fixtures: Fixtures = {
  mutations: {
    setDocumentAccess: {
      gets: byEditors,
      field:
        'setDocumentAccess(input: { id: $Fresh, access: RESTRICTED, userIds: [$Viewer] }) { document { title access { kind users { id } } } }',
      target: newDocument,
    },
  },
  connections: {
    'Workspace.searchLog': { gets: byWorkspaceAdmins },
  },
};
