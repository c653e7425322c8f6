import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { DeploymentHealth } from './ai/deployment-health.ts';
import { database, type StatementListener } from './database/client.ts';
import { startEmbedded } from './database/embedded.ts';
import {
  knowledgeMigrations,
  mainMigrations,
  pendingMigrations,
  serverRole,
  type Migrations,
} from './database/migrations.ts';
import { Pool } from './database/pool.ts';
import { nowhere, UnitOfWork, type Origin } from './database/unit-of-work.ts';
import { Downloads } from './domains/content/downloads.ts';
import { countersInPostgres, countersInRedis } from './domains/identity/counters.ts';
import { throttlesOn, unthrottled } from './domains/identity/throttle.ts';
import { Outbox } from './domains/knowledge/outbox.ts';
import { knowledgePart } from './domains/knowledge/schema.ts';
import type { AgentTools } from './domains/agent-tool.ts';
import type { ScheduledWorks } from './domains/scheduled-work.ts';
import { RequestJournal } from './domains/analytics/request-journal.ts';
import type { Jobs, Schedules, Services } from './domains/services.ts';
import { KeyUses } from './domains/modelhub/key-uses.ts';
import { SearchJournal } from './domains/content/search-notes.ts';
import { heedChange } from './domains/modelhub/routing-knowledge.ts';
import { WebhookWake } from './domains/platform/webhook-wake.ts';
import { Activity } from './domains/tenancy/activity.ts';
import type { SettingKeys } from './domains/setting-key.ts';
import { heedSettings } from './domains/tenancy/setting-values.ts';
import type { Bus } from './events/bus.ts';
import { LocalBus } from './events/local-bus.ts';
import { ledgerOn } from './events/ledger.ts';
import { PostgresBus } from './events/postgres-bus.ts';
import { RedisBus } from './events/redis-bus.ts';
import { ShortMemory } from './events/short-memory.ts';
import { Viewers } from './gateway/viewer.ts';
import { openPostbox } from './mail/postbox.ts';
import { openTransport } from './mail/transport.ts';
import { openOutbound } from './outbound/open.ts';
import { BossQueue } from './queue/boss.ts';
import { keyRingOf } from './secrets/installation-keys.ts';
import { Unavailable } from './errors.ts';
import type { Settings } from './settings.ts';
import { storeSettings } from './storage/settings.ts';
import { openStore } from './storage/store.ts';
import type { Sources } from './telemetry/metrics.ts';
import { Observer } from './telemetry/observer.ts';
import type { Tracing } from './telemetry/tracing.ts';

/** The database cannot be used as it is; the message says what to do. */
export class UnfitDatabase extends Error {}

/** Everything a process holds open, and how to let it go. */
export interface Installation {
  readonly services: Services & { readonly viewers: Viewers };
  /** Works on jobs in this process until it is closed. */
  work(): Promise<void>;
  close(graceMs: number): Promise<void>;
}

/** The system itself, as the origin of what nobody asked for. */
export const systemOrigin: Origin = { requestId: 'system', address: null, userAgent: null };

/**
 * Opens database, storage, keys and queue as the settings say.
 * Throws UnfitDatabase when migrations are pending or the server's role may too much, DirectoryInUse.
 */
