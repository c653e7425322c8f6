import type { Deployment } from '../../ai/deployment.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, Unavailable } from '../../errors.ts';
import { Undecipherable } from '../../secrets/encryption.ts';
import type { Services } from '../services.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { callableModelById } from './loaders.ts';
import type { ModelRow, ProviderRow } from './tables.ts';

/** The built-in answerer's row, inserted by the migrations. */
export const builtinAnswererId = '01980000-0000-7000-8000-000000000002';
/** The built-in embedder's. */
export const builtinEmbedderId = '01980000-0000-7000-8000-000000000003';

/** A model that can be called now. */
export interface Callable {
  readonly deployment: Deployment;
  readonly model: ModelRow;
  readonly provider: ProviderRow;
  /** US dollars for one token, as decimal text; null: unknown. */
  readonly price: { readonly input: string; readonly output: string } | null;
}

const dialects: Readonly<Record<ProviderRow['dialect'], Deployment['dialect']>> = {
  BUILTIN: 'builtin',
  OPENAI: 'openai',
  ANTHROPIC: 'anthropic',
  GOOGLE: 'google',
  OPENAI_COMPATIBLE: 'openai-compatible',
};
const keyless: ReadonlySet<ProviderRow['dialect']> = new Set(['BUILTIN', 'OPENAI_COMPATIBLE']);

/** The model or its provider is INACTIVE. */
export class SwitchedOff extends Unavailable {}

/** What a workspace needs a model for; the field that a refusal names. */
type Use = 'chatModel' | 'embeddingModel';

/**
 * The model that answers in a workspace, with the organization's default key for its provider; the built-in answerer where none
 * was chosen. Throws SwitchedOff (model or provider INACTIVE) and Conflict (gone, or its key is missing or unreadable).
 */
export const deploymentFor = (
  unit: UnitOfWork,
  services: Pick<Services, 'settings' | 'keyRing'>,
  { chatModelId }: Pick<WorkspaceRow, 'chatModelId'>,
): Promise<Callable> => callableOf(unit, services, chatModelId ?? builtinAnswererId, 'chatModel');

/** An embedding model in the same way, which has no price for output. Throws SwitchedOff, Conflict. */
export const embeddingDeployment = (
  unit: UnitOfWork,
  services: Pick<Services, 'settings' | 'keyRing'>,
  modelId: string,
): Promise<Callable> => callableOf(unit, services, modelId, 'embeddingModel');

const callableOf = async (
  unit: UnitOfWork,
  { settings, keyRing }: Pick<Services, 'settings' | 'keyRing'>,
  modelId: string,
  use: Use,
): Promise<Callable> => {
  const callable = await callableModelById(unit).load(modelId);
  if (callable === null) throw new Conflict(use, "The workspace's model is gone; choose another.");
  const { model, provider, encryptedKey } = callable;
  if (model.status === 'INACTIVE' || provider.status === 'INACTIVE')
    throw new SwitchedOff(`The model ${model.name} of ${provider.name} is switched off.`);
  if (encryptedKey === null && !keyless.has(provider.dialect))
    throw new Conflict(use, `There is no default key for ${provider.name}.`);
  const apiKey = encryptedKey === null ? undefined : await decrypted(keyRing, encryptedKey, provider, use);
  const { inputPrice: input } = model;
  const output = use === 'embeddingModel' ? '0' : model.outputPrice;
  return {
    deployment: {
      dialect: dialects[provider.dialect],
      model: model.name,
      timeoutMs: settings.modelTimeoutMs,
      contextTokens: model.contextWindow,
      ...(provider.baseUrl !== null && { baseUrl: provider.baseUrl }),
      ...(apiKey !== undefined && { apiKey }),
    },
    model,
    provider,
    price: input === null || output === null ? null : { input, output },
  };
};

const decrypted = (
  keyRing: Services['keyRing'],
  encryptedKey: string,
  { name }: ProviderRow,
  use: Use,
): Promise<string> =>
  keyRing.decrypt(encryptedKey).catch((error: unknown) => {
    if (!(error instanceof Undecipherable)) throw error;
    throw new Conflict(use, `The key for ${name} can no longer be read; store it again.`);
  });
