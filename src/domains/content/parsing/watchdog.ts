import { workerData } from 'node:worker_threads';

/**
 * The second thread of a worker process: ends the process when its resident memory passes the limit, or when the server that
 * started it is gone. A thread of its own, because the first one may be busy with a file for as long as it lives.
 */

const CHECK_EVERY_MS = 25;
const maxMemoryBytes = Number(workerData);
const server = process.ppid;
const pause = new Int32Array(new SharedArrayBuffer(4));

while (process.memoryUsage.rss() <= maxMemoryBytes && process.ppid === server) {
  Atomics.wait(pause, 0, 0, CHECK_EVERY_MS);
}
process.kill(process.pid, 'SIGKILL');
