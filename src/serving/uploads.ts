import { receiveUpload } from '../domains/content/uploads.ts';
import { json } from '../refusal.ts';
import { only, tell, type FolderRequest } from './folder.ts';

/** How long an upload may pause. */
const idleMs = 20_000;

/** What Node destroys a request with whose connection closed before its end. */
const isAbort = (error: unknown): boolean => Error.isError(error) && 'code' in error && error.code === 'ECONNRESET';

/** `PUT /uploads/<token>`: the bytes of the file that a token was given for. */
export const uploads = only(['PUT'], 'A file is brought in by PUT.', async (folderRequest: FolderRequest) => {
  const { services, rest: token, request, response, origin } = folderRequest;
  request.setTimeout(idleMs, () => request.destroy());
  try {
    const length = request.headers['content-length'];
    const declared = length === undefined ? undefined : Number(length);
    const file = await receiveUpload(services, origin, token, request, declared);
    json(response, 200, { size: file.size, sha256: file.sha256, mimeType: file.mimeType });
  } catch (error) {
    // Whoever dropped the connection reads no answer.
    if (isAbort(error) && error === request.errored) return;
    await tell(folderRequest, error);
  } finally {
    request.setTimeout(0);
  }
});
