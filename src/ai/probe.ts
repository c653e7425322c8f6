import { APICallError } from '@ai-sdk/provider';
import { generateText } from 'ai';
import { toldUsage, type Usage } from './answer.ts';
import type { Deployment } from './deployment.ts';
import { failureFrom } from './diagnosis.ts';
import { embedAll } from './embedding.ts';
import { ModelFailure } from './failure.ts';
import { accessOf, languageModel } from './models.ts';

/** What a deployment is tried with. */
export type Probe = 'text' | 'embedding' | 'listing';

/** Tokens of a probe at most: the few words that are sent, with room for what a provider adds, and the answer. */
export const probeTokens = { input: 256, output: 16 } as const;

/**
 * Tries whether a deployment answers, by one small call without a retry: a word to write, a word to embed, or where no model is known the list of
 * the provider's models. Gives what it used. Throws ModelFailure, whose words are ours and never the provider's.
 */
export const probe = async (deployment: Deployment, kind: Probe): Promise<Usage> => {
  // The SDK writes its warnings to the console, which belongs to the server's own log.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const signal = AbortSignal.timeout(deployment.timeoutMs);
  try {
    return await probes[kind](deployment, signal);
  } catch (error) {
    if (signal.aborted)
      throw new ModelFailure('TIMEOUT', `The model provider took longer than ${deployment.timeoutMs / 1000} s.`);
    throw failureFrom(error);
  }
};

const used = (inputTokens: number, outputTokens: number, estimated: boolean): Usage => ({
  inputTokens,
  cachedInputTokens: 0,
  outputTokens,
  estimated,
});

const probes: Readonly<Record<Probe, (deployment: Deployment, signal: AbortSignal) => Promise<Usage>>> = {
  text: async (deployment, abortSignal) => {
    const { usage } = await generateText({
      model: languageModel(deployment),
      prompt: 'Answer with the word “yes”.',
      maxOutputTokens: probeTokens.output,
      maxRetries: 0,
      abortSignal,
    });
    return toldUsage(usage) ?? used(probeTokens.input, probeTokens.output, true);
  },
  embedding: async (deployment, signal) => {
    const { tokens } = await embedAll({ ...deployment, maxRetries: 0 }, ['yes'], signal);
    return used(tokens, 0, false);
  },
  listing: async (deployment, signal) => {
    const { baseURL, headers } = accessOf(deployment);
    const url = `${baseURL.replace(/\/$/, '')}/models`;
    const response = await fetch(url, { headers, signal, redirect: 'error' });
    await response.body?.cancel();
    if (!response.ok)
      throw new APICallError({
        message: '',
        url,
        requestBodyValues: {},
        statusCode: response.status,
        responseHeaders: Object.fromEntries(response.headers),
      });
    return used(0, 0, false);
  },
};
