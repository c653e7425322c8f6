import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { BadUserInput } from '../../errors.ts';
import { bounded } from '../../secrets/bounded.ts';
import type { DocumentedOperations } from './api-documents.ts';

/** Characters of a document as JSON or YAML. */
const maxLength = 500_000;
/** Milliseconds for one document. */
const longestMs = 20_000;
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };
const inTurn = bounded(1, 20);

/**
 * The operations of an OpenAPI document: an object, or JSON or YAML as text. It is read in a thread of its own, one document at a time, within
 * 20 s and 256 MB. Throws BadUserInput, and TooBusy when 20 others wait.
 */
export const operationsOf = async (document: unknown): Promise<DocumentedOperations> => {
  const text = typeof document === 'string' ? document : (JSON.stringify(document) ?? '');
  if (text.trim() === '' || text.length > maxLength)
    throw new BadUserInput('document', 'An OpenAPI document has 1 to 500,000 characters.');
  const read = await inTurn(() => readInThread(text));
  if ('fault' in read) throw new BadUserInput('document', read.fault);
  return read;
};

const readInThread = async (text: string): Promise<DocumentedOperations | { readonly fault: string }> => {
  const thread = new Worker(new URL('./api-document-thread.ts', import.meta.url), { workerData: text, resourceLimits });
  try {
    const [answer] = (await once(thread, 'message', { signal: AbortSignal.timeout(longestMs) })) as [string];
    // The cast is safe: the thread says so.
    return JSON.parse(answer) as DocumentedOperations | { readonly fault: string };
  } catch {
    // Out of time or memory, or beyond what the parser copes with.
    return { fault: 'This document cannot be read as an OpenAPI document with reasonable effort.' };
  } finally {
    await thread.terminate();
  }
};
