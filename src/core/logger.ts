/**
 * Where the parts report to. `console` and pino fit. Never given a payload or a header's value.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** Warnings and errors to the console, the rest nowhere. */
export const defaultLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
}
