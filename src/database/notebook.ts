import { UnitOfWork, type Scope, type UnitOptions } from './unit-of-work.ts';

export interface NotebookOptions<Note> {
  readonly database: Pick<UnitOptions, 'pool' | 'ledger'>;
  /** What the units that write are called in the log. */
  readonly name: string;
  readonly everyMs: number;
  /** Notes kept at a time; what is beyond is not noted. */
  readonly most: number;
  /** What the unit sees that writes a note. */
  readonly scopeOf: (note: Note) => Scope;
  /** Writes notes of one scope, in a transaction. */
  readonly write: (notes: readonly Note[], scope: Scope) => Promise<unknown>;
  /** Is told of what could not be written, which is lost. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Gathers what requests leave behind, and writes it down now and then, one transaction for each scope: requests neither wait for it nor write.
 * What a crash leaves unwritten is lost.
 */
export class Notebook<Note> {
  readonly #options: NotebookOptions<Note>;
  readonly #timer: NodeJS.Timeout;
  #noted = new Map<string, Note>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: NotebookOptions<Note>) {
    this.#options = options;
    this.#timer = setInterval(() => void this.flush(), options.everyMs).unref();
  }

  /** Notes something under a key, in place of what was noted under it before. Takes no time. */
  note(key: string, make: (before: Note | undefined) => Note): void {
    const before = this.#noted.get(key);
    if (before === undefined && this.#noted.size >= this.#options.most) return;
    this.#noted.set(key, make(before));
  }

  /** Writes what was noted before. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes what is left and notes no more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  async #write(): Promise<void> {
    const { scopeOf, onFailure } = this.#options;
    const scoped = Array.from(this.#noted.values(), (note) => ({ note, scope: scopeOf(note) }));
    this.#noted = new Map();
    for (const batch of Map.groupBy(scoped, ({ scope }) => JSON.stringify(scope)).values())
      await this.#writeBatch(
        batch.map(({ note }) => note),
        batch[0]?.scope,
      ).catch(onFailure);
  }

  async #writeBatch(notes: readonly Note[], scope: Scope | undefined): Promise<void> {
    if (scope === undefined) return;
    const { database, name, write } = this.#options;
    const origin = { requestId: name, address: null, userAgent: null };
    await new UnitOfWork(scope, { ...database, origin }).transact(() => write(notes, scope));
  }
}
