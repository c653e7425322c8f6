import { hash } from 'node:crypto';
import type { ConversationsHistoryResponse, WebClient } from '@slack/web-api';
import { z } from 'zod';
import { slackAccess, slackAddress } from '../setting-keys.ts';
import type { Connector, Source, SourceItem } from './connector.ts';
import { serviceAddress } from './service-fetch.ts';
import { asked, clientOf } from './slack-client.ts';
import { dayMarkdown, type Message, type Names, type Thread } from './slack-markdown.ts';

const daySeconds = 86_400;
/** Messages asked for at a time; Slack advises no more. */
const atOnce = 200;
/** Messages read of one day of one channel, and answers of one thread; what comes before them is left out. */
const maxMessages = 5000;
/** People whose names are known. */
const maxPeople = 20_000;

const configuration = z.strictObject({
  /** Of a bot: channels:read, channels:history and users:read, groups:read and groups:history for private channels that are named. */
  token: z.string().min(1).max(500),
  baseUrl: serviceAddress.default(slackAddress),
  /** Without it the public channels that the bot is in. */
  channelIds: z
    .array(z.string().regex(/^[A-Z0-9]{1,30}$/, 'Not an id of Slack.'))
    .min(1)
    .max(100)
    .optional(),
  /** Whole days back from today (UTC), today included. */
  days: z.int().min(1).max(365).default(30),
});
type Configuration = z.infer<typeof configuration>;

const position = z.strictObject({
  /** Channels that are still to be read, the first of them in part. */
  channels: z.array(z.strictObject({ id: z.string(), name: z.string() })),
  /** Where the list of channels goes on; null: all are known. */
  cursor: z.string().nullable(),
  /** First day that is read, in seconds since 1970. */
  oldest: z.number(),
  /** What of the first channel is older than this is still to be read; null: all. */
  before: z.number().nullable(),
});
type Position = z.infer<typeof position>;

/** Channels of Slack: each day (UTC) of a channel is one thing, with the threads that began on it. */
export const connector: Connector<Configuration> = {
  kind: 'SLACK',
  keepsUnlisted: true,
  configuration,
  secrets: ['token'],
  access: slackAccess,
  list: (source, from) =>
    asked(source, async () => {
      const slack = clientOf(source);
      const at = from === null ? await beginning(slack, source.configuration) : position.parse(from);
      const [channel, ...others] = at.channels;
      if (channel === undefined) {
        if (at.cursor === null) return { items: [], next: null };
        return { items: [], next: { ...at, ...(await channelsOf(slack, at.cursor)) } };
      }
      const { days, before } = await daysOf(slack, channel.id, at);
      const address = await placeOf(source, slack);
      const items = days.map((messages) => itemOf(channel, address, messages));
      const next: Position = before === null ? { ...at, channels: others, before } : { ...at, before };
      return { items, next: next.channels.length === 0 && next.cursor === null ? null : next };
    }),
  fetch: (source, item, known) =>
    asked(source, async () => {
      if (item.version !== null && item.version.digest === known?.digest) return 'UNCHANGED';
      const slack = clientOf(source);
      const [channelId = '', day = ''] = item.id.split('/');
      const start = Date.parse(day) / 1000;
      const messages = await historyOf(slack, channelId, start, start + daySeconds);
      if (messages.length === 0) return 'GONE';
      const version = versionOf(messages);
      if (version.digest === known?.digest) return 'UNCHANGED';
      const names = await peopleOf(source, slack);
      const threads: Thread[] = [];
      for (const message of messages.toReversed())
        threads.push({ message: read(message), replies: await repliesTo(slack, channelId, message) });
      return {
        bytes: Buffer.from(dayMarkdown(item.title ?? item.id, threads, names)),
        mimeType: 'text/markdown',
        title: item.title,
        version,
      };
    }),
};

const beginning = async (slack: WebClient, { channelIds, days }: Configuration): Promise<Position> => {
  const oldest = (Math.floor(Date.now() / 1000 / daySeconds) - days + 1) * daySeconds;
  if (channelIds === undefined) return { ...(await channelsOf(slack)), oldest, before: null };
  const channels: Position['channels'] = [];
  for (const id of channelIds) {
    const { channel } = await slack.conversations.info({ channel: id });
    channels.push({ id, name: channel?.name ?? id });
  }
  return { channels, cursor: null, oldest, before: null };
};

const channelsOf = async (slack: WebClient, cursor?: string): Promise<Pick<Position, 'channels' | 'cursor'>> => {
  const answer = await slack.conversations.list({
    types: 'public_channel',
    limit: atOnce,
    ...(cursor !== undefined && { cursor }),
  });
  const channels = (answer.channels ?? []).flatMap(({ id, name, is_member: inIt }) =>
    id !== undefined && inIt === true ? [{ id, name: name ?? id }] : [],
  );
  return { channels, cursor: answer.response_metadata?.next_cursor || null };
};

type MessageElement = NonNullable<ConversationsHistoryResponse['messages']>[number];
type Told = MessageElement & { readonly ts: string };

/**
 * The next whole days of a channel, newest first, each with its messages, newest first. A day of which a page may hold a part only is left
 * to the next call, unless it is the page's only one, which is then read to its end.
 */
