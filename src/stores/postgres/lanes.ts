/** How many lanes there are. A power of two, and fixed: another number would move keys. */
export const LANES = 64
