const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
const longest = 64;

/** Whether a text is one emoji as people see it, with its skin tone, flag or family, and nothing else (UTS #51, RGI emoji). */
export const isOneEmoji = (text: string): boolean =>
  text.length <= longest && [...graphemes.segment(text)].length === 1 && /^\p{RGI_Emoji}$/v.test(text);
