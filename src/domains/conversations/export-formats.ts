import { stringify } from 'csv-stringify/sync';
import { globalId } from '../../ids.ts';
import type { ExportedMessage } from './export-reading.ts';
import type { ExportWork } from './exporting.ts';
import type { ConversationRow } from './tables.ts';

/** A conversation with its messages, which are read as they are written. */
export interface Exported {
  readonly conversation: ConversationRow;
  readonly pages: AsyncIterable<readonly ExportedMessage[]>;
}

type Source = AsyncIterable<Exported>;

/** How a file of a format is named and written. */
export interface Format {
  readonly extension: string;
  readonly mimeType: string;
  /** The text, piece by piece: no conversation is held whole. */
  readonly write: (source: Source) => AsyncGenerator<string>;
}

const utc = (moment: string): string => new Date(moment).toISOString();

const headOf = ({ id, title, slug, kind, channel, status, createdAt, endedAt }: ConversationRow) => ({
  id: globalId('Conversation', id),
  title,
  slug,
  kind,
  channel,
  status,
  createdAt: utc(createdAt),
  endedAt: endedAt === null ? null : utc(endedAt),
});

const messageOf = ({ id, role, type, sender, content, status, model, confidence, createdAt }: ExportedMessage) => ({
  id: globalId('Message', id),
  role,
  type,
  sender,
  content,
  status,
  model,
  confidence,
  createdAt: utc(createdAt),
});

/** One conversation as JSON, on one line. */
async function* objectOf({ conversation, pages }: Exported): AsyncGenerator<string> {
  yield `${JSON.stringify(headOf(conversation)).slice(0, -1)},"messages":[`;
  let between = '';
  for await (const page of pages) {
    yield between + page.map((message) => JSON.stringify(messageOf(message))).join(',');
    between = ',';
  }
  yield ']}';
}

async function* json(source: Source): AsyncGenerator<string> {
  yield '[';
  let between = '\n';
  for await (const each of source) {
    yield between;
    yield* objectOf(each);
    between = ',\n';
  }
  yield '\n]\n';
}

async function* jsonLines(source: Source): AsyncGenerator<string> {
  for await (const each of source) {
    yield* objectOf(each);
    yield '\n';
  }
}

const columns = [
  'conversationId',
  'title',
  'messageId',
  'createdAt',
  'role',
  'sender',
  'type',
  'status',
  'model',
  'confidence',
  'content',
] as const;

async function* csv(source: Source): AsyncGenerator<string> {
  yield stringify([columns]);
  for await (const { conversation, pages } of source) {
    const { title } = conversation;
    const conversationId = globalId('Conversation', conversation.id);
    for await (const page of pages) {
      const rows = page.map((message) => {
        const { role, sender, type, status, model, confidence, content } = message;
        const told = messageOf(message);
        return [conversationId, title, told.id, told.createdAt, role, sender, type, status, model, confidence, content];
      });
      // A cell that begins like a formula is none for a spreadsheet.
      yield stringify(rows, { escape_formulas: true });
    }
  }
}

const speakers = { USER: 'User', ASSISTANT: 'Assistant', SYSTEM: 'System', AGENT: 'Agent' } as const;
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

async function* markdown(source: Source): AsyncGenerator<string> {
  for await (const { conversation, pages } of source) {
    yield `# ${oneLine(conversation.title)}\n\n${utc(conversation.createdAt)}\n\n`;
    for await (const page of pages)
      for (const { role, sender, createdAt, content, type } of page) {
        const who = sender === null ? speakers[role] : `${speakers[role]} (${oneLine(sender)})`;
        yield `**${who}**, ${utc(createdAt)}\n\n${content === '' ? `(${type})` : content}\n\n`;
      }
  }
}

/** Messages of one line of tuning data; longer conversations go on in the next. */
const maxTurns = 200;

interface Turn {
  readonly role: 'user' | 'assistant';
  content: string;
}

/** Questions and answers by turns, beginning with a question and ending with an answer; null where there is no answer. */
const lineOf = (turns: readonly Turn[]): string | null => {
  const first = turns.findIndex(({ role }) => role === 'user');
  const last = turns.findLastIndex(({ role }) => role === 'assistant');
  if (first === -1 || last < first) return null;
  return `${JSON.stringify({ messages: turns.slice(first, last + 1) })}\n`;
};

async function* tuning(source: Source): AsyncGenerator<string> {
  for await (const { pages } of source) {
    let turns: Turn[] = [];
    for await (const page of pages)
      for (const { role, status, content, bad } of page) {
        if (role === 'SYSTEM' || status !== 'COMPLETED' || content === '') continue;
        const speaker = role === 'USER' ? 'user' : 'assistant';
        // Without its answer a question teaches nothing.
        if (bad && speaker === 'assistant') {
          if (turns.at(-1)?.role === 'user') turns.pop();
          continue;
        }
        const before = turns.at(-1);
        if (before?.role === speaker) before.content += `\n\n${content}`;
        else {
          if (turns.length >= maxTurns && speaker === 'user') {
            yield lineOf(turns) ?? '';
            turns = [];
          }
          turns.push({ role: speaker, content });
        }
      }
    const line = lineOf(turns);
    if (line !== null) yield line;
  }
}

/** The formats by their names. */
export const formats: Readonly<Record<ExportWork['format'], Format>> = {
  JSON: { extension: 'json', mimeType: 'application/json', write: json },
  JSONL: { extension: 'jsonl', mimeType: 'application/x-ndjson', write: jsonLines },
  CSV: { extension: 'csv', mimeType: 'text/csv', write: csv },
  MARKDOWN: { extension: 'md', mimeType: 'text/markdown', write: markdown },
  TUNING: { extension: 'jsonl', mimeType: 'application/x-ndjson', write: tuning },
};
