import { and, count, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type {
  ChosenPromptTemplateInput,
  RemoveTemplateLabelInput,
  SetWorkspacePromptTemplateInput,
} from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { knowledgeOf } from '../knowledge/schema.ts';
import type { PromptTemplateRow } from '../knowledge/tables.ts';
import { removeTemplateLabel } from '../knowledge/template-labels.ts';
import { labelledText, promptTemplateById } from '../knowledge/template-loaders.ts';
import { deletePromptTemplate } from '../knowledge/templates.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { ofWorkspace } from '../tenancy/workspace-lock.ts';
import { lockWorkspaceForPrompts } from './prompt-rules.ts';
import { withoutValueIn, type TemplateChoice } from './template-instructions.ts';
import { templateUses } from './template-use-loaders.ts';

/**
 * Lets a template stand in for a workspace's system prompt, or none any more. Throws BadUserInput, Conflict (unfit template, archived), Forbidden (needs ADMIN
 * in it, and to see templates), NotFound (workspace, template, label).
 */
export const setWorkspacePromptTemplate = (
  context: Context,
  { workspaceId, templateId = null, label = null }: SetWorkspacePromptTemplateInput,
): Promise<WorkspaceRow> => {
  if ((templateId === null) !== (label === null))
    throw new BadUserInput(templateId === null ? 'templateId' : 'label', 'Give a template and a label, or neither.');
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const current = await lockWorkspaceForPrompts(context, workspaceId);
    const choice = await chosenTemplate(
      context,
      current,
      templateId === null || label === null ? null : { templateId, label },
    );
    const { promptTemplateId, promptTemplateLabel } = choice;
    if (promptTemplateId === current.promptTemplateId && promptTemplateLabel === current.promptTemplateLabel)
      return current;
    const written = await database
      .update(workspaces)
      .set(choice)
      .where(ofWorkspace(organizationId, workspaceId))
      .returning();
    const data = {
      promptTemplateId: promptTemplateId === null ? null : globalId('PromptTemplate', promptTemplateId),
      label: promptTemplateLabel,
    };
    const action = 'workspace.prompt_template_set';
    unit.record({ action, type: 'Workspace', id: workspaceId, workspaceId, data });
    return sole(written);
  });
};

/**
 * A template that is to be used in a workspace, which is locked: it is not deleted before the running transaction ends. Throws Conflict (not of type
 * SYSTEM, inactive, a place without a value), Forbidden, NotFound (template or label).
 */
export const chosenTemplate = async (
  context: Context,
  workspace: WorkspaceRow,
  choice: ChosenPromptTemplateInput | null,
): Promise<TemplateChoice> => {
  if (choice === null) return { promptTemplateId: null, promptTemplateLabel: null };
  const { templateId, label } = choice;
  const { unit } = context;
  requirePermission(viewerOf(context), 'TEMPLATE_READ');
  await hold(templateId, sql`pg_advisory_xact_lock_shared`);
  const bank = knowledgeOf(unit);
  const template = await labelledText(bank, templateId, label);
  if (template === null) {
    await found('PromptTemplate', templateId, promptTemplateById(bank));
    throw new NotFound('PromptTemplateLabel', label, 'label');
  }
  await bank.rest();
  if (template.type !== 'SYSTEM')
    throw new Conflict('templateId', `Instructions are templates of type SYSTEM; this one is ${template.type}.`);
  if (!template.active) throw new Conflict('templateId', 'This template is inactive.');
  const variables = await withoutValueIn(context, template.variables, workspace);
  if (variables.length > 0)
    throw new Conflict(
      'templateId',
      `No prompt variable of the organization or the workspace has a value for ${variables.join(', ')}.`,
      { variables },
    );
  return { promptTemplateId: templateId, promptTemplateLabel: label };
};

/** Deletes a template that no workspace uses. Throws Conflict, NotFound. */
export const deleteUnusedTemplate = (context: Context, id: string): Promise<string> =>
  unused(context, id, undefined, () => deletePromptTemplate(context, id));

/** Takes a label away by which no workspace uses its template. Throws BadUserInput (`latest`), Conflict, NotFound (template or label). */
export const removeUnusedLabel = (context: Context, input: RemoveTemplateLabelInput): Promise<PromptTemplateRow> =>
  unused(context, input.templateId, eq(templateUses.label, input.label), () => removeTemplateLabel(context, input));

/** Does something to a template that nothing uses, while nothing begins to. Throws Conflict (it is in use), NotFound. */
const unused = async <Result>(
  context: Context,
  templateId: string,
  narrowed: SQL | undefined,
  work: () => Promise<Result>,
): Promise<Result> => {
  const { unit } = context;
  await found('PromptTemplate', templateId, promptTemplateById(knowledgeOf(unit)));
  return unit.transact(async ({ organizationId, userId }) => {
    await hold(templateId, sql`pg_advisory_xact_lock`);
    const ofTemplate = and(eq(templateUses.organizationId, organizationId), eq(templateUses.templateId, templateId));
    const [{ uses } = { uses: 0 }] = await unit.nested(wholeOf(organizationId, userId), () =>
      database.select({ uses: count() }).from(templateUses).where(and(ofTemplate, narrowed)),
    );
    if (uses > 0) {
      const places = uses === 1 ? 'one place' : `${uses} places`;
      throw new Conflict('id', `It is in use in ${places}: see usedBy.`, { uses });
    }
    return work();
  });
};

/**
 * The bank may stand in another database, so that no row of it can be locked together with what uses it: who begins to use a template and who
 * deletes it agree by a lock of the main database, until the running transaction ends.
 */
const hold = (templateId: string, lock: SQL): Promise<unknown> =>
  database.execute(sql`select ${lock}(hashtextextended('prompt_template ' || ${templateId}::text, 0))`);
