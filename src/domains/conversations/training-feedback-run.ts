import { and, eq, gte, lt, sql, type SQL } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { viewerNow } from '../content/bulk-run.ts';
import type { Viewer } from '../context.ts';
import { knowledgeOf } from '../knowledge/schema.ts';
import { addEach, type AnswerExample } from '../knowledge/training-bulk.ts';
import { maxTrainingText } from '../knowledge/training-rules.ts';
import { decisionIn } from '../permissions.ts';
import type { Work } from '../services.ts';
import { scopeOf } from '../tenancy/viewers.ts';
import { feedback, messages } from './tables.ts';
import { trainingFeedbackWork, type TrainingFeedbackWork } from './training-feedback.ts';

/** Answers that are held at a time, each with its question. */
const atOnce = 50;

/** How far the work is, written down behind each page. */
const tally = z.object({
  total: z.number(),
  created: z.number(),
  duplicates: z.number(),
  unusable: z.number(),
  /** Feedback up to here has had its turn. */
  position: z.object({ at: z.string(), id: z.string() }).nullable(),
});
type Tally = z.infer<typeof tally>;

/**
 * Makes training examples from good answers, page by page, in the order of their feedback. The examples of a page and how far the work is may stand in two
 * databases: after a crash between the two the page has its turn again, and what it made before is known by its ids.
 */
export const runTrainingFeedback: JobHandler<Work>['run'] = async (work, data, run) => {
  const asked = trainingFeedbackWork.parse(data);
  let so: Tally | null = run.kept === null ? null : tally.parse(run.kept);
  for (;;) {
    run.signal.throwIfAborted();
    const viewer = await viewerNow(work, asked.credential);
    if (viewer === null || !mayMake(viewer, asked)) return { ...told(so), stopped: 'ACCESS_ENDED' };
    const unit = work.unit.as(scopeOf(viewer));
    so ??= { total: await countOf(unit, asked), created: 0, duplicates: 0, unusable: 0, position: null };
    const answers = await answersFrom(unit, asked, so.position);
    await unit.rest();
    const last = answers.at(-1);
    if (last === undefined) return told(so);
    const { groupId } = asked;
    const examples = answers.flatMap((answer) => exampleOf(answer) ?? []);
    // Of the whole bank: an answer may have an example in a group that the viewer does not belong to.
    const created = await addEach(
      knowledgeOf(work.unit),
      { runId: run.jobId, userId: viewer.userId, groupId },
      examples,
    );
    so = {
      total: so.total,
      created: so.created + created,
      duplicates: so.duplicates + examples.length - created,
      unusable: so.unusable + answers.length - examples.length,
      position: { at: last.at, id: last.id },
    };
    const done = so.created + so.duplicates + so.unusable;
    await run.keep(unit, so, Math.min(99, (100 * done) / Math.max(so.total, 1)));
  }
};

const told = (so: Tally | null) => ({
  total: so?.total ?? 0,
  created: so?.created ?? 0,
  duplicates: so?.duplicates ?? 0,
  unusable: so?.unusable ?? 0,
});

const mayMake = (viewer: Viewer, { workspaceId, groupId }: TrainingFeedbackWork): boolean =>
  viewer.permissions.has('TRAINING_MANAGE') &&
  decisionIn(viewer, 'FEEDBACK_REVIEW', workspaceId).allowed &&
  (groupId === null || viewer.principals.includes(groupId) || viewer.principals.includes(viewer.organizationId));

const question = alias(messages, 'question');

interface GoodAnswer {
  /** Of the feedback: its time and id. */
  readonly at: string;
  readonly id: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly input: string | null;
  readonly expectedOutput: string;
  readonly confidence: number | null;
}

const exampleOf = ({ input, expectedOutput, ...others }: GoodAnswer): AnswerExample | null => {
  const [asked, answered] = [input?.trim() ?? '', expectedOutput.trim()];
  const fits = [asked, answered].every((text) => text !== '' && text.length <= maxTrainingText);
  return fits ? { ...others, input: asked, expectedOutput: answered } : null;
};

/** The first good feedback of each answer that nobody found bad. */
const goodFeedback = (
  { organizationId }: UnitOfWork,
  { workspaceId, minimumScore, from, to }: TrainingFeedbackWork,
) => {
  const good = (row: SQL) =>
    sql`(${row}.scale = 'THUMBS' and ${row}.score = 1 or ${row}.scale = 'STARS' and ${row}.score >= ${minimumScore})`;
  const inTime = (row: SQL) =>
    from === null ? sql`${row}.created_at < ${to}` : sql`${row}.created_at >= ${from} and ${row}.created_at < ${to}`;
  const [own, other] = [sql`${feedback}`, sql`other`];
  return and(
    eq(feedback.organizationId, organizationId),
    eq(feedback.workspaceId, workspaceId),
    from === null ? undefined : gte(feedback.createdAt, from),
    lt(feedback.createdAt, to),
    good(own),
    sql`not exists (select from ${feedback} other
      where other.organization_id = ${feedback.organizationId} and other.message_id = ${feedback.messageId}
        and (not ${good(other)} or ${inTime(other)} and (other.created_at, other.id) < (${feedback.createdAt}, ${feedback.id})))`,
  );
};

const isAnswer = and(
  eq(messages.organizationId, feedback.organizationId),
  eq(messages.id, feedback.messageId),
  eq(messages.role, 'ASSISTANT'),
  eq(messages.status, 'COMPLETED'),
);

const countOf = async (unit: UnitOfWork, asked: TrainingFeedbackWork): Promise<number> => {
  const counted = await unit.run(() =>
    database
      .select({ total: sql<number>`count(*)`.mapWith(Number) })
      .from(feedback)
      .innerJoin(messages, isAnswer)
      .where(goodFeedback(unit, asked)),
  );
  return sole(counted).total;
};

/** The next good answers with their questions, in the order of the feedback that found them good first. */
export const answersFrom = (
  unit: UnitOfWork,
  asked: TrainingFeedbackWork,
  position: Tally['position'],
): Promise<GoodAnswer[]> => {
  const after =
    position === null ? undefined : sql`(${feedback.createdAt}, ${feedback.id}) > (${position.at}, ${position.id})`;
  return unit.run(() =>
    database
      .select({
        at: feedback.createdAt,
        id: feedback.id,
        messageId: messages.id,
        conversationId: messages.conversationId,
        input: question.content,
        expectedOutput: messages.content,
        confidence: messages.confidence,
      })
      .from(feedback)
      .innerJoin(messages, isAnswer)
      .leftJoin(
        question,
        and(
          eq(question.organizationId, messages.organizationId),
          eq(question.id, messages.parentId),
          eq(question.role, 'USER'),
        ),
      )
      .where(and(goodFeedback(unit, asked), after))
      .orderBy(feedback.createdAt, feedback.id)
      .limit(atOnce),
  );
};
