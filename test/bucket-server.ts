import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** As much of S3 as our store speaks, with one bucket named `files`, in memory. Signatures are not checked. */
export async function startBucketServer() {
  const objects = new Map<string, Buffer>();
  /** When objects were written that were not written just now. */
  const writtenAt = new Map<string, Date>();
  const server = createServer((request, response) => {
    answer({ objects, writtenAt }, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    writtenAt,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Bucket {
  readonly objects: Map<string, Buffer>;
  readonly writtenAt: ReadonlyMap<string, Date>;
}

async function answer(held: Bucket, request: IncomingMessage, response: ServerResponse) {
  const { objects } = held;
  const fail = (status: number, code: string) => response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
  const [, bucket, ...segments] = new URL(request.url ?? '', 'http://bucket').pathname.split('/');
  const key = segments.join('/');
  if (bucket !== 'files') return fail(404, 'NoSuchBucket');
  if (key === '') return list(held, new URL(request.url ?? '', 'http://bucket').searchParams, response);

  if (request.method === 'PUT') return put(objects, key, request, response, fail);
  if (request.method === 'DELETE') return remove(objects, key, response);
  const object = objects.get(key);
  if (!object) return request.method === 'HEAD' ? response.writeHead(404).end() : fail(404, 'NoSuchKey');
  if (request.method === 'HEAD') return response.writeHead(200, { 'content-length': object.length }).end();

  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (start === undefined) return response.writeHead(200, { 'content-length': object.length }).end(object);
  if (Number(start) >= object.length) return fail(416, 'InvalidRange');
  return response.writeHead(206).end(object.subarray(Number(start), end ? Number(end) + 1 : undefined));
}

type Fail = (status: number, code: string) => ServerResponse;

async function put(
  objects: Map<string, Buffer>,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
  fail: Fail,
) {
  const source = request.headers['x-amz-copy-source'];
  if (source !== undefined) {
    const original = objects.get(String(source).replace(/^files\//, ''));
    if (!original) return fail(404, 'NoSuchKey');
    objects.set(key, original);
    return response.end('<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>');
  }
  if (request.headers['content-length'] === undefined) return fail(411, 'MissingContentLength');
  const body = await buffer(request);
  const checksum = createHash('sha256').update(body).digest('base64');
  if (request.headers['x-amz-checksum-sha256'] !== checksum) return fail(400, 'BadDigest');
  objects.set(key, body);
  return response.end();
}

/** Pages of two keys, so that whoever lists has to turn them. */
function list({ objects, writtenAt }: Bucket, parameters: URLSearchParams, response: ServerResponse) {
  const after = parameters.get('continuation-token') ?? '';
  const keys = [...objects.keys()]
    .filter((key) => key.startsWith(parameters.get('prefix') ?? '') && key > after)
    .sort();
  const page = keys.slice(0, 2);
  const more = keys.length > page.length ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  const contents = page
    .map((key) => {
      const object = objects.get(key);
      const written = writtenAt.get(key) ?? new Date();
      return `<Contents><Key>${key}</Key><Size>${object?.length}</Size><LastModified>${written.toISOString()}</LastModified></Contents>`;
    })
    .join('');
  const truncated = `<IsTruncated>${more !== ''}</IsTruncated>`;
  return response
    .writeHead(200, { 'content-type': 'application/xml' })
    .end(`<ListBucketResult>${truncated}${more}${contents}</ListBucketResult>`);
}

function remove(objects: Map<string, Buffer>, key: string, response: ServerResponse) {
  objects.delete(key);
  return response.writeHead(204).end();
}
