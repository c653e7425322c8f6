import { and, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { globalId } from '../../ids.ts';
import { users } from '../identity/tables.ts';
import { memberships, type WorkspaceRow } from '../tenancy/tables.ts';
import type { QueryRenderSystemPromptArgs } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { Asked } from './asking.ts';
import { joined } from './bounded-text.ts';
import { filledPieces, namesIn } from './placeholders.ts';
import { refuse, textIssues } from './prompt-rules.ts';
import { promptVariables } from './prompt-tables.ts';

/** Length of a filled prompt, in UTF-16 code units. */
export const maxFilled = 64_000;
/** Length of a prompt that is not filled in yet, as a workspace may have it. */
const maxPrompt = 20_000;

/** For whom and where a prompt is filled in; `userId` is null for visitors, who have no values of their own. */
export interface Whom {
  readonly userId: string | null;
  readonly workspace: Pick<WorkspaceRow, 'id' | 'name'>;
}

/** A prompt with its variables filled in. */
export interface Filled {
  readonly text: string;
  /** Names in braces for which there is no value, each once. */
  readonly unknown: string[];
}

/**
 * The system prompt of a question as the model reads it, with its variables filled in for who asks, now and there. Throws BadUserInput when it
 * becomes longer than 64,000 characters.
 */
export const systemPromptFor = async (unit: UnitOfWork, { workspace, asker, choices }: Asked): Promise<string> => {
  // What a page sends in its visitor's name is filled with nothing: it would tell values that are the organization's.
  if (asker.visitorId !== null && choices.systemPrompt) return choices.systemPrompt;
  return (await filled(unit, workspace.systemPrompt ?? '', { userId: asker.userId, workspace })).text;
};

/** Fills in a prompt: no statement where nothing in it is kept in the database, else one. Throws BadUserInput (too long). */
export const filled = async (unit: UnitOfWork, prompt: string, whom: Whom): Promise<Filled> => {
  const names = namesIn(prompt);
  if (names.length === 0) return { text: prompt, unknown: [] };
  const values = await valuesFor(unit, names, whom);
  return {
    text: joined(filledPieces(prompt, values), 'systemPrompt', maxFilled, 'With its variables filled in this prompt'),
    unknown: names.filter((name) => !values.has(name)),
  };
};

/** What prompt variables and the system have for names; no statement where none of them is kept in the database, else one. */
export const valuesFor = async (
  unit: UnitOfWork,
  names: readonly string[],
  whom: Whom,
): Promise<ReadonlyMap<string, string>> => {
  const known = new Map([...valuesOfNow(new Date()), ...idsAndNames(whom)]);
  const kept = names.filter((name) => !known.has(name) && isKept(name, whom));
  return new Map([...(kept.length === 0 ? [] : await keptValues(unit, kept, whom)), ...known]);
};

/** A prompt, or the workspace's own, as a model would read it now from the viewer. Throws BadUserInput (too long), NotFound, Forbidden (needs ADMIN there). */
export const renderSystemPrompt = async (
  context: Context,
  { workspaceId, prompt }: QueryRenderSystemPromptArgs,
): Promise<Filled> => {
  const { unit } = context;
  const { userId } = viewerOf(context);
  const workspace = await found('Workspace', workspaceId, workspaceById(unit));
  requirePermission(viewerOf(context), 'PROMPT_MANAGE', workspaceId);
  refuse(textIssues('prompt', prompt ?? undefined, maxPrompt, 0));
  return filled(unit, prompt ?? workspace.systemPrompt ?? '', { userId, workspace });
};

const zone = { timeZone: 'UTC' } as const;
const ofDay = new Intl.DateTimeFormat('en', { ...zone, dateStyle: 'long' });
const ofClock = new Intl.DateTimeFormat('en', { ...zone, hour: 'numeric', minute: '2-digit', hour12: true });
const of24Hours = new Intl.DateTimeFormat('en', { ...zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Day and time in UTC, which is said along: neither people nor organizations have a time zone. */
const valuesOfNow = (now: Date): [string, string][] => {
  const date = ofDay.format(now);
  // Some versions of the formatter's data put a narrow space before AM and PM.
  const time = `${ofClock.format(now).replaceAll('\u202f', ' ')} UTC`;
  const time24 = `${of24Hours.format(now)} UTC`;
  return [
    ['date', date],
    ['time', time],
    ['time_24', time24],
    ['datetime', `${date}, ${time}`],
    ['datetime_24', `${date}, ${time24}`],
  ];
};

const idsAndNames = ({ userId, workspace }: Whom): [string, string][] => [
  ['workspace.id', globalId('Workspace', workspace.id)],
  ['workspace.name', workspace.name],
  ...(userId === null ? [] : [['user.id', globalId('User', userId)] satisfies [string, string]]),
];

/** Names that are worked out when a prompt is filled in, with what each stands for. */
export const systemVariables: Readonly<Record<string, string>> = {
  date: 'The day, such as “January 31, 2026”, in UTC.',
  time: 'The time of day, such as “2:05 PM UTC”.',
  time_24: 'The time of day, such as “14:05 UTC”.',
  datetime: 'Day and time, such as “January 31, 2026, 2:05 PM UTC”.',
  datetime_24: 'Day and time, such as “January 31, 2026, 14:05 UTC”.',
  'user.id': 'Global id of who asks; visitors of widgets have none.',
  'user.name': 'Name of who asks; visitors of widgets have none.',
  'user.bio': 'What who asks says of themselves; visitors of widgets have nothing.',
  'workspace.id': "The workspace's global id.",
  'workspace.name': "The workspace's name.",
};

/** Whether a value may be in the database: a key of a variable, or what is known of the user. */
const isKept = (name: string, { userId }: Whom): boolean =>
  name.includes('.') ? userId !== null && name in systemVariables : name.length >= 3;

/** Of several values of a key the user's own comes last, and so wins; before it that of the workspace. */
const keptValues = async (
  unit: UnitOfWork,
  keys: readonly string[],
  { userId, workspace }: Whom,
): Promise<[string, string][]> => {
  const { organizationId } = unit;
  const variables = database
    .select({
      key: promptVariables.key,
      value: promptVariables.value,
      rank: sql<number>`case ${promptVariables.type} when 'STATIC' then 0 when 'WORKSPACE' then 1 else 2 end`.as(
        'rank',
      ),
    })
    .from(promptVariables)
    .where(
      and(
        eq(promptVariables.organizationId, organizationId),
        inArray(promptVariables.key, [...keys]),
        or(isNull(promptVariables.workspaceId), eq(promptVariables.workspaceId, workspace.id)),
        userId === null
          ? isNull(promptVariables.userId)
          : or(isNull(promptVariables.userId), eq(promptVariables.userId, userId)),
      ),
    );
  const ofUser = (key: string, value: typeof users.name | typeof users.bio) =>
    database
      .select({
        key: sql<string>`${key}::text`.as('key'),
        value: sql<string>`${value}`.as('value'),
        rank: sql<number>`0`.as('rank'),
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId ?? ''), sql`${value} <> ''`),
      );
  const rows = await unit.run(() =>
    userId === null || !keys.some((key) => key.startsWith('user.'))
      ? variables.orderBy(sql`rank`)
      : variables
          .unionAll(ofUser('user.name', users.name))
          .unionAll(ofUser('user.bio', users.bio))
          .orderBy(sql`rank`),
  );
  return rows.map(({ key, value }) => [key, value]);
};