export const openInstallation = async (
  settings: Settings,
  log: Logger,
  { onStatement, tracing: given }: { readonly onStatement?: StatementListener; readonly tracing?: Tracing } = {},
): Promise<Installation> => {
  const tracing = given ?? (await tracingOf(settings));
  const embedded =
    settings.database.url === undefined ? await startEmbedded(settings.dataDirectory, serverRole) : undefined;
  const pool = new Pool({
    ...settings.database,
    role: serverRole,
    url: settings.database.url ?? 'postgres://postgres@localhost/postgres',
    ...(embedded && { socketPath: embedded.socketPath }),
    size: embedded === undefined ? settings.database.poolSize : 1,
  });
  const closers: ((graceMs?: number) => Promise<unknown> | void)[] = [
    (graceMs) => pool.close(graceMs),
    () => embedded?.stop(),
  ];
  const { knowledgeUrl } = settings.database;
  const knowledgePool =
    knowledgeUrl === undefined
      ? undefined
      : new Pool({ ...settings.database, role: serverRole, url: knowledgeUrl, size: settings.database.poolSize });
  if (knowledgePool !== undefined) closers.push((graceMs) => knowledgePool.close(graceMs));
  try {
    await assertFit(pool, mainMigrations);
    if (knowledgePool === undefined) await assertFit(pool, knowledgeMigrations);
    else
      await assertFit(knowledgePool, knowledgeMigrations).catch((error: unknown) => {
        // All else is answered meanwhile.
        if (!(error instanceof Unavailable)) throw error;
        log.error({ err: error }, 'The database of the knowledge bank cannot be reached.');
      });
    // One connection cannot listen and work; then there is one process, too.
    const bus = embedded === undefined ? await openBus(settings, pool, log) : new LocalBus();
    const routing = new ShortMemory<unknown>(bus, 'routing');
    void routing.listen().catch((error: unknown) => log.error({ err: error }, 'Changes of routing are not heard.'));
    const settingMemory = new ShortMemory<unknown>(bus, 'settings');
    void settingMemory
      .listen()
      .catch((error: unknown) => log.error({ err: error }, 'Changes of settings are not heard.'));
    const health = new DeploymentHealth(bus);
    void health.listen().catch((error: unknown) => log.error({ err: error }, 'Cool-downs are not heard.'));
    let webhooks: WebhookWake | undefined;
    const ledger = ledgerOn(bus, (change) => {
      heedChange(routing, change);
      heedSettings(settingMemory, change);
      webhooks?.heed(change);
    });
    const outbox = knowledgePool && new Outbox({ pool, ledger }, knowledgePool, log);
    const parts = { ...(knowledgePool && outbox && { [knowledgePart]: { pool: knowledgePool, ledger: outbox } }) };
    const jobs = await readAll<Jobs>('jobs');
    const schedules = await readAll<Schedules>('schedules');
    const statements = onStatement ?? (settings.database.sqlLog ? statementLog(log) : undefined);
    const observer = new Observer({
      tracer: tracing?.tracer,
      slowOperationMs: settings.slowOperationMs,
      onStatement: statements,
    });
    const queue = await BossQueue.open({ pool, ledger, parts, bus, log, observer }, jobs, schedules);
    const activity = new Activity({ pool, ledger, log }, settings.activityMs);
    const downloads = new Downloads({ pool, ledger, log }, settings.activityMs);
    const keyUses = new KeyUses({ pool, ledger, log }, settings.activityMs);
    const searches = new SearchJournal({ pool, ledger, log }, settings.activityMs);
    const requests =
      settings.activityRecordsMs === undefined
        ? null
        : new RequestJournal({ pool, ledger, log, onStatement: statements }, settings.activityRecordsMs);
    const viewers = new Viewers(bus);
    void viewers.listen().catch((error: unknown) => log.error({ err: error }, 'Changes of rights are not heard.'));
    const counters =
      settings.redisUrl === undefined ? countersInPostgres(pool) : await countersInRedis(settings.redisUrl, log);
    const keyRing = await keyRingOf(settings);
    const transport = openTransport({ ...settings.mail, outbox: resolve(settings.dataDirectory, 'outbox') });
    const outbound = openOutbound(settings);
    const services = {
      settings,
      log,
      address: { url: settings.publicUrl ?? '' },
      pool,
      ledger,
      parts,
      outbox: outbox ?? null,
      bus,
      queue,
      jobs,
      tools: await readAll<AgentTools>('tools'),
      scheduledWork: await readAll<ScheduledWorks>('scheduled-work', 'scheduledWork'),
      store: await openStore(storeSettings(settings)),
      keyRing,
      mail: openPostbox(transport, queue, keyRing),
      letters: transport,
      outbound,
      counters,
      throttles: settings.rateLimit ? throttlesOn(counters) : unthrottled,
      viewers,
      routing,
      settingKeys: await readAll<SettingKeys>('setting-keys', 'settingKeys'),
      settingMemory,
      health,
      activity,
      downloads,
      keyUses,
      searches,
      requests,
      onStatement: statements,
      observer,
    };
    if (settings.schedules) webhooks = new WebhookWake(services);
    return {
      services,
      work: () => queue.work(jobs, settings.schedules ? schedules : {}, (unit) => ({ unit, services })),
      close: async (graceMs) => {
        const began = performance.now();
        const journals = [activity, downloads, keyUses, searches, ...(requests === null ? [] : [requests])];
        await Promise.all([queue.stop(graceMs), webhooks?.stop(), ...journals.map((journal) => journal.stop())]);
        await outbox?.rest();
        await outbound.close();
        transport.close();
        counters.close();
        await outbound.close();
        await bus.close();
        // Whoever still holds a connection has had the rest of the grace to give it back.
        const left = Math.max(500, (graceMs - (performance.now() - began)) / 2);
        for (const close of closers) await close(left);
        // What the collector does not take in time is lost.
        await Promise.race([tracing?.close().catch(() => undefined), pause(left, undefined, { ref: false })]);
      },
    };
  } catch (error) {
    for (const close of closers) await close();
    throw error;
  }
};

