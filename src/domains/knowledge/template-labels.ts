import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { brokenReference } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { RemoveTemplateLabelInput, SetTemplateLabelInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { knowledgeOf } from './schema.ts';
import { promptTemplateLabels, type PromptTemplateLabelRow, type PromptTemplateRow } from './tables.ts';
import { latest } from './template-loaders.ts';
import { lockTemplate } from './template-rules.ts';

const maxLabels = 50;

/** Whether a label can have this name. */
const isLabel = (label: string): boolean => /^[a-z0-9-]{1,50}$/.test(label);

const requireOrdinary = (label: string): void => {
  if (label === latest)
    throw new BadUserInput('label', `The label ${latest} stands for the newest version of every template.`);
};

/**
 * Makes a label stand for a version; one that does already stays as it is. Throws BadUserInput (malformed, or `latest`), Conflict (there are 50), NotFound
 * (template or version).
 */
export const setTemplateLabel = async (
  context: Context,
  { templateId, label, version }: SetTemplateLabelInput,
): Promise<{ label: PromptTemplateLabelRow; promptTemplate: PromptTemplateRow }> => {
  requireOrdinary(label);
  if (!isLabel(label)) throw new BadUserInput('label', 'A label has 1 to 50 of the characters a-z, 0-9 and -.');
  const movedById = viewerOf(context).userId;
  const bank = knowledgeOf(context.unit);
  try {
    return await bank.transact(async ({ organizationId }) => {
      // Whoever moves a label of it at the same time waits, so that each event names what was there before.
      const promptTemplate = await lockTemplate(bank, templateId);
      const labels = await database.select().from(promptTemplateLabels).where(ofTemplate(organizationId, templateId));
      const before = labels.find((each) => each.label === label);
      if (before?.version === version) return { label: before, promptTemplate };
      if (before === undefined && labels.length >= maxLabels)
        throw new Conflict('label', `There are ${maxLabels} labels already; remove one first.`, { limit: maxLabels });
      const { readers } = promptTemplate;
      const { organizationId: tenant, templateId: template, label: name } = promptTemplateLabels;
      const written = await database
        .insert(promptTemplateLabels)
        .values({ organizationId, readers, templateId, label, version, movedById })
        .onConflictDoUpdate({ target: [tenant, template, name], set: { version, movedById } })
        .returning();
      const data = { name: promptTemplate.name, label, from: before?.version ?? null, to: version };
      bank.record({ action: 'prompt_template.label_moved', type: 'PromptTemplate', id: templateId, data });
      return { label: sole(written), promptTemplate };
    });
  } catch (error) {
    if (brokenReference(error) === 'prompt_template_labels_version_fkey')
      throw new NotFound('PromptTemplateVersion', String(version), 'version');
    throw error;
  }
};

/** Takes a label away, whoever uses the template by it. Throws BadUserInput (`latest`), NotFound (template or label). */
export const removeTemplateLabel = async (
  { unit }: Context,
  { templateId, label }: RemoveTemplateLabelInput,
): Promise<PromptTemplateRow> => {
  requireOrdinary(label);
  const bank = knowledgeOf(unit);
  return bank.transact(async ({ organizationId }) => {
    const promptTemplate = await lockTemplate(bank, templateId);
    const [removed] = await database
      .delete(promptTemplateLabels)
      .where(and(ofTemplate(organizationId, templateId), eq(promptTemplateLabels.label, label)))
      .returning({ version: promptTemplateLabels.version });
    if (removed === undefined) throw new NotFound('PromptTemplateLabel', label);
    const data = { name: promptTemplate.name, label, from: removed.version, to: null };
    bank.record({ action: 'prompt_template.label_removed', type: 'PromptTemplate', id: templateId, data });
    return promptTemplate;
  });
};

const ofTemplate = (organizationId: string, templateId: string) =>
  and(eq(promptTemplateLabels.organizationId, organizationId), eq(promptTemplateLabels.templateId, templateId));
