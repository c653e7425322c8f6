import type { SharedV3ProviderOptions } from '@ai-sdk/provider';

/** Options of a provider's own, under the name by which the AI SDK knows the provider: `{ openai: { reasoningEffort: 'low' } }`. */
export type ProviderOptions = SharedV3ProviderOptions;

/** Where a model is reached. The built-in models need neither address nor key. */
export type Deployment = {
  /** The protocol spoken; `builtin` runs inside this process. */
  dialect: 'builtin' | 'openai' | 'anthropic' | 'google' | 'openai-compatible';
  /** Root of the API, such as `http://127.0.0.1:11434/v1`; left out, the provider's own. Needed for `openai-compatible`. */
  baseUrl?: string;
  apiKey?: string;
  /** The provider's own name of the model. */
  model: string;
  /** Longest time for one whole call, retries included. */
  timeoutMs: number;
  /** Tokens that question and answer share; 8,192 when left out. */
  contextTokens?: number;
  /** Most tokens an answer may take; 1,024 when left out. */
  maxOutputTokens?: number;
  /** Further tries before the first byte; 1 when left out. */
  maxRetries?: number;
  /** A provider that asks to be waited for longer than this, in milliseconds, is not tried again; left out, as long as the caller waits. */
  longestPauseMs?: number;
  /** Most texts in one embedding call; 128 when left out, and never more than the provider takes. */
  maxBatch?: number;
  /** What each call carries besides; nothing when left out. The built-in models read none. */
  providerOptions?: ProviderOptions;
};

/** A piece of a document handed to a model; its number in the prompt is its place in the list, counted from 1. */
export type Passage = {
  /** The document's title. */
  title: string;
  text: string;
  /** How well it fits the question, 0 to 1. */
  score: number;
};

/** One earlier message of the conversation. */
export type Turn = { role: 'user' | 'assistant'; text: string };

export const contextTokensOf = ({ contextTokens = 8_192 }: Deployment): number => contextTokens;
export const maxOutputTokensOf = ({ maxOutputTokens = 1_024 }: Deployment): number => maxOutputTokens;
export const maxRetriesOf = ({ maxRetries = 1 }: Deployment): number => maxRetries;
export const longestPauseMsOf = ({ longestPauseMs = Infinity }: Deployment): number => longestPauseMs;
