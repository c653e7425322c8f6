import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/** What a process holds in memory, in bytes. PSS counts a page shared by n processes as one nth. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
}

/** The memory of a process by the kernel's account, on Linux; undefined once it is gone. */
export const memoryOf = async (pid: number): Promise<Memory | undefined> => {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
  return text === '' ? undefined : { rss: bytes('Rss'), pss: bytes('Pss') };
};

/** A process that another one has started. */
export interface Child {
  readonly pid: number;
  /** The file that it runs, such as `worker.ts`, without its directory. */
  readonly program: string;
}

/** The processes that a process has started and that still run, on Linux. */
export const childrenOf = async (pid: number): Promise<Child[]> => {
  const pids = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = pids
    .split(' ')
    .filter(Boolean)
    .map(async (child) => {
      const words = (await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')).split('\0');
      return { pid: Number(child), program: basename(words.find((word) => word.endsWith('.ts')) ?? '') };
    });
  return Promise.all(children);
};

/** Bytes in whole megabytes, for a table. */
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)}`;

/** The middle value, the upper one of two; NaN when there is none. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
