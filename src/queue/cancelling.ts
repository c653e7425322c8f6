import type { Bus } from '../events/bus.ts';
import type { Carried } from './payload.ts';
import { JobEnded, jobTopic } from './queue.ts';

/** Tells whoever runs a job that it is cancelled. One that was put back since has another row of the queue, and does not heed it. */
export const tellCancelled = (bus: Bus, { jobId, queueId }: Carried): void =>
  bus.publish(jobTopic(jobId), { cancelled: queueId });

/** Listens for the word that a job is cancelled, until it is stopped. */
export const listenForCancelling = (bus: Bus, { jobId, queueId }: Carried) => {
  const controller = new AbortController();
  const messages = bus.subscribe(jobTopic(jobId));
  const cancel = () => controller.abort(new JobEnded('The job was cancelled.'));
  const listen = async () => {
    for await (const message of messages) if ('cancelled' in message && message.cancelled === queueId) cancel();
  };
  // Whoever falls behind learns it from the row, the next time something is written there.
  listen().catch(() => undefined);
  return { signal: controller.signal, cancel, stop: () => void messages.return?.() };
};
