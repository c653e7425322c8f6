import { Parser } from 'htmlparser2';
import PostalMime, { addressParser, type Address, type Attachment } from 'postal-mime';
import { cleanHtml, requireShallow, TooDeep } from './clean-html.ts';
import type { Party } from './letter.ts';

/** Bounds on what is taken from an e-mail that somebody else has written; more of it is refused or left out. */
export const readingLimits = {
  /** Parts within parts. */
  nesting: 50,
  headerBytes: 1024 * 1024,
  subject: 998,
  /** UTF-16 code units of a text. */
  text: 1_000_000,
  html: 1_000_000,
  parties: 500,
  references: 100,
  attachments: 100,
} as const;

/** An e-mail breaks a bound, or is none. The message is for who handed it over. */
export class UnreadableLetter extends Error {}

/** A file that came with an e-mail. */
export interface ReadAttachment {
  readonly name: string;
  /** As the sender says. */
  readonly mimeType: string;
  /** Without angle brackets; null where the text does not show it. */
  readonly contentId: string | null;
  readonly bytes: Uint8Array;
}

/** An e-mail that was read: text without NUL and of whole characters, HTML that was cleaned. Nothing in it is to be believed. */
export interface ReadLetter {
  /** With its angle brackets; null where there is none that could be one. */
  readonly messageId: string | null;
  readonly inReplyTo: string | null;
  readonly references: readonly string[];
  readonly from: Party;
  readonly to: readonly Party[];
  readonly cc: readonly Party[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  readonly attachments: readonly ReadAttachment[];
}

/**
 * Reads an e-mail (RFC 5322 with MIME). Takes memory and time with its size, and hostile ones much of both: it is done in a process of its own.
 * Throws UnreadableLetter.
 */
export const readLetter = async (bytes: Uint8Array): Promise<ReadLetter> => {
  const { nesting: maxNestingDepth, headerBytes: maxHeadersSize } = readingLimits;
  const read = await PostalMime.parse(bytes, {
    maxNestingDepth,
    maxHeadersSize,
    maxRfc822NestingDepth: 0,
    forceRfc822Attachments: true,
  }).catch((error: unknown) => {
    throw new UnreadableLetter('This is no e-mail that can be read.', { cause: error });
  });
  if (read.headers.length === 0) throw new UnreadableLetter('This is no e-mail: it has no header.');
  if (read.attachments.length > readingLimits.attachments)
    throw new UnreadableLetter(`An e-mail has at most ${readingLimits.attachments} attachments.`);
  const html = htmlOf(read.html);
  const text = whole(read.text ?? '') || (read.html === undefined ? '' : textOf(read.html));
  return {
    messageId: idsIn(read.messageId)[0] ?? null,
    inReplyTo: idsIn(read.inReplyTo)[0] ?? null,
    references: idsIn(read.references).slice(-readingLimits.references),
    from: partiesOf(read.from === undefined ? [] : [read.from])[0] ?? { name: '', address: '' },
    to: partiesOf(read.to ?? []),
    cc: partiesOf(read.cc ?? []),
    subject: line(read.subject ?? '').slice(0, readingLimits.subject),
    text: text.slice(0, readingLimits.text).toWellFormed(),
    html,
    attachments: read.attachments.map(attachmentOf),
  };
};

const whole = (text: string): string => text.replaceAll('\0', '').replaceAll('\r\n', '\n').toWellFormed();
const line = (text: string): string =>
  whole(text)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();

/** Message-IDs are at most as long as a line (RFC 5322, section 2.1.1). */
const idsIn = (header: string | undefined): string[] => (header ?? '').match(/<[^<>\s\p{Cc}]{1,900}>/gu) ?? [];

const partiesOf = (addresses: readonly Address[]): Party[] =>
  addresses
    .flatMap((each) => each.group ?? [each])
    .slice(0, readingLimits.parties)
    .map(({ name, address }) => ({ name: line(name).slice(0, 200), address: line(address ?? '').slice(0, 320) }))
    .filter(({ address }) => address !== '');

/** Bare addresses in a list such as `Ada <ada@example.com>, eve@example.com`. */
export const addressesIn = (list: string): string[] =>
  partiesOf(addressParser(list, { flatten: true })).map(({ address }) => address);

const htmlOf = (html: string | undefined): string | null => {
  if (html === undefined || html.length > readingLimits.html) return null;
  try {
    return cleanHtml(whole(html)).trim();
  } catch (error) {
    // Its text is there all the same.
    if (error instanceof TooDeep) return null;
    throw error;
  }
};

const blocks = new Set(['br', 'p', 'div', 'tr', 'li', 'table', 'blockquote', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr']);
const unread = new Set(['script', 'style', 'title', 'head']);

/** The words of HTML, for e-mails that come without a text of their own. */
const textOf = (html: string): string => {
  const taken = html.slice(0, readingLimits.html);
  try {
    requireShallow(taken);
  } catch (error) {
    if (error instanceof TooDeep) return whole(taken.replaceAll(/<[^<>]*>/g, ' ')).trim();
    throw error;
  }
  return wordsOf(taken);
};

const wordsOf = (html: string): string => {
  let text = '';
  let hidden = 0;
  const parser = new Parser({
    onopentagname: (name) => {
      if (unread.has(name)) hidden += 1;
      if (blocks.has(name)) text += '\n';
    },
    onclosetag: (name) => {
      if (unread.has(name)) hidden -= 1;
    },
    ontext: (part) => {
      if (hidden === 0) text += part.replaceAll(/\s+/g, ' ');
    },
  });
  parser.end(html);
  return whole(text)
    .replaceAll(/ ?\n\s*/g, '\n')
    .trim();
};

const attachmentOf = ({ filename, mimeType, contentId, content }: Attachment): ReadAttachment => ({
  // A name is data, but no path: what stands before the last slash goes.
  name:
    (
      line(filename ?? '')
        .split(/[/\\]/)
        .at(-1) ?? ''
    )
      .replaceAll(deceptive, '')
      .slice(0, 255)
      .toWellFormed() || 'attachment',
  mimeType: /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(mimeType) ? mimeType : 'application/octet-stream',
  contentId: /^<?([^<>\s\p{Cc}]{1,200})>?$/u.exec(contentId ?? '')?.[1] ?? null,
  bytes: typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content),
});

/** Characters that turn the direction of text, by which `fdp.exe` is shown as `exe.pdf`. */
const deceptive = /[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
