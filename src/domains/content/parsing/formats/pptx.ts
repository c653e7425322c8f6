import { posix } from 'node:path';
import type { Unzipped } from 'fflate';
import { unpack } from '../container.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { childrenOf, isElement, parseXml } from '../html-tree.ts';
import type { HtmlElement } from '../html-tree.ts';
import { tableText } from '../table-text.ts';
import { UnreadableDocument } from '../unreadable-document.ts';

const PRESENTATION = 'ppt/presentation.xml';

/**
 * PowerPoint presentations (ISO/IEC 29500-1, PresentationML): a slide is a page, its title a heading, its notes follow it.
 * Read here and not by a package, because those for PPTX give one text without slide numbers, titles or tables.
 */
export const format: Format = {
  label: 'a PowerPoint presentation',
  mimeTypes: [
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.ms-powerpoint.presentation.macroenabled.12',
    'application/vnd.openxmlformats-officedocument.presentationml.slideshow',
    'application/vnd.openxmlformats-officedocument.presentationml.template',
  ],
  extensions: ['pptx', 'pptm', 'ppsx', 'potx'],
  encoding: 'binary',
  parse: async (bytes) => {
    const parts = await unpack(bytes);
    const presentation = await parseXml(parts[PRESENTATION]);
    if (!presentation) throw new UnreadableDocument('This PowerPoint presentation is damaged and cannot be read.');
    const targets = await relationsOf(parts, PRESENTATION);

    const writer = new DocumentWriter();
    for (const [index, slide] of all(presentation, 'p:sldId').entries()) {
      writer.endSections();
      writer.page(index + 1);
      await writeSlide(parts, targets.get(slide.getAttribute('r:id') ?? '')?.part ?? '', writer);
    }
    const properties = await parseXml(parts['docProps/core.xml']);
    return writer.finish(properties?.getElementsByTagName('dc:title')[0]?.textContent);
  },
};

const all = (root: HtmlElement, name: string): HtmlElement[] => Array.from(root.getElementsByTagName(name));

type Relation = { part: string; type: string };

/** Parts that a part refers to, by relationship id (ISO/IEC 29500-2, 6.5). */
const relationsOf = async (parts: Unzipped, part: string): Promise<Map<string, Relation>> => {
  const folder = posix.dirname(part);
  const relations = await parseXml(parts[`${folder}/_rels/${posix.basename(part)}.rels`]);
  const entries = relations ? all(relations, 'Relationship') : [];
  return new Map(
    entries.map((relation) => {
      const target = posix.resolve('/', folder, relation.getAttribute('Target') ?? '').slice(1);
      return [relation.getAttribute('Id') ?? '', { part: target, type: relation.getAttribute('Type') ?? '' }];
    }),
  );
};

const writeSlide = async (parts: Unzipped, part: string, writer: DocumentWriter): Promise<void> => {
  const slide = await parseXml(parts[part]);
  const shapes = slide ? all(slide, 'p:spTree')[0] : undefined;
  if (!shapes) return;
  const texts = all(shapes, 'p:sp');
  for (const title of texts.filter(isTitle)) writer.heading(1, linesOf(title).join(' '));
  writeShapes(shapes, writer);
  const relations = [...(await relationsOf(parts, part)).values()];
  const notes = await parseXml(parts[relations.find(({ type }) => type.endsWith('/notesSlide'))?.part ?? '']);
  const note = notes ? all(notes, 'p:sp').find((shape) => placeholderOf(shape) === 'body') : undefined;
  if (note) writer.block('paragraph', linesOf(note).join('\n'));
};

const writeShapes = (tree: HtmlElement, writer: DocumentWriter): void => {
  for (const shape of childrenOf(tree)) {
    if (!isElement(shape)) continue;
    if (shape.localName === 'p:grpSp') writeShapes(shape, writer);
    else if (shape.localName === 'p:sp') writeText(shape, writer);
    else if (shape.localName === 'p:graphicFrame') {
      for (const table of all(shape, 'a:tbl')) writer.block('table', tableText(all(table, 'a:tr').map(rowOf)));
    }
  }
};

const writeText = (shape: HtmlElement, writer: DocumentWriter): void => {
  // Slide number, footer and date repeat on every slide.
  if (isTitle(shape) || ['sldNum', 'ftr', 'dt'].includes(placeholderOf(shape) ?? '')) return;
  const lines = linesOf(shape);
  if (lines.length > 1) writer.block('list', lines.map((line) => `- ${line}`).join('\n'));
  else writer.block('paragraph', lines.join(''));
};

const placeholderOf = (shape: HtmlElement): string | null => all(shape, 'p:ph')[0]?.getAttribute('type') ?? null;
const isTitle = (shape: HtmlElement): boolean => ['title', 'ctrTitle'].includes(placeholderOf(shape) ?? '');
const rowOf = (row: HtmlElement): string[] => all(row, 'a:tc').map((cell) => linesOf(cell).join(' '));

/** Paragraphs with text; a line break inside one becomes a blank. */
const linesOf = (shape: HtmlElement): string[] =>
  all(shape, 'a:p')
    .map((paragraph) => runsOf(paragraph).trim())
    .filter((line) => line !== '');

const runsOf = (node: HtmlElement): string => {
  if (node.localName === 'a:t') return node.textContent ?? '';
  if (node.localName === 'a:br') return ' ';
  return Array.from(node.children).map(runsOf).join('');
};
