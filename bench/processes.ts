import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
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
  const living = await Promise.all((await childrenOf(pid)).map(cpuSeconds));
  return (await cpuSeconds(pid)) + ended + living.reduce((sum, seconds) => sum + (seconds || 0), 0);
};

/** The processes that a process has begun, from any of its threads. */
export const childrenOf = async (pid: number): Promise<number[]> => {
  const threads = await readdir(`/proc/${pid}/task`).catch((): string[] => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
};

/** Resident memory of a process now, in bytes; 0 when it is gone. */
export const residentBytes = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
};

/** The process that leads a local Postgres server; `url` is the superuser's. */
export const postgresPid = async (url: string): Promise<number> => {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ directory: string }[]>`select current_setting('data_directory') as directory`;
  await sql.end();
  return Number((await readFile(`${row?.directory ?? ''}/postmaster.pid`, 'utf8')).split('\n')[0]);
};
