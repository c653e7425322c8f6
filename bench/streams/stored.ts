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

/** How many answers each conversation has, by its global id. */
export const answersIn = async (ownerUrl: string): Promise<Map<string, number>> => {
  const owner = postgres(ownerUrl, { max: 1 });
  const rows = await owner<{ id: string; count: number }[]>`
    select conversation_id as id, count(*)::int as count from messages where role = 'ASSISTANT' group by conversation_id`;
  await owner.end();
  return new Map(rows.map(({ id, count }) => [globalId('Conversation', id), count]));
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

/** Compares what listeners heard with what is stored. */
export const findingsOf = (listeners: readonly Listener[], stored: ReadonlyMap<string, StoredMessage>): Findings => {
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
  const rows = [...stored.values()];
  const answers = rows.filter(({ role }) => role === 'ASSISTANT').length;
  if (acknowledged.size !== answers) faults.push(`${acknowledged.size} of ${answers} answers were heard of`);
  const questions = rows.filter(({ role }) => role === 'USER').length;
  return {
    acknowledged: acknowledged.size * 2,
    lost: lost.size + Math.max(acknowledged.size - questions, 0),
    interrupted: interrupted.size,
    unstoredAtMost,
    faults,
  };
};
