import { readAvatar } from '../domains/identity/avatars.ts';
import { nothingHere, only, type FolderRequest } from './folder.ts';

/** A picture never changes under its address, and the address cannot be guessed. Nothing in it may run or load anything. */
const headers = {
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

/** `GET /avatars/<key>`: a picture of a person or a workspace. */
export const avatars = only(['GET', 'HEAD'], 'Pictures are only read here.', async (folderRequest: FolderRequest) => {
  const { services, rest: key, response } = folderRequest;
  const picture = await readAvatar(services.store, key);
  if (picture === null) return nothingHere(folderRequest);
  const { bytes, mimeType } = picture;
  // Node leaves the body out of the answer to HEAD.
  response.writeHead(200, { ...headers, 'content-type': mimeType, 'content-length': bytes.length }).end(bytes);
});
