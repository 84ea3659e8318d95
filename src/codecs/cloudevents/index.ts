export { cloudEvents, type CloudEventsOptions } from './cloud-events.ts'
