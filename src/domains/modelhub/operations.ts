import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import type { CreateProviderKeyInput, SetWorkspaceModelInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveWorkspace, ofWorkspace } from '../tenancy/workspace-lock.ts';
import { isName, issue, refuse, taken } from './catalogue-checks.ts';
import { keyColumns, modelById, providerById } from './loaders.ts';
import { providerKeys, type ProviderKeyRow } from './tables.ts';

/** Stores a key, encrypted; as default it takes the place of the one so far. Throws BadUserInput, Conflict, NotFound. */
export const createProviderKey = async (context: Context, input: CreateProviderKeyInput): Promise<ProviderKeyRow> => {
  const { providerId, label, key } = input;
  const isDefault = input.isDefault ?? true;
  refuse([
    ...issue('label', isName(label, 100), 'A label has 1 to 100 characters.'),
    ...issue('key', /^[!-~]{8,500}$/.test(key), 'A key has 8 to 500 printable ASCII characters without spaces.'),
  ]);
  const { unit, services } = context;
  const encryptedKey = await services.keyRing.encrypt(key);
  const { userId } = viewerOf(context);
  return unit
    .transact(async ({ organizationId }) => {
      const provider = await found('Provider', providerId, providerById(unit));
      if (provider.dialect === 'BUILTIN') throw new BadUserInput('providerId', 'The built-in models need no key.');
      const ofProvider = and(eq(providerKeys.organizationId, organizationId), eq(providerKeys.providerId, providerId));
      if (isDefault)
        await database
          .update(providerKeys)
          .set({ isDefault: false })
          .where(and(ofProvider, eq(providerKeys.isDefault, true)));
      const row = { organizationId, providerId, label: label.trim(), encryptedKey, lastFour: key.slice(-4), isDefault };
      const stored = sole(
        await database
          .insert(providerKeys)
          .values({ ...row, createdById: userId })
          .returning(keyColumns),
      );
      unit.record({ action: 'provider_key.created', type: 'ProviderKey', id: stored.id, data: { providerId, label } });
      return stored;
    })
    .catch(taken({ provider_keys_label_key: 'label', provider_keys_is_default_key: 'isDefault' }));
};

/** Deletes a key. Throws NotFound. */
export const deleteProviderKey = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(providerKeys)
      .where(and(eq(providerKeys.organizationId, organizationId), eq(providerKeys.id, id)))
      .returning({ id: providerKeys.id });
    if (gone === undefined) throw new NotFound('ProviderKey', id);
    context.unit.record({ action: 'provider_key.deleted', type: 'ProviderKey', id });
    return id;
  });

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
