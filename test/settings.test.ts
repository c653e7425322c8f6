import { expect, test } from '@jest/globals';
import { FaultySettings, readSettings } from '../src/settings.ts';

const faultsOf = (environment: Record<string, string>): string[] => {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (!(error instanceof FaultySettings)) throw error;
    return error.message.split('\n').slice(1);
  }
};
const namesIn = (faults: readonly string[]) => faults.map((fault) => fault.slice(0, fault.indexOf(':')).trim());

test('without any settings the server stands on its own', () => {
  expect(readSettings({})).toEqual({
    mode: 'development',
    host: '127.0.0.1',
    port: 4000,
    publicUrl: undefined,
    appUrl: undefined,
    dataDirectory: '.tessera',
    database: {
      url: undefined,
      ownerUrl: undefined,
      directUrl: undefined,
      knowledgeUrl: undefined,
      knowledgeOwnerUrl: undefined,
      poolSize: 10,
      connectTimeoutMs: 10_000,
      acquireTimeoutMs: 10_000,
      statementTimeoutMs: 30_000,
      tls: 'off',
      prepare: true,
      sqlLog: false,
    },
    logLevel: 'info',
    slowOperationMs: undefined,
    metrics: undefined,
    tracing: undefined,
    corsOrigins: ['http://localhost:*', 'http://127.0.0.1:*', 'https://studio.apollographql.com'],
    trustedProxies: 0,
    rateLimit: true,
    signUp: 'open',
    sessions: { lifeMs: 2_592_000_000, idleMs: 1_209_600_000 },
    activityMs: 60_000,
    activityRecordsMs: 1000,
    workers: true,
    schedules: true,
    redisUrl: undefined,
    mail: { url: undefined, from: 'Tessera <no-reply@localhost>' },
    maxUploadBytes: 104_857_600,
    storage: { driver: 'disk' },
    encryptionKeys: undefined,
    modelTimeoutMs: 120_000,
    allowPrivateAddresses: false,
    shutdownGraceMs: 25_000,
  });
});

test('an empty value counts as absent', () => {
  const names = [
    'PORT',
    'DATABASE_URL',
    'NODE_ENV',
    'RATE_LIMIT',
    'MAX_UPLOAD_BYTES',
    'ENCRYPTION_KEYS',
    'CORS_ORIGINS',
    'APP_URL',
    'MAIL_URL',
    'MAIL_FROM',
    'REDIS_URL',
    'SLOW_OPERATION_MS',
    'METRICS_PORT',
    'METRICS_HOST',
    'METRICS_TOKEN',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_SERVICE_NAME',
    'DATABASE_DIRECT_URL',
  ];
  expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readSettings({}));
});

test('lists and durations are read into the units that the code works with', () => {
  const settings = readSettings({
    CORS_ORIGINS: 'https://a.example, https://b.example,',
    MODEL_TIMEOUT_SECONDS: '1.5',
    SQL_LOG: 'on',
    RATE_LIMIT: 'off',
    ALLOW_PRIVATE_ADDRESSES: 'on',
  });
  expect(settings.corsOrigins).toEqual(['https://a.example', 'https://b.example']);
  expect(settings.modelTimeoutMs).toBe(1500);
  expect(settings.database.sqlLog).toBe(true);
  expect(settings.rateLimit).toBe(false);
  expect(settings.allowPrivateAddresses).toBe(true);
});

test('the sender has a name or none', () => {
  for (const MAIL_FROM of ['Tessera <post@example.com>', 'post@example.com'])
    expect(readSettings({ MAIL_FROM }).mail.from).toBe(MAIL_FROM);
  for (const MAIL_FROM of ['a@example.com, b@example.com', 'a@example.com\r\nBcc: b@example.com', 'Tessera'])
    expect(namesIn(faultsOf({ MAIL_FROM }))).toEqual(['MAIL_FROM']);
});

test('production lets no page call until its origin is named', () => {
  expect(readSettings({ NODE_ENV: 'production' }).corsOrigins).toEqual([]);
});

test('all faults are named at once', () => {
  const faults = faultsOf({
    NODE_ENV: 'secret-mode',
    PORT: 'secret-port',
    DATABASE_URL: 'mysql://root:secret-password@example.com/x',
    DATABASE_POOL_SIZE: '0',
    CORS_ORIGINS: 'secret',
    RATE_LIMIT: 'secret-maybe',
    MODEL_TIMEOUT_SECONDS: '-1',
    S3_ENDPOINT: 'secret endpoint',
    APP_URL: 'javascript:secret',
    MAIL_URL: 'https://secret@mail.example',
    MAIL_FROM: 'secret',
    REDIS_URL: 'secret',
    SLOW_OPERATION_MS: '0',
    METRICS_PORT: 'secret',
    METRICS_TOKEN: 'secret',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'secret',
    DATABASE_DIRECT_URL: 'secret',
  });
  expect(namesIn(faults).toSorted()).toEqual([
    'APP_URL',
    'CORS_ORIGINS',
    'DATABASE_DIRECT_URL',
    'DATABASE_POOL_SIZE',
    'DATABASE_URL',
    'MAIL_FROM',
    'MAIL_URL',
    'METRICS_PORT',
    'METRICS_TOKEN',
    'MODEL_TIMEOUT_SECONDS',
    'NODE_ENV',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'PORT',
    'RATE_LIMIT',
    'REDIS_URL',
    'S3_ENDPOINT',
    'SLOW_OPERATION_MS',
  ]);
  expect(faults.join('\n')).not.toMatch(/secret/i);
});

test('faults between settings are named beside the faults of single ones', () => {
  const faults = faultsOf({
    PORT: '70000',
    STORAGE_DRIVER: 's3',
    ENCRYPTION_KEYS: 'secret',
    DATABASE_OWNER_URL: 'postgres://o:secret@h/d',
  });
  expect(namesIn(faults).toSorted()).toEqual([
    'DATABASE_URL',
    'ENCRYPTION_KEYS',
    'PORT',
    'S3_ACCESS_KEY_ID',
    'S3_BUCKET',
    'S3_SECRET_ACCESS_KEY',
  ]);
  expect(faults.join('\n')).not.toContain('secret');
});

test.each([
  [{ STORAGE_DRIVER: 's3' }, ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']],
  [{ DATABASE_OWNER_URL: 'postgres://owner@localhost/tessera' }, ['DATABASE_URL']],
  [{ ENCRYPTION_KEYS: `good:${'a'.repeat(43)},bad:${'a'.repeat(42)}` }, ['ENCRYPTION_KEYS']],
  [{ NODE_ENV: 'production', DATABASE_URL: 'postgres://server@localhost/tessera' }, ['ENCRYPTION_KEYS']],
  [{ MAIL_URL: 'smtp://user:secret@mail.example' }, ['MAIL_FROM']],
  [{ CORS_ORIGINS: 'example.com,https://fine.example' }, ['CORS_ORIGINS']],
])('%j asks for what goes with it', (environment, names) => {
  expect(namesIn(faultsOf(environment as Record<string, string>))).toEqual(names);
});

test('no value of a faulty entry is shown', () => {
  expect(faultsOf({ ENCRYPTION_KEYS: 'main:tooshort' }).join('\n')).not.toContain('tooshort');
});

test('the settings cannot be changed afterwards', () => {
  const settings = readSettings({});
  expect([settings, settings.database, settings.storage].every((part) => Object.isFrozen(part))).toBe(true);
});
