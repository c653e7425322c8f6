import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { decodeCursor, encodeCursor } from '../../database/cursor.ts';
import type { Connection } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { QuerySearchRoomMessagesArgs } from '../../generated/resolvers.ts';
import { termFrequencies } from '../../search/analysis.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { organizationById, workspaceById } from '../tenancy/loaders.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { workspaces } from '../tenancy/tables.ts';
import { roomById, roomMessageById, roomsUnit } from './room-loaders.ts';
import type { RoomMessageSearchEdgeRow } from './room-rows.ts';
import { roomMemberships, roomMessageTerms, type RoomMessageRow, type RoomRow } from './room-tables.ts';

/** Different stems of a message that are found; a message of the greatest length in most languages has fewer. */
const maxStoredTerms = 300;
const maxQuery = 500;
const maxQueryTerms = 20;
const order = 'room_messages';
const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the words of an organization's private rooms are stemmed by. */
const ownLanguage = async (unit: UnitOfWork): Promise<string> => {
  const organization = await organizationById(unit).load(unit.organizationId);
  return settingsOf(organization ?? { settings: {} }).defaultLanguage;
};

/** What a room's words are stemmed by: its workspace's language for an open channel, else the organization's. */
const languageOf = async (unit: UnitOfWork, { openToId }: RoomRow): Promise<string> => {
  const workspace = openToId === null ? null : await workspaceById(unit).load(openToId);
  return workspace?.language ?? ownLanguage(unit);
};

/** Writes what a message is found by, in place of what was there. */
export const writeTerms = async (unit: UnitOfWork, room: RoomRow, message: RoomMessageRow): Promise<void> => {
  const { organizationId, id: messageId, roomId, openToId } = message;
  await database
    .delete(roomMessageTerms)
    .where(and(eq(roomMessageTerms.organizationId, organizationId), eq(roomMessageTerms.messageId, messageId)));
  const terms = [...termFrequencies(message.content, await languageOf(unit, room)).keys()].slice(0, maxStoredTerms);
  if (terms.length === 0) return;
  await database
    .insert(roomMessageTerms)
    .values(terms.map((term) => ({ organizationId, roomId, openToId, messageId, term })));
};

/** A room to search, with the language of its words. */
interface Place {
  readonly roomId: string;
  readonly language: string;
}

const placesOf = async (context: Context, roomId: string | null): Promise<Place[]> => {
  const unit = roomsUnit(context);
  if (roomId !== null) {
    const room = await found('Room', roomId, roomById(unit));
    return [{ roomId, language: await languageOf(unit, room) }];
  }
  const language = await ownLanguage(unit);
  const rows = await unit.run(() =>
    database
      .select({ roomId: roomMemberships.roomId, language: workspaces.language })
      .from(roomMemberships)
      .leftJoin(
        workspaces,
        and(eq(workspaces.organizationId, roomMemberships.organizationId), eq(workspaces.id, roomMemberships.openToId)),
      )
      .where(
        and(
          eq(roomMemberships.organizationId, unit.organizationId),
          eq(roomMemberships.userId, viewerOf(context).userId),
        ),
      ),
  );
  return rows.map((row) => ({ roomId: row.roomId, language: row.language ?? language }));
};

/**
 * The newest matches of each room, and of these the newest: so that a room of others, however much is written there, costs nothing. A message
 * holds every term when it is found by one of them and the others lead to it, too.
 */
export const newestMatches = (
  organizationId: string,
  places: readonly { readonly roomId: string; readonly terms: readonly string[] }[],
  beforeId: string | null,
  limit: number,
) => {
  const { term, messageId, roomId } = roomMessageTerms;
  const asked = JSON.stringify(places.map((place) => ({ room: place.roomId, terms: place.terms })));
  const before = beforeId === null ? sql`` : sql` and ${messageId} < ${beforeId}::uuid`;
  return sql<{ id: string; roomId: string }>`
    select page.id, page."roomId"
    from jsonb_to_recordset(${asked}::text::jsonb) as place(room uuid, terms jsonb)
    cross join lateral (
      select ${messageId} as id, ${roomId} as "roomId" from ${roomMessageTerms}
      where ${roomMessageTerms.organizationId} = ${organizationId} and ${roomId} = place.room and ${term} = place.terms ->> 0${before}
        and not exists (
          select from jsonb_array_elements_text(place.terms) as other(term)
          where not exists (select from ${roomMessageTerms} as also
            where also.organization_id = ${organizationId} and also.term = other.term and also.message_id = ${messageId}))
      order by ${messageId} desc limit ${limit}
    ) as page
    order by page.id desc limit ${limit}`;
};

type SearchPage = Pick<Connection<RoomMessageRow>, 'pageInfo'> & { readonly edges: RoomMessageSearchEdgeRow[] };

/** Messages that hold every word of a text, newest first. Throws BadUserInput, NotFound (room). */
export const searchRoomMessages = async (
  context: Context,
  { text, roomId, first = 20, after }: QuerySearchRoomMessagesArgs,
): Promise<SearchPage> => {
  if (first < 1 || first > 100) throw new BadUserInput('first', 'A page holds 1 to 100 entries.');
  if (text.trim() === '' || text.length > maxQuery || text.includes('\0'))
    throw new BadUserInput('text', `This takes 1 to ${maxQuery} characters.`);
  const from = after ? decodeCursor('after', order, [uuidText], after)[0] : undefined;
  const places = await placesOf(context, roomId ?? null);
  const termsIn = new Map(
    [...new Set(places.map(({ language }) => language))].map((language) => [
      language,
      // Long words are rare ones: what the first finds, the others narrow.
      [...termFrequencies(text, language).keys()].slice(0, maxQueryTerms).toSorted((a, b) => b.length - a.length),
    ]),
  );
  const asked = places
    .map((place) => ({ ...place, terms: termsIn.get(place.language) ?? [] }))
    .filter(({ terms }) => terms.length > 0);
  if (asked.length === 0 && places.length > 0)
    throw new BadUserInput('text', 'There is no word to search for in this text.');
  const { unit } = context;
  const statement = newestMatches(unit.organizationId, asked, from ?? null, first + 1);
  const rows =
    asked.length === 0 ? [] : await unit.run(() => database.execute<{ id: string; roomId: string }>(statement));
  const languages = new Map(places.map((place) => [place.roomId, place.language]));
  const page = Array.from(rows).slice(0, first);
  const messages = await roomMessageById.all(
    unit,
    page.map(({ id }) => id),
  );
  const edges = page.flatMap(({ id, roomId: place }) => {
    const node = messages.get(id);
    const cursor = encodeCursor(order, [id]);
    return node === undefined ? [] : [{ cursor, node, query: text, language: languages.get(place) ?? '' }];
  });
  const pageInfo = {
    hasNextPage: rows.length > first,
    hasPreviousPage: from !== undefined,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  };
  return { edges, pageInfo };
};
