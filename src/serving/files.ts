import { openLink, openPublic, type OpenFile } from '../domains/content/file-links.ts';
import { FileMissing } from '../storage/failures.ts';
import { nothingHere, only, tell, type FolderRequest } from './folder.ts';
import { send } from './sending.ts';

/** Which file an address stands for: `<token>`, or `<organization>/<file>/<name>`, of which the name is for people alone. */
const opened = ({ services, rest, origin }: FolderRequest): Promise<OpenFile> => {
  const [first = '', file] = rest.split('/');
  return file === undefined ? openLink(services, origin, first) : openPublic(services, origin, first, file);
};

/** What a link's query asks for. It is no secret and no right: types that could do harm are attachments all the same. */
const dispositionOf = (url: string | undefined): 'ATTACHMENT' | 'INLINE' =>
  URL.parse(url ?? '/', 'http://host')?.searchParams.get('disposition') === 'inline' ? 'INLINE' : 'ATTACHMENT';

/** Public files are kept for five minutes at most, because they can become private. */
const cacheControls = { LINK: 'private, no-store', PUBLIC: 'public, max-age=300' } as const;

/** `GET /files/<token>` and `GET /files/<organization>/<file>/<name>`: the bytes of a file. */
export const files = only(['GET', 'HEAD'], 'Files are only read here.', async (folderRequest: FolderRequest) => {
  const { services, request, response } = folderRequest;
  try {
    const file = await opened(folderRequest);
    await send(request, response, {
      ...file,
      disposition: file.by === 'PUBLIC' ? 'INLINE' : dispositionOf(request.url),
      cacheControl: cacheControls[file.by],
      read: (range) => services.store.read(file.key, range),
      onBegun: () => services.downloads.note(file),
    });
  } catch (error) {
    if (!(error instanceof FileMissing)) return tell(folderRequest, error);
    services.log.error({ message: error.message }, 'The bytes of a file are missing.');
    await nothingHere(folderRequest);
  }
});
