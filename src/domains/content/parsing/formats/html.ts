import { decodeText } from '../decode.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { writeHtml } from '../html-blocks.ts';
import { parseHtml } from '../html-tree.ts';
import type { HtmlDocument, HtmlElement } from '../html-tree.ts';
import { oneLine } from '../normalise.ts';

/** Readability scores every element several times; beyond this many the whole body is read. */
const MAX_SCORED_ELEMENTS = 50_000;

/** A web page: the article as Mozilla's Readability finds it, or the whole body where there is none. */
export const format: Format = {
  label: 'an HTML page',
  mimeTypes: ['text/html', 'application/xhtml+xml'],
  extensions: ['html', 'htm', 'xhtml'],
  encoding: 'text',
  parse: async (bytes) => {
    const html = decodeText(bytes);
    const page = await parseHtml(html);
    const title = page.querySelector('title')?.textContent;
    const heading = oneLine(page.querySelector('h1')?.textContent ?? '');
    const article = await articleOf(page);

    const writer = new DocumentWriter();
    if (article && heading) moveUp(heading, article, writer);
    writeHtml(article ?? (await parseHtml(html)).body, writer);
    return writer.finish(title ?? heading);
  },
};

/** The article's root; null when the page holds none. Takes the page apart. */
const articleOf = async (page: HtmlDocument): Promise<HtmlElement | null> => {
  if (page.querySelectorAll('*').length > MAX_SCORED_ELEMENTS) return null;
  const { Readability, isProbablyReaderable } = await import('@mozilla/readability');
  // linkedom's document serves Readability as a browser's would; see HtmlDocument for why its type is ours.
  const document = page as unknown as ConstructorParameters<typeof Readability>[0];
  if (!isProbablyReaderable(document)) return null;
  const article = new Readability<HtmlElement>(document, {
    serializer: (node) => node,
  }).parse();
  return article?.content ?? null;
};

/** Readability takes the page's heading away or makes it one of level 2: here it stands above the article again. */
const moveUp = (heading: string, article: HtmlElement, writer: DocumentWriter): void => {
  const same = Array.from(article.querySelectorAll('h1, h2')).find((one) => oneLine(one.textContent ?? '') === heading);
  same?.remove();
  writer.heading(1, heading);
};
