import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** Puts a file into the archive and waits until it is taken in. Names are paths with slashes, none twice. */
export type AddFile = (name: string, content: Readable) => Promise<void>;

/**
 * A ZIP archive (ZIP64 where sizes ask for it) as a stream that is made while it is read: one file after the other, none of them held in memory.
 * When `fill` fails, or a file's own stream does, the archive breaks off with that error.
 */
export const zipOf = (fill: (add: AddFile) => Promise<void>): Readable => {
  const zip = new ZipFile();
  const output = new PassThrough();
  zip.outputStream.pipe(output);
  const closed = new AbortController();
  // Whoever reads may stop before the end; then nobody would take in what is being added.
  output.once('close', () => closed.abort());
  const add: AddFile = async (name, content) => {
    if (closed.signal.aborted) content.destroy();
    closed.signal.throwIfAborted();
    zip.addReadStream(content, name);
    try {
      await finished(content, { signal: closed.signal });
    } catch (error) {
      content.destroy();
      throw error;
    }
  };
  zip.once('error', (error: Error) => output.destroy(error));
  fill(add).then(
    () => zip.end(),
    (error: unknown) => output.destroy(Error.isError(error) ? error : new Error('An archive broke off.')),
  );
  return output;
};
