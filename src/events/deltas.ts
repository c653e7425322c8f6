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

  /** Goes back to a position for those who have missed what came after it; all who do so at the same time are told together. */
  tellAgain(from: number): void {
    if (from >= this.#told) return;
    this.#told = from;
    this.#timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  /** Tells at once what has been gathered. */
  flush(): void {
    this.close();
    for (let end = this.#end(this.#told); end > this.#told; end = this.#end(this.#told)) {
      const position = this.#told;
      this.#told = end;
      this.#tell(this.text.slice(position, end), position);
    }
  }

  /** Goes on behind a text that was told before, as by another process. */
  resume(text: string): void {
    this.text = text;
    this.#told = text.length;
  }

  /** Tells nothing more by itself. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Never between the two halves of a character; the second may not have come yet. */
  #end(position: number): number {
    const end = Math.min(position + maxTold, this.text.length);
    const last = this.text.charCodeAt(end - 1);
    return end > position && last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
  }
}
