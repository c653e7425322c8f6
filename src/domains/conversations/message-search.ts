import { getTableColumns, sql } from 'drizzle-orm';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { found } from '../nodes.ts';
import { conversationById } from './loaders.ts';
import type { MessageMatchRow, Passage } from './rows.ts';
import { messages } from './tables.ts';

const maxText = 200;
const maxHighlights = 20;
/** Characters on each side of the first place in a snippet. */
const around = 110;

/** Looks through the messages of one conversation, in their order: the page ends the walk over its index. */
const matching = listOf({
  from: messages,
  parent: messages.conversationId,
  columns: getTableColumns(messages),
  orders: { CREATED_AT: messages.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: {
    content: (_comparator, text) => sql`strpos(lower(${messages.content}), lower(${String(text)})) > 0`,
  },
});

/** Messages of a conversation whose text holds what is looked for, without regard to case. Throws BadUserInput, NotFound. */
export const searchMessages = async (
  unit: UnitOfWork,
  conversationId: string,
  text: string,
  args: ListArguments,
): Promise<Connection<MessageMatchRow>> => {
  const wanted = text.trim();
  if (wanted === '' || text.length > maxText || text.includes('\0'))
    throw new BadUserInput('text', `This takes 1 to ${maxText} characters.`);
  await found('Conversation', conversationId, conversationById(unit));
  const page = await matching<MessageMatchRow>(
    unit,
    { ...args, filter: { content: { contains: wanted } } },
    conversationId,
  );
  for (const { node } of page.edges) Object.assign(node, { passage: passageOf(node.content, wanted) });
  return page;
};

/** The part of a text around the first place of what was looked for, and all places in it. */
export const passageOf = (content: string, text: string): Passage => {
  const pattern = new RegExp(RegExp.escape(text), 'giu');
  const first = content.search(pattern);
  const start = Math.max(0, first - around);
  const rough = content.slice(start, Math.max(first, 0) + text.length + around);
  // No half of a character at either end.
  const snippet = rough.replace(/^[\udc00-\udfff]/, '').replace(/[\ud800-\udbff]$/, '');
  const highlights = [...snippet.matchAll(pattern)].slice(0, maxHighlights).map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    text: match[0],
  }));
  return { snippet, highlights };
};
