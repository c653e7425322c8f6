import { GraphQLError } from 'graphql';
import { globalId, isUuid } from './ids.ts';

/** Every code a client can meet in `extensions.code`. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'QUERY_TOO_COMPLEX'
  | 'UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR';

export type ErrorDetails = Record<string, unknown>;

/** A failure the client can act on, told apart by `extensions.code`. */
export class DomainError extends GraphQLError {
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { extensions: { ...details, code } });
  }
}

/** No token, or one that is unknown, expired or revoked; or credentials that let nobody in. */
export class Unauthenticated extends DomainError {
  constructor(message = 'Sign in first: the request carries no valid token.', details: ErrorDetails = {}) {
    super('UNAUTHENTICATED', message, details);
  }
}

/** The thing is visible, the act is not allowed; `extensions.permission` names what is missing. `field` is the path into an input that names many things. */
export class Forbidden extends DomainError {
  constructor(permission: string, message = `This needs the permission ${permission}.`, field?: string) {
    super('FORBIDDEN', message, { permission, ...(field !== undefined && { field }) });
  }
}

/** Unknown to this viewer: absent, deleted, malformed and foreign ids look alike. `field` is the path into an input that holds many ids. */
export class NotFound extends DomainError {
  constructor(type: string, id: string, field?: string) {
    const shown = isUuid(id) ? globalId(type, id) : id.slice(0, 100);
    super('NOT_FOUND', `${type} ${shown} does not exist.`, { type, id: shown, ...(field !== undefined && { field }) });
  }
}

/** One fault of an input: the path into it and what is wrong there. */
export interface InputIssue {
  readonly field: string;
  readonly message: string;
}

/** The input is wrong; `extensions.issues` lists every fault, `extensions.field` is the first one's path. */
export class BadUserInput extends DomainError {
  constructor(field: string, message: string);
  constructor(issues: readonly InputIssue[]);
  constructor(fieldOrIssues: string | readonly InputIssue[], message = '') {
    const issues = typeof fieldOrIssues === 'string' ? [{ field: fieldOrIssues, message }] : fieldOrIssues;
    super('BAD_USER_INPUT', issues.map((issue) => issue.message).join(' '), { field: issues[0]?.field ?? '', issues });
  }
}

/** The state, version or uniqueness of a thing forbids the change; nothing was changed. */
export class Conflict extends DomainError {
  constructor(field: string, message: string, details: ErrorDetails = {}) {
    super('CONFLICT', message, { ...details, field });
  }
}

/** Too many requests or tries. */
export class RateLimited extends DomainError {
  constructor(retryAfterSeconds: number, message = 'Too many requests; try again later.') {
    super('RATE_LIMITED', message, { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) });
  }
}

/**
 * A bound on what may be used is reached; `extensions` say whose (`scope`), how much it is (`limit`; null: not told) and when it begins anew
 * (`resetsAt`).
 */
export class QuotaExceeded extends DomainError {
  readonly scope: string;
  constructor(scope: string, limit: number | null, resetsAt: string, message: string, details: ErrorDetails = {}) {
    super('QUOTA_EXCEEDED', message, { ...details, scope, limit, resetsAt });
    this.scope = scope;
  }
}

/** A dependency is away; trying again later may work. */
export class Unavailable extends DomainError {
  constructor(message: string, retryAfterSeconds = 5) {
    super('UNAVAILABLE', message, { retryAfterSeconds });
  }
}
