import { and, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { globalId } from '../../ids.ts';
import { users } from '../identity/tables.ts';
import { memberships, type WorkspaceRow } from '../tenancy/tables.ts';
import type { QueryRenderSystemPromptArgs } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { timeZone } from '../tenancy/setting-keys.ts';
import { settingsLately } from '../tenancy/setting-values.ts';
import type { Asked, Means } from './asking.ts';
import { joined } from './bounded-text.ts';
import { filledPieces, namesIn } from './placeholders.ts';
import { refuse, textIssues } from './prompt-rules.ts';
import { promptVariables } from './prompt-tables.ts';
import { defaultSystemPrompt } from './setting-keys.ts';

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
export const systemPromptFor = async (means: Means, { workspace, asker, choices }: Asked): Promise<string> => {
  // What a page sends in its visitor's name is filled with nothing: it would tell values that are the organization's.
  if (asker.visitorId !== null && choices.systemPrompt) return choices.systemPrompt;
  return (await filled(means, await ownPrompt(means, workspace), { userId: asker.userId, workspace })).text;
};

/** A workspace's own prompt, not filled in yet, or what its organization or the installation has for those without one. */
export const ownPrompt = async (means: Means, { systemPrompt }: Pick<WorkspaceRow, 'systemPrompt'>): Promise<string> =>
  systemPrompt ?? (await settingsLately(means, {})).of(defaultSystemPrompt);

/** Fills in a prompt: no statement where nothing in it is kept in the database, else one. Throws BadUserInput (too long). */
export const filled = async (means: Means, prompt: string, whom: Whom): Promise<Filled> => {
  const names = namesIn(prompt);
  if (names.length === 0) return { text: prompt, unknown: [] };
  const values = await valuesFor(means, names, whom);
  return {
    text: joined(filledPieces(prompt, values), 'systemPrompt', maxFilled, 'With its variables filled in this prompt'),
    unknown: names.filter((name) => !values.has(name)),
  };
};

/** What prompt variables and the system have for names; no statement where none of them is kept in the database, else one. */
export const valuesFor = async (
  means: Means,
  names: readonly string[],
  whom: Whom,
): Promise<ReadonlyMap<string, string>> => {
  const clock = names.some((name) => clockNames.has(name)) ? valuesOfNow(new Date(), await zoneOf(means, whom)) : [];
  const known = new Map([...clock, ...idsAndNames(whom)]);
  const kept = names.filter((name) => !known.has(name) && isKept(name, whom));
  return new Map([...(kept.length === 0 ? [] : await keptValues(means, kept, whom)), ...known]);
};

/** A prompt, or the one that stands for the workspace, as a model would read it now from the viewer. Throws BadUserInput (too long), NotFound, Forbidden (needs ADMIN there). */
export const renderSystemPrompt = async (
  context: Context,
  { workspaceId, prompt }: QueryRenderSystemPromptArgs,
): Promise<Filled> => {
  const { unit } = context;
  const { userId } = viewerOf(context);
  const workspace = await found('Workspace', workspaceId, workspaceById(unit));
  requirePermission(viewerOf(context), 'PROMPT_MANAGE', workspaceId);
  refuse(textIssues('prompt', prompt ?? undefined, maxPrompt, 0));
  return filled(context, prompt ?? (await ownPrompt(context, workspace)), { userId, workspace });
};

const clockNames: ReadonlySet<string> = new Set(['date', 'time', 'time_24', 'datetime', 'datetime_24']);

/** The time zone of who asks; where they have set none, the workspace's, else the organization's. */
const zoneOf = async (means: Means, { userId, workspace }: Whom): Promise<string> =>
  (await settingsLately(means, { userId, workspaceId: workspace.id })).of(timeZone);

const day = { dateStyle: 'long' } as const;
const clock = { hour: 'numeric', minute: '2-digit', hour12: true } as const;
const clock24 = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;

/** Day and time in a time zone, which is said along. */
const valuesOfNow = (now: Date, timeZone: string): [string, string][] => {
  const told = (style: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en', { ...style, timeZone }).format(now);
  const date = told(day);
  // Some versions of the formatter's data put a narrow space before AM and PM.
  const time = `${told(clock).replaceAll('\u202f', ' ')} ${timeZone}`;
  const time24 = `${told(clock24)} ${timeZone}`;
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
  date: 'The day, such as “January 31, 2026”, in the time zone of who asks: the setting clock.time_zone.',
  time: 'The time of day with its time zone, such as “2:05 PM Europe/Berlin”, or “2:05 PM UTC” where none is set.',
  time_24: 'The time of day with its time zone, such as “14:05 UTC”.',
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
  { unit }: Means,
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
