import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type {
  CreateWelcomeMessageInput,
  MoveWelcomeMessageInput,
  SetWelcomeMessagesInput,
  UpdateWelcomeMessageInput,
  WelcomeMessageInput,
} from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { moved, place } from './ordering.ts';
import { lockLibrary, refuse, requireRoom, textIssues } from './prompt-rules.ts';
import { welcomeMessages, type WelcomeMessageRow } from './prompt-tables.ts';

/** Welcome messages that an organization has. */
const maxMessages = 20;
const maxQuestion = 500;
const maxAnswer = 4000;

type Texts = Partial<Record<keyof WelcomeMessageInput, string | null | undefined>>;

const issuesOf = ({ question, answer }: Texts, path = ''): InputIssue[] => [
  ...textIssues(`${path}question`, question, maxQuestion),
  ...textIssues(`${path}answer`, answer, maxAnswer),
];

const ofList = (organizationId: string) => eq(welcomeMessages.organizationId, organizationId);
const isOne = (organizationId: string, id: string) => and(ofList(organizationId), eq(welcomeMessages.id, id));

const listOf = (organizationId: string): Promise<WelcomeMessageRow[]> =>
  database
    .select()
    .from(welcomeMessages)
    .where(ofList(organizationId))
    .orderBy(welcomeMessages.position, welcomeMessages.id);

/** Puts a list of welcome messages in the place of the organization's own, all or nothing. Throws BadUserInput, Forbidden. */
export const setWelcomeMessages = (
  context: Context,
  { messages }: SetWelcomeMessagesInput,
): Promise<WelcomeMessageRow[]> =>
  context.unit.transact(async ({ organizationId }) => {
    await lockLibrary(context);
    if (messages.length > maxMessages)
      throw new BadUserInput('messages', `An organization has at most ${maxMessages} welcome messages.`);
    refuse(messages.flatMap((each, at) => issuesOf(each, `messages.${at}.`)));
    await database.delete(welcomeMessages).where(ofList(organizationId));
    const rows = messages.map(({ question, answer }, position) => ({
      organizationId,
      question: question.trim(),
      answer: answer.trim(),
      position,
    }));
    const written = rows.length === 0 ? [] : await database.insert(welcomeMessages).values(rows).returning();
    const data = { count: rows.length };
    context.unit.record({ action: 'welcome_messages.set', type: 'Organization', id: organizationId, data });
    return written.sort((one, other) => one.position - other.position);
  });

/** Puts a welcome message behind the others. Throws BadUserInput, Conflict (there are 20), Forbidden. */
export const createWelcomeMessage = (
  context: Context,
  { question, answer }: CreateWelcomeMessageInput,
): Promise<WelcomeMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    await lockLibrary(context);
    refuse(issuesOf({ question, answer }));
    await requireRoom('question', welcomeMessages, ofList(organizationId), maxMessages);
    const last = (await listOf(organizationId)).at(-1)?.position ?? -1;
    const values = { organizationId, question: question.trim(), answer: answer.trim(), position: last + 1 };
    const row = sole(await database.insert(welcomeMessages).values(values).returning());
    record(context, 'welcome_message.created', row.id);
    return row;
  });

/** Changes a welcome message. Throws BadUserInput, Forbidden, NotFound. */
export const updateWelcomeMessage = (
  context: Context,
  { id, question, answer }: UpdateWelcomeMessageInput,
): Promise<WelcomeMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const current = await locked(context, id);
    refuse(issuesOf({ question, answer }));
    const fields = {
      ...(typeof question === 'string' && { question: question.trim() }),
      ...(typeof answer === 'string' && { answer: answer.trim() }),
    };
    if (Object.keys(fields).length === 0) return current;
    const row = sole(await database.update(welcomeMessages).set(fields).where(isOne(organizationId, id)).returning());
    record(context, 'welcome_message.updated', id, { fields: Object.keys(fields) });
    return row;
  });

/** Moves a welcome message to a place in the list, counted from 0; the last one where there are fewer. Throws BadUserInput, Forbidden, NotFound. */
export const moveWelcomeMessage = (
  context: Context,
  { id, position }: MoveWelcomeMessageInput,
): Promise<WelcomeMessageRow> =>
  context.unit.transact(async ({ organizationId }) => {
    await locked(context, id);
    if (position < 0) throw new BadUserInput('position', 'Places are counted from 0.');
    const ids = (await listOf(organizationId)).map((each) => each.id);
    await place(welcomeMessages, organizationId, moved(ids, id, position));
    record(context, 'welcome_message.moved', id, { position });
    return sole(await database.select().from(welcomeMessages).where(isOne(organizationId, id)));
  });

/** Deletes a welcome message. Throws Forbidden, NotFound. */
export const deleteWelcomeMessage = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    await locked(context, id);
    await database.delete(welcomeMessages).where(isOne(organizationId, id));
    record(context, 'welcome_message.deleted', id);
    return id;
  });

/** The list is locked by its organization. */
const locked = async (context: Context, id: string): Promise<WelcomeMessageRow> => {
  await lockLibrary(context);
  const [row] = await database.select().from(welcomeMessages).where(isOne(context.unit.organizationId, id));
  if (row === undefined) throw new NotFound('WelcomeMessage', id);
  return row;
};

const record = ({ unit }: Context, action: string, id: string, data: Record<string, unknown> = {}): void =>
  unit.record({ action, type: 'WelcomeMessage', id, data });
