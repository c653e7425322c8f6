import type { Readable } from 'node:stream';

/** A name and an address, as they stand in a header; the name may be empty. */
export interface Party {
  readonly name: string;
  readonly address: string;
}

/** A file that goes with a letter. */
export interface Enclosure {
  readonly name: string;
  readonly mimeType: string;
  /** Content-ID without angle brackets, of a picture that the text shows. */
  readonly contentId: string | null;
  /** Called once, when its turn comes. */
  readonly open: () => Promise<Readable>;
}

/** An e-mail from one person to others, as it goes out. Who gets a blind copy stands among the recipients and nowhere else. */
export interface Letter {
  /** With its angle brackets; the same at each try, so that a letter handed over twice is recognised as one. */
  readonly messageId: string;
  readonly date: Date;
  /** Who writes. The address of the header is the installation's own, for which its mail server answers; see `Transport.deliver`. */
  readonly sender: Party;
  /** Whether answers go to the sender's own address. */
  readonly answersToSender: boolean;
  readonly to: readonly Party[];
  readonly cc: readonly Party[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  /** Message-IDs with their angle brackets. */
  readonly inReplyTo: string | null;
  readonly references: readonly string[];
  readonly enclosures: readonly Enclosure[];
  /** Bare addresses that the letter is handed over for, one or more; the headers may name others and leave some of these out. */
  readonly recipients: readonly string[];
}

/** An address that the mail server did not take, and what it said. */
export interface Refused {
  readonly address: string;
  readonly reason: string;
}

/** A letter was handed over for nobody. */
export class Undelivered extends Error {
  /** Whether a later try may do better: the server was away, slow, or said so itself (RFC 5321, section 4.2.1: 4yz). */
  readonly temporary: boolean;
  readonly refused: readonly Refused[];

  constructor(message: string, temporary: boolean, refused: readonly Refused[] = []) {
    super(message);
    this.temporary = temporary;
    this.refused = refused;
  }
}
