import { ModelFailure } from './failure.ts';

/** Bounds on waiting for a streamed answer. */
export type Timeouts = {
  /** Until the model's first byte, retries and their pauses included. */
  firstByteMs: number;
  /** Between two parts of the answer. */
  gapMs: number;
  /** For the whole answer. */
  totalMs: number;
};

export type Deadlines = {
  /** Aborts when a deadline passes, the caller cancels or the watch ends. */
  readonly signal: AbortSignal;
  /** Why the signal was aborted; undefined while it was not. */
  readonly failure: ModelFailure | undefined;
  /** Whether a byte has come. */
  readonly begun: boolean;
  /** To be called with each part that comes. */
  byte(): void;
  /** Stops all clocks and whatever still runs. */
  end(): void;
};

const inSeconds = (ms: number): string => `${ms / 1000} s`;

/** Watches over one streamed answer. */
export const watch = ({ firstByteMs, gapMs, totalMs }: Timeouts, cancel?: AbortSignal): Deadlines => {
  const controller = new AbortController();
  let failure: ModelFailure | undefined;
  let begun = false;
  const abort = (why: ModelFailure): void => {
    failure ??= why;
    controller.abort();
  };
  const clock = (ms: number, message: string) =>
    setTimeout(() => abort(new ModelFailure('TIMEOUT', message)), ms).unref();
  const cancelled = (): void => abort(new ModelFailure('CANCELLED', 'The answer was cancelled.'));

  const total = clock(totalMs, `The model did not finish its answer within ${inSeconds(totalMs)}.`);
  let silence = clock(firstByteMs, `The model did not begin to answer within ${inSeconds(firstByteMs)}.`);
  if (cancel?.aborted) cancelled();
  cancel?.addEventListener('abort', cancelled, { once: true });

  return {
    signal: controller.signal,
    get failure() {
      return failure;
    },
    get begun() {
      return begun;
    },
    byte() {
      if (begun) {
        silence.refresh();
        return;
      }
      begun = true;
      clearTimeout(silence);
      silence = clock(gapMs, `The model stopped in the middle of its answer for ${inSeconds(gapMs)}.`);
    },
    end() {
      clearTimeout(total);
      clearTimeout(silence);
      cancel?.removeEventListener('abort', cancelled);
      controller.abort();
    },
  };
};
