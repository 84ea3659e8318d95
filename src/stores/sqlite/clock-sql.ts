/** Milliseconds since the epoch. All processes that share a file share a clock. */
export const NOW = `cast(unixepoch('subsec') * 1000 as integer)`
