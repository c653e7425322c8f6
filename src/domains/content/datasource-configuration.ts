import { BadUserInput, type InputIssue } from '../../errors.ts';
import { ZodError } from 'zod';
import { Undecipherable, type KeyRing } from '../../secrets/encryption.ts';
import type { Services } from '../services.ts';
import { settingsNow, type SettingMeans } from '../tenancy/setting-values.ts';
import { SourceFailure, type Access, type DatasourceKind } from './connectors/connector.ts';
import { connectorOf, type AnyConnector } from './connectors/registry.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A configuration as it is stored: what may be shown, and the secrets as one JWE, null without any. */
export interface StoredConfiguration {
  readonly configuration: Record<string, unknown>;
  readonly encryptedSecrets: string | null;
}

/** What configurations are checked and opened with. */
export interface ConfigurationMeans extends SettingMeans {
  readonly services: SettingMeans['services'] & Pick<Services, 'keyRing'>;
}

const maxBytes = 32_768;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The connector of a kind. Throws BadUserInput when nothing here reads sources of it. */
export const connectorFor = async (kind: DatasourceKind): Promise<AnyConnector> => {
  const connector = await connectorOf(kind);
  if (connector === undefined) throw new BadUserInput('kind', `This server reads no sources of the kind ${kind}.`);
  return connector;
};

/**
 * What a client gives as configuration of a source in a workspace, checked by the connector and taken apart; `former` is what it replaces, whose
 * secrets stay where it names none. Where there is no token, the access that is set for its kind stands in, and is not stored. Throws BadUserInput.
 */
export const storedConfiguration = async (
  means: ConfigurationMeans,
  workspaceId: string,
  connector: AnyConnector,
  given: unknown,
  former: StoredConfiguration | null = null,
): Promise<StoredConfiguration> => {
  const { keyRing } = means.services;
  if (!isObject(given)) throw new BadUserInput('configuration', 'A configuration is an object.');
  if (Buffer.byteLength(JSON.stringify(given)) > maxBytes || JSON.stringify(given).includes('\\u0000'))
    throw new BadUserInput('configuration', 'A configuration has at most 32 kB, and no NUL.');
  const kept = former === null ? {} : await keptSecrets(keyRing, connector, given, former);
  const whole = Object.fromEntries(
    Object.entries({ ...kept, ...given }).filter(([name, value]) => value !== null || !isSecret(connector, name)),
  );
  const access = hasSecret(connector, whole) ? null : await readableAccess(means, workspaceId, connector);
  if (access !== null) refuseOtherHost(whole, access);
  const checked = connector.configuration.safeParse({ ...whole, ...access });
  if (!checked.success) throw new BadUserInput(issuesOf(checked.error.issues));
  const entries = Object.entries(checked.data).filter(([name]) => access === null || !Object.hasOwn(access, name));
  const secrets = Object.fromEntries(
    entries.filter(([name, value]) => isSecret(connector, name) && value !== undefined),
  );
  return {
    configuration: Object.fromEntries(entries.filter(([name]) => !isSecret(connector, name))),
    encryptedSecrets: Object.keys(secrets).length === 0 ? null : await keyRing.encrypt(JSON.stringify(secrets)),
  };
};

/**
 * A configuration as its connector wants it. Throws SourceFailure (no token of its own, and none set), Undecipherable, and ZodError when the connector
 * no longer takes it.
 */
export const openConfiguration = async (
  means: ConfigurationMeans,
  workspaceId: string,
  connector: AnyConnector,
  stored: StoredConfiguration,
): Promise<Fields> => {
  const secrets = await secretsOf(means.services.keyRing, stored.encryptedSecrets);
  // With its address, for the token goes nowhere else.
  const access = hasSecret(connector, secrets) ? null : await accessTo(means, workspaceId, connector);
  if (connector.access !== undefined && access === null && !hasSecret(connector, secrets))
    throw new SourceFailure(
      'UNAUTHORIZED',
      'The datasource has no token of its own, and none is set for such sources.',
    );
  return connector.configuration.parse({ ...stored.configuration, ...secrets, ...access });
};

const hasSecret = ({ secrets }: AnyConnector, fields: Fields): boolean =>
  secrets.some((name) => fields[name] !== undefined);

/** The access that is set for sources of a kind in a workspace; null where none is. Throws Undecipherable, ZodError. */
const accessTo = async (
  means: ConfigurationMeans,
  workspaceId: string,
  { access }: AnyConnector,
): Promise<Access | null> =>
  access === undefined ? null : (await settingsNow(means, { workspaceId })).secret(means.services.keyRing, access);

const readableAccess = (
  means: ConfigurationMeans,
  workspaceId: string,
  connector: AnyConnector,
): Promise<Access | null> =>
  accessTo(means, workspaceId, connector).catch((error: unknown) => {
    if (!(error instanceof Undecipherable || error instanceof ZodError)) throw error;
    return null;
  });

/** Whoever may connect sources must not have the token of the organization sent to themselves. */
const refuseOtherHost = ({ baseUrl }: Fields, access: Access): void => {
  if (baseUrl !== undefined && originsIn(baseUrl)[0] !== originsIn(access.baseUrl)[0])
    throw new BadUserInput(
      'configuration.token',
      'The token that is set for such sources is for another host: give one.',
    );
};

/** Names of the secrets that are stored and can be read. */
export const secretNames = async (keyRing: KeyRing, encryptedSecrets: string | null): Promise<string[]> =>
  Object.keys(await readableSecrets(keyRing, encryptedSecrets)).toSorted();

const secretsOf = async (keyRing: KeyRing, encryptedSecrets: string | null): Promise<Fields> =>
  // The cast is safe: the key ring gives back exactly what was encrypted above.
  encryptedSecrets === null ? {} : (JSON.parse(await keyRing.decrypt(encryptedSecrets)) as Fields);

const readableSecrets = (keyRing: KeyRing, encryptedSecrets: string | null): Promise<Fields> =>
  secretsOf(keyRing, encryptedSecrets).catch((error: unknown) => {
    if (!(error instanceof Undecipherable)) throw error;
    return {};
  });

const isSecret = ({ secrets }: AnyConnector, name: string): boolean => secrets.includes(name);

/** Secrets that a new configuration leaves as they are. One that names another host would have them sent there. */
const keptSecrets = async (
  keyRing: KeyRing,
  connector: AnyConnector,
  given: Fields,
  former: StoredConfiguration,
): Promise<Fields> => {
  const secrets = Object.entries(await readableSecrets(keyRing, former.encryptedSecrets));
  const kept = secrets.filter(([name]) => given[name] === undefined);
  const known = new Set(originsIn(former.configuration));
  const open = Object.fromEntries(Object.entries(given).filter(([name]) => !isSecret(connector, name)));
  if (originsIn(open).some((origin) => !known.has(origin)) && kept.length > 0)
    throw new BadUserInput(
      kept.map(([name]) => ({
        field: `configuration.${name}`,
        message: 'The configuration names another host: give this secret again.',
      })),
    );
  return Object.fromEntries(kept);
};

/** Protocol, host and port of every address in a configuration. */
const originsIn = (value: unknown): string[] => {
  if (typeof value === 'string') {
    const url = /^https?:/i.test(value.trim()) ? URL.parse(value.trim()) : null;
    return url === null ? [] : [url.origin];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(originsIn);
};

const issuesOf = (issues: readonly { path: readonly PropertyKey[]; message: string }[]): InputIssue[] =>
  issues.map(({ path, message }) => ({ field: ['configuration', ...path.map(String)].join('.'), message }));
