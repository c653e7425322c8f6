import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { Unavailable } from '../errors.ts';
import { letsNobodyIn } from './failures.ts';

/** How to reach a database. Durations in milliseconds. */
export interface PoolOptions {
  /** A `postgres://` URL; ignored when `socketPath` is given. */
  readonly url: string;
  /** A URL of the same database that passes by a pooler in transaction mode, where nothing can be listened for; `url` when absent. */
  readonly directUrl?: string | undefined;
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

/** A statement of the driver's, which rejects it by this where the connection fails; its types leave that out. */
interface Rejectable {
  reject(error: Error): void;
}

/** How a transaction ends of which nobody awaits the outcome. */
export type Ending = 'commit' | 'rollback';

/** A connection with a driver of its own, from its opening to its loss. */
class Connection {
  readonly #sql: postgres.ReservedSql;
  /** Statements whose outcome has not come yet. */
  readonly #unanswered = new Set<Rejectable>();
  alive = true;
  /** What the next message has to begin with. */
  owed: Ending | null = null;

  constructor(sql: postgres.ReservedSql) {
    this.#sql = sql;
  }

  send(text: string): Promise<{ command: string }> {
    const whole = this.owed === null ? text : `${this.owed}; ${text}`;
    this.owed = null;
    return this.#execute(whole, [], { simple: true });
  }

  unsafe(text: string, values: never[], prepare: boolean) {
    if (this.owed !== null) this.send('').catch(() => undefined);
    return this.#execute(text, values, { prepare });
  }

  /** Sends at once: left alone, the driver sends when the answer is awaited, and not in the order of the calls. */
  #execute(text: string, values: never[], options: { prepare?: boolean; simple?: boolean }) {
    const query = this.#sql.unsafe(text, values, options);
    const statement = query as unknown as Rejectable;
    const forget = () => void this.#unanswered.delete(statement);
    this.#unanswered.add(statement);
    // This is also what sends it.
    query.then(forget, forget);
    return query;
  }

  /** Called when the socket closes: the driver rejects what it has sent, and would leave waiting for ever what waits behind. */
  lose(): void {
    this.alive = false;
    for (const statement of this.#unanswered) statement.reject(connectionLost());
  }
}

const connectionLost = () => new Unavailable('The connection to the database was lost.');

/** The loan of a connection: its statements run in the order they are sent, none waits for the one before. */
export class Session {
  readonly #connection: Connection;
  readonly #giveBack: (connection: Connection, ending: Ending | null) => void;
  #released = false;

  constructor(connection: Connection, giveBack: (connection: Connection, ending: Ending | null) => void) {
    this.#connection = connection;
    this.#giveBack = giveBack;
  }

  /** False once the socket has closed, when the driver crashes on a statement, and after the release, when it belongs to others. */
  get alive(): boolean {
    return this.#connection.alive && !this.#released;
  }

  /** Sends several statements without parameters in one message, written together with what follows. */
  send(text: string): Promise<{ command: string }> {
    return this.#held().send(text);
  }

  /** Sends one statement; `prepare` keeps its plan on the server. */
  unsafe(text: string, values: never[], { prepare }: { prepare: boolean }) {
    return this.#held().unsafe(text, values, prepare);
  }

  #held(): Connection {
    if (!this.alive) throw connectionLost();
    return this.#connection;
  }

  /**
   * Gives the connection back. A transaction that is still open ends as said: at once, or in front of the next borrower's first
   * message when somebody waits for the connection. Should that message fail, the transaction it was to end is in
   * the failed state, in which every statement is refused, so nobody reads with the rights of who was before.
   */
  release(ending: Ending | null = null): void {
    if (!this.alive) return;
    this.#released = true;
    this.#giveBack(this.#connection, ending);
  }
}

/** Connections by what they do, who waits for one, and how many there may be. */
export interface PoolFigures {
  readonly inUse: number;
  readonly idle: number;
  readonly opening: number;
  readonly waiting: number;
  readonly limit: number;
}

/** Somebody who waits for a connection. */
interface Waiting {
  readonly take: (connection: Connection) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Connections to one database, each lent to one unit of work at a time, first come, first served. The driver's own pool is not used:
 * after a connection failed, it hands its errors to whoever comes next, and lends connections to those who have given up. So each has
 * a driver of its own, which goes with it. Its one reservation is kept from loan to loan.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #clients = new Set<Client>();
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  /** Connections there are: on loan, idle or being opened. */
  #size = 0;
  #opening = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Lends a connection; `release()` gives it back.
   * @throws Unavailable when none was free within the acquire time-out.
   */
  async lend(): Promise<Session> {
    const idle = this.#idle.pop();
    return this.#lent(idle ?? (await this.#turn()));
  }

  #lent(connection: Connection): Session {
    return new Session(connection, (given, ending) => this.#take(given, ending));
  }

