import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { decodeCursor, encodeCursor } from '../../database/cursor.ts';
import { maxPageSize } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { QuerySearchEmailsArgs } from '../../generated/resolvers.ts';
import { highlight } from '../../search/highlight.ts';
import type { Context } from '../context.ts';
import { emailBodyById, emailById } from './email-loaders.ts';
import type { EmailSearchEdgeRow } from './email-rows.ts';
import { emailTerms } from './email-tables.ts';
import { ownerOf, termsIn } from './mailbox.ts';

const maxQueryLength = 500;
/** Words of a query that count. */
const maxQueryTerms = 10;
const order = 'NEWEST';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** E-mails of the viewer's own mailbox that hold all words of a query, newest first. Throws BadUserInput. */
export const searchEmails = async (context: Context, { query, first = 20, after }: QuerySearchEmailsArgs) => {
  const { unit } = context;
  if (first < 1 || first > maxPageSize) throw new BadUserInput('first', `A page holds 1 to ${maxPageSize} entries.`);
  if (query.length > maxQueryLength)
    throw new BadUserInput('query', `A query has at most ${maxQueryLength} characters.`);
  const terms = termsIn(query).slice(0, maxQueryTerms);
  if (terms.length === 0) throw new BadUserInput('query', 'A query holds a word.');
  const [last] = after === null || after === undefined ? [] : decodeCursor('after', order, [uuid], after);
  const found = await foundEmails(unit, terms, first, last);
  const page = found.slice(0, first);
  const rows = await emailById(unit).loadMany(page);
  const edges = rows.flatMap((node): EmailSearchEdgeRow[] =>
    node === null || node instanceof Error ? [] : [{ node, query, cursor: encodeCursor(order, [node.id]) }],
  );
  return {
    edges,
    pageInfo: {
      hasNextPage: found.length > first,
      hasPreviousPage: last !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
};

/**
 * Ids of the e-mails of the unit's mailbox that hold all of one or more terms, newest first, and one more than asked for. Ids begin with the time at
 * which they were made, so that the index of terms is in the order of the answer.
 */
export const foundEmails = async (
  unit: UnitOfWork,
  [chief = '', ...others]: readonly string[],
  first: number,
  before: string | undefined,
): Promise<string[]> => {
  const { organizationId } = unit;
  const userId = ownerOf(unit);
  const earlier = (of: 'hit' | 'other') =>
    before === undefined ? sql`` : sql`and ${sql.raw(of)}.email_id < ${before}::uuid`;
  // Each begins where the page does: two lists may be read side by side from their ends.
  const holds = others.map(
    (term) => sql`and exists (select from ${emailTerms} as other where other.organization_id = ${organizationId}
      and other.user_id = ${userId} and other.term = ${term} and other.email_id = hit.email_id ${earlier('other')})`,
  );
  const rows = await unit.run(() =>
    database.execute<{ id: string }>(sql`
      select hit.email_id as id from ${emailTerms} as hit
      where hit.organization_id = ${organizationId} and hit.user_id = ${userId} and hit.term = ${chief}
        ${earlier('hit')} ${sql.join(holds, sql` `)}
      order by hit.email_id desc limit ${first + 1}`),
  );
  return Array.from(rows, ({ id }) => id);
};

/** The part of an e-mail's text that shows most of the query. */
export const snippetOf = async ({ unit }: Context, { node, query }: EmailSearchEdgeRow) => {
  const text = (await emailBodyById(unit).load(node.id))?.text ?? '';
  const { snippet, matches } = highlight(text.slice(0, maxHighlighted), query, null);
  const inside = matches.filter(({ start, end }) => start >= snippet.start && end <= snippet.end);
  return {
    text: text.slice(snippet.start, snippet.end),
    matches: inside.map(({ start, end }) => ({ start: start - snippet.start, end: end - snippet.start })),
  };
};

/** UTF-16 code units of a text that are looked at for the words of a query, as many as were indexed. */
const maxHighlighted = 200_000;
