import { DomainError, type ErrorCode } from '../../errors.ts';
import type { AgentFailure } from './agent-tables.ts';

const codes: Readonly<Record<AgentFailure, ErrorCode>> = {
  MAX_STEPS: 'QUOTA_EXCEEDED',
  MAX_COST: 'QUOTA_EXCEEDED',
  MAX_TIME: 'QUOTA_EXCEEDED',
  RIGHTS_LOST: 'FORBIDDEN',
  NOT_DECIDED: 'CONFLICT',
  INTERRUPTED: 'UNAVAILABLE',
  MODEL: 'UNAVAILABLE',
};

/** A run that may not go on; `reason` says why, the message says it to a person. */
export class RunStopped extends DomainError {
  readonly reason: AgentFailure;

  constructor(reason: AgentFailure, message: string) {
    super(codes[reason], message);
    this.reason = reason;
  }
}