  #turn(): Promise<Connection> {
    return new Promise((take, fail) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        fail(
          this.#opening > 0
            ? new Unavailable('The database cannot be reached.')
            : new Unavailable('The database is busy: no connection became free in time.'),
        );
      }, this.#options.acquireTimeoutMs);
      const waiting: Waiting = {
        take: (connection) => {
          clearTimeout(timer);
          take(connection);
        },
        fail: (error) => {
          clearTimeout(timer);
          fail(error);
        },
      };
      this.#waiting.push(waiting);
      if (this.#size < this.#options.size) void this.#open();
    });
  }

  /** Runs one statement that belongs to no unit of work. What it leaves open when it fails is undone. `prepare` keeps its plan. */
  async run(text: string, values: readonly unknown[] = [], prepare = false) {
    const session = await this.lend();
    // The cast is safe: these are values that the driver can send.
    const given = [...values] as never[];
    try {
      if (given.length > 0 && !this.#options.prepare) return await this.#runWhole(session, text, given);
      const result = await (given.length === 0 ? session.send(text) : session.unsafe(text, given, { prepare }));
      session.release();
      return result;
    } catch (error) {
      session.release('rollback');
      throw error;
    }
  }

  /**
   * Runs one statement in a transaction of its own. The driver asks for the types of its values in a message by itself, which says nothing of an end: a pooler that
   * has just seen the end of the transaction before gives the server's connection away under it, and nobody is ever answered.
   */
  async #runWhole(session: Session, text: string, given: never[]) {
    // A failure shows in the statement behind it.
    session.send('begin').catch(() => undefined);
    const result = await session.unsafe(text, given, { prepare: false });
    await session.send('commit');
    session.release();
    return result;
  }

  /**
   * Hears what is notified on a channel, on a connection of its own, which is opened anew whenever it is lost, until the function
   * returned is called. Throws when the first cannot be opened. What is notified in between is missed; `missed` is called once it hears again.
   */
  async listen(channel: string, heard: (payload: string) => void, missed: () => void): Promise<() => Promise<void>> {
    let stopped = false;
    let client: Client | undefined;
    const again = async (lost: Client): Promise<void> => {
      if (stopped || lost !== client) return;
      client = undefined;
      void lost.end({ timeout: 0 });
      await pause(listenAgainMs);
      if (!stopped) await open().then(missed, () => undefined);
    };
    const open = async (): Promise<void> => {
      const own: Client = postgres(this.#options.directUrl ?? this.#options.url, {
        ...clientOptions(this.#options),
        fetch_types: false,
        onclose: () => void again(own),
        // How the driver's own `listen` hears; its types leave it out.
        onnotify: (_channel: string, payload: string) => heard(payload),
      } as postgres.Options<Record<string, never>>);
      client = own;
      await own.unsafe(`listen ${channel}`);
    };
    await open();
    return async () => {
      stopped = true;
      await client?.end({ timeout: 0 });
    };
  }

  /** How things stand at this moment. */
  get figures(): PoolFigures {
    const idle = this.#idle.length;
    const opening = this.#opening;
    const inUse = this.#size - idle - opening;
    return { inUse, idle, opening, waiting: this.#waiting.length, limit: this.#options.size };
  }

  /** Closes all connections; those on loan have the grace to be given back. */
  async close(graceMs = 5000): Promise<void> {
    for (const deadline = Date.now() + graceMs; this.#idle.length < this.#size && Date.now() < deadline;)
      await pause(5);
    await Promise.all([...this.#clients].map((client) => client.end({ timeout: 0 })));
  }

  /** Opens one more connection for whoever has waited longest when it is there. */
  async #open(): Promise<void> {
    this.#size += 1;
    this.#opening += 1;
    let connection: Connection | undefined;
    let open = true;
    const lost = () => {
      if (!open) return;
      open = false;
      this.#clients.delete(client);
      this.#size -= 1;
      const place = connection === undefined ? -1 : this.#idle.indexOf(connection);
      if (place >= 0) this.#idle.splice(place, 1);
      connection?.lose();
      void client.end({ timeout: 0 });
      if (connection !== undefined) this.#openForWaiting();
    };
    const client: Client = postgres(this.#options.url, { ...clientOptions(this.#options), onclose: lost });
    keepText(client);
    this.#clients.add(client);
    try {
      // Opened by a statement: a driver that fails to lend keeps the wish and connects again for nobody.
      await client.unsafe('select');
      connection = new Connection(await client.reserve());
      this.#opening -= 1;
      if (open) this.#take(connection, null);
      else this.#openForWaiting();
    } catch (error) {
      this.#opening -= 1;
      lost();
      this.#waiting.shift()?.fail(letsNobodyIn(error) ? new Unavailable('The database lets nobody in.') : error);
      this.#openForWaiting();
    }
  }

  #openForWaiting(): void {
    if (this.#waiting.length > 0 && this.#size < this.#options.size) void this.#open();
  }

  #take(connection: Connection, ending: Ending | null): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      connection.owed = ending;
      return next.take(connection);
    }
    if (ending !== null) connection.send(ending).catch(() => undefined);
    this.#idle.push(connection);
  }
}

/** Between two tries to listen. */
const listenAgainMs = 500;

const clientOptions = (options: PoolOptions): postgres.Options<Record<string, never>> => ({
  ...(options.socketPath === undefined ? {} : { path: options.socketPath }),
  max: 1,
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
export const keepText = ({ options }: postgres.Sql): void => {
  for (const oid of [1082, 1083, 1114, 1184, 1115, 1182, 1185, 1231]) {
    options.parsers[oid] = asIs;
    options.serializers[oid] = asIs;
  }
  for (const oid of [114, 3802]) options.serializers[oid] = asIs;
};
