/** The first `charsMax` characters of a text, and a word of what is left out. */
export function boundedText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const last = text.charCodeAt(charsMax - 1);
  // Half a character is not valid in JSON.
  const end = last >= 0xd800 && last <= 0xdbff ? charsMax - 1 : charsMax;
  return `${text.slice(0, end)}\n[cut: these are the first ${end} of ${text.length} characters]`;
}
