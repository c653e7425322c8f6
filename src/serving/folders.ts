import { archives } from './archives.ts';
import { avatars } from './avatars.ts';
import { embedScript } from './embed-script.ts';
import { embed } from './embed.ts';
import { files } from './files.ts';
import type { Folder } from './folder.ts';
import { inbound } from './inbound.ts';
import { openai } from './openai/endpoint.ts';
import { uploads } from './uploads.ts';

/** What is served below a first part of the path. */
export const folders: ReadonlyMap<string, Folder> = new Map([
  ['uploads', uploads],
  ['downloads', archives],
  ['files', files],
  ['avatars', avatars],
  ['embed', embed],
  ['embed.js', embedScript],
  ['inbound', inbound],
  ['v1', openai],
]);

/** First parts of the path that decide by themselves which pages may ask there. */
export const ownOriginRules: ReadonlySet<string> = new Set(['embed', 'embed.js']);
