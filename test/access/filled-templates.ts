import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A template of the owner with a label, by which the filled workspace answers. */
export const filledTemplates = async (
  owner: Person,
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const { createPromptTemplate }: Data = await owner.want(
    `mutation ($input: CreatePromptTemplateInput!) { createPromptTemplate(input: $input) {
      promptTemplate { id versions(first: 1) { edges { node { id } } } } } }`,
    { input: { name: `${secret} manners`, category: secret, type: 'SYSTEM', content: `${secret} manners are good.` } },
  );
  const { id, versions } = createPromptTemplate.promptTemplate;
  await owner.want(
    'mutation ($input: SetTemplateLabelInput!) { setTemplateLabel(input: $input) { label { label } } }',
    {
      input: { templateId: id, label: 'production', version: 1 },
    },
  );
  await owner.want(
    'mutation ($input: SetWorkspacePromptTemplateInput!) { setWorkspacePromptTemplate(input: $input) { workspace { id } } }',
    { input: { workspaceId, templateId: id, label: 'production' } },
  );
  return { PromptTemplate: id, PromptTemplateVersion: versions.edges[0].node.id };
};
