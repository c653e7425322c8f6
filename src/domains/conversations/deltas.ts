/** How long pieces are gathered before they are told together. */
const gatherMs = 40;
/** Notifications between processes have room for some kilobytes. */
const maxTold = 1500;

/** Tells of a growing text in pieces of moderate number and size. */
export class DeltaPublisher {
  /** All there is. */
  text = '';
  #told = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #tell: (text: string, position: number) => void;

  constructor(tell: (text: string, position: number) => void) {
    this.#tell = tell;
  }

  /** The part that has been told. */
  get told(): string {
    return this.text.slice(0, this.#told);
  }

  add(piece: string): void {
    this.text += piece;
    this.#timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  /** Tells at once what has been gathered. */
  flush(): void {
    this.close();
    while (this.#told < this.text.length) {
      const position = this.#told;
      const piece = this.text.slice(position, this.#end(position));
      this.#told += piece.length;
      this.#tell(piece, position);
    }
  }

  /** Begins the text anew: the next piece is told from position 0. What was gathered and not told is dropped. */
  restart(): void {
    this.close();
    this.text = '';
    this.#told = 0;
  }

  /** Tells nothing more by itself. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Never between the two halves of a character. */
  #end(position: number): number {
    const end = Math.min(position + maxTold, this.text.length);
    const last = this.text.charCodeAt(end - 1);
    return end < this.text.length && last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
  }
}
