import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { Conflict, NotFound } from '../../errors.ts';
import type {
  CreatePromptTemplateInput,
  RestorePromptTemplateVersionInput,
  UpdatePromptTemplateInput,
} from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { compareTexts, type VersionComparison } from '../text-comparison.ts';
import { requireOwnGroup } from './own-group.ts';
import { knowledgeOf } from './schema.ts';
import { promptTemplates, type PromptTemplateRow, type PromptTemplateVersionRow } from './tables.ts';
import { promptTemplateById, versionOf, versionsOf } from './template-loaders.ts';
import { fieldsOf, isTemplate, lockTemplate, requireVersion } from './template-rules.ts';

const withFreeName = async <Result>(write: Promise<Result>): Promise<Result> => {
  try {
    return await write;
  } catch (error) {
    if (violates(error, 'prompt_templates_name_key'))
      throw new Conflict('name', 'There is a template of this name already.');
    throw error;
  }
};

/**
 * Makes a template at version 1; its variables are the places of its content. Throws BadUserInput, Conflict (name taken), Forbidden (a group of
 * others), NotFound (group).
 */
export const createPromptTemplate = async (
  context: Context,
  input: CreatePromptTemplateInput,
): Promise<PromptTemplateRow> => {
  const { type, content, category, name } = input;
  const fields = fieldsOf(input, '');
  await requireOwnGroup(context, input.groupId, 'TEMPLATE_MANAGE');
  const bank = knowledgeOf(context.unit);
  return withFreeName(
    bank.transact(async ({ organizationId }) => {
      const whose = { organizationId, createdById: viewerOf(context).userId };
      const values = { name, category, type, content, variables: [], ...fields, ...whose };
      const row = sole(await database.insert(promptTemplates).values(values).returning());
      const data = { name: row.name, type, variables: row.variables };
      bank.record({ action: 'prompt_template.created', type: 'PromptTemplate', id: row.id, data });
      return row;
    }),
  );
};

/** Changes a template. Throws BadUserInput, Conflict (another version, name taken), Forbidden (a group of others), NotFound (template, group). */
export const updatePromptTemplate = async (
  context: Context,
  { id, version, ...input }: UpdatePromptTemplateInput,
): Promise<PromptTemplateRow> => {
  await requireOwnGroup(context, input.groupId, 'TEMPLATE_MANAGE');
  const bank = knowledgeOf(context.unit);
  return withFreeName(
    bank.transact(async ({ organizationId }) => {
      const current = await lockTemplate(bank, id);
      requireVersion(current, version);
      const changes = differing(current, fieldsOf(input, current.content));
      if (Object.keys(changes).length === 0) return current;
      const changeSummary = input.changeSummary?.trim() || null;
      const written = await database
        .update(promptTemplates)
        .set({ ...changes, changeSummary })
        .where(isTemplate(organizationId, id))
        .returning();
      const row = sole(written);
      const data = { name: row.name, version: row.version, fields: Object.keys(changes) };
      bank.record({ action: 'prompt_template.updated', type: 'PromptTemplate', id, data });
      return row;
    }),
  );
};

/** The fields that are not as they were. */
const differing = (current: PromptTemplateRow, fields: ReturnType<typeof fieldsOf>): ReturnType<typeof fieldsOf> =>
  Object.fromEntries(
    // The cast is safe: the names are those of the row.
    Object.entries(fields).filter(
      ([name, value]) => JSON.stringify(current[name as keyof PromptTemplateRow]) !== JSON.stringify(value),
    ),
  );

/** Gives a template the content of an earlier version, as its next one; the same content makes none. Throws Conflict (it is at that version), NotFound (template or version). */
export const restorePromptTemplateVersion = (
  { unit }: Context,
  { id, version }: RestorePromptTemplateVersionInput,
): Promise<PromptTemplateRow> => {
  const bank = knowledgeOf(unit);
  return bank.transact(async ({ organizationId }) => {
    const current = await lockTemplate(bank, id);
    if (version === current.version) throw new Conflict('version', 'The template is at this version now.');
    const former = await versionOf(bank, id, version);
    if (former === null) throw new NotFound('PromptTemplateVersion', String(version));
    const { content, variables } = former;
    if (content === current.content) return current;
    const written = await database
      .update(promptTemplates)
      .set({ content, variables, changeSummary: `Version ${version} restored.` })
      .where(isTemplate(organizationId, id))
      .returning();
    const row = sole(written);
    const data = { name: row.name, version: row.version, restored: version };
    bank.record({ action: 'prompt_template.restored', type: 'PromptTemplate', id, data });
    return row;
  });
};

/** Deletes a template with its versions and labels, whoever uses it. Throws NotFound. */
export const deletePromptTemplate = ({ unit }: Context, id: string): Promise<string> => {
  const bank = knowledgeOf(unit);
  return bank.transact(async ({ organizationId }) => {
    const [row] = await database.delete(promptTemplates).where(isTemplate(organizationId, id)).returning();
    if (row === undefined) throw new NotFound('PromptTemplate', id);
    const data = { name: row.name, version: row.version };
    bank.record({ action: 'prompt_template.deleted', type: 'PromptTemplate', id, data });
    return id;
  });
};

/** What a template held at a version. Throws NotFound (template or version). */
export const promptTemplateVersion = async (
  { unit }: Context,
  templateId: string,
  version: number,
): Promise<PromptTemplateVersionRow> => {
  const bank = knowledgeOf(unit);
  const row = await versionOf(bank, templateId, version);
  if (row !== null) return row;
  await found('PromptTemplate', templateId, promptTemplateById(bank));
  throw new NotFound('PromptTemplateVersion', String(version));
};

/** Compares the contents of two versions by lines. Throws BadUserInput (they differ too much), NotFound (template or version). */
export const comparePromptTemplateVersions = async (
  { unit }: Context,
  templateId: string,
  from: number,
  to: number,
): Promise<VersionComparison> => {
  const bank = knowledgeOf(unit);
  const rows = await versionsOf(bank, templateId, [from, to]);
  if (rows.length === 0) await found('PromptTemplate', templateId, promptTemplateById(bank));
  await unit.rest();
  const contentOf = (version: number): string => {
    const row = rows.find((each) => each.version === version);
    if (row === undefined) throw new NotFound('PromptTemplateVersion', String(version));
    return row.content;
  };
  return { from, to, ...(await compareTexts(contentOf(from), contentOf(to))) };
};