const daysOf = async (slack: WebClient, channel: string, { oldest, before }: Position) => {
  const page = await slack.conversations.history({
    channel,
    limit: atOnce,
    oldest: String(oldest),
    inclusive: true,
    ...(before !== null && { latest: justBefore(before) }),
  });
  const messages = toldIn(page.messages);
  const days = [...Map.groupBy(messages, dayOf).entries()];
  const rawLast = (page.messages ?? []).at(-1)?.ts;
  if (page.has_more !== true || rawLast === undefined) return { days: days.map(([, each]) => each), before: null };
  // The page may end with what says nothing (somebody joined), of a day that is not among these yet.
  const unfinished = startOf(Number(rawLast));
  const whole = days.filter(([day]) => day !== unfinished).map(([, each]) => each);
  if (whole.length > 0) return { days: whole, before: unfinished + daySeconds };
  const all = await historyOf(slack, channel, unfinished, unfinished + daySeconds);
  return { days: all.length === 0 ? [] : [all], before: unfinished > oldest ? unfinished : null };
};

/** Messages from a moment up to another, newest first. */
const historyOf = async (slack: WebClient, channel: string, from: number, to: number): Promise<Told[]> => {
  const messages: Told[] = [];
  let cursor: string | undefined;
  do {
    const page = await slack.conversations.history({
      channel,
      limit: atOnce,
      oldest: String(from),
      latest: justBefore(to),
      inclusive: true,
      ...(cursor !== undefined && { cursor }),
    });
    messages.push(...toldIn(page.messages));
    cursor = page.response_metadata?.next_cursor || undefined;
  } while (cursor !== undefined && messages.length < maxMessages);
  return messages;
};

const repliesTo = async (slack: WebClient, channel: string, message: Told): Promise<Message[]> => {
  if ((message.reply_count ?? 0) === 0) return [];
  const replies: Told[] = [];
  let cursor: string | undefined;
  do {
    const page = await slack.conversations.replies({
      channel,
      ts: message.ts,
      limit: atOnce,
      ...(cursor !== undefined && { cursor }),
    });
    replies.push(...toldIn(page.messages).filter(({ ts }) => ts !== message.ts));
    cursor = page.response_metadata?.next_cursor || undefined;
  } while (cursor !== undefined && replies.length < maxMessages);
  return replies.map(read);
};

/** Messages that say something; others tell who joined, or what a channel is called now. */
const speaking = new Set([undefined, 'bot_message', 'file_share', 'me_message', 'thread_broadcast']);

const toldIn = (messages: readonly MessageElement[] | undefined): Told[] =>
  (messages ?? []).flatMap((message) => {
    const { ts, subtype, text = '', files = [] } = message;
    return ts !== undefined && speaking.has(subtype) && (text !== '' || files.length > 0) ? [{ ...message, ts }] : [];
  });

const read = ({ ts, text, user, username, bot_profile: bot, files }: Told): Message => ({
  ts,
  text: text ?? '',
  user: user ?? null,
  name: username ?? bot?.name ?? null,
  files: (files ?? []).flatMap(({ title, name }) => title ?? name ?? []),
});

const startOf = (seconds: number): number => Math.floor(seconds / daySeconds) * daySeconds;
const dayOf = ({ ts }: Told): number => startOf(Number(ts));
const justBefore = (seconds: number): string => `${seconds - 1}.999999`;

/** Changes with each message, edit and answer. */
const versionOf = (messages: readonly Told[]) => ({
  digest: hash(
    'sha256',
    JSON.stringify(
      messages.map(({ ts, text, edited, reply_count: replies, latest_reply: reply, files }) => [
        ts,
        text,
        edited?.ts,
        replies,
        reply,
        files?.length,
      ]),
    ),
  ),
});

const itemOf = (channel: Position['channels'][number], place: string | null, messages: readonly Told[]): SourceItem => {
  const first = messages.at(-1)?.ts ?? '0';
  const day = new Date(Number(first) * 1000).toISOString().slice(0, 10);
  return {
    id: `${channel.id}/${day}`,
    title: `#${channel.name}, ${day}`,
    uri: place === null ? null : `${place}archives/${channel.id}/p${first.replace('.', '')}`,
    version: versionOf(messages),
  };
};

/** What is asked once a run, which its signal stands for. */
class OncePerRun<Answer> {
  readonly #runs = new WeakMap<AbortSignal, Map<string, Promise<Answer>>>();

  ask({ signal, configuration: { baseUrl, token } }: Source<Configuration>, ask: () => Promise<Answer>) {
    const answers = this.#runs.get(signal) ?? new Map<string, Promise<Answer>>();
    this.#runs.set(signal, answers);
    // By the token too, should two runs ever share a signal: names are for those alone who may read them.
    const key = JSON.stringify([baseUrl, token]);
    const answer = answers.get(key) ?? ask();
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
    return answer;
  }
}

const places = new OncePerRun<string | null>();
const people = new OncePerRun<Names>();

const placeOf = (source: Source<Configuration>, slack: WebClient): Promise<string | null> =>
  places.ask(source, async () => (await slack.auth.test()).url ?? null);

const peopleOf = (source: Source<Configuration>, slack: WebClient): Promise<Names> =>
  people.ask(source, async () => {
    const names = new Map<string, string>();
    let cursor: string | undefined;
    do {
      const page = await slack.users.list({ limit: atOnce, ...(cursor !== undefined && { cursor }) });
      for (const { id, name, real_name: real, profile } of page.members ?? [])
        if (id !== undefined) names.set(id, profile?.display_name || real || name || id);
      cursor = page.response_metadata?.next_cursor || undefined;
    } while (cursor !== undefined && names.size < maxPeople);
    return names;
  });
