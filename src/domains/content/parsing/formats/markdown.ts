import { decodeText } from '../decode.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { writeHtml } from '../html-blocks.ts';
import { parseHtml } from '../html-tree.ts';
import { normalise } from '../normalise.ts';

const FRONT_MATTER = /^---\n([\s\S]{0,20000}?)\n(?:---|\.\.\.)(?:\n|$)/;
const TITLE = /^title:\s*(["']?)(.+)\1\s*$/m;

/** Markdown (CommonMark with tables), stored as the text a reader sees and not with its marks, so that quotes read well. */
export const format: Format = {
  label: 'a Markdown document',
  mimeTypes: ['text/markdown', 'text/x-markdown'],
  extensions: ['md', 'markdown', 'mdown', 'mkd'],
  encoding: 'text',
  parse: async (bytes) => {
    const { default: MarkdownIt } = await import('markdown-it');
    const source = normalise(decodeText(bytes));
    const [front = '', fields = ''] = FRONT_MATTER.exec(source) ?? [];
    const document = await parseHtml(new MarkdownIt({ html: true }).render(source.slice(front.length)));

    const writer = new DocumentWriter();
    writer.block('paragraph', fields);
    writeHtml(document.body, writer);
    return writer.finish(TITLE.exec(fields)?.[2] ?? document.querySelector('h1')?.textContent);
  },
};
