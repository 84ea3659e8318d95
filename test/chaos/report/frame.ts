/** Where things are, in the units of the picture. */
export interface Frame {
  readonly left: number
  readonly right: number
  /** Names stand left of what they name; on a phone there is no room, and they stand above it. */
  readonly namesAbove: boolean
  readonly toX: (at: number) => number
}

/** A part of the picture, and how much of its height it takes. */
export interface Drawn {
  readonly svg: string
  readonly height: number
}

/** A tenth of a unit is finer than a screen. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
