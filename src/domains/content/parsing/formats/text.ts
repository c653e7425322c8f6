import { decodeText } from '../decode.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { normalise } from '../normalise.ts';

/** Plain text: paragraphs are parted by blank lines; a form feed (RFC 2046 keeps it) parts paragraphs too. */
export const format: Format = {
  label: 'plain text',
  mimeTypes: ['text/plain'],
  extensions: ['txt', 'text', 'log', 'json', 'xml', 'yaml', 'yml'],
  encoding: 'text',
  parse: async (bytes) => {
    const writer = new DocumentWriter();
    for (const paragraph of normalise(decodeText(bytes)).split(/\n{2,}/)) writer.block('paragraph', paragraph);
    return writer.finish(null);
  },
};
