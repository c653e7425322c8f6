import type { Deployment } from '../../ai/deployment.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, Unavailable } from '../../errors.ts';
import { Undecipherable } from '../../secrets/encryption.ts';
import type { Services } from '../services.ts';
import type { ModelRequest } from './calls.ts';
import { callableModelById, type KeyedModel } from './loaders.ts';
import type { ModelRow, ProviderRow } from './tables.ts';

/** The built-in answerer's row, inserted by the migrations. */
export const builtinAnswererId = '01980000-0000-7000-8000-000000000002';
/** The built-in embedder's. */
export const builtinEmbedderId = '01980000-0000-7000-8000-000000000003';

/** US dollars for one token, as decimal text. */
export interface Price {
  readonly input: string;
  /** Of input that the provider has kept from an earlier call; null: as other input. */
  readonly cachedInput: string | null;
  readonly output: string;
}

/** A model that can be called now, and with which key. */
export interface Callable {
  readonly deployment: Deployment;
  readonly model: ModelRow;
  readonly provider: ProviderRow;
  /** Null: unknown. */
  readonly price: Price | null;
  /** The key of the organization or of the platform; both null where none is needed. */
  readonly providerKeyId: string | null;
  readonly platformKeyId: string | null;
}

/** The protocol that a provider is spoken to in. */
export const dialects: Readonly<Record<ProviderRow['dialect'], Deployment['dialect']>> = {
  BUILTIN: 'builtin',
  OPENAI: 'openai',
  ANTHROPIC: 'anthropic',
  GOOGLE: 'google',
  OPENAI_COMPATIBLE: 'openai-compatible',
};
/** They may be called without a key. */
const keyless: ReadonlySet<ProviderRow['dialect']> = new Set(['BUILTIN', 'OPENAI_COMPATIBLE']);

/** The model or its provider is INACTIVE. */
export class SwitchedOff extends Unavailable {}

/** A key as it is stored, of one of the two. */
interface StoredKey {
  readonly encryptedKey: string | null;
  readonly providerKeyId: string | null;
  readonly platformKeyId: string | null;
}

/**
 * The ways in which a model can be called, the first to be tried first: with the keys that the organization's strategy allows, or with none where
 * the provider needs none. Throws SwitchedOff (model or provider INACTIVE) and Conflict (gone, no key, or none that can be read).
 */
export const callablesOf = async (
  unit: UnitOfWork,
  { settings, keyRing }: Pick<Services, 'settings' | 'keyRing'>,
  modelId: string,
  { type, maxOutputTokens }: Pick<ModelRequest, 'type' | 'maxOutputTokens'>,
): Promise<Callable[]> => {
  const field = type === 'EMBEDDING' ? 'embeddingModel' : 'chatModel';
  const keyed = await callableModelById(unit).load(modelId);
  if (keyed === null) throw new Conflict(field, "The workspace's model is gone; choose another.");
  const { model, provider } = keyed;
  if (model.status === 'INACTIVE' || provider.status === 'INACTIVE')
    throw new SwitchedOff(`The model ${model.name} of ${provider.name} is switched off.`);
  const keys = keysOf(keyed);
  if (keys.length === 0) throw new Conflict(field, `There is no default key for ${provider.name}.`);
  const most = Math.min(maxOutputTokens ?? Infinity, model.maxOutputTokens ?? Infinity);
  const opened = await Promise.all(
    keys.map(async ({ encryptedKey, providerKeyId, platformKeyId }): Promise<Callable | null> => {
      const apiKey = encryptedKey === null ? undefined : await decrypted(keyRing, encryptedKey);
      if (apiKey === null) return null;
      return {
        deployment: {
          dialect: dialects[provider.dialect],
          model: model.name,
          timeoutMs: settings.modelTimeoutMs,
          contextTokens: model.contextWindow,
          ...(most < Infinity && { maxOutputTokens: most }),
          ...(provider.baseUrl !== null && { baseUrl: provider.baseUrl }),
          ...(apiKey !== undefined && { apiKey }),
        },
        model,
        provider,
        price: priceOf(keyed),
        providerKeyId,
        platformKeyId,
      };
    }),
  );
  const callables = opened.filter((callable) => callable !== null);
  if (callables.length === 0)
    throw new Conflict(field, `The key for ${provider.name} can no longer be read; store it again.`);
  return callables;
};

/**
 * Which keys an organization's calls may use: with BYOK its own; with HYBRID its own and then the platform's; with PLATFORM the platform's, and its
 * own where the platform has none for the provider.
 */
const keysOf = ({ strategy, provider, own, platform }: KeyedModel): StoredKey[] => {
  const owns = [
    { encryptedKey: own?.encryptedKey ?? null, providerKeyId: own?.id ?? null, platformKeyId: null },
  ].filter(stored);
  const platforms = [
    { encryptedKey: platform?.encryptedKey ?? null, providerKeyId: null, platformKeyId: platform?.id ?? null },
  ].filter(stored);
  const allowed = {
    BYOK: owns,
    HYBRID: [...owns, ...platforms],
    PLATFORM: platforms.length > 0 ? platforms : owns,
  }[strategy];
  if (allowed.length > 0 || !keyless.has(provider.dialect)) return allowed;
  return [{ encryptedKey: null, providerKeyId: null, platformKeyId: null }];
};

const stored = ({ encryptedKey }: StoredKey): boolean => encryptedKey !== null;

/** What a model costs now; null: unknown. */
export const priceOf = ({ model, price }: KeyedModel): Price | null => {
  const input = price?.inputPrice ?? null;
  const output = model.type === 'EMBEDDING' ? '0' : (price?.outputPrice ?? null);
  return input === null || output === null ? null : { input, cachedInput: price?.cachedInputPrice ?? null, output };
};

const decrypted = (keyRing: Services['keyRing'], encryptedKey: string): Promise<string | null> =>
  keyRing.decrypt(encryptedKey).catch((error: unknown) => {
    if (!(error instanceof Undecipherable)) throw error;
    return null;
  });
