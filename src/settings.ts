import { z } from 'zod';

const flag = z.enum(['on', 'off']).transform((value) => value === 'on');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const seconds = z.coerce.number().positive().max(86_400);
const days = z.coerce.number().positive().max(3650);
const bytes = z.coerce.number().int().positive();
const databaseUrl = z
  .string()
  .refine((text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text), 'must be a postgres:// URL');
const mailUrl = z
  .string()
  .refine((text) => /^smtps?:\/\//.test(text) && URL.canParse(text), 'must be an smtp:// or smtps:// URL');
const redisUrl = z
  .string()
  .refine((text) => /^rediss?:\/\//.test(text) && URL.canParse(text), 'must be a redis:// or rediss:// URL');
/** A sender's address, with or without a name in front. */
const sender = z
  .string()
  .regex(/^(?:[^<>@\r\n]+ <[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/, 'must be "Name <address>"');
/** An origin as browsers send it; `:*` stands for any port. */
const isOrigin = (text: string): boolean => /^https?:\/\/[^\s/*]+(:\*)?$/.test(text);

/** An environment file cannot unset a variable, so an empty value counts as absent. */
const withoutEmpty = (environment: NodeJS.ProcessEnv): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));

const environmentShape = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4000),
  PUBLIC_URL: z.url().optional(),
  APP_URL: z.url({ protocol: /^https?$/ }).optional(),
  TESSERA_DATA_DIR: z.string().default('.tessera'),
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_OWNER_URL: databaseUrl.optional(),
  DATABASE_DIRECT_URL: databaseUrl.optional(),
  KNOWLEDGE_DATABASE_URL: databaseUrl.optional(),
  KNOWLEDGE_DATABASE_OWNER_URL: databaseUrl.optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(1).max(1000).default(10),
  DATABASE_CONNECT_TIMEOUT_SECONDS: seconds.default(10),
  DATABASE_ACQUIRE_TIMEOUT_SECONDS: seconds.default(10),
  DATABASE_STATEMENT_TIMEOUT_SECONDS: seconds.default(30),
  DATABASE_TLS: z.enum(['off', 'require', 'verify']).default('off'),
  DATABASE_PREPARE: flag.default(true),
  SQL_LOG: flag.default(false),
  SLOW_OPERATION_MS: z.coerce.number().positive().max(86_400_000).optional(),
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  METRICS_HOST: z.string().optional(),
  METRICS_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_SERVICE_NAME: z.string().default('tessera'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CORS_ORIGINS: list
    .refine((origins) => origins.every(isOrigin), 'must be origins such as https://example.com, separated by commas')
    .optional(),
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  RATE_LIMIT: flag.default(true),
  SIGN_UP: z.enum(['open', 'invitation']).default('open'),
  SESSION_DAYS: days.default(30),
  SESSION_IDLE_DAYS: days.default(14),
  ACTIVITY_SECONDS: seconds.default(60),
  ACTIVITY_RECORDS: flag.default(true),
  ACTIVITY_RECORDS_SECONDS: seconds.min(1).default(1),
  WORKERS: flag.default(true),
  SCHEDULES: flag.default(true),
  REDIS_URL: redisUrl.optional(),
  MAIL_URL: mailUrl.optional(),
  MAIL_FROM: sender.optional(),
  MAX_UPLOAD_BYTES: bytes.default(100 * 1024 * 1024),
  STORAGE_DRIVER: z.enum(['disk', 's3']).default('disk'),
  S3_BUCKET: z.string().optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_ENDPOINT: z.url().optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  ENCRYPTION_KEYS: list.optional(),
  MODEL_TIMEOUT_SECONDS: seconds.default(120),
  ALLOW_PRIVATE_ADDRESSES: flag.default(false),
  SHUTDOWN_GRACE_SECONDS: seconds.default(25),
});
type Environment = z.infer<typeof environmentShape>;

/** What the process was told, parsed and frozen. Durations in milliseconds, sizes in bytes. */
export type Settings = ReturnType<typeof settingsFrom>;

/** All faults of the environment, one a line, so that one start is enough to mend them. */
export class FaultySettings extends Error {
  constructor(faults: readonly string[]) {
    super(`These settings are wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  }
}

/**
 * Reads the environment once.
 * @throws FaultySettings naming every wrong or missing variable, never a value (it may be a secret).
 */
export const readSettings = (environment: NodeJS.ProcessEnv = process.env): Settings => {
  const given = withoutEmpty(environment);
  const parsed = environmentShape.safeParse(given);
  if (!parsed.success) throw new FaultySettings(allFaults(given, parsed.error.issues));
  const faults = faultsBetween(parsed.data);
  if (faults.length > 0) throw new FaultySettings(faults);
  return settingsFrom(parsed.data);
};

/** Also tells the faults between settings, as far as the ones that are wrong by themselves leave any to see. */
const allFaults = (given: Record<string, string | undefined>, issues: readonly z.core.$ZodIssue[]): string[] => {
  const wrong = new Set(issues.map((issue) => String(issue.path[0])));
  const rest = Object.entries(given).filter(([name]) => !wrong.has(name));
  const between = faultsBetween(environmentShape.parse(Object.fromEntries(rest)));
  return [
    ...issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    ...between.filter((fault) => !wrong.has(fault.slice(0, fault.indexOf(':')))),
  ];
};

const faultsBetween = (environment: Environment): string[] => {
  const s3Missing = (['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const).filter(
    (name) => environment.STORAGE_DRIVER === 's3' && environment[name] === undefined,
  );
  return [
    ...s3Missing.map((name) => `${name}: is required when STORAGE_DRIVER is s3`),
    ...(environment.DATABASE_OWNER_URL !== undefined && environment.DATABASE_URL === undefined
      ? ['DATABASE_URL: is required when DATABASE_OWNER_URL is set']
      : []),
    ...(environment.DATABASE_DIRECT_URL !== undefined && environment.DATABASE_URL === undefined
      ? ['DATABASE_URL: is required when DATABASE_DIRECT_URL is set']
      : []),
    ...(environment.METRICS_TOKEN !== undefined && environment.METRICS_PORT === undefined
      ? ['METRICS_PORT: is required when METRICS_TOKEN is set']
      : []),
    ...(environment.KNOWLEDGE_DATABASE_URL !== undefined && environment.DATABASE_URL === undefined
      ? ['DATABASE_URL: is required when KNOWLEDGE_DATABASE_URL is set']
      : []),
    ...(environment.KNOWLEDGE_DATABASE_OWNER_URL !== undefined && environment.KNOWLEDGE_DATABASE_URL === undefined
      ? ['KNOWLEDGE_DATABASE_URL: is required when KNOWLEDGE_DATABASE_OWNER_URL is set']
      : []),
    ...(environment.MAIL_URL !== undefined && environment.MAIL_FROM === undefined
      ? ['MAIL_FROM: is required when MAIL_URL is set']
      : []),
    ...(environment.ENCRYPTION_KEYS ?? []).flatMap((entry, index) =>
      /^[A-Za-z0-9_-]{1,32}:[A-Za-z0-9_-]{43}$/.test(entry)
        ? []
        : [`ENCRYPTION_KEYS: entry ${index + 1} must be "<key id>:<32 bytes in base64url>"`],
    ),
    ...(environment.NODE_ENV === 'production' && environment.DATABASE_URL !== undefined && !environment.ENCRYPTION_KEYS
      ? ['ENCRYPTION_KEYS: is required in production with DATABASE_URL']
      : []),
  ];
};

const developmentOrigins = ['http://localhost:*', 'http://127.0.0.1:*', 'https://studio.apollographql.com'];

const settingsFrom = (environment: Environment) =>
  Object.freeze({
    mode: environment.NODE_ENV,
    host: environment.HOST,
    port: environment.PORT,
    publicUrl: environment.PUBLIC_URL,
    appUrl: environment.APP_URL,
    dataDirectory: environment.TESSERA_DATA_DIR,
    database: Object.freeze({
      url: environment.DATABASE_URL,
      ownerUrl: environment.DATABASE_OWNER_URL,
      /** Past a pooler in transaction mode, where nothing can be listened for. */
      directUrl: environment.DATABASE_DIRECT_URL,
      /** Where the knowledge bank has a database of its own. */
      knowledgeUrl: environment.KNOWLEDGE_DATABASE_URL,
      knowledgeOwnerUrl: environment.KNOWLEDGE_DATABASE_OWNER_URL,
      poolSize: environment.DATABASE_POOL_SIZE,
      connectTimeoutMs: environment.DATABASE_CONNECT_TIMEOUT_SECONDS * 1000,
      acquireTimeoutMs: environment.DATABASE_ACQUIRE_TIMEOUT_SECONDS * 1000,
      statementTimeoutMs: environment.DATABASE_STATEMENT_TIMEOUT_SECONDS * 1000,
      tls: environment.DATABASE_TLS,
      prepare: environment.DATABASE_PREPARE,
      sqlLog: environment.SQL_LOG,
    }),
    logLevel: environment.LOG_LEVEL,
    /** From how long on an operation is logged; undefined: never. */
    slowOperationMs: environment.SLOW_OPERATION_MS,
    /** Where metrics are told; undefined: nowhere. */
    metrics:
      environment.METRICS_PORT === undefined
        ? undefined
        : Object.freeze({
            port: environment.METRICS_PORT,
            host: environment.METRICS_HOST ?? environment.HOST,
            token: environment.METRICS_TOKEN,
          }),
    /** Where traces go; undefined: there are none. */
    tracing:
      environment.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : Object.freeze({
            endpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT,
            serviceName: environment.OTEL_SERVICE_NAME,
          }),
    corsOrigins: environment.CORS_ORIGINS ?? (environment.NODE_ENV === 'production' ? [] : developmentOrigins),
    trustedProxies: environment.TRUSTED_PROXIES,
    rateLimit: environment.RATE_LIMIT,
    signUp: environment.SIGN_UP,
    sessions: Object.freeze({
      lifeMs: environment.SESSION_DAYS * 86_400_000,
      idleMs: environment.SESSION_IDLE_DAYS * 86_400_000,
    }),
    activityMs: environment.ACTIVITY_SECONDS * 1000,
    /** How often the requests of members are written down; undefined: never. */
    activityRecordsMs: environment.ACTIVITY_RECORDS ? environment.ACTIVITY_RECORDS_SECONDS * 1000 : undefined,
    workers: environment.WORKERS,
    schedules: environment.SCHEDULES,
    redisUrl: environment.REDIS_URL,
    mail: Object.freeze({
      url: environment.MAIL_URL,
      from: environment.MAIL_FROM ?? 'Tessera <no-reply@localhost>',
    }),
    maxUploadBytes: environment.MAX_UPLOAD_BYTES,
    storage: Object.freeze(
      environment.STORAGE_DRIVER === 'disk'
        ? { driver: 'disk' as const }
        : {
            driver: 's3' as const,
            bucket: environment.S3_BUCKET ?? '',
            region: environment.S3_REGION,
            endpoint: environment.S3_ENDPOINT,
            accessKeyId: environment.S3_ACCESS_KEY_ID ?? '',
            secretAccessKey: environment.S3_SECRET_ACCESS_KEY ?? '',
          },
    ),
    encryptionKeys: environment.ENCRYPTION_KEYS,
    modelTimeoutMs: environment.MODEL_TIMEOUT_SECONDS * 1000,
    /** Whether requests to addresses that users name may go to private networks and to this machine. */
    allowPrivateAddresses: environment.ALLOW_PRIVATE_ADDRESSES,
    shutdownGraceMs: environment.SHUTDOWN_GRACE_SECONDS * 1000,
  });
