/**
 * Escapes what JSON.stringify leaves as it is and a terminal obeys (DEL, C1 controls, format characters, separators).
 * Outside strings JSON is ASCII, so a replacement over the whole text is still the same JSON.
 */
export function tame(json: string): string {
  return json.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, '0')}`).join(''));
}
