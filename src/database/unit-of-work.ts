import { DrizzleQueryError, type SQL } from 'drizzle-orm';
import { database, heard, isPrepared, routed, type Database, type Route, type StatementListener } from './client.ts';
import { databaseIsAway, statementTimedOut } from './failures.ts';
import type { Ending, Pool, Session } from './pool.ts';
import type { Statement } from './statement.ts';
import { Unavailable } from '../errors.ts';
import type { Trace } from '../telemetry/trace.ts';

/** What the row policies of a unit of work see. Every id is a UUID; `'*'` means all workspaces of the organization. */
export interface Scope {
  readonly organizationId: string | null;
  readonly userId: string | null;
  /** User, groups, workspaces and the like whose grants the viewer holds. */
  readonly principals: readonly string[];
  readonly workspaces: '*' | readonly string[];
  /** The one conversation that is seen, with what belongs to it; absent: all that the workspaces hold. */
  readonly conversationId?: string;
  /** All rooms, whoever their members are; absent: those of the user, once the unit has entered them. */
  readonly rooms?: '*';
  /** The same of projects. Who holds the organization's own principal sees all of them in any case. */
  readonly projects?: '*';
  /** The API key that was shown, whose bounds hold beside its user's; no policy looks at it. */
  readonly apiKeyId?: string;
  /** The knowledge bank is nothing that the viewer may read, so that answers to them leave it out; no policy looks at it. */
  readonly withoutKnowledge?: true;
}

/** Sees what belongs to no tenant, and no row of any tenant. */
export const nowhere: Scope = { organizationId: null, userId: null, principals: [], workspaces: [] };

/**
 * The principal of an organization's jobs, which its administrators do not hold. It stands among the readers of what is one member's own, such as
 * a file of their mailbox, so that jobs know that it is there.
 */
export const jobsAlone = '00000000-0000-0000-0000-000000000001';

/** Sees all of an organization, as its jobs and administrators do; what is one user's own only as that user. */
export const wholeOf = (organizationId: string, userId: string | null = null): Scope => ({
  organizationId,
  userId,
  principals: [organizationId, jobsAlone],
  workspaces: '*',
  // As one user it sees what is that user's own: their rooms and no others.
  ...(userId === null && { rooms: '*' as const, projects: '*' as const }),
});

/** A change that happened, to be written to the log of its tenant in the transaction that made it. */
export interface Change {
  /** What happened, `<thing>.<past participle>`. */
  readonly action: string;
  /** GraphQL type and id of what it happened to. */
  readonly type: string;
  readonly id: string;
  readonly workspaceId?: string | null;
  /** What changed, without secrets. */
  readonly data?: Record<string, unknown>;
}

