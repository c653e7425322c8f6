import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fresh from 'fresh';
import { nothingHere, only } from './folder.ts';

const script = readFileSync(new URL('embed/embed.js', import.meta.url));
const headers = {
  'access-control-allow-origin': '*',
  // Pages see a new version within five minutes.
  'cache-control': 'public, max-age=300',
  'content-type': 'text/javascript; charset=utf-8',
  'cross-origin-resource-policy': 'cross-origin',
  etag: `"${createHash('sha256').update(script).digest('hex')}"`,
  'x-content-type-options': 'nosniff',
};

/** `GET /embed.js`: the script that puts a widget's chat on a page of any origin. */
export const embedScript = only(['GET', 'HEAD'], 'The script is only read.', async (folderRequest) => {
  const { request, response, rest } = folderRequest;
  if (rest !== '') return nothingHere(folderRequest);
  if (fresh(request.headers, headers)) return void response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, 'content-length': script.length });
  response.end(request.method === 'HEAD' ? undefined : script);
});
