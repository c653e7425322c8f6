import { MIMEType } from 'node:util';

/** What a Content-Type header says: empty when it says nothing that could be understood. */
export const mediaTypeOf = (header: string | null): { readonly type: string; readonly charset: string } => {
  try {
    const { essence, params } = new MIMEType(header ?? '');
    return { type: essence, charset: params.get('charset') ?? '' };
  } catch {
    // It throws for what is no media type.
    return { type: '', charset: '' };
  }
};

/** Bytes as text, by the first of the charsets that is known, UTF-8 otherwise; undecodable bytes become U+FFFD. */
export const decodeBy = (bytes: Uint8Array, ...charsets: readonly string[]): string =>
  new TextDecoder(charsets.find(isKnown) ?? 'utf-8').decode(bytes);

const isKnown = (charset: string): boolean => {
  try {
    return charset !== '' && new TextDecoder(charset).encoding !== '';
  } catch {
    // It throws for charsets that nobody knows.
    return false;
  }
};