/** Logs the text of each statement. */
const statementLog =
  (log: Logger): StatementListener =>
  (text) => {
    log.info({ sql: text }, 'statement');
    return undefined;
  };

/** Redis where there is one, as it spares the database the work; otherwise the database itself. */
const openBus = ({ redisUrl }: Settings, pool: Pool, log: Logger): Promise<Bus> =>
  redisUrl === undefined ? new PostgresBus(pool, log).open() : new RedisBus(redisUrl, log).open();

/** Loaded only where there are traces. */
const tracingOf = async ({ tracing }: Settings): Promise<Tracing | undefined> =>
  tracing === undefined ? undefined : (await import('./telemetry/tracing.ts')).openTracing(tracing);

/** What the metrics are read from. */
export const metricSources = ({ services: { pool, parts, queue, bus } }: Installation): Sources => ({
  pools: {
    main: () => pool.figures,
    ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, () => part.pool.figures])),
  },
  queue: () => queue.figures(),
  listeners: () => bus.size,
});

const root = fileURLToPath(new URL('..', import.meta.url));

/** What the files of this name in all domains export under it, or under another name. */
const readAll = async <Entries extends Readonly<Record<string, unknown>>>(
  file: 'jobs' | 'schedules' | 'tools' | 'setting-keys' | 'scheduled-work',
  name: string = file,
): Promise<Entries> => {
  const domains = await Promise.all(
    globSync(`src/domains/*/${file}.ts`, { cwd: root })
      .sort()
      // The cast is safe: each of these files exports its entries under this name and type.
      .map((path) => import(pathToFileURL(join(root, path)).href) as Promise<Record<string, Entries>>),
  );
  return Object.assign({}, ...domains.map((domain) => domain[name])) as Entries;
};

const assertFit = async (pool: Pool, migrations: Migrations): Promise<void> => {
  const unit = new UnitOfWork(nowhere, {
    pool,
    ledger: ledgerOn(new LocalBus()),
    origin: systemOrigin,
  });
  const rights = sql<{ name: string; unbound: boolean }>`select current_user as name, rolsuper or rolbypassrls
    or exists (select from pg_class where relowner = pg_roles.oid and relnamespace = to_regnamespace(${migrations.schema})) as unbound
    from pg_roles where rolname = current_user`;
  const journal = sql`select created_at from drizzle.${sql.identifier(migrations.table)}`;
  try {
    const [role] = await unit.run(() => database.execute<{ name: string; unbound: boolean }>(rights));
    if (role?.unbound !== false)
      throw new UnfitDatabase(
        `${migrations.what}: the server's role ${role?.name} owns tables or bypasses row security. Give the server a login that is a member of tessera_server.`,
      );
    if (role.name !== serverRole)
      throw new UnfitDatabase(
        `${migrations.what}: sessions act as ${role.name}, although they ask for ${serverRole}: a pooler in between has dropped that. Let the login itself do so: alter role … set role = ${serverRole} (docs/deployment.md).`,
      );
    const applied = await unit.run(() => database.execute<{ created_at: string }>(journal));
    const pending = pendingMigrations(
      migrations,
      applied.map((row) => Number(row.created_at)),
    );
    if (pending.length > 0)
      throw new UnfitDatabase(
        `Migrations are pending (${pending.map(({ name }) => name).join(', ')}). Run: npm run db:migrate`,
      );
  } catch (error) {
    throw unmigrated(error)
      ? new UnfitDatabase(`${migrations.what} is empty, or not Tessera's. Run: npm run db:migrate`)
      : error;
  } finally {
    await unit.rest();
  }
};

/** No such role (22023, 42704), function (42883), schema (3F000) or table (42P01), or no rights to it (42501). */
const unmigrated = (error: unknown): boolean =>
  Error.isError(error) &&
  'code' in error &&
  ['22023', '42704', '42883', '3F000', '42P01', '42501'].includes(String(error.code));
