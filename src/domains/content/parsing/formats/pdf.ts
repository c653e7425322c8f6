import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import {
  bodyHeight,
  headingHeights,
  isHeading,
  isItem,
  joinLines,
  linesOf,
  rounded,
  startsParagraph,
} from '../pdf-lines.ts';
import type { Line, TextItem } from '../pdf-lines.ts';
import { withoutMargins } from '../pdf-margins.ts';
import { UnreadableDocument } from '../unreadable-document.ts';

/** Word processors name the file after the program: no title for a reader. */
const PROGRAM_TITLE = /^(?:microsoft \w+ - |untitled|\S+\.(?:docx?|indd|tex|pdf)$)/i;

/** PDF by Mozilla's pdf.js: text in the order it is drawn, each page's blocks apart. A scan holds no text and is refused. */
export const format: Format = {
  label: 'a PDF',
  mimeTypes: ['application/pdf', 'application/x-pdf'],
  extensions: ['pdf'],
  encoding: 'binary',
  parse: async (bytes) => {
    const { title, pages } = await read(bytes);
    const lines = withoutMargins(pages);
    if (lines.every((page) => page.length === 0)) {
      throw new UnreadableDocument(
        'The PDF holds no text; it may be a scan. Run text recognition (OCR) on it and try again.',
      );
    }
    const writer = new DocumentWriter();
    const body = bodyHeight(lines);
    const levels = headingHeights(lines, body);
    for (const [index, page] of lines.entries()) {
      writer.page(index + 1);
      for (const paragraph of paragraphsOf(page)) writeParagraph(paragraph, body, levels, writer);
    }
    return writer.finish(PROGRAM_TITLE.test(title) ? null : title);
  },
};

const read = async (bytes: Uint8Array): Promise<{ title: string; pages: Line[][] }> => {
  const { getDocument } = await import('unpdf/pdfjs');
  const task = getDocument({
    data: bytes,
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    verbosity: 0,
  });
  try {
    const document = await task.promise;
    const pages: Line[][] = [];
    for (let number = 1; number <= document.numPages; number += 1) {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      pages.push(linesOf(items.flatMap((item): TextItem[] => ('str' in item ? [item] : []))));
      page.cleanup();
    }
    return { title: titleOf(await document.getMetadata()), pages };
  } catch (error) {
    throw readable(error);
  } finally {
    await task.destroy();
  }
};

const titleOf = ({ info }: { info: object }): string =>
  'Title' in info && typeof info.Title === 'string' ? info.Title.trim() : '';

const readable = (error: unknown): UnreadableDocument =>
  error instanceof Error && error.name === 'PasswordException'
    ? new UnreadableDocument('The PDF is protected by a password.', { cause: error })
    : new UnreadableDocument('The PDF is damaged and cannot be read.', { cause: error });

const paragraphsOf = (lines: readonly Line[]): Line[][] => {
  const paragraphs: Line[][] = [];
  for (const line of lines) {
    const paragraph = paragraphs.at(-1);
    const above = paragraph?.at(-1);
    if (!paragraph || !above || startsParagraph(line, above)) paragraphs.push([line]);
    else paragraph.push(line);
  }
  return paragraphs;
};

const writeParagraph = (
  lines: readonly Line[],
  body: number,
  levels: readonly number[],
  writer: DocumentWriter,
): void => {
  const [first] = lines;
  if (!first) return;
  const text = joinLines(lines);
  if (isHeading({ ...first, text }, body)) {
    writer.heading(levels.indexOf(rounded(first.height)) + 1 || levels.length, text);
  } else if (isItem(first)) writer.block('list', itemsOf(lines));
  else writer.block('paragraph', text);
};

const itemsOf = (lines: readonly Line[]): string => {
  const items: Line[][] = [];
  for (const line of lines) {
    const item = items.at(-1);
    if (item && !isItem(line)) item.push(line);
    else items.push([line]);
  }
  return items.map(joinLines).join('\n');
};
