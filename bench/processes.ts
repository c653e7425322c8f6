import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';

/** Reads what Linux tells of processes. */

const ticksPerSecond = Number((await promisify(execFile)('getconf', ['CLK_TCK'])).stdout);

const statOf = async (pid: number): Promise<string[]> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may hold anything; what follows it is parted by single spaces.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** Seconds of processor time that a process has used, in user mode and in the kernel. */
export const cpuSeconds = async (pid: number): Promise<number> => {
  const stat = await statOf(pid);
  return (Number(stat[11]) + Number(stat[12])) / ticksPerSecond;
};

/** The same of a process with all its children, those that have ended included. */
export const cpuSecondsOfFamily = async (pid: number): Promise<number> => {
  const stat = await statOf(pid);
  const ended = (Number(stat[13]) + Number(stat[14])) / ticksPerSecond;
  const living = await Promise.all((await childrenOf(pid)).map((child) => cpuSeconds(child.pid)));
  return (await cpuSeconds(pid)) + ended + living.reduce((sum, seconds) => sum + (seconds || 0), 0);
};

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
      return { pid: Number(child), program: basename(words.findLast((word) => word.endsWith('.ts')) ?? '') };
    });
  return Promise.all(children);
};

/** Bytes in whole megabytes, for a table. */
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)}`;

/** The process that leads a local Postgres server; `url` is the superuser's. */
export const postgresPid = async (url: string): Promise<number> => {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ directory: string }[]>`select current_setting('data_directory') as directory`;
  await sql.end();
  return Number((await readFile(`${row?.directory ?? ''}/postmaster.pid`, 'utf8')).split('\n')[0]);
};