/** A row to be written: the statement that does, and its values. */
export interface Entry {
  readonly statement: Statement<unknown>;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A statement that writes one row of a tenant, the one of the value `id`, and the entry of it in the log. */
export interface LoggedStatement<Row> extends Pick<Change, 'action' | 'type'> {
  /** Besides its own values it is given those of the entry. */
  readonly statement: Statement<Row>;
}

/** Where recorded changes go: written before the commit, announced after it. */
export interface Ledger {
  /** What is written in the transaction of the change. Its values are also those of the entry that a logged statement writes. */
  entry(change: Change, unit: UnitOfWork): Entry;
  announce(changes: readonly Change[], unit: UnitOfWork): void;
}

/** Who caused the unit and how, for the log. */
export interface Origin {
  readonly requestId: string;
  readonly address: string | null;
  readonly userAgent: string | null;
  /** The schedule of a member's that began it; absent: none did. */
  readonly scheduleId?: string;
  /** The trace it is part of; absent where nobody asked. */
  readonly trace?: Trace;
}

/** Where a part of the data stands that has a database of its own, and where changes made there go. */
export interface Part {
  readonly pool: Pool;
  readonly ledger: Ledger;
}

/** Something that may happen once: the first transaction that commits says that it did. */
export interface Once {
  /** Runs first in each transaction until one has committed; throws where it has happened before. */
  readonly claim: () => Promise<void>;
  /** That transaction has committed. */
  readonly committed: () => void;
  /** Claims it in a transaction of its own, for an effect in a database of another part. */
  readonly claimApart: () => Promise<void>;
}

export interface UnitOptions {
  readonly pool: Pool;
  readonly ledger: Ledger;
  /** The parts that have a database of their own, by name. */
  readonly parts?: Readonly<Record<string, Part>>;
  readonly origin: Origin;
  readonly onStatement?: StatementListener | undefined;
  /** What the transactions of the unit, and of those made of it, do may happen once. */
  readonly once?: Once;
}

export interface Transaction {
  readonly database: Database;
  readonly organizationId: string;
  readonly userId: string | null;
  /**
   * Runs the last statement of the transaction. Entries and commit are sent behind it without awaiting it, so it has to fail by itself where nothing
   * may be written: what is thrown later undoes nothing. In a transaction that has joined another it is a statement like any other.
   */
  readonly last: <Row>(statement: Statement<Row>, values: Readonly<Record<string, unknown>>) => Promise<Row[]>;
  /** The same for a statement whose entry in the log goes with it. */
  readonly conclude: <Row>(
    logged: LoggedStatement<Row>,
    values: Readonly<Record<string, unknown> & { id: string }>,
  ) => Promise<Row[]>;
}

interface Open {
  /** `record` reads too, and writes down what was read. */
  readonly mode: 'read' | 'record' | 'write';
  readonly session: Session;
  readonly route: Route;
  /** The first message's outcome; it is not awaited before the statements behind it. */
  readonly opening: Promise<unknown>;
  readonly running: Set<Promise<unknown>>;
  /** What `runUnder` has set in it. */
  readonly settings: Set<SQL>;
  failed: boolean;
}

/**
 * The only way to the database: statements run in a transaction whose viewer is set in its first message. Reads share one
 * read-only transaction, opened by the first of them; each `transact` is a read-write transaction of its own. After `recordReads`
 * the reads share one that writes down what they read.
 */
export class UnitOfWork {
  readonly scope: Scope;
  readonly options: UnitOptions;
  /** Loaders of this unit, dropped at each write so that none is older than it. */
  loaders = new Map<unknown, unknown>();
  readonly #setViewer: string;
  #open: Promise<Open> | undefined;
  #reads: 'read' | 'record' = 'read';
  readonly #entered = new Set<Enterable>();
  /** What was read could not be written down. */
  #unrecorded = false;
  #writing = false;
  /** The outcome of the running transaction's commit, once that is sent. */
  #outcome: Promise<{ command: string }> | undefined;
  #changes: Change[] = [];
  /** Changes whose entries their own statements write. */
  #logged: Change[] = [];
  #afterCommit: (() => void)[] = [];
  /** Units of the same viewer on the databases of parts. */
  readonly #parts = new Map<string, UnitOfWork>();

  constructor(scope: Scope, options: UnitOptions) {
    this.scope = scope;
    this.options = options;
    this.#setViewer = viewerStatement(scope);
  }

  /** The tenant of the viewer. Only platform operations run without one, and they never ask. */
  get organizationId(): string {
    if (this.scope.organizationId === null) throw new Error('This unit of work has no organization.');
    return this.scope.organizationId;
  }

  /** A fresh unit of the same request that sees as somebody else, such as the user who has just signed in; on another database where one is named. */
  as(scope: Scope, place?: Part): UnitOfWork {
    return new UnitOfWork(scope, place === undefined ? this.options : { ...this.options, ...place });
  }

  /**
   * The unit of the same viewer on the database that a part of the data stands in: this one, unless the part has a database of its own. Its
   * transactions are its own there.
   */
  of(part: string): UnitOfWork {
    const place = this.options.parts?.[part];
    if (place === undefined) return this;
    const { parts: _parts, once, ...options } = this.options;
    const unit =
      this.#parts.get(part) ??
      new UnitOfWork(this.scope, { ...options, ...place, ...(once && { once: elsewhere(once) }) });
    this.#parts.set(part, unit);
    return unit;
  }

  /** Runs statements in the open transaction, or in a read-only one opened for them. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    // Awaited inside: a Drizzle builder sends its statement only when it is awaited.
    return this.#sent(({ route }) => routed(route, async () => await work()));
  }

  /** Runs one statement as `run` does, behind settings that hold in its transaction; they are sent once to each, and not waited for. */
  async runUnder<Result>(settings: SQL, statement: PromiseLike<Result>): Promise<Result> {
    return this.#sent((open) =>
      routed(open.route, async () => {
        const isSet = open.settings.has(settings);
        open.settings.add(settings);
        const [, result] = await Promise.all([isSet ? undefined : database.execute(settings), statement]);
        return result;
      }),
    );
  }

