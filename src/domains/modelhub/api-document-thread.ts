import { parentPort, workerData } from 'node:worker_threads';
import { documentedOperations, NoDocument } from './api-documents.ts';

/** The thread behind `operationsOf`: reads the one document that it is given as text, answers once, and is over. */

/** What the thread answers, as JSON: operations, or what is wrong with the document. */
const answer = async (text: string): Promise<object> => {
  try {
    return await documentedOperations(text);
  } catch (error) {
    if (error instanceof NoDocument) return { fault: error.message };
    throw error;
  }
};

parentPort?.postMessage(JSON.stringify(await answer(String(workerData))));
