import { normalise, oneLine } from './normalise.ts';
import type { Block, BlockKind, ParsedDocument } from '../../../search/chunking/parsed-document.ts';
import { parsingLimits } from './limits.ts';
import { UnreadableDocument } from './unreadable-document.ts';

const SEPARATOR = '\n\n';
/** A longer heading is a paragraph in disguise; its whole text stays in the document, its head in the trail. */
const MAX_TRAIL_LENGTH = 200;

/** Collects a document block by block and keeps offsets, heading trail and page beside each. */
export class DocumentWriter {
  readonly #parts: string[] = [];
  readonly #blocks: Block[] = [];
  #length = 0;
  #open: { level: number; text: string }[] = [];
  /** Shared by all blocks below the same heading, so that a million blocks do not hold a million lists. */
  #trail: string[] = [];
  #page: number | null = null;

  /** Starts a page (or slide), counted from 1. */
  page(page: number): void {
    this.#page = page;
  }

  /** Forgets all open headings. */
  endSections(): void {
    this.#close(1);
  }

  /** Adds a heading of level 1 to 6, which closes all headings of its level and below. */
  heading(level: number, text: string): void {
    const line = oneLine(text);
    if (line === '') return;
    this.#close(level);
    this.#append('heading', line);
    this.#open.push({ level, text: line.slice(0, MAX_TRAIL_LENGTH).toWellFormed() });
    this.#trail = this.#open.map((heading) => heading.text);
  }

  /** Adds a block; blank text adds nothing. */
  block(kind: Exclude<BlockKind, 'heading'>, text: string): void {
    const body = trimBlankLines(normalise(text));
    if (body !== '') this.#append(kind, body);
  }

  /** The document. Throws UnreadableDocument when it holds no text. */
  finish(title: string | null | undefined): ParsedDocument {
    if (this.#blocks.length === 0) throw new UnreadableDocument('This file holds no text.');
    return { title: oneLine(title ?? '') || null, text: this.#parts.join(SEPARATOR), blocks: this.#blocks };
  }

  #close(level: number): void {
    this.#open = this.#open.filter((heading) => heading.level < level);
    this.#trail = this.#open.map((heading) => heading.text);
  }

  #append(kind: BlockKind, text: string): void {
    const start = this.#length + (this.#parts.length === 0 ? 0 : SEPARATOR.length);
    const end = start + text.length;
    if (end > parsingLimits.maxTextLength) {
      throw new UnreadableDocument(`This file holds more than ${parsingLimits.maxTextLength} characters of text.`);
    }
    this.#parts.push(text);
    this.#blocks.push({ start, end, headings: this.#trail, page: this.#page, kind });
    this.#length = end;
  }
}

/** Removes blank lines at both ends but keeps the indentation of the first line. */
const trimBlankLines = (text: string): string => {
  const trimmed = text.trimEnd();
  const first = trimmed.search(/\S/);
  return first < 0 ? '' : trimmed.slice(trimmed.lastIndexOf('\n', first) + 1);
};
