import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import {
  analyticsEvents,
  metrics,
  rollUps,
  staleWindows,
  userActivities,
  userEngagements,
} from '../src/domains/analytics/tables.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import {
  banks,
  entryChunks,
  entryEmbeddings,
  knowledgeEntries,
  promptTemplateLabels,
  promptTemplates,
  trainingExamples,
} from '../src/domains/knowledge/tables.ts';
import { newId } from '../src/ids.ts';
import { dimensions } from '../src/search/hashing-embedding.ts';

/** What the rows refer to, as UUIDs. */
export interface BankPlaces {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly memberId: string;
  readonly groupId: string;
  /** Stands in all texts. */
  readonly secret: string;
}

/** Fills the tables of the knowledge bank, of an organization that the unit sees whole: an entry of a group, a draft and one for all. */
export const fillBank = async (whole: UnitOfWork, places: BankPlaces): Promise<void> => {
  const { organizationId, memberId, groupId, secret } = places;
  const text = (what: string) => `${secret} ${what}`;
  await knowledgeOf(whole).transact(async () => {
    await database.insert(banks).values({ organizationId, language: 'de' }).onConflictDoNothing();
    const [ofGroup, templateId] = [newId(), newId()];
    const written = { organizationId, content: text('content'), category: text('category'), createdById: memberId };
    const published = { status: 'PUBLISHED' as const, publishedAt: new Date().toISOString() };
    await database.insert(knowledgeEntries).values([
      { ...written, ...published, id: ofGroup, title: text('of a group'), groupId },
      { ...written, ...published, title: text('for all') },
      { ...written, title: text('draft') },
    ]);
    const chunkId = newId();
    await database.insert(entryChunks).values({
      organizationId,
      id: chunkId,
      readers: [organizationId, groupId],
      entryId: ofGroup,
      position: 0,
      text: text('content'),
      headings: [],
      start: 0,
      end: 5,
      tokens: 2,
      terms: [secret.toLowerCase()],
      frequencies: [1],
      termCount: 1,
      hash: secret,
    });
    await database.insert(entryEmbeddings).values({
      organizationId,
      readers: [organizationId, groupId],
      chunkId,
      model: secret,
      embedding: Array.from({ length: dimensions }, (_, at) => (at === 0 ? 1 : 0)),
    });
    await database.insert(promptTemplates).values({
      organizationId,
      id: templateId,
      name: text('template'),
      category: text('category'),
      type: 'SYSTEM',
      content: text('content'),
      variables: [],
      createdById: memberId,
    });
    await database
      .insert(promptTemplateLabels)
      .values({ organizationId, templateId, label: secret.toLowerCase(), version: 1, movedById: memberId });
    await database.insert(trainingExamples).values({
      organizationId,
      type: 'FAQ',
      input: text('question'),
      expectedOutput: text('answer'),
      createdById: memberId,
      fingerprint: secret,
    });
  });
};

/** Fills the tables of analytics, of an organization that the unit sees whole. */
export const fillAnalytics = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, memberId, secret }: BankPlaces,
): Promise<void> => {
  const [at, today] = [new Date().toISOString(), new Date().toISOString().slice(0, 10)];
  const ofMember = { organizationId, userId: memberId };
  await whole.transact(async () => {
    await database
      .insert(userActivities)
      .values({ ...ofMember, action: secret, mutation: false, durationMs: 3, requestId: secret });
    const none = {
      sessions: 1,
      sessionSeconds: 1,
      requests: 1,
      pageViews: 0,
      conversations: 0,
      messages: 0,
      orders: 0,
    };
    await database
      .insert(userEngagements)
      .values({ ...ofMember, date: today, ...none })
      .onConflictDoNothing();
    await database
      .insert(analyticsEvents)
      .values({ ...ofMember, workspaceId, name: 'opened', source: 'CLIENT', occurredAt: at, properties: { secret } });
    await database.insert(metrics).values({
      organizationId,
      workspaceId,
      name: secret,
      category: 'test',
      period: 'DAILY',
      periodStart: at,
      value: '1',
      samples: 1,
    });
    await database.insert(staleWindows).values({ organizationId, source: secret, hour: at });
    await database.insert(rollUps).values({ organizationId, source: secret, lookedUntil: at, timeZone: 'UTC' });
  });
};
