import { AsyncLocalStorage } from 'node:async_hooks';
import { pino, stdSerializers, type DestinationStream, type Level, type Logger } from 'pino';

/** What every line of a request says besides its own. */
export interface LogScope {
  readonly requestId: string;
  readonly traceId: string;
}

const scopes = new AsyncLocalStorage<LogScope>();

/** Runs `work` so that each line it logs says whose it is. */
export const inScope = <Result>(scope: LogScope, work: () => Result): Result => scopes.run(scope, work);

/** The scope of what runs at this moment. */
export const scopeNow = (): LogScope | undefined => scopes.getStore();

/** A log as lines of JSON, without secrets: not by their names, at any depth, and not by their form. */
export const openLog = (level: Level | 'silent', destination: DestinationStream): Logger =>
  pino(
    {
      level,
      mixin: () => ({ ...scopes.getStore() }),
      formatters: { log: (line) => withoutSecrets(line, 0) as Record<string, unknown> },
      serializers: { err: (error: Error) => withoutSecrets(stdSerializers.err(error), 0) },
      hooks: { streamWrite: withoutTokens },
    },
    destination,
  );

const censored = '[redacted]';
/** Names of what is kept secret, as words of `camelCase`, `snake_case` and `kebab-case`; `keyId` and `tokens` (a number) are none. */
const secretName =
  /(^|[^a-z])(authorization|cookies?|passwords?|passphrase|password-?hash|token|secrets?|credentials?|(api|access|secret|private|encryption|encrypted|signing)-?keys?|keys?|recovery-?codes?|otp|totp|parameters)$/;
/** Deeper things are cut off. */
const maxDepth = 8;

const isSecret = (name: string): boolean =>
  secretName.test(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
      .replaceAll('_', '-')
      .toLowerCase(),
  );

const withoutSecrets = (value: unknown, depth: number): unknown => {
  // Errors are told by their serializer, and others with one of their own by that.
  if (typeof value !== 'object' || value === null || Error.isError(value) || value instanceof Date) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return value;
  if (depth > maxDepth) return '[…]';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      isSecret(name) && inner !== null && inner !== undefined ? censored : withoutSecrets(inner, depth + 1),
    ]),
  );
};

/** What has the form of a secret, wherever it stands in a line: our own tokens, bearer tokens, keys of well-known providers, passwords in URLs. */
const secretForms =
  /\btsr_[a-z_]+_[0-9A-Za-z]{20,}|\b(?:Bearer|Basic) +[^\s"\\]+|\b(?:sk|pk|rk)-[0-9A-Za-z_-]{16,}|(?<=\w:\/\/[^\s"/:@]*:)[^\s"/@]+(?=@)/gi;

const withoutTokens = (line: string): string => line.replace(secretForms, censored);
