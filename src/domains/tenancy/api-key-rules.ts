import { Forbidden, type InputIssue } from '../../errors.ts';
import type { Permission } from '../../generated/resolvers.ts';
import type { Viewer } from '../context.ts';
import { isNetwork } from '../identity/addresses.ts';
import { labelIssues } from '../identity/labels.ts';
import { permissionRules } from '../permissions.ts';

const dayMs = 86_400_000;
/** How long a key lives when its maker does not say. */
export const defaultLifetimeMs = 90 * dayMs;
/** Longest list of workspaces or addresses. */
const maxListed = 100;

/** What is said of a key when it is made or changed; undefined where nothing is said. */
export interface ApiKeyFields {
  readonly label?: string | null | undefined;
  readonly scopes?: readonly Permission[] | null | undefined;
  readonly workspaceIds?: readonly string[] | null | undefined;
  readonly allowedAddresses?: readonly string[] | null | undefined;
  /** Null: never. */
  readonly expiresAt?: Date | null | undefined;
}

/** All faults of what is said of a key. */
export const apiKeyIssues = ({ label, scopes, workspaceIds, allowedAddresses, expiresAt }: ApiKeyFields) => [
  ...(label === undefined ? [] : labelIssues('label', label)),
  ...(scopes === undefined ? [] : scopeIssues(scopes ?? [])),
  ...setIssues('workspaceIds', workspaceIds ?? undefined, 'Name 1 to 100 workspaces, each once; null stands for all.'),
  ...setIssues('allowedAddresses', allowedAddresses ?? undefined, 'Name 1 to 100 addresses, each once; null is any.'),
  ...addressIssues(allowedAddresses ?? []),
  ...expiryIssues(expiresAt ?? undefined),
];

const setIssues = (field: string, values: readonly string[] | undefined, message: string): InputIssue[] => {
  if (values === undefined) return [];
  const fine = values.length >= 1 && values.length <= maxListed && new Set(values).size === values.length;
  return fine ? [] : [{ field, message }];
};

const scopeIssues = (scopes: readonly Permission[]): InputIssue[] => {
  const personal = scopes.filter((scope) => permissionRules[scope].personal === true);
  return [
    ...setIssues('scopes', scopes, 'A key has at least one scope, each once.'),
    ...personal.map((scope) => ({ field: 'scopes', message: `${scope} is personal: no key holds it.` })),
  ];
};

const addressIssues = (addresses: readonly string[]): InputIssue[] =>
  addresses.every(isNetwork)
    ? []
    : [{ field: 'allowedAddresses', message: 'An address is like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.' }];

const expiryIssues = (expiresAt: Date | undefined): InputIssue[] => {
  if (expiresAt === undefined) return [];
  const latest = new Date();
  latest.setUTCFullYear(latest.getUTCFullYear() + 1);
  const fine = expiresAt.getTime() > Date.now() && expiresAt <= latest;
  return fine ? [] : [{ field: 'expiresAt', message: 'A key ends in the future, within a year.' }];
};

/** Throws Forbidden for an API key: one that leaked could otherwise outlive its revocation by the keys it made. */
export const refuseApiKeys = ({ credential }: Viewer): void => {
  if (credential.kind === 'API_KEY')
    throw new Forbidden('API_KEY_CREATE', 'An API key can neither make nor change keys.');
};

/** Throws Forbidden for a scope that the viewer does not hold: nobody makes a key that may more than they may. */
export const requireScopes = ({ permissions }: Viewer, scopes: readonly Permission[]): void => {
  const missing = scopes.find((scope) => !permissions.has(scope));
  if (missing !== undefined) throw new Forbidden(missing, `A key cannot hold ${missing}, which its maker lacks.`);
};
