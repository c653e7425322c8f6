import { randomUUID } from 'node:crypto';
import { secret } from './cast.ts';
import { byWorkspaceAdmins, type Fixture, type Fixtures } from './fixture.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Every member of the organization. */
const byMembers: Fixture['gets'] = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
};
const listed: Fixture['gets'] = { ...byMembers, stranger: 'own', platformAdmin: 'own' };
/** Managers, administrators and owners. */
const byManagers: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  manager: 'data',
  admin: 'data',
  owner: 'data',
  key: 'data',
};

const newName = (): Promise<{ Name: string }> => Promise.resolve({ Name: `n${randomUUID()}` });

/** A template in two versions, the first of which has a label. */
const fresh: NonNullable<Fixture['target']> = async (owner) => {
  const { Name: name } = await newName();
  const { createPromptTemplate }: Data = await owner.want(
    'mutation ($input: CreatePromptTemplateInput!) { createPromptTemplate(input: $input) { promptTemplate { id } } }',
    { input: { name, category: secret, type: 'SYSTEM', content: secret } },
  );
  const { id } = createPromptTemplate.promptTemplate;
  await owner.want(
    `mutation ($label: SetTemplateLabelInput!, $change: UpdatePromptTemplateInput!) {
      setTemplateLabel(input: $label) { label { label } } updatePromptTemplate(input: $change) { promptTemplate { id } } }`,
    {
      label: { templateId: id, label: 'staging', version: 1 },
      change: { id, version: 1, content: `${secret} again` },
    },
  );
  return { Fresh: id };
};

/** Prompt templates. */
export const fixtures: Fixtures = {
  queries: {
    promptTemplates: { gets: listed, field: 'promptTemplates(first: 100) { edges { node { content } } }' },
    promptTemplate: { gets: byMembers, field: 'promptTemplate(id: $PromptTemplate) { content }' },
    promptTemplateVersion: {
      gets: byMembers,
      field: 'promptTemplateVersion(templateId: $PromptTemplate, version: 1) { content }',
    },
    comparePromptTemplateVersions: {
      gets: byMembers,
      field: 'comparePromptTemplateVersions(templateId: $Fresh, from: 1, to: 2) { hunks { lines } }',
      target: fresh,
    },
    templateCategories: { gets: listed, field: 'templateCategories(first: 100) { edges { node { name } } }' },
    renderPrompt: { gets: byMembers, field: 'renderPrompt(input: { id: $PromptTemplate, values: {} }) { text }' },
  },
  mutations: {
    createPromptTemplate: {
      gets: { ...byManagers, stranger: 'data', platformAdmin: 'data' },
      field:
        'createPromptTemplate(input: { name: $Name, category: "x", type: USER, content: "x" }) { promptTemplate { id } }',
      shows: /prompt_template_/,
      target: newName,
    },
    updatePromptTemplate: {
      gets: byManagers,
      field: 'updatePromptTemplate(input: { id: $Fresh, version: 2, description: "x" }) { promptTemplate { content } }',
      target: fresh,
    },
    restorePromptTemplateVersion: {
      gets: byManagers,
      field: 'restorePromptTemplateVersion(input: { id: $Fresh, version: 1 }) { promptTemplate { content } }',
      target: fresh,
    },
    deletePromptTemplate: {
      gets: byManagers,
      field: 'deletePromptTemplate(input: { id: $Fresh }) { deletedId }',
      shows: /prompt_template_/,
      target: fresh,
    },
    setTemplateLabel: {
      gets: byManagers,
      field:
        'setTemplateLabel(input: { templateId: $Fresh, label: "staging", version: 2 }) { promptTemplate { content } }',
      target: fresh,
    },
    removeTemplateLabel: {
      gets: byManagers,
      field: 'removeTemplateLabel(input: { templateId: $Fresh, label: "staging" }) { promptTemplate { content } }',
      target: fresh,
    },
    setWorkspacePromptTemplate: {
      gets: byWorkspaceAdmins,
      field:
        'setWorkspacePromptTemplate(input: { workspaceId: $Workspace, templateId: $PromptTemplate, label: "latest" }) { workspace { promptTemplate { template { content } } } }',
    },
  },
  connections: {
    'PromptTemplate.versions': { gets: byMembers },
    // Whoever does not see the workspace is not told that it uses the template.
    'PromptTemplate.usedBy': { gets: { ...byMembers, neighbour: 'own' } },
  },
};
