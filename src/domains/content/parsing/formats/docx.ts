import { repack, unpack } from '../container.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { writeHtml } from '../html-blocks.ts';
import { parseHtml, parseXml } from '../html-tree.ts';

/** Word's built-in style Title stands above Heading 1; mammoth gives it no level of its own. */
const STYLE_MAP = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

/** Word documents hold no pages: where one ends is decided when they are printed. */
export const format: Format = {
  label: 'a Word document',
  mimeTypes: [
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.ms-word.document.macroenabled.12',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.template',
  ],
  extensions: ['docx', 'docm', 'dotx'],
  encoding: 'binary',
  parse: async (bytes) => {
    const { default: mammoth } = await import('mammoth');
    const parts = await unpack(bytes);
    const convertImage = mammoth.images.imgElement(() => Promise.resolve({ src: '' }));
    const buffer = Buffer.from((await repack(parts)).buffer);
    const { value } = await mammoth.convertToHtml({ buffer }, { styleMap: STYLE_MAP, convertImage });

    const writer = new DocumentWriter();
    writeHtml((await parseHtml(value)).body, writer);
    const properties = await parseXml(parts['docProps/core.xml']);
    return writer.finish(properties?.getElementsByTagName('dc:title')[0]?.textContent);
  },
};
