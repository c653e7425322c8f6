import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { EmbeddingModelV3, LanguageModelV3 } from '@ai-sdk/provider';
import { LRUCache } from 'lru-cache';
import { builtinAnswerer } from './builtin-answerer.ts';
import { builtinEmbedder } from './builtin-embedder.ts';
import type { Deployment } from './deployment.ts';
import { ModelFailure } from './failure.ts';

/**
 * Address and key for the SDK. Both are always given, if only as the empty key: where one is missing the SDK reads
 * environment variables of its own, and a deployment without a key would run on somebody else's.
 */
const access = ({ baseUrl, apiKey }: Deployment, providersOwn: string) => ({
  baseURL: baseUrl ?? providersOwn,
  apiKey: apiKey ?? '',
});

/** Where each provider answers that has an address of its own. */
const ownAddresses = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
} as const;

const openai = (deployment: Deployment) => createOpenAI(access(deployment, ownAddresses.openai));

const google = (deployment: Deployment) => createGoogleGenerativeAI(access(deployment, ownAddresses.google));

/** Root of a provider's API and how it is shown a key, for requests that the SDK does not make. Throws ModelFailure UNAVAILABLE without an address. */
export const accessOf = (deployment: Deployment): { baseURL: string; headers: Record<string, string> } => {
  const { dialect, apiKey = '' } = deployment;
  const own =
    dialect === 'openai' || dialect === 'anthropic' || dialect === 'google' ? ownAddresses[dialect] : undefined;
  const address = deployment.baseUrl ?? own;
  if (address === undefined) throw new ModelFailure('UNAVAILABLE', 'This model provider has no address.');
  const { baseURL } = access(deployment, address);
  if (dialect === 'anthropic') return { baseURL, headers: { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' } };
  if (dialect === 'google') return { baseURL, headers: { 'x-goog-api-key': apiKey } };
  return { baseURL, headers: apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` } };
};

const openaiCompatible = (deployment: Deployment) => {
  if (deployment.baseUrl === undefined)
    throw new ModelFailure('UNAVAILABLE', 'An OpenAI-compatible model needs the address of its server.');
  return createOpenAICompatible({
    name: 'openaiCompatible',
    includeUsage: true,
    // Sends the schema along; only models that are known to keep to one are asked for an object.
    supportsStructuredOutputs: true,
    ...access(deployment, deployment.baseUrl),
  });
};

type Dialects<Model> = Record<Deployment['dialect'], (deployment: Deployment) => Model>;

const languageModels: Dialects<LanguageModelV3> = {
  builtin: ({ model }) => builtinAnswerer(model),
  // By chat completions: the newer responses API keeps the conversation at the provider unless told otherwise.
  openai: (deployment) => openai(deployment).chat(deployment.model),
  anthropic: (deployment) =>
    createAnthropic(access(deployment, ownAddresses.anthropic)).languageModel(deployment.model),
  google: (deployment) => google(deployment).languageModel(deployment.model),
  'openai-compatible': (deployment) => openaiCompatible(deployment).languageModel(deployment.model),
};

const embeddingModels: Dialects<EmbeddingModelV3> = {
  builtin: ({ model }) => builtinEmbedder(model),
  openai: (deployment) => openai(deployment).embedding(deployment.model),
  anthropic: () => {
    throw new ModelFailure('UNAVAILABLE', 'Anthropic offers no embedding models.');
  },
  google: (deployment) => google(deployment).embedding(deployment.model),
  'openai-compatible': (deployment) => openaiCompatible(deployment).embeddingModel(deployment.model),
};

/**
 * Keeps what the SDK makes for a deployment: it compiles the schemas of the answers anew each time, which takes several milliseconds and never gets faster.
 * One that is not used for a while is forgotten, since it holds the key.
 */
const kept = <Model extends object>(make: (deployment: Deployment) => Model): ((deployment: Deployment) => Model) => {
  const models = new LRUCache<string, Model>({ max: 1000, ttl: 300_000, ttlAutopurge: true, updateAgeOnGet: true });
  return (deployment) => {
    const { dialect, baseUrl, apiKey, model } = deployment;
    const name = JSON.stringify([dialect, baseUrl, apiKey, model]);
    const known = models.get(name);
    if (known !== undefined) return known;
    const made = make(deployment);
    models.set(name, made);
    return made;
  };
};

/**
 * The language model of a deployment, as the AI SDK's interface.
 * Throws ModelFailure UNAVAILABLE when the deployment lacks an address it needs.
 */
export const languageModel = kept((deployment) => languageModels[deployment.dialect](deployment));

/**
 * The embedding model of a deployment, as the AI SDK's interface; `embedAll` adds what the SDK leaves open.
 * Throws ModelFailure UNAVAILABLE when the provider has no embedding models or the address is missing.
 */
export const embeddingModel = kept((deployment) => embeddingModels[deployment.dialect](deployment));
