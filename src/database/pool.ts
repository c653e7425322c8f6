import postgres from 'postgres';
import { Unavailable } from '../errors.ts';

/** How to reach a database. Durations in milliseconds. */
export interface PoolOptions {
  /** A `postgres://` URL; ignored when `socketPath` is given. */
  readonly url: string;
  /** Path of the local socket that the embedded database listens on. */
  readonly socketPath?: string;
  /** The role every session takes from the moment of connecting; null keeps the login's own. */
  readonly role: string | null;
  readonly size: number;
  readonly connectTimeoutMs: number;
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly tls: 'off' | 'require' | 'verify';
  readonly prepare: boolean;
  readonly applicationName?: string;
}

type Client = postgres.Sql;

/** What postgres.js tells of a connection: it forgets the reservation when the socket closes. */
interface Connection {
  readonly reserved: unknown;
}

/** A connection on loan: its statements run in the order they are sent, none waits for the one before. */
export class Session {
  readonly #sql: postgres.ReservedSql;
  #connection: Connection | undefined;

  constructor(sql: postgres.ReservedSql) {
    this.#sql = sql;
  }

  /** False once the socket has closed; the driver crashes on a statement sent to it then. */
  get alive(): boolean {
    return this.#connection === undefined || this.#connection.reserved !== null;
  }

  /** Sends several statements without parameters in one message, written together with what follows. */
  send(text: string): Promise<{ command: string }> {
    return this.#execute(text, [], { simple: true });
  }

  /** Sends one statement; `prepare` keeps its plan on the server. */
  unsafe(text: string, values: never[], { prepare }: { prepare: boolean }) {
    return this.#execute(text, values, { prepare });
  }

  #execute(text: string, values: never[], options: { prepare?: boolean; simple?: boolean }) {
    if (!this.alive) throw new Unavailable('The connection to the database was lost.');
    const onexecute = (connection: Connection): boolean => {
      this.#connection = connection;
      return true;
    };
    // `onexecute` is how the driver's own `begin` learns its connection; its types leave it out.
    const query = this.#sql.unsafe(text, values, { ...options, onexecute } as postgres.UnsafeQueryOptions);
    return query;
  }

  /** Gives the connection back; a closed one the driver has taken back already. */
  release(): void {
    if (this.alive) this.#sql.release();
  }
}

/** Connections to one database, each lent to one unit of work at a time. */
export class Pool {
  readonly client: Client;
  readonly #acquireTimeoutMs: number;

  constructor(options: PoolOptions) {
    this.#acquireTimeoutMs = options.acquireTimeoutMs;
    this.client = postgres(options.url, clientOptions(options));
    keepText(this.client);
  }

  /**
   * Lends a connection; `release()` gives it back.
   * @throws Unavailable when none was free within the acquire time-out.
   */
  async lend(): Promise<Session> {
    const reservation = this.client.reserve();
    const refused = Symbol('refused');
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<typeof refused>((resolve) => {
      timer = setTimeout(resolve, this.#acquireTimeoutMs, refused);
    });
    const session = await Promise.race([reservation, limit]).finally(() => clearTimeout(timer));
    if (session !== refused) return new Session(session);
    // The reservation stays in the driver's queue; hand it back when its turn comes.
    reservation.then((late) => late.release()).catch(() => undefined);
    throw new Unavailable('The database is busy: no connection became free in time.');
  }

  async close(graceMs = 5000): Promise<void> {
    await this.client.end({ timeout: graceMs / 1000 });
  }
}

const clientOptions = (options: PoolOptions): postgres.Options<Record<string, never>> => ({
  ...(options.socketPath === undefined ? {} : { path: options.socketPath }),
  max: options.size,
  prepare: options.prepare,
  connect_timeout: options.connectTimeoutMs / 1000,
  idle_timeout: 0,
  ssl: options.tls === 'off' ? false : options.tls === 'require' ? 'require' : { rejectUnauthorized: true },
  onnotice: () => undefined,
  connection: {
    application_name: options.applicationName ?? 'tessera',
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: 60_000,
    TimeZone: 'UTC',
    ...(options.role === null ? {} : { role: options.role }),
  },
});

const asIs = (value: unknown) => value;

/** Dates and times stay the text that Postgres sends: no Date objects on the way out. JSON is written as given. */
const keepText = ({ options }: Client): void => {
  for (const oid of [1082, 1083, 1114, 1184, 1115, 1182, 1185, 1231]) {
    options.parsers[oid] = asIs;
    options.serializers[oid] = asIs;
  }
  for (const oid of [114, 3802]) options.serializers[oid] = asIs;
};
