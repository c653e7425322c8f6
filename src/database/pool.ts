import { setTimeout as pause } from 'node:timers/promises';
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

/** A statement of the driver's, which rejects it by this where the connection fails; its types leave that out. */
interface Rejectable {
  reject(error: Error): void;
}

/** A connection on loan: its statements run in the order they are sent, none waits for the one before. */
export class Session {
  readonly #sql: postgres.ReservedSql;
  readonly #giveBack: () => void;
  readonly #unsent = new Set<Rejectable>();
  #alive = true;

  constructor(sql: postgres.ReservedSql, giveBack: () => void) {
    this.#sql = sql;
    this.#giveBack = giveBack;
  }

  /** False once the socket has closed, when the driver crashes on a statement, and after the release. */
  get alive(): boolean {
    return this.#alive;
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
    const onexecute = () => {
      this.#unsent.delete(rejectable);
      return true;
    };
    // `onexecute` is how the driver's own `begin` learns that it was sent; its types leave it out.
    const query = this.#sql.unsafe(text, values, { ...options, onexecute } as postgres.UnsafeQueryOptions);
    const rejectable = query as unknown as Rejectable;
    this.#unsent.add(rejectable);
    return query;
  }

  /** Called when the socket closes: the driver rejects what it has sent, and would leave waiting for ever what waits behind. */
  lose(): void {
    if (!this.alive) return;
    this.#alive = false;
    for (const statement of this.#unsent) statement.reject(new Unavailable('The connection to the database was lost.'));
    this.#giveBack();
  }

  /** Gives the connection back; one that was lost has been given back already. Nothing may be under way on it. */
  release(): void {
    if (!this.alive) return;
    this.#alive = false;
    this.#sql.release();
    this.#giveBack();
  }
}

/** One connection with a driver of its own. */
interface Line {
  readonly client: Client;
  open: boolean;
  session: Session | undefined;
}

/**
 * Connections to one database, each lent to one unit of work at a time. The driver's own pool is not used: after a connection
 * failed, it hands its errors to whoever comes next and lends connections to those who have given up. So each has a
 * driver of its own, which goes with it.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #lines = new Set<Line>();
  readonly #idle: Line[] = [];
  /** Those who wait until one of the others gives back, first come first served. */
  readonly #waiting: (() => void)[] = [];
  #lent = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Lends a connection; `release()` gives it back.
   * @throws Unavailable when none was free within the acquire time-out.
   */
  async lend(): Promise<Session> {
    const wish = { given: false, withdrawn: false };
    const session = this.#borrow(wish);
    const refused = Symbol('refused');
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<typeof refused>((resolve) => {
      timer = setTimeout(resolve, this.#options.acquireTimeoutMs, refused);
    });
    const outcome = await Promise.race([session, limit]).finally(() => clearTimeout(timer));
    if (outcome !== refused) return outcome;
    wish.withdrawn = true;
    session.then((late) => late.release()).catch(() => undefined);
    throw wish.given
      ? new Unavailable('The database cannot be reached.')
      : new Unavailable('The database is busy: no connection became free in time.');
  }

  async #borrow(wish: { given: boolean; readonly withdrawn: boolean }): Promise<Session> {
    if (this.#lent < this.#options.size) this.#lent++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (wish.withdrawn) throw new Unavailable('Nobody waits for this connection any more.');
      wish.given = true;
      const line = this.#idle.pop() ?? (await this.#connect());
      const sql = await line.client.reserve();
      line.session = new Session(sql, () => this.#giveBack(line));
      if (!line.open) line.session.lose();
      return line.session;
    } catch (error) {
      this.#next();
      throw error;
    }
  }

  /** Opens a connection by a statement: a driver that fails to lend keeps the wish and connects again for nobody. */
  async #connect(): Promise<Line> {
    const client = postgres(this.#options.url, { ...clientOptions(this.#options), onclose: () => this.#lost(line) });
    const line: Line = { client, open: true, session: undefined };
    keepText(client);
    this.#lines.add(line);
    try {
      await client.unsafe('select');
      return line;
    } catch (error) {
      this.#lost(line);
      throw error;
    }
  }

  #lost(line: Line): void {
    line.open = false;
    this.#lines.delete(line);
    const place = this.#idle.indexOf(line);
    if (place >= 0) this.#idle.splice(place, 1);
    line.session?.lose();
    void line.client.end({ timeout: 0 });
  }

  #giveBack(line: Line): void {
    line.session = undefined;
    if (line.open) this.#idle.push(line);
    this.#next();
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#lent--;
    else next();
  }

  /**
   * Hears what is notified on a channel, on a connection of its own, which is opened anew whenever it is lost, until the function
   * returned is called. Throws when the first cannot be opened. What is notified in between is missed.
   */
  async listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>> {
    let stopped = false;
    let client: Client | undefined;
    const again = async (lost: Client): Promise<void> => {
      if (stopped || lost !== client) return;
      client = undefined;
      void lost.end({ timeout: 0 });
      await pause(listenAgainMs);
      if (!stopped) await open().catch(() => undefined);
    };
    const open = async (): Promise<void> => {
      const own: Client = postgres(this.#options.url, {
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

  /** Waits until every connection has been given back, no longer than the grace, and closes them. */
  async close(graceMs = 5000): Promise<void> {
    const deadline = performance.now() + graceMs;
    // The driver would wait to the end of its time for one that is given back after this began.
    while (this.#lent > 0 && performance.now() < deadline) await pause(5);
    await Promise.all([...this.#lines].map(({ client }) => client.end({ timeout: 1 })));
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
