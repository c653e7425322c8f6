import { z } from 'zod';
import { BadUserInput, Conflict } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import type { Occasion } from '../scheduled-work.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { conversationById } from './loaders.ts';

/** The job that asks a question whose time has come; `scheduled-question-run.ts` handles it. */
export const askKind = 'conversations.ask-on-schedule';
/** Tries after the first: what a model or a server failed to answer is answered anew. */
export const askRetries = 2;

/** A question that comes again and again, as its schedule keeps it. */
export const scheduledQuestion = z.object({
  workspaceId: z.string().optional(),
  conversationId: z.string().optional(),
  text: z
    .string()
    .trim()
    .min(1, 'This takes 1 to 32,000 characters.')
    .max(32_000, 'This takes 1 to 32,000 characters.')
    .refine((text) => !text.includes('\0'), 'A text holds no NUL characters.'),
});
type ScheduledQuestion = z.infer<typeof scheduledQuestion>;

/** What the job is given: the question, and where it is asked. */
export const askWork = z.object({
  /** Null: in a new conversation. */
  conversationId: z.string().nullable(),
  workspaceId: z.string(),
  /** Of a new conversation. */
  title: z.string(),
  text: z.string(),
});
export type AskWork = z.infer<typeof askWork>;

/** Where a question is asked. Throws BadUserInput, Conflict (archived, not ACTIVE), NotFound. */
const placeOf = async (
  context: Context,
  { workspaceId, conversationId }: ScheduledQuestion,
): Promise<Pick<AskWork, 'workspaceId' | 'conversationId'>> => {
  const { unit } = context;
  if ((workspaceId === undefined) === (conversationId === undefined))
    throw new BadUserInput('work.ask.workspaceId', 'Give exactly one of workspaceId and conversationId.');
  const conversation =
    conversationId === undefined ? null : await found('Conversation', conversationId, conversationById(unit));
  if (conversation !== null && conversation.status !== 'ACTIVE')
    throw new Conflict('status', 'This conversation is not active.', { status: conversation.status });
  const { id } = await found('Workspace', conversation?.workspaceId ?? workspaceId ?? '', workspaceById(unit));
  requireActive(viewerOf(context), id);
  return { workspaceId: id, conversationId: conversation?.id ?? null };
};

/** Throws what {@link beginQuestion} would throw now. */
export const checkQuestion = async (context: Context, question: ScheduledQuestion): Promise<void> => {
  await placeOf(context, question);
};

/** Has a question asked by a job; gives its id. Throws BadUserInput, Conflict (archived, not ACTIVE), NotFound. */
export const beginQuestion = (
  { context, schedule }: Occasion,
  { text, ...where }: ScheduledQuestion,
): Promise<string> => {
  const { unit, services } = context;
  return unit.transact(async () => {
    const place = await placeOf(context, { text, ...where });
    const { workspaceId, conversationId } = place;
    const target =
      conversationId === null ? { type: 'Workspace', id: workspaceId } : { type: 'Conversation', id: conversationId };
    unit.record({ action: 'question.scheduled', ...target, workspaceId });
    const data: AskWork = { ...place, title: schedule.name, text };
    return services.queue.enqueue(unit, { kind: askKind, data, target, readers: [viewerOf(context).self] });
  });
};
