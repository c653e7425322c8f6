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

/** How a transaction ends of which nobody awaits the outcome. */
export type Ending = 'commit' | 'rollback';

/** A connection on loan: its statements run in the order they are sent, none waits for the one before. */
export class Session {
  readonly #sql: postgres.ReservedSql;
  readonly #giveBack: (session: Session, ending: Ending | null) => void;
  #connection: Connection | undefined;
  #owed: Ending | null = null;

  constructor(sql: postgres.ReservedSql, giveBack: (session: Session, ending: Ending | null) => void) {
    this.#sql = sql;
    this.#giveBack = giveBack;
  }

  /** False once the socket has closed; the driver crashes on a statement sent to it then. */
  get alive(): boolean {
    return this.#connection === undefined || this.#connection.reserved !== null;
  }

  /** Sends several statements without parameters in one message, written together with what follows. */
  send(text: string): Promise<{ command: string }> {
    const owed = this.#owed;
    this.#owed = null;
    return this.#execute(owed === null ? text : `${owed}; ${text}`, [], { simple: true });
  }

  /** Sends one statement; `prepare` keeps its plan on the server. */
  unsafe(text: string, values: never[], { prepare }: { prepare: boolean }) {
    if (this.#owed !== null) this.send('').catch(() => undefined);
    return this.#execute(text, values, { prepare });
  }

  #execute(text: string, values: never[], options: { prepare?: boolean; simple?: boolean }) {
    if (!this.alive) throw new Unavailable('The connection to the database was lost.');
    if (this.#connection !== undefined) return this.#sql.unsafe(text, values, options);
    const onexecute = (connection: Connection): boolean => {
      this.#connection = connection;
      return true;
    };
    // `onexecute` is how the driver's own `begin` learns its connection; its types leave it out.
    return this.#sql.unsafe(text, values, { ...options, onexecute } as postgres.UnsafeQueryOptions);
  }

  /**
   * Gives the connection back. A transaction that is still open ends as said: at once, or in front of the next borrower's first
   * message when somebody waits for the connection. Should that message fail, the transaction it was to end is in
   * the failed state, in which every statement is refused, so nobody reads with the rights of who was before.
   */
  release(ending: Ending | null = null): void {
    this.#giveBack(this, ending);
  }

  /** For the pool: what the next message has to begin with. */
  owe(ending: Ending | null): void {
    this.#owed = ending;
  }

  /** For the pool: lets the driver have the connection back, so that it can be closed. */
  dismiss(): void {
    if (this.alive) this.#sql.release();
  }
}

interface Waiting {
  readonly take: (session: Session) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Connections to one database, each lent to one unit of work at a time, first come, first served. The driver's reservations are kept
 * from loan to loan, because making one anew for each unit took a tenth of the time of a small query.
 */
export class Pool {
  readonly #client: Client;
  readonly #size: number;
  readonly #acquireTimeoutMs: number;
  readonly #idle: Session[] = [];
  readonly #waiting: Waiting[] = [];
  /** Sessions there are, on loan, idle or being connected. */
  #sessions = 0;
  #closing = false;

  constructor(options: PoolOptions) {
    this.#acquireTimeoutMs = options.acquireTimeoutMs;
    this.#size = options.size;
    this.#client = postgres(options.url, clientOptions(options));
    keepText(this.#client);
  }

  /**
   * Lends a connection; `release()` gives it back.
   * @throws Unavailable when none was free within the acquire time-out.
   */
  async lend(): Promise<Session> {
    const idle = this.#idle.pop();
    if (idle?.alive) return idle;
    if (idle !== undefined) this.#sessions -= 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new Unavailable('The database is busy: no connection became free in time.'));
      }, this.#acquireTimeoutMs);
      const settled = <Value>(settle: (value: Value) => void) => {
        return (value: Value) => {
          clearTimeout(timer);
          settle(value);
        };
      };
      const waiting: Waiting = { take: settled(resolve), fail: settled(reject) };
      this.#waiting.push(waiting);
      if (this.#sessions < this.#size) this.#connect();
    });
  }

  /** Runs one statement in a transaction of its own, without a viewer. */
  async run(text: string, values: readonly unknown[] = []) {
    const session = await this.lend();
    try {
      // The cast is safe: these are the values that the driver can send.
      const given = [...values] as never[];
      return await (given.length === 0 ? session.send(text) : session.unsafe(text, given, { prepare: false }));
    } finally {
      session.release();
    }
  }

  /** Calls back with each notification on a channel, on a connection beside the others that reconnects by itself. */
  async listen(channel: string, callback: (payload: string) => void): Promise<void> {
    await this.#client.listen(channel, callback);
  }

  async close(graceMs = 5000): Promise<void> {
    this.#closing = true;
    for (const session of this.#idle.splice(0)) session.dismiss();
    await this.#client.end({ timeout: graceMs / 1000 });
  }

  /** One more connection, for whoever has waited longest when it is there. */
  #connect(): void {
    this.#sessions += 1;
    this.#client.reserve().then(
      (sql) => this.#serve(new Session(sql, (session, ending) => this.#take(session, ending)), null),
      (error: unknown) => {
        this.#sessions -= 1;
        this.#waiting.shift()?.fail(error);
        if (this.#waiting.length > 0) this.#connect();
      },
    );
  }

  #take(session: Session, ending: Ending | null): void {
    if (session.alive) return this.#serve(session, ending);
    this.#sessions -= 1;
    if (this.#waiting.length > 0) this.#connect();
  }

  #serve(session: Session, ending: Ending | null): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      session.owe(ending);
      return next.take(session);
    }
    if (ending !== null) session.send(ending).catch(() => undefined);
    if (this.#closing) session.dismiss();
    else this.#idle.push(session);
  }
}

const clientOptions = (options: PoolOptions): postgres.Options<Record<string, never>> => ({
  ...(options.socketPath === undefined ? {} : { path: options.socketPath }),
  max: options.size,
  prepare: options.prepare,
  connect_timeout: options.connectTimeoutMs / 1000,
  idle_timeout: 0,
  max_lifetime: null,
  ssl: options.tls === 'off' ? false : options.tls === 'require' ? 'require' : { rejectUnauthorized: true },
  onnotice: () => undefined,
  connection: {
    application_name: options.applicationName ?? 'tessera',
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: 60_000,
    TimeZone: 'UTC',
    // Statements are built once and look rows up by key. Left to itself, the server plans them anew at each run, because a plan for one key
    // looks cheaper than one for any number of keys; that took three times as long as the look-up.
    plan_cache_mode: 'force_generic_plan',
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
