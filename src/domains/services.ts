import type { Pool } from '../database/pool.ts';
import type { Ledger } from '../database/unit-of-work.ts';
import type { Throttle } from './identity/throttle.ts';
import type { Settings } from '../settings.ts';
import type { StatementListener } from '../database/client.ts';

/** What a process holds for all requests: made once at the start, handed to operations that need it. */
export interface Services {
  readonly settings: Settings;
  readonly pool: Pool;
  readonly ledger: Ledger;
  readonly throttles: {
    /** Tries to sign in per account and per address, and accounts made per address. */
    readonly signIn: Throttle;
    readonly signInByAddress: Throttle;
    readonly signUp: Throttle;
  };
  /** What is cached of viewers; a change of their rights forgets them at once in this process. */
  readonly viewers: { forget(sessionId: string): void; forgetAll(): void };
  readonly onStatement: StatementListener | undefined;
}