  /** Runs a statement that was built once, as `run` does. */
  async select<Row>(statement: Statement<Row>, values: Readonly<Record<string, unknown>>): Promise<Row[]> {
    return this.#sent(({ route }) => selected(route, statement, values));
  }

  async #answered<Result>(open: Open, result: Promise<Result>): Promise<Result> {
    open.running.add(result);
    try {
      const value = await result;
      // Already settled. Had it failed before the transaction began, the statement ran without a viewer.
      await open.opening;
      return value;
    } catch (error) {
      open.failed = true;
      throw await understood(error, open.opening);
    } finally {
      open.running.delete(result);
    }
  }

  /**
   * Runs `work` in a read-write transaction, committed when it returns and rolled back when it throws; inside another
   * `transact` it joins that one. Nothing slow from outside may be awaited in it.
   */
  async transact<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    if (this.#writing) return work(this.#transaction({ joined: true }));
    await this.rest();
    const { once } = this.options;
    const open = await this.#begin('write');
    this.#open = Promise.resolve(open);
    this.#writing = true;
    this.loaders = new Map();
    try {
      const result = await routed(open.route, async () => {
        if (once !== undefined) await once.claim();
        return await work(this.#transaction({ joined: false }));
      });
      await open.opening;
      await this.#commit(open);
      once?.committed();
      open.session.release();
      return result;
    } catch (error) {
      open.session.release(this.#outcome === undefined ? 'rollback' : null);
      throw await understood(error, open.opening);
    } finally {
      this.#writing = false;
      this.#open = undefined;
      this.#outcome = undefined;
      this.#changes = [];
      this.#logged = [];
      this.#afterCommit = [];
      this.loaders = new Map();
    }
  }

  /**
   * Runs `work` in the running transaction with a unit that sees as another scope does, such as the same person's in another of their
   * organizations: all of it happens or nothing. What that unit records goes to the log of its scope. Nothing of this unit may run
   * meanwhile.
   */
  async nested<Result>(scope: Scope, work: (unit: UnitOfWork) => Promise<Result>): Promise<Result> {
    const opened = this.#open;
    if (!this.#writing || this.#outcome !== undefined || opened === undefined)
      throw new Error('There is no transaction to work in.');
    const open = await opened;
    const inner = this.as(scope);
    inner.#open = opened;
    inner.#writing = true;
    await open.session.send(`${asBefore}; ${inner.#setViewer}`);
    try {
      const result = await work(inner);
      const changes = [...inner.#changes, ...inner.#logged];
      await inner.#write(open);
      this.#afterCommit.push(() => this.options.ledger.announce(changes, inner), ...inner.#afterCommit);
      return result;
    } finally {
      inner.#writing = false;
      inner.#open = undefined;
      // Where it fails, the transaction or the connection has failed before, and nothing more happens in it.
      if (open.session.alive) await open.session.send(`${asBefore}; ${this.#viewing()}`).catch(() => undefined);
    }
  }

  /** What makes a transaction see as this unit's viewer does. */
  #viewing(): string {
    return [this.#setViewer, ...[...this.#entered].map((what) => entering[what])].join('; ');
  }

  /** Writes a change to the log in the running transaction, and announces it once that has committed. */
  record(change: Change): void {
    if (!this.#writing || this.#outcome !== undefined)
      throw new Error(`${change.action} was recorded outside a transaction.`);
    this.#changes.push(change);
  }

  /**
   * From here on the rooms, or projects, that the viewer is let into are seen. The database itself looks up which those are, at the beginning
   * of each transaction; in one that is open, now.
   */
  enter(what: Enterable): void {
    if (this.#entered.has(what) || this.scope[what] === '*') return;
    this.#entered.add(what);
    // A failure shows in the statement behind it.
    this.#open?.then(({ session }) => session.send(entering[what])).catch(() => undefined);
  }

  /** From here on statements that read may write down what they read; whoever answers with it waits for `recorded` first. */
  recordReads(): void {
    this.#reads = 'record';
  }

  /** Returns when what was read is written down; at once where nothing is to be. Throws Unavailable when it could not be. */
  async recorded(): Promise<void> {
    if (this.#reads === 'read') return;
    await this.rest();
    if (this.#unrecorded) throw new Unavailable('What was read could not be written to the log.');
  }

  /** Runs `act` once the running transaction has committed, and never when it is rolled back. */
  afterCommit(act: () => void): void {
    if (!this.#writing) throw new Error('There is no transaction to follow.');
    this.#afterCommit.push(act);
  }

  /** Ends the read-only transaction, so that waiting for the outside holds no connection. Reading later opens another. */
  async rest(): Promise<void> {
    for (const part of this.#parts.values()) await part.rest();
    if (this.#open === undefined || this.#writing) return;
    const opened = this.#open;
    this.#open = undefined;
    const open = await opened.catch(() => undefined);
    if (open === undefined) return;
    while (open.running.size > 0) await Promise.allSettled(open.running);
    if (open.mode === 'record') return this.#endRecording(open);
    const ending: Ending = open.failed ? 'rollback' : 'commit';
    open.session.release(ending);
  }

  async #endRecording({ session, failed }: Open): Promise<void> {
    const fine = session.alive && !failed;
    const outcome = fine ? await session.send('commit').catch(() => undefined) : undefined;
    if (outcome?.command !== 'COMMIT') this.#unrecorded = true;
    session.release(outcome === undefined ? 'rollback' : null);
  }

  #transaction({ joined }: { joined: boolean }): Transaction {
    const organizationId = () => this.organizationId;
    const end = (open: Open): void => {
      if (!joined) this.#end(open);
    };
    return {
      database,
      userId: this.scope.userId,
      get organizationId() {
        return organizationId();
      },
      last: (statement, values) =>
        this.#sent((open) => {
          const rows = selected(open.route, statement, values);
          end(open);
          return rows;
        }),
      conclude: ({ statement, action, type }, values) =>
        this.#sent((open) => {
          const change = { action, type, id: values.id };
          const entry = this.options.ledger.entry(change, this);
          const rows = selected(open.route, statement, { ...values, ...entry.values });
          this.#logged.push(change);
          end(open);
          return rows;
        }),
    };
  }

  /**
   * Sends a statement to the transaction that is open. One that came to rest while it was waited for is no longer ours; nothing is awaited
   * between looking and sending, in which it could.
   */
  async #sent<Result>(send: (open: Open) => Promise<Result>): Promise<Result> {
    if (this.#outcome !== undefined) throw new Error('The transaction is concluded.');
    let open = await this.#current();
    while (open.mode !== 'write' && !open.session.alive) open = await this.#current();
    return this.#answered(open, send(open));
  }

  async #current(): Promise<Open> {
    if (this.#open !== undefined) {
      const open = await this.#open;
      if (this.#writing || (!open.failed && open.session.alive && open.mode === this.#reads)) return open;
      await this.rest();
    }
    this.#open ??= this.#begin(this.#reads);
    this.#open.catch(() => (this.#open = undefined));
    return this.#open;
  }

  async #begin(mode: Open['mode']): Promise<Open> {
    const session = await this.options.pool.lend().catch((error: unknown) => {
      throw databaseIsAway(error) ? new Unavailable('The database cannot be reached.') : error;
    });
    const opening = session.send(`begin${mode === 'read' ? ' read only' : ''}; ${this.#viewing()}`);
    // A failure shows in the statement behind it; this only keeps it from going unhandled.
    opening.catch(() => undefined);
    const route = { session, onStatement: this.options.onStatement };
    return { mode, session, route, opening, running: new Set(), settings: new Set(), failed: false };
  }

  /** Sends the entries of what was recorded, and the commit. */
  #end(open: Open): void {
    // Sent together: should an entry fail, the commit undoes the transaction, and the entry's fault is the one that is told.
    const written = this.#write(open);
    const commit = open.session.send('commit');
    this.#outcome = Promise.all([written, commit]).then(() => commit);
    // It is awaited when the work is done; this only keeps it from going unhandled before.
    this.#outcome.catch(() => undefined);
  }

  async #commit(open: Open): Promise<void> {
    const changes = [...this.#changes, ...this.#logged];
    const afterCommit = this.#afterCommit;
    if (this.#outcome === undefined) this.#end(open);
    const outcome = await this.#outcome;
    if (outcome?.command !== 'COMMIT')
      throw new Error('A failed statement was passed over: the transaction was undone.');
    if (changes.length > 0) this.options.ledger.announce(changes, this);
    for (const act of afterCommit) act();
  }

  /** Sends what was recorded to the log. */
  #write(open: Open): Promise<unknown> {
    const entries = this.#changes.map((change) => this.options.ledger.entry(change, this));
    return Promise.all(entries.map(({ statement, values }) => selected(open.route, statement, values)));
  }
}

/** A transaction in another database cannot claim it in itself: that happens before, by itself. */
const elsewhere = ({ claimApart }: Once): Once => ({ claim: claimApart, committed: () => undefined, claimApart });

/** What a viewer is let into row by row, too often to name it in the viewer's statement. */
type Enterable = 'rooms' | 'projects';
const entering: Readonly<Record<Enterable, string>> = {
  rooms: 'select app_enter_rooms()',
  projects: 'select app_enter_projects()',
};
/** What a viewer's statement leaves out stands as it does at a connection's beginning. */
const asBefore = `set local app.conversation_id = ''; set local app.rooms = ''; set local app.projects = ''`;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Plain statements and not a function of the database: its call took as long as the look-up of a row. The ids are checked and then written
 * into the text: the message is sent by the simple protocol, which binds nothing.
 */
const viewerStatement = ({
  organizationId,
  userId,
  principals,
  workspaces,
  conversationId,
  rooms,
  projects,
}: Scope): string => {
  const ids = [
    organizationId,
    userId,
    conversationId ?? null,
    ...principals,
    ...(workspaces === '*' ? [] : workspaces),
  ];
  const faulty = ids.find((id) => id !== null && !uuid.test(id));
  if (faulty !== undefined) throw new Error('A viewer holds an id that is no UUID.');
  return [
    `set local app.organization_id = '${organizationId ?? ''}'`,
    `set local app.user_id = '${userId ?? ''}'`,
    `set local app.principals = '{${principals.join(',')}}'`,
    `set local app.workspaces = '${workspaces === '*' ? '*' : workspaces.join(',')}'`,
    // Left out where nothing differs from a connection's beginning: what is set for a transaction ends with it.
    ...(conversationId === undefined ? [] : [`set local app.conversation_id = '${conversationId}'`]),
    ...(rooms === undefined ? [] : [`set local app.rooms = '${rooms}'`]),
    ...(projects === undefined ? [] : [`set local app.projects = '${projects}'`]),
  ].join('; ');
};

const selected = async <Row>(
  route: Route,
  statement: Statement<Row>,
  values: Readonly<Record<string, unknown>>,
): Promise<Row[]> => {
  const { session } = route;
  const { text } = statement;
  const parameters = statement.parameters(values) as never[];
  if (!statement.plannedAnew) {
    const answer = heard(route, text, () => session.unsafe(text, parameters, { prepare: isPrepared(text) }).values());
    return (await answer).map((row) => statement.row(row));
  }
  const answer = heard(route, text, () => {
    // A failure shows in the statement between the two.
    session.send(planning('custom')).catch(() => undefined);
    return session.unsafe(text, parameters, { prepare: false }).values();
  });
  session.send(planning('generic')).catch(() => undefined);
  return (await answer).map((row) => statement.row(row));
};

const planning = (plan: 'custom' | 'generic'): string => `set local plan_cache_mode = force_${plan}_plan`;

/** A statement behind a failed first message says only that the transaction is aborted; the cause is in the message. */
const understood = async (failure: unknown, opening: Promise<unknown>): Promise<unknown> => {
  const first = bare(
    await opening.then(
      () => failure,
      (cause: unknown) => cause,
    ),
  );
  if (databaseIsAway(first)) return new Unavailable('The database cannot be reached.');
  if (statementTimedOut(first)) return new Unavailable('The database took too long to answer.');
  return first;
};

/**
 * Without the statement's values: Drizzle's wrapper holds them in its message, and so does Postgres in those of class 22
 * (data exceptions, https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const bare = (error: unknown): unknown => {
  const cause = error instanceof DrizzleQueryError && error.cause ? error.cause : error;
  const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : '';
  return /^22...$/.test(code)
    ? Object.assign(new Error(`A value does not fit where a statement uses it (SQLSTATE ${code}).`), { code })
    : cause;
};
