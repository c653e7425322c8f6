import { database } from '../../src/database/client.ts';
import { citations } from '../../src/domains/conversations/tables.ts';
import { wholeUnit, writeEntry } from '../knowledge.ts';
import { uuidOf } from '../talk.ts';
import type { Testbed } from '../testbed.ts';

/** An entry of the knowledge bank, and an answer that cites it. */
export const filledKnowledge = async (
  bed: Testbed,
  owner: { readonly organizationId: string },
  place: { readonly workspaceId: string; readonly messageId: string },
  secret: string,
): Promise<{ readonly KnowledgeEntry: string }> => {
  const id = await writeEntry(bed, owner, { title: `${secret} entry`, content: `What ${secret} is.` });
  await wholeUnit(bed, owner).transact(({ organizationId }) =>
    database.insert(citations).values({
      organizationId,
      workspaceId: uuidOf(place.workspaceId),
      messageId: uuidOf(place.messageId),
      position: 99,
      marker: 1,
      knowledgeEntryId: uuidOf(id),
      knowledgeVersion: 1,
      quote: secret,
      start: 0,
      end: 1,
      score: 1,
    }),
  );
  return { KnowledgeEntry: id };
};
