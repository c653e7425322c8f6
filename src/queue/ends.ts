import { jobEnded } from '../telemetry/happenings.ts';

export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'given_up';

/** Begins to measure a run; what it gives tells how that ended. */
export const tellEnd = (kind: string, ended: (outcome: Outcome) => void = () => undefined) => {
  const began = performance.now();
  return (outcome: Outcome): void => {
    jobEnded.tell({ kind, outcome, durationMs: performance.now() - began });
    ended(outcome);
  };
};
