import postgres from 'postgres';
import { globalId } from '../../src/ids.ts';
import type { Listener } from './listener.ts';

/** An answer as the database has it, with its question. */
export interface StoredMessage {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
}

/** All messages of a database, by their global ids. */
export const storedIn = async (ownerUrl: string): Promise<Map<string, StoredMessage>> => {
  const owner = postgres(ownerUrl, { max: 1 });
  const rows = await owner<StoredMessage[]>`select id, role, status, content from messages`;
  await owner.end();
  return new Map(rows.map((row) => [globalId('Message', row.id), row]));
};

/** How what was heard compares with what is stored. */
export interface Findings {
  /** Answers whose beginning or end was heard, and their questions. */
  readonly acknowledged: number;
  /** Of these, those that the database does not have, or not as it was heard. */
  readonly lost: number;
  /** Answers that were cut off by a kill. */
  readonly interrupted: number;
  /** UTF-16 code units that a listener was told of an interrupted answer and that are not stored, at most. */
  readonly unstoredAtMost: number;
  readonly faults: readonly string[];
}

/** Compares what listeners heard with what is stored; `expected` answers were asked for. */
export const findingsOf = (
  listeners: readonly Listener[],
  stored: ReadonlyMap<string, StoredMessage>,
  expected: number,
): Findings => {
  const faults: string[] = [];
  const acknowledged = new Set<string>();
  const lost = new Set<string>();
  const interrupted = new Set<string>();
  let unstoredAtMost = 0;
  for (const [messageId, { text, end }] of listeners.flatMap(({ answers }) => [...answers])) {
    acknowledged.add(messageId);
    const row = stored.get(messageId);
    if (row === undefined) lost.add(messageId);
    else if (end === 'AnswerCompleted') {
      if (row.status !== 'COMPLETED' || row.content !== text) lost.add(messageId);
    } else if (end === 'AnswerFailed' && row.status === 'FAILED') {
      interrupted.add(messageId);
      unstoredAtMost = Math.max(unstoredAtMost, text.length - row.content.length);
      if (!text.startsWith(row.content)) faults.push(`${messageId} was told otherwise than it is stored`);
    } else faults.push(`${messageId} ended as ${end ?? 'nothing'} and is ${row.status}`);
  }
  const questions = [...stored.values()].filter(({ role }) => role === 'USER').length;
  if (acknowledged.size !== expected) faults.push(`${acknowledged.size} of ${expected} answers were heard of`);
  const missing = Math.max(acknowledged.size - questions, 0);
  return {
    acknowledged: acknowledged.size * 2,
    lost: lost.size + missing,
    interrupted: interrupted.size,
    unstoredAtMost,
    faults,
  };
};
