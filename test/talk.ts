import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { users } from '../src/domains/identity/tables.ts';
import { parseGlobalId } from '../src/ids.ts';
import type { Person, Testbed } from './testbed.ts';

const origin = { requestId: 'test', address: null, userAgent: null };

/** The UUID in a global id. */
export const uuidOf = (id: string): string => parseGlobalId(id)?.uuid ?? '';

/** A unit that sees a whole organization, or with null what belongs to none. */
export const unitOf = (bed: Testbed, organization: string | null): UnitOfWork => {
  const { services } = bed.server.installation;
  const organizationId = organization === null ? null : uuidOf(organization);
  const scope =
    organizationId === null
      ? nowhere
      : { ...nowhere, organizationId, workspaces: '*' as const, rooms: '*' as const, projects: '*' as const };
  return new UnitOfWork(scope, { ...services, origin });
};

/** Makes somebody an administrator of the installation, which no operation of the API does yet. */
export const promote = async (
  bed: Testbed,
  person: { userId: string },
  platformRole: 'ADMIN' | 'SUPERADMIN' = 'ADMIN',
): Promise<void> => {
  await unitOf(bed, null).transact(() =>
    database
      .update(users)
      .set({ platformRole })
      .where(eq(users.id, uuidOf(person.userId))),
  );
  bed.server.installation.services.viewers.forgetAll();
};

/** Makes a workspace and gives its id. */
export const workspaceOf = async (person: Person, input: object = {}): Promise<string> => {
  const data: { createWorkspace: { workspace: { id: string } } } = await person.want(
    'mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }',
    { input: { name: 'Garden', ...input } },
  );
  return data.createWorkspace.workspace.id;
};

/** Begins a conversation and gives its id. */
export const conversationIn = async (person: Person, workspaceId: string): Promise<string> => {
  const data: { startConversation: { conversation: { id: string } } } = await person.want(
    'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
    { input: { workspaceId, title: 'Roses' } },
  );
  return data.startConversation.conversation.id;
};

/** Makes a model of an OpenAI-compatible server known and lets it answer in a workspace. */
export const modelFor = async (admin: Person, workspaceId: string, baseUrl: string): Promise<void> => {
  const slug = `server-${Math.random().toString(36).slice(2)}`;
  const made: { createProvider: { provider: { id: string } } } = await admin.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl } },
  );
  const providerId = made.createProvider.provider.id;
  const model: { createModel: { model: { id: string } } } = await admin.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    { input: { providerId, name: 'fake', contextWindow: 8192, inputPrice: '0.0000025', outputPrice: '0.00001' } },
  );
  await admin.want(
    'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
    {
      input: { providerId, label: 'main', key: 'sk-test-12345678' },
    },
  );
  await admin.want(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
    {
      input: { workspaceId, modelId: model.createModel.model.id },
    },
  );
};
