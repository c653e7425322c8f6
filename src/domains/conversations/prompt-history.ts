import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { DeletePromptHistoryInput, RestorePromptInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { ofWorkspace } from '../tenancy/workspace-lock.ts';
import { compareTexts, type VersionComparison } from '../text-comparison.ts';
import { lockWorkspaceForPrompts } from './prompt-rules.ts';
import { promptHistory } from './prompt-tables.ts';

const ofHistory = (organizationId: string, workspaceId: string, versions?: readonly number[]) =>
  and(
    eq(promptHistory.organizationId, organizationId),
    eq(promptHistory.workspaceId, workspaceId),
    versions === undefined ? undefined : inArray(promptHistory.version, [...versions]),
  );

/**
 * Compares two system prompts of a workspace by lines; the current one is among them. Throws NotFound (workspace or version), Forbidden (needs
 * ADMIN in it), BadUserInput (they differ too much).
 */
export const comparePrompts = async (
  context: Context,
  workspaceId: string,
  from: number,
  to: number,
): Promise<VersionComparison> => {
  const { unit } = context;
  const workspace = await found('Workspace', workspaceId, workspaceById(unit));
  requirePermission(viewerOf(context), 'PROMPT_MANAGE', workspaceId);
  const { version, prompt } = promptHistory;
  const earlier = await unit.run(() =>
    database
      .select({ version, prompt })
      .from(promptHistory)
      .where(ofHistory(unit.organizationId, workspaceId, [from, to])),
  );
  await unit.rest();
  const all = [...earlier, { version: workspace.promptVersion, prompt: workspace.systemPrompt ?? '' }];
  const textOf = (wanted: number): string => {
    const entry = all.find((each) => each.version === wanted);
    if (entry === undefined) throw new NotFound('PromptHistory', String(wanted));
    return entry.prompt;
  };
  return { from, to, ...(await compareTexts(textOf(from), textOf(to))) };
};

/**
 * Gives a workspace the system prompt of an earlier version, as its next one; one of the same text makes none. Throws NotFound (workspace or
 * version), Forbidden (needs ADMIN in it), Conflict (it has this version now, or the workspace is archived).
 */
export const restorePrompt = (context: Context, { workspaceId, version }: RestorePromptInput): Promise<WorkspaceRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await lockWorkspaceForPrompts(context, workspaceId);
    if (version === current.promptVersion) throw new Conflict('version', 'The workspace has this prompt now.');
    const [former] = await database
      .select({ prompt: promptHistory.prompt })
      .from(promptHistory)
      .where(ofHistory(organizationId, workspaceId, [version]));
    if (former === undefined) throw new NotFound('PromptHistory', String(version));
    if (former.prompt === current.systemPrompt) return current;
    const written = await database
      .update(workspaces)
      .set({ systemPrompt: former.prompt })
      .where(ofWorkspace(organizationId, workspaceId))
      .returning();
    record(context, 'prompt.restored', workspaceId, { version });
    return sole(written);
  });

const maxVersions = 100;

/**
 * Deletes earlier system prompts of a workspace, those of the versions named, or all; the current one stays. Throws BadUserInput,
 * Conflict (archived), Forbidden (needs ADMIN in it), NotFound (workspace, or one of the versions; then none is deleted). Gives how many
 * there were.
 */
export const deletePromptHistory = (
  context: Context,
  { workspaceId, versions, all }: DeletePromptHistoryInput,
): Promise<number> =>
  context.unit.transact(async ({ organizationId }) => {
    await lockWorkspaceForPrompts(context, workspaceId);
    const wanted = versions ?? [];
    if ((all === true) === wanted.length > 0 || wanted.length > maxVersions)
      throw new BadUserInput('versions', `Give 1 to ${maxVersions} versions, or all.`);
    const rows = await database
      .delete(promptHistory)
      .where(ofHistory(organizationId, workspaceId, all === true ? undefined : wanted))
      .returning({ version: promptHistory.version });
    const missing = wanted.find((version) => !rows.some((row) => row.version === version));
    if (missing !== undefined) throw new NotFound('PromptHistory', String(missing));
    const count = rows.length;
    if (count > 0)
      record(context, 'prompt_history.deleted', workspaceId, { count, versions: all === true ? 'all' : wanted });
    return count;
  });

const record = ({ unit }: Context, action: string, id: string, data: Record<string, unknown>): void =>
  unit.record({ action, type: 'Workspace', id, workspaceId: id, data });
