import type { DocumentWriter } from './document-writer.ts';
import { childrenOf, isElement, isText } from './html-tree.ts';
import type { HtmlElement, HtmlNode } from './html-tree.ts';
import { tableText } from './table-text.ts';

const names = (list: string): ReadonlySet<string> => new Set(list.split(' '));

const SILENT = names(
  'script style noscript template svg math iframe object embed canvas audio video head title nav button select option input textarea dialog',
);
const INLINE = names(
  'a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small span strike strong sub sup time tt u var wbr',
);
/** Levels of a list that are shown by indentation; without an end, depth would make text of nothing. */
const MAX_INDENT = 6;
const HEADING = /^h([1-6])$/;

/** Writes what a reader sees below `root`: headings, paragraphs, lists, tables, code. Scripts and controls are left out. */
export const writeHtml = (root: HtmlElement, writer: DocumentWriter): void => {
  let line = '';
  const flush = (): void => {
    writer.block('paragraph', tidy(line));
    line = '';
  };
  const visit = (node: HtmlNode): void => {
    if (isText(node)) line += collapse(node.textContent ?? '');
    if (!isElement(node) || isHidden(node)) return;
    if (node.localName === 'br') line += '\n';
    else if (INLINE.has(node.localName)) visitChildren(node);
    else {
      flush();
      if (!writeWhole(node, writer)) visitChildren(node);
      flush();
    }
  };
  const visitChildren = (node: HtmlNode): void => {
    for (const child of childrenOf(node)) visit(child);
  };
  visitChildren(root);
  flush();
};

/** Writes an element that is one block; false when it only holds blocks. */
const writeWhole = (element: HtmlElement, writer: DocumentWriter): boolean => {
  const level = HEADING.exec(element.localName)?.[1];
  if (level) writer.heading(Number(level), inlineText(element));
  else if (element.localName === 'pre') writer.block('code', element.textContent ?? '');
  else if (element.localName === 'ul' || element.localName === 'ol') writer.block('list', listText(element));
  else if (element.localName === 'table' && isDataTable(element)) writeTable(element, writer);
  else return false;
  return true;
};

const isHidden = (element: HtmlElement): boolean =>
  SILENT.has(element.localName) || element.hasAttribute('hidden') || element.getAttribute('aria-hidden') === 'true';

const collapse = (text: string): string => text.replace(/\s+/g, ' ');
const tidy = (text: string): string =>
  text
    .split('\n')
    .map((line) => collapse(line).trim())
    .join('\n')
    .trim();

/** Text of an element on one line, without what a reader does not see. */
const inlineText = (element: HtmlElement): string => {
  const parts: string[] = [];
  const visit = (node: HtmlNode): void => {
    if (isText(node)) parts.push(node.textContent ?? '');
    if (!isElement(node) || isHidden(node)) return;
    const gap = INLINE.has(node.localName) ? '' : ' ';
    parts.push(gap);
    for (const child of childrenOf(node)) visit(child);
    parts.push(gap);
  };
  for (const child of childrenOf(element)) visit(child);
  return collapse(parts.join('')).trim();
};

/** One line an item, nested items indented by two blanks a level. */
const listText = (list: HtmlElement, depth = 0): string => {
  const lines: string[] = [];
  let number = Number(list.getAttribute('start') ?? 1) || 1;
  for (const item of childrenOf(list)) {
    if (!isElement(item) || isHidden(item)) continue;
    const marker = list.localName === 'ol' ? `${number}.` : '-';
    number += 1;
    lines.push(...itemLines(item, marker, depth));
  }
  return lines.join('\n');
};

const itemLines = (item: HtmlElement, marker: string, depth: number): string[] => {
  const own: string[] = [];
  const nested: string[] = [];
  for (const child of item.localName === 'li' ? childrenOf(item) : [item]) {
    if (isElement(child) && (child.localName === 'ul' || child.localName === 'ol'))
      nested.push(listText(child, depth + 1));
    else if (isElement(child) && !isHidden(child)) own.push(inlineText(child), INLINE.has(child.localName) ? '' : ' ');
    else if (isText(child)) own.push(child.textContent ?? '');
  }
  const text = collapse(own.join('')).trim();
  const first = text === '' ? [] : [`${'  '.repeat(Math.min(depth, MAX_INDENT))}${marker} ${text}`];
  return [...first, ...nested].filter((line) => line !== '');
};

/** Tables that only arrange a page hold other blocks; their cells are read as such. */
const isDataTable = (table: HtmlElement): boolean =>
  table.getAttribute('role') !== 'presentation' && !table.querySelector('table, h1, h2, h3, h4, h5, h6, pre, li + li');

const writeTable = (table: HtmlElement, writer: DocumentWriter): void => {
  const caption = table.querySelector('caption');
  if (caption) writer.block('paragraph', inlineText(caption));
  const rows = Array.from(table.querySelectorAll('tr'));
  const cells = rows.map((row) => Array.from(row.children).filter(isCell));
  const firstIsHeader =
    cells[0]?.every((cell) => cell.localName === 'th') === true || table.querySelector('thead') !== null;
  writer.block(
    'table',
    tableText(
      cells.map((row) => row.map(inlineText)),
      firstIsHeader || undefined,
    ),
  );
};

const isCell = (element: HtmlElement): boolean => element.localName === 'td' || element.localName === 'th';
