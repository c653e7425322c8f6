import type { PhrasingContent, RootContent } from 'mdast';
import { toMarkdown } from 'mdast-util-to-markdown';

/** What is read of a message of Slack's. */
export interface Message {
  /** Seconds since 1970 with six places, unique in its channel. */
  readonly ts: string;
  readonly text: string;
  readonly user: string | null;
  /** As a bot calls itself. */
  readonly name: string | null;
  readonly files: readonly string[];
}

/** A message that began something, and what was answered. */
export interface Thread {
  readonly message: Message;
  readonly replies: readonly Message[];
}

/** Names of people, by their ids. */
export type Names = ReadonlyMap<string, string>;

/** A day of a channel as Markdown: who said what, at which time (UTC), answers as a list below. */
export const dayMarkdown = (title: string, threads: readonly Thread[], names: Names): string => {
  const children: RootContent[] = threads.flatMap(({ message, replies }): RootContent[] => [
    { type: 'paragraph', children: spoken(message, names) },
    ...(replies.length === 0
      ? []
      : [
          {
            type: 'list' as const,
            ordered: false,
            spread: false,
            children: replies.map((reply) => ({
              type: 'listItem' as const,
              spread: false,
              children: [{ type: 'paragraph' as const, children: spoken(reply, names) }],
            })),
          },
        ]),
  ]);
  return toMarkdown(
    {
      type: 'root',
      children: [{ type: 'heading', depth: 1, children: [{ type: 'text', value: title }] }, ...children],
    },
    { bullet: '-' },
  );
};

const spoken = (message: Message, names: Names): PhrasingContent[] => {
  const name = message.name ?? names.get(message.user ?? '') ?? message.user ?? 'Somebody';
  const time = new Date(Number(message.ts) * 1000).toISOString().slice(11, 16);
  return [
    { type: 'strong', children: [{ type: 'text', value: name }] },
    { type: 'text', value: ` (${time}): ` },
    ...wordsOf(message.text.trim(), names),
    ...message.files.map((file): PhrasingContent => ({ type: 'text', value: ` [${file}]` })),
  ];
};

/** What Slack puts into angle brackets: people, channels, groups, commands and links, with or without a label. */
const bracket = /<([^<>|\n]+)(?:\|([^<>\n]*))?>/g;

const wordsOf = (text: string, names: Names): PhrasingContent[] => {
  const words: PhrasingContent[] = [];
  let from = 0;
  for (const found of text.matchAll(bracket)) {
    words.push(...linesOf(text.slice(from, found.index)), referenceOf(found[1] ?? '', found[2], names));
    from = found.index + found[0].length;
  }
  return [...words, ...linesOf(text.slice(from))];
};

const referenceOf = (target: string, label: string | undefined, names: Names): PhrasingContent => {
  const named = (sign: string, id: string): PhrasingContent => ({
    type: 'text',
    value: `${sign}${plain(label ?? '') || (names.get(id) ?? id)}`,
  });
  if (target.startsWith('@')) return named('@', target.slice(1));
  if (target.startsWith('#')) return named('#', target.slice(1));
  if (target.startsWith('!')) return named('@', target.slice(1).replace(/^subteam\^/, ''));
  const url = plain(target);
  return { type: 'link', url, children: [{ type: 'text', value: plain(label ?? '') || url }] };
};

const linesOf = (text: string): PhrasingContent[] =>
  text.split('\n').flatMap((line, at): PhrasingContent[] => {
    const words = { type: 'text' as const, value: plain(line) };
    return at === 0 ? [words] : [{ type: 'break' }, words];
  });

/** Slack escapes these three alone. */
const plain = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
