import type { Deployment } from '../../ai/deployment.ts';
import { Unavailable } from '../../errors.ts';
import { Undecipherable } from '../../secrets/encryption.ts';
import type { Services } from '../services.ts';
import type { ModelRequest } from './calls.ts';
import type { Candidate, KeyChoice } from './candidates.ts';
import type { KnownModel, StoredKey } from './routing-knowledge.ts';
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

/** What tells deployments apart whose health is judged: a model with a key. */
export const deploymentName = (
  modelId: string,
  { providerKeyId, platformKeyId }: Pick<KeyChoice, 'providerKeyId' | 'platformKeyId'>,
): string => `${modelId} ${providerKeyId ?? platformKeyId ?? ''}`;

/** That of something that can be called. */
export const deploymentOf = (callable: Callable): string => deploymentName(callable.model.id, callable);

/** The protocol that a provider is spoken to in. */
export const dialects: Readonly<Record<ProviderRow['dialect'], Deployment['dialect']>> = {
  BUILTIN: 'builtin',
  OPENAI: 'openai',
  ANTHROPIC: 'anthropic',
  GOOGLE: 'google',
  OPENAI_COMPATIBLE: 'openai-compatible',
};

/** The model or its provider is INACTIVE, or the model is retired. */
export class SwitchedOff extends Unavailable {}

/**
 * The ways in which a model can be called, the first to be tried first: with each of its keys that can be read, or with none where the provider
 * needs none.
 */
export const callablesOf = async (
  { settings, keyRing }: Pick<Services, 'settings' | 'keyRing'>,
  known: KnownModel,
  { keys, price }: Pick<Candidate, 'keys' | 'price'>,
  { maxOutputTokens }: Pick<ModelRequest, 'maxOutputTokens'>,
): Promise<Callable[]> => {
  const { model, provider } = known;
  const most = Math.min(maxOutputTokens ?? Infinity, model.maxOutputTokens ?? Infinity);
  const opened = await Promise.all(
    keys.map(async ({ stored, providerKeyId, platformKeyId }): Promise<Callable | null> => {
      const apiKey = stored === null ? undefined : await openedKey(keyRing, stored);
      if (apiKey === null) return null;
      return {
        deployment: {
          dialect: dialects[provider.dialect],
          model: model.name,
          timeoutMs: settings.modelTimeoutMs,
          contextTokens: model.contextWindow,
          providerOptions: model.config,
          ...(most < Infinity && { maxOutputTokens: most }),
          ...(provider.baseUrl !== null && { baseUrl: provider.baseUrl }),
          ...(apiKey !== undefined && { apiKey }),
        },
        model,
        provider,
        price,
        providerKeyId,
        platformKeyId,
      };
    }),
  );
  return opened.filter((callable) => callable !== null);
};

/**
 * Keys that were opened, for as long as what was read with them is kept, some seconds: opening one takes a tenth of a millisecond, and a route may hold
 * dozens. Whoever can read this memory can read the key of a running call and the key ring as well.
 */
const openedKeys = new WeakMap<StoredKey, Promise<string | null>>();

/** The key itself; null when it cannot be read any more. */
const openedKey = (keyRing: Services['keyRing'], stored: StoredKey): Promise<string | null> => {
  const known = openedKeys.get(stored);
  if (known !== undefined) return known;
  const opened = keyRing.decrypt(stored.encryptedKey).catch((error: unknown) => {
    if (!(error instanceof Undecipherable)) throw error;
    return null;
  });
  openedKeys.set(stored, opened);
  return opened;
};
