/** Longest output of one call, in characters, that model and caller are given. */
export const OUTPUT_CHARS_MAX = 32_768;
