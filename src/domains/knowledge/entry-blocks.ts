import type { Block, BlockKind, ParsedDocument } from '../../search/chunking/parsed-document.ts';

const heading = /^(#{1,6})\s+(\S.*)$/;
const fence = /^\s*(```|~~~)/;
const listItem = /^\s*(?:[-*+]|\d{1,9}[.)])\s/;
const tableRow = /^\s*\|/;

/** A longer heading is a paragraph in disguise; its whole text stays where it is, its head in the trail. */
const maxTrailLength = 200;

const kindOf = (line: string): Exclude<BlockKind, 'heading'> => {
  if (fence.test(line)) return 'code';
  if (listItem.test(line)) return 'list';
  return tableRow.test(line) ? 'table' : 'paragraph';
};

/** The lines of a text with their places, without what ends them. */
function* linesOf(text: string): Generator<{ readonly line: string; readonly start: number; readonly end: number }> {
  for (let start = 0; start < text.length;) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    yield { line: text.slice(start, end), start, end };
    start = end + 1;
  }
}

/**
 * The content of an entry, Markdown or plain, as it is cut into passages: its text stays as it was written, so that places in it are places in
 * the content. Blank lines part blocks; a line that begins with `#` is a heading.
 */
export const documentOf = (content: string): ParsedDocument => {
  const blocks: Block[] = [];
  let trail: { readonly level: number; readonly text: string }[] = [];
  let headings: string[] = [];
  let open: Block | null = null;
  let fenced = false;
  const close = () => {
    if (open !== null) blocks.push(open);
    open = null;
  };
  for (const { line, start, end } of linesOf(content)) {
    const title = fenced ? null : heading.exec(line);
    if (title !== null) {
      close();
      const level = title[1]?.length ?? 1;
      trail = trail.filter((above) => above.level < level);
      blocks.push({ start, end, headings: trail.map(({ text }) => text), page: null, kind: 'heading' });
      trail.push({ level, text: (title[2] ?? '').trim().slice(0, maxTrailLength).toWellFormed() });
      headings = trail.map(({ text }) => text);
      continue;
    }
    if (!fenced && line.trim() === '') {
      close();
      continue;
    }
    // A fence stands alone, whatever is around it.
    const fences = fence.test(line);
    if (fences && !fenced) close();
    open ??= { start, end, headings, page: null, kind: kindOf(line) };
    open.end = end;
    if (fences) fenced = !fenced;
    if (fences && !fenced) close();
  }
  close();
  return { title: null, text: content, blocks };
};
