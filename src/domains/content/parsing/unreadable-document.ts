/** A file that holds nothing Tessera can read; `message` is a sentence for the person who uploaded it. */
export class UnreadableDocument extends Error {
  override readonly name = 'UnreadableDocument';
}
