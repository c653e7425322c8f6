import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput } from '../../errors.ts';
import type { SetWorkspaceModelInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveWorkspace, ofWorkspace } from '../tenancy/workspace-lock.ts';
import { modelById } from './loaders.ts';

/** Which of a workspace's models a purpose stands for. */
const modelOf = {
  CHAT: { field: 'chatModel', column: 'chatModelId' },
  AGENT: { field: 'agentModel', column: 'agentModelId' },
} as const;

/**
 * Chooses the model that answers in a workspace or works with tools there. Throws BadUserInput, Conflict (archived), Forbidden (needs
 * ADMIN in it), NotFound.
 */
export const setWorkspaceModel = (
  context: Context,
  { workspaceId, modelId, purpose = 'CHAT' }: SetWorkspaceModelInput,
): Promise<WorkspaceRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const { unit } = context;
    await lockActiveWorkspace(context, workspaceId);
    const model = modelId ? await found('Model', modelId, modelById(unit)) : null;
    if (model !== null && model.type !== 'TEXT' && model.type !== 'CODE')
      throw new BadUserInput('modelId', 'This model writes no text.');
    const { field, column } = modelOf[purpose];
    const chosen = model?.id ?? null;
    const isWorkspace = ofWorkspace(organizationId, workspaceId);
    const updated = sole(
      await database
        .update(workspaces)
        .set({ [column]: chosen })
        .where(isWorkspace)
        .returning(),
    );
    unit.record({
      action: 'workspace.updated',
      type: 'Workspace',
      id: workspaceId,
      workspaceId,
      data: { fields: [field], modelId: chosen },
    });
    return updated;
  });
