/** There is no file under the key. */
export class FileMissing extends Error {
  constructor(key: string, cause?: unknown) {
    super(`There is no file ${key}.`, { cause });
  }
}

/** The content is longer than allowed; nothing of it was kept. */
export class FileTooLarge extends Error {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`The file is larger than ${maxBytes} bytes.`);
    this.maxBytes = maxBytes;
  }
}

/** The range holds no byte of the file. */
export class RangeOutsideFile extends Error {
  constructor(key: string, start: number, cause?: unknown) {
    super(`The file ${key} has no such range from byte ${start}.`, { cause });
  }
}

/** The key could name something outside the store, or is a fault of the caller's. */
export class InvalidKey extends Error {
  constructor(key: string) {
    super(`${JSON.stringify(key.slice(0, 200))} is no key of a file.`);
  }
}
