import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { EmbeddingModelV3, LanguageModelV3 } from '@ai-sdk/provider';
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

const openai = (deployment: Deployment) => createOpenAI(access(deployment, 'https://api.openai.com/v1'));

const google = (deployment: Deployment) =>
  createGoogleGenerativeAI(access(deployment, 'https://generativelanguage.googleapis.com/v1beta'));

const openaiCompatible = (deployment: Deployment) => {
  if (deployment.baseUrl === undefined)
    throw new ModelFailure('UNAVAILABLE', 'An OpenAI-compatible model needs the address of its server.');
  return createOpenAICompatible({
    name: 'openaiCompatible',
    includeUsage: true,
    // A schema is asked for by callers who know that their server takes it; without this the SDK would drop it.
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
    createAnthropic(access(deployment, 'https://api.anthropic.com/v1')).languageModel(deployment.model),
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
 * The language model of a deployment, as the AI SDK's interface.
 * Throws ModelFailure UNAVAILABLE when the deployment lacks an address it needs.
 */
export const languageModel = (deployment: Deployment): LanguageModelV3 =>
  languageModels[deployment.dialect](deployment);

/**
 * The embedding model of a deployment, as the AI SDK's interface; `embedAll` adds what the SDK leaves open.
 * Throws ModelFailure UNAVAILABLE when the provider has no embedding models or the address is missing.
 */
export const embeddingModel = (deployment: Deployment): EmbeddingModelV3 =>
  embeddingModels[deployment.dialect](deployment);
