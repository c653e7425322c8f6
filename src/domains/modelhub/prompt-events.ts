/** What listeners of a prompt are told; how a run ended is read from its row. */
export type RunNotice =
  | {
      readonly kind: 'delta';
      readonly runId: string;
      readonly text: string;
      /** Where the text begins in the answer, in UTF-16 code units. */
      readonly position: number;
    }
  | { readonly kind: 'ended'; readonly runId: string };

/** Where the notices of a prompt's runs go. */
export const promptTopic = (promptId: string): string => `prompt-runs:${promptId}`;

/** Asks whichever process is at a run to stop. */
export const cancelRunTopic = (runId: string): string => `cancel-run:${runId}`;

/** Asks whichever process is at a run to tell its text again from a position on. */
export const tellRunAgainTopic = (runId: string): string => `tell-run-again:${runId}`;

/** What is asked for there. */
export interface TellRunAgain {
  /** In UTF-16 code units. */
  readonly from: number;
}
