export { local, type LocalBroker } from './local-broker.ts'
export type { LocalOptions } from './local-options.ts'
