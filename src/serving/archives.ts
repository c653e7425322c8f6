import { pipeline } from 'node:stream/promises';
import { readExport } from '../domains/tenancy/organization-export.ts';
import { only, tell, type FolderRequest } from './folder.ts';
import { readerIdleMs } from './sending.ts';

/** `GET /downloads/<token>`: the archive of an organization. */
export const archives = only(['GET'], 'A file is taken away by GET.', async (folderRequest: FolderRequest) => {
  const { services, rest: token, response, origin } = folderRequest;
  try {
    const { name, size, content } = await readExport(services, origin, token);
    response.setTimeout(readerIdleMs, () => response.destroy());
    response.writeHead(200, {
      'content-type': 'application/zip',
      'content-length': size,
      'content-disposition': `attachment; filename="${name}"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    await pipeline(content, response);
  } catch (error) {
    // Whoever dropped the connection, or lost it, reads no answer.
    if (response.headersSent) response.destroy();
    else await tell(folderRequest, error);
  }
});
