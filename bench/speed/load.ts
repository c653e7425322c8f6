import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Sent } from './dialects.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('load.lua', import.meta.url));

/** What a stretch of load gave. Times in milliseconds. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Writes requests to a file as {@link sendLoad} reads them. */
export const writeRequests = (path: string, requests: readonly Sent[]): Promise<void> => {
  const lines = requests.map(({ path, headers, body }) => {
    const words = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return `${path}\n${words.join('\t')}\n${body}\n`;
  });
  return writeFile(path, lines.join(''));
};

/**
 * Has wrk (https://github.com/wg/wrk) send the requests of a file in turn over keep-alive connections, beginning at `offset`. Throws when wrk is not
 * installed, and when a request got no answer or one that is no success.
 */
export const sendLoad = async (
  url: string,
  file: string,
  { seconds, connections, offset }: { seconds: number; connections: number; offset: number },
): Promise<Load> => {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', script, url, '--'];
  const { stdout } = await run('wrk', [...args, file, String(offset)]).catch((error: unknown) => {
    const missing = Error.isError(error) && 'code' in error && error.code === 'ENOENT';
    throw missing ? new Error('wrk is not installed; most systems have a package of that name.') : error;
  });
  const { requests, microseconds, p50, p99, errors } = JSON.parse(/^RESULT (.*)$/m.exec(stdout)?.[1] ?? '{}') as Record<
    'requests' | 'microseconds' | 'p50' | 'p99' | 'errors',
    number
  >;
  if (requests === 0 || errors > 0) throw new Error(`${errors} of ${requests} requests failed.`);
  return { requests, perSecond: (requests / microseconds) * 1e6, p50: p50 / 1000, p99: p99 / 1000 };
};
