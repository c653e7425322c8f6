/** Pieces of an answer that tell their place in it and when they were sent. */

const numberDigits = 5;
const timeDigits = 16;
const length = numberDigits + timeDigits + 2;

/** Microseconds on a clock that all processes of a machine share. */
export const clockMicros = (): number => Number(process.hrtime.bigint() / 1000n);

/** The piece with this number, from 0, as sent now. */
export const pieceOf = (number: number): string =>
  `${String(number).padStart(numberDigits, '0')}@${String(clockMicros()).padStart(timeDigits, '0')} `;

/** What can be read from the pieces that end in a stretch of a text. */
export interface Reading {
  /** Microseconds since each was sent. */
  readonly ages: number[];
  /** Pieces that are not where they belong. */
  readonly misplaced: number;
}

/** Reads the whole pieces of `text` that end behind `from`, in UTF-16 code units. */
export const readPieces = (text: string, from: number): Reading => {
  const now = clockMicros();
  const ages: number[] = [];
  let misplaced = 0;
  for (let number = Math.floor(from / length); (number + 1) * length <= text.length; number++) {
    const [place, sentAt] = text.slice(number * length, (number + 1) * length).split('@');
    if (Number(place) === number && Number.isInteger(Number(sentAt))) ages.push(now - Number(sentAt));
    else misplaced++;
  }
  return { ages, misplaced };
};
