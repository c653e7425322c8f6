import { database } from '../../src/database/client.ts';
import { citations } from '../../src/domains/conversations/tables.ts';
import { wholeUnit } from '../bank.ts';
import { uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { filledEntry } from './filled-entries.ts';

/** An entry of the knowledge bank, with its first version, and an answer that cites it. */
export const filledKnowledge = async (
  bed: Testbed,
  owner: Person & { readonly organizationId: string },
  place: { readonly workspaceId: string; readonly messageId: string },
  secret: string,
): Promise<Record<'KnowledgeEntry' | 'KnowledgeVersion', string>> => {
  const ids = await filledEntry(owner, secret);
  await wholeUnit(bed, owner).transact(({ organizationId }) =>
    database.insert(citations).values({
      organizationId,
      workspaceId: uuidOf(place.workspaceId),
      messageId: uuidOf(place.messageId),
      position: 99,
      marker: 1,
      knowledgeEntryId: uuidOf(ids.KnowledgeEntry),
      knowledgeVersion: 1,
      quote: secret,
      start: 0,
      end: 1,
      score: 1,
    }),
  );
  return ids;
};
